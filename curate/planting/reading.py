"""Reads clean documents, in any form that a stage reads, and cuts long ones."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.errors import SettingsError
from curate.inputs import apart
from curate.inputs.columns import Warn, resolved, unheard
from curate.inputs.digests import Digests
from curate.inputs.documents import read_documents
from curate.inputs.items import named_items
from curate.planting.cutting import pieces
from curate.records import Document, Skipped, keyed_hash
from curate.stage.plan import Item, Plan

SOURCE = "documents"
ID_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """A clean document, or a piece of a long one."""

    id: str  # of its text, so that equal texts have equal ids
    url: str
    text: str
    language: str = ""  # as its row states it


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The documents of some inputs, sorted by their ids, each text once."""

    documents: tuple[Clean, ...]
    inputs: tuple[dict[str, str], ...]  # the name and the digest of each file
    whole: int  # documents before long ones were cut
    repeated: int  # documents and pieces that were left out, as their text is that of another one
    unread: int  # rows without a text, and those that could not be read


def text_id(text: str) -> str:
    """Returns the id of a text, 16 hex digits; case and white space do not count."""
    content = " ".join(text.lower().split()).encode("utf-8", "replace")
    return hashlib.blake2b(content, digest_size=ID_BYTES).hexdigest()


def read(inputs: Sequence[str], out: Path, most: int, *, warn: Warn = unheard) -> Read:
    """Returns the documents of these inputs; SettingsError where there are none.

    most: words of a document; longer ones are cut.
    """
    if not inputs:
        raise SettingsError("no documents are named; name files of documents or the folder of a stage")
    apart.check_inputs(inputs, out)
    items = _items(inputs, out, warn)
    plan = Plan(stage="filter", folder=out, settings={}, items=tuple(items))
    by_id: dict[str, Clean] = {}
    whole = repeated = unread = 0
    for item in items:
        for document in read_documents(plan, item):
            if not isinstance(document, Document):
                unread += not isinstance(document, Skipped)
                continue
            parts = _pieces(document, most)
            whole += bool(parts)
            unread += not parts
            for part in parts:
                other = by_id.get(part.id)
                repeated += other is not None
                if other is None or (part.text, part.url) < (other.text, other.url):
                    by_id[part.id] = part
    if not by_id:
        raise SettingsError(f"{inputs[0]}: holds no document with a text")
    facts = sorted((item.name, item.digest) for item in items)
    return Read(
        documents=tuple(sorted(by_id.values(), key=lambda document: document.id)),
        inputs=tuple({"name": name, "digest": digest} for name, digest in facts),
        whole=whole,
        repeated=repeated,
        unread=unread,
    )


def _items(inputs: Sequence[str], out: Path, warn: Warn) -> list[Item]:
    """Returns the items of the inputs; SettingsError where a file has no column with a text."""
    items = named_items(tuple(inputs), out, Digests(), SOURCE)
    try:
        return resolved(items, {}, warn)
    except SettingsError as error:
        fault = str(error).partition("; give --set")[0]
        raise SettingsError(f"{fault}; name files with a column text") from None


def held_out(documents: Sequence[Clean], share: float, seed: int) -> tuple[list[Clean], list[Clean]]:
    """Returns the documents that are kept and those that are held out, each sorted by their ids."""
    order = sorted(documents, key=lambda document: keyed_hash(seed, "plant held out", document.id.encode()))
    number = round(share * len(order))
    by_id = [sorted(part, key=lambda document: document.id) for part in (order[number:], order[:number])]
    return by_id[0], by_id[1]


def _pieces(document: Document, most: int) -> list[Clean]:
    return [
        Clean(id=text_id(text), url=document.url, text=text, language=document.language or "")
        for text in pieces(document.text, most)
    ]
