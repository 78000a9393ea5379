"""Makes the planted corpus of clean documents: which of them are changed, and what is added to them.

Clean documents are taken in the order of their ids, and all draws are keyed by the seed and by an id or by the number
of what is made, so neither files nor their order decide anything.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curate.planting import copies, furniture, languages, leaks, pages
from curate.planting.config import COPIES, FURNITURE_PLACES, Counts, Planting, allotted, counts
from curate.planting.languages import Other
from curate.planting.leaks import Item
from curate.planting.reading import ID_BYTES, Clean
from curate.planting.slots import seeded_by
from curate.records import keyed_hash, row_id

CLEAN, DUPLICATE, BOILERPLATE, LANGUAGE, LEAK = "clean", "duplicate", "boilerplate", "other_language", "leak"
DEFECTS = (DUPLICATE, BOILERPLATE, LANGUAGE, LEAK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A document of the planted corpus, and the truth about it."""

    id: str
    url: str
    text: str
    defect: str  # CLEAN or one of DEFECTS
    kind: str  # of the defect
    origin: str = ""  # the id of the clean document that it was made of
    changed: str = ""  # in words
    jaccard: float | None = None  # of a copy: to the document that it is a copy of
    added: tuple[str, ...] = ()  # passages that the clean document does not have: lines of furniture, or items
    items: tuple[Item, ...] = ()  # of a leak

    @property
    def row(self) -> str:
        """Returns the id that the pipeline gives the document, in hex."""
        return row_id(self.id, self.text).hex()


def plant(
    documents: Sequence[Clean], planting: Planting, items: Sequence[Item], others: Sequence[Clean] | None
) -> list[Planted]:
    """Returns the planted corpus of clean documents, sorted by ids.

    others: documents in other languages; None: those that are made of the mini-web's.
    """
    sizes, seed = counts(len(documents), planting), planting.seed
    order = sorted(documents, key=lambda document: keyed_hash(seed, "plant order", document.id.encode()))
    furnished, inserted = order[: sizes.furnished], order[sizes.furnished : sizes.furnished + sizes.inserted]
    untouched = sorted(order[sizes.furnished + sizes.inserted :], key=lambda document: document.id)
    planted = [
        Planted(id=one.id, url=one.url, text=one.text, defect=CLEAN, kind="untouched", origin=one.id)
        for one in untouched
    ]
    planted += _copies(untouched, sizes.copies, seed)
    planted += _with_furniture(furnished, seed)
    planted += _pages(sizes.pages, seed)
    planted += _languages(sizes.other_language, planting, others)
    planted += _leaks(inserted, sizes, items, seed)
    return sorted(planted, key=lambda document: document.id)


def _id(seed: int, what: str, key: str) -> str:
    return keyed_hash(seed, f"plant id {what}", key.encode(), ID_BYTES).hex()


def _url(made: str, id_: str) -> str:
    """Returns the address of a document that was made: one of 64 hosts."""
    host = hashlib.blake2b(id_.encode(), digest_size=1).digest()[0] % 64
    return f"https://{made}-{host:02}.example/{id_}"


def _copies(untouched: Sequence[Clean], number: int, seed: int) -> Iterator[Planted]:
    """Yields copies of clean documents, each of a document drawn anew."""
    seeded = seeded_by(seed, "copy")
    for place, kind in enumerate(allotted(number, COPIES)):
        draw = seeded(str(place))
        origin = untouched[draw.randrange(len(untouched))]
        made = copies.copy(kind, origin.text, draw)
        id_ = _id(seed, DUPLICATE, f"{place} {origin.id}")
        yield Planted(
            id=id_,
            url=_url("mirror", id_),
            text=made.text,
            defect=DUPLICATE,
            kind=kind,
            origin=origin.id,
            changed=made.changed,
            jaccard=copies.jaccard(origin.text, made.text),
            added=made.added,
        )


def _with_furniture(documents: Sequence[Clean], seed: int) -> Iterator[Planted]:
    seeded = seeded_by(seed, "furniture")
    for document, place in zip(documents, allotted(len(documents), FURNITURE_PLACES), strict=True):
        text, added = furniture.furnished(place, document.text, seeded(document.id))
        yield Planted(
            id=document.id,
            url=document.url,
            text=text,
            defect=BOILERPLATE,
            kind=f"lines {place}",
            origin=document.id,
            changed=f"{len(added)} lines of furniture added",
            added=added,
        )


def _pages(number: int, seed: int) -> Iterator[Planted]:
    seeded = seeded_by(seed, "page")
    for place, kind in enumerate(allotted(number, dict.fromkeys(pages.MAKERS, 1.0))):
        id_ = _id(seed, BOILERPLATE, str(place))
        text = pages.page(kind, seeded(str(place)))
        yield Planted(
            id=id_,
            url=_url("site", id_),
            text=text,
            defect=BOILERPLATE,
            kind=f"page {kind}",
            changed="made of furniture",
        )


def _languages(number: int, planting: Planting, others: Sequence[Clean] | None) -> Iterator[Planted]:
    seed = planting.seed
    texts: Sequence[Other]
    if others is None:
        texts = languages.bundled(number, seeded_by(seed, "language"))
    else:
        texts = languages.of_user(others, number, planting.max_words)
    for place, (language, text) in enumerate(texts):
        id_ = _id(seed, LANGUAGE, str(place))
        yield Planted(
            id=id_, url=_url("world", id_), text=text, defect=LANGUAGE, kind=language, changed="in another language"
        )


def _leaks(inserted: Sequence[Clean], sizes: Counts, items: Sequence[Item], seed: int) -> Iterator[Planted]:
    """Yields clean documents with items between their paragraphs, and lists of items."""
    seeded = seeded_by(seed, "leak")
    drawn = leaks.passages(items, sizes.inserted + sizes.lists, sizes.inserted, seeded)
    for document, own in zip(inserted, drawn, strict=False):
        added = tuple(item.text for item in own)
        yield Planted(
            id=document.id,
            url=document.url,
            text=furniture.spread(document.text, added, seeded(document.id)),
            defect=LEAK,
            kind="inserted",
            origin=document.id,
            changed=f"{len(added)} items inserted",
            added=added,
            items=tuple(own),
        )
    for place, own in enumerate(drawn[sizes.inserted :]):
        id_ = _id(seed, LEAK, str(place))
        yield Planted(
            id=id_,
            url=_url("quiz", id_),
            text=leaks.as_list(own, seeded(f"list {place}")),
            defect=LEAK,
            kind="list",
            changed=f"made of {len(own)} items",
            added=tuple(item.text for item in own),
            items=tuple(own),
        )
