"""The two shuffles of dedup that every document takes part in: by text, then by band, as packed records.

A text record is text hash(16) node(25) signed(1) and an 8-byte key per band; a band record is key(8) node(25). Both go
through Beam in blobs, one per part and partition of the hashes, and meet in partitions that a worker holds in memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from curate import settings, storage
from curate.dedup import packed, signatures
from curate.dedup.clusters import node_part, star
from curate.dedup.packed import Records
from curate.recipe import Dedup
from curate.stage.record import load_plan

Pair = tuple[bytes, bytes]
Grouped = tuple[bytes, Iterable[bytes]]
HASH, NODE, KEY = 16, 25, 8
SIGNED = HASH + NODE  # where the flag stands
KEYS = SIGNED + 1  # where the band keys begin
# Records of a partition: a few MB, and enough partitions that every worker of a small run has some.
TEXTS, BANDS, LEAST = 1 << 16, 1 << 17, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How many partitions the texts and each band have, and whether equal texts count as one before the bands."""

    bands: int
    exact: bool
    texts: int
    splits: int

    @property
    def width(self) -> int:
        """Bytes of a text record."""
        return KEYS + KEY * self.bands


def layout(rules: Dedup, documents: int) -> Layout:
    """The layout for this many documents; it decides who works on what, and nothing of the outcome."""
    bands = rules.bands if rules.near else 0
    return Layout(bands=bands, exact=rules.exact, texts=max(LEAST, documents // TEXTS), splits=1 + documents // BANDS)


def layout_of(folder: str) -> Layout:
    """The layout of a planned dedup stage whose signatures are made."""
    return _layout_of(folder, load_plan(storage.path(folder)).key)


@lru_cache(maxsize=4)
def _layout_of(folder: str, _key: str) -> Layout:
    plan = load_plan(storage.path(folder))
    return layout(settings.build(Dedup, plan.settings["dedup"]), signatures.documents(plan))


def texts(number: int, folder: str) -> Iterator[Pair]:
    """(partition, text records) of a part's documents."""
    plan, layout = load_plan(storage.path(folder)), layout_of(folder)
    rules = settings.build(Dedup, plan.settings["dedup"])
    empty = bytes(1 + KEY * layout.bands)
    entries = (
        text + node + (b"\1" + b"".join(key[1:] for key in keys) if keys else empty)
        for text, node, keys in signatures.entries(plan, number, rules)
    )
    records = packed.unpacked(entries, layout.width)
    for place, blob in packed.spread(records, 0, layout.texts):
        yield place.to_bytes(4), blob


def node_at(records: Records, row: int, start: int) -> bytes:
    """The node that begins at byte `start` of a record."""
    return records[row, start : start + NODE].tobytes()


def exact_edges(group: Grouped, folder: str) -> Iterator[Pair]:
    """Pairs of documents with the same text."""
    layout = layout_of(folder)
    if layout.exact:
        records = packed.unpacked(group[1], layout.width)
        for rows in packed.repeated(records, 0, HASH):
            yield from star([node_at(records, row, HASH) for row in rows])


def bands(group: Grouped, folder: str) -> Iterator[Pair]:
    """(band and partition, band records), of the least document only where the others are its exact duplicates."""
    layout = layout_of(folder)
    records = packed.unpacked(group[1], layout.width)
    chosen = records[:, SIGNED] == 1
    if layout.exact:
        for rows in packed.repeated(records, 0, HASH):
            hub = min(rows, key=lambda row: node_at(records, row, HASH))
            chosen[rows[rows != hub]] = False
    records = records[chosen]
    for band in range(layout.bands):
        start = KEYS + KEY * band
        keyed = np.hstack([records[:, start : start + KEY], records[:, HASH:SIGNED]])
        for place, blob in packed.spread(keyed, 0, layout.splits):
            yield bytes([band]) + place.to_bytes(4), blob


def candidate_pairs(group: Grouped) -> Iterator[Pair]:
    """(part of the higher node, lower and higher node) from the least node of a bucket to each other."""
    records = packed.unpacked(group[1], KEY + NODE)
    for rows in packed.repeated(records, 0, KEY):
        for lower, higher in star([node_at(records, row, KEY) for row in rows]):
            yield node_part(higher), lower + higher
