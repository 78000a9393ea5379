"""The two shuffles of dedup that every document takes part in: by text, then by band, as packed records.

A text record is text hash(16) node(25) signed(1) and an 8-byte key per band; a band record is key(8) node(25). Both go
through Beam in blobs, one per part and partition of the hashes, and meet in partitions that a worker holds in memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from curate import storage
from curate.dedup import signatures
from curate.dedup.clusters import node_part, star
from curate.dedup.config import Dedup
from curate.stage.plan import load_plan

Records = npt.NDArray[np.uint8]  # (records, width)

Rows = npt.NDArray[np.intp]

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
    return layout(plan.built(Dedup, "dedup"), signatures.documents(plan))


def texts(number: int, folder: str) -> Iterator[Pair]:
    """(partition, text records) of a part's documents."""
    plan, layout = load_plan(storage.path(folder)), layout_of(folder)
    rules = plan.built(Dedup, "dedup")
    empty = bytes(1 + KEY * layout.bands)
    entries = (
        text + node + (b"\1" + b"".join(key[1:] for key in keys) if keys else empty)
        for text, node, keys in signatures.entries(plan, number, rules)
    )
    records = unpacked(entries, layout.width)
    for place, blob in spread(records, 0, layout.texts):
        yield place.to_bytes(4), blob


def node_at(records: Records, row: int, start: int) -> bytes:
    """The node that begins at byte `start` of a record."""
    return records[row, start : start + NODE].tobytes()


def exact_edges(group: Grouped, folder: str) -> Iterator[Pair]:
    """Pairs of documents with the same text."""
    layout = layout_of(folder)
    if layout.exact:
        records = unpacked(group[1], layout.width)
        for rows in repeated(records, 0, HASH):
            yield from star([node_at(records, row, HASH) for row in rows])


def bands(group: Grouped, folder: str) -> Iterator[Pair]:
    """(band and partition, band records), of the least document only where the others are its exact duplicates."""
    layout = layout_of(folder)
    records = unpacked(group[1], layout.width)
    chosen = records[:, SIGNED] == 1
    if layout.exact:
        for rows in repeated(records, 0, HASH):
            hub = min(rows, key=lambda row: node_at(records, row, HASH))
            chosen[rows[rows != hub]] = False
    records = records[chosen]
    for band in range(layout.bands):
        start = KEYS + KEY * band
        keyed = np.hstack([records[:, start : start + KEY], records[:, HASH:SIGNED]])
        for place, blob in spread(keyed, 0, layout.splits):
            yield bytes([band]) + place.to_bytes(4), blob


def candidate_pairs(group: Grouped) -> Iterator[Pair]:
    """(part of the higher node, lower and higher node) from the least node of a bucket to each other."""
    records = unpacked(group[1], KEY + NODE)
    for rows in repeated(records, 0, KEY):
        for lower, higher in star([node_at(records, row, KEY) for row in rows]):
            yield node_part(higher), lower + higher


def unpacked(blobs: Iterable[bytes], width: int) -> Records:
    """The records of all blobs."""
    return np.frombuffer(b"".join(blobs), dtype=np.uint8).reshape(-1, width)


def spread(records: Records, key: int, count: int) -> Iterator[tuple[int, bytes]]:
    """(partition, its records) for each of `count` partitions that has any, by the 8-byte hash at byte `key`."""
    if not len(records):
        return
    hashes = _words(records[:, key : key + 8])[:, 0]
    places = (hashes >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)
    order = np.argsort(places, kind="stable")
    numbers, starts = np.unique(places[order], return_index=True)
    for number, rows in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        yield number, records[rows].tobytes()


def repeated(records: Records, key: int, width: int) -> Iterator[Rows]:
    """The rows of every key that more than one record has; a key is the `width` bytes, a multiple of 8, at `key`."""
    words = _words(records[:, key : key + width])
    order = np.lexsort(words.T)
    ordered = words[order]
    starts = np.flatnonzero(np.concatenate([[True], np.any(ordered[1:] != ordered[:-1], axis=1)]))
    sizes = np.diff(starts, append=len(order))
    for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
        yield order[start : start + size]


def _words(keys: Records) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(keys).view(">u8").astype(np.uint64)
