"""Finds candidate pairs by two shuffles of packed records: by text hash, then by band.

A text record is text hash(16) signed(1) and an 8-byte key per band, then the node; a band record is key(8) and node.
Both go through Beam in blobs, one per part and partition of the hashes, and meet in partitions that a worker holds in
memory. Of documents with the same text only the first takes part in what follows; the others are its copies.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from curate import storage
from curate.dedup import signatures
from curate.dedup.clusters import PLAIN, RANK, node_part, star
from curate.dedup.config import Dedup
from curate.stage.heartbeat import beating
from curate.stage.plan import load_plan

HASH, KEY = 16, 8  # bytes of a text's hash, and of a band's key
SIGNED = HASH  # where a text record's flag stands: 1 if the document has a signature
KEYS = SIGNED + 1  # where its band keys begin
COPIES = b"c"  # begins a message that names a document and its copies
# Records of a partition: a few MB, and enough partitions that every worker of a small run has some.
TEXTS, BANDS, LEAST = 1 << 16, 1 << 17, 16

Records = npt.NDArray[np.uint8]  # (records, bytes of a record)
Rows = npt.NDArray[np.intp]  # numbers of records
Pair = tuple[bytes, bytes]  # a key and a value, as Beam shuffles them
Grouped = tuple[bytes, Iterable[bytes]]  # a key and all its values


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The sizes of the shuffles: they decide which worker handles which record, and nothing of the result."""

    node: int  # bytes of a node
    bands: int  # 0: near duplicates are not looked for
    exact: bool  # equal texts count as one document before the bands
    texts: int  # partitions of the text hashes
    splits: int  # partitions of each band's keys

    @property
    def keys_end(self) -> int:
        """Returns where the node of a text record begins."""
        return KEYS + KEY * self.bands

    @property
    def width(self) -> int:
        """Returns the bytes of a text record."""
        return self.keys_end + self.node


def layout(rules: Dedup, documents: int, padding: int = 0) -> Layout:
    """Returns the layout for this many documents; padding: bytes by which nodes are wider, where there is an index."""
    bands = rules.bands if rules.near else 0
    return Layout(
        node=PLAIN + RANK * len(rules.criteria) + padding,
        bands=bands,
        exact=rules.exact,
        texts=max(LEAST, documents // TEXTS),
        splits=1 + documents // BANDS,
    )


def layout_of(folder: str) -> Layout:
    """Returns the layout of a planned dedup stage whose signatures are made."""
    return _layout_of(folder, load_plan(storage.path(folder)).key)


@lru_cache(maxsize=4)
def _layout_of(folder: str, _key: str) -> Layout:
    plan = load_plan(storage.path(folder))
    padding = plan.settings["index"]["padding"] if "index" in plan.settings else 0
    return layout(plan.built(Dedup, "dedup"), signatures.documents(plan)[0], padding)


def texts(number: int, folder: str, lost: Container[int] = ()) -> Iterator[Pair]:
    """Yields (partition, text records) for the documents of a part; lost: the rows that take no part."""
    plan, layout = load_plan(storage.path(folder)), layout_of(folder)
    rules = plan.built(Dedup, "dedup")
    unsigned = bytes(1 + KEY * layout.bands)
    packed = (
        text + (b"\1" + keys if keys else unsigned) + node
        for row, (text, node, keys) in enumerate(signatures.entries(plan, number, rules))
        if row not in lost
    )
    with beating(plan.folder, number, step="comparing texts", size=plan.items[number].size):
        for partition, blob in split_by_hash(unpack(packed, layout.width), 0, layout.texts):
            yield partition.to_bytes(4), blob


def copies(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part of a document, its node and those of its copies) from a partition of text records."""
    layout = layout_of(folder)
    if layout.exact:
        records = unpack(group[1], layout.width)
        for rows in equal_rows(records, 0, HASH):
            nodes = sorted(node_at(records, row, layout.keys_end) for row in rows)
            yield node_part(nodes[0]), COPIES + b"".join(nodes)


def bands(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (band and partition, band records) from a partition of text records, without copies."""
    layout = layout_of(folder)
    records = firsts_of(unpack(group[1], layout.width), layout)
    with beating(storage.path(folder), -1, step="comparing bands"):
        for band in range(layout.bands):
            start = KEYS + KEY * band
            band_records = np.hstack([records[:, start : start + KEY], records[:, layout.keys_end :]])
            for partition, blob in split_by_hash(band_records, 0, layout.splits):
                yield bytes([band]) + partition.to_bytes(4), blob


def firsts_of(records: Records, layout: Layout) -> Records:
    """Returns the text records of documents with a signature, and of equal texts that are duplicates of the first."""
    chosen = records[:, SIGNED] == 1
    if layout.exact:
        for rows in equal_rows(records, 0, HASH):
            least = min(rows, key=lambda row: node_at(records, row, layout.keys_end))
            chosen[rows[rows != least]] = False
    firsts: Records = records[chosen]
    return firsts


def candidate_pairs(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part of the higher node, lower and higher node) from a partition of band records.

    The pairs lead from the least node of each key to every other node of that key.
    """
    layout = layout_of(folder)
    records = unpack(group[1], KEY + layout.node)
    for rows in equal_rows(records, 0, KEY):
        for lower, higher in star([node_at(records, row, KEY) for row in rows]):
            yield node_part(higher), lower + higher


def unpack(blobs: Iterable[bytes], width: int) -> Records:
    """Returns the records of all blobs, each of `width` bytes."""
    return np.frombuffer(b"".join(blobs), dtype=np.uint8).reshape(-1, width)


def node_at(records: Records, row: int, start: int) -> bytes:
    """Returns the node that begins at byte `start` of a record and ends it."""
    return records[row, start:].tobytes()


def split_by_hash(records: Records, key: int, count: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, its records) for each of `count` partitions that has any, by the 8-byte hash at byte `key`."""
    if not len(records):
        return
    hashes = _words(records[:, key : key + 8])[:, 0]
    partitions = (hashes >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)
    order = np.argsort(partitions, kind="stable")
    numbers, starts = np.unique(partitions[order], return_index=True)
    for number, rows in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        yield number, records[rows].tobytes()


def equal_rows(records: Records, key: int, width: int, *, least: int = 2) -> Iterator[Rows]:
    """Yields, for every key of at least so many records, the numbers of its records.

    A key is the `width` bytes, a multiple of 8, at byte `key`.
    """
    words = _words(records[:, key : key + width])
    order = np.lexsort(words.T)
    ordered = words[order]
    starts = np.flatnonzero(np.concatenate([[True], np.any(ordered[1:] != ordered[:-1], axis=1)]))
    sizes = np.diff(starts, append=len(order))
    for start, size in zip(starts[sizes >= least].tolist(), sizes[sizes >= least].tolist(), strict=True):
        yield order[start : start + size]


def _words(keys: Records) -> npt.NDArray[np.uint64]:
    """Returns big-endian keys as numbers of 8 bytes."""
    return np.ascontiguousarray(keys).view(">u8").astype(np.uint64)
