"""Candidate pairs of documents of which one lies inside the other, by a sample of their shingles (Broder 1997).

A shingle is of the sample by its own hash, so in every document that has it: of the sampled shingles of a document that
lies inside another, about all are in that one too. A record is the mixed hash(8), node and number(4) of the document's
sampled shingles, big-endian; records meet in partitions by hash, as those of `candidates` do. The documents of a
shingle go on together, to the first of them in the keeper's order, where a pair that shares many shingles is counted
once. Pairs grow with the square of the documents, as where many pages have one template: so a shingle of more than MOST
documents is a phrase and makes none, and in one of fewer the first FIRST are paired with all after them, and no others.
"""

import math
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from curate import storage
from curate.dedup import minhash, signatures
from curate.dedup.candidates import Grouped, Pair, equal_rows, firsts_of, layout_of, split_by_hash, unpack
from curate.dedup.clusters import Node, node_part, node_row
from curate.dedup.config import Dedup
from curate.stage.heartbeat import beating
from curate.stage.plan import load_plan

RATE = 16  # one shingle of so many is sampled
MOST = 100  # documents of a sampled shingle; at most 255, as their number is a byte
FIRST = 16  # of them, that are paired with all after them
KEY, NUMBER = 8, 4  # bytes of a shingle's mixed hash, and of a number
SHARED = struct.Struct(">II")  # sampled shingles that two documents share, and those of the later one
SPLITS = 8  # partitions of the samples for each of the texts
STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd


def sampled(shingles: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """Returns the mixed hashes of the shingles that are of the sample; no two shingles have one."""
    mixed = shingles.astype(np.uint64) * STEP
    mixed ^= mixed >> np.uint64(29)
    chosen: npt.NDArray[np.uint64] = mixed[mixed % np.uint64(RATE) == 0]
    return chosen


def firsts(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part, nodes) for the documents of a partition of text records, without copies and texts without words."""
    layout, by_part = layout_of(folder), defaultdict[bytes, list[bytes]](list)
    for record in firsts_of(unpack(group[1], layout.width), layout):
        node = record[layout.keys_end :].tobytes()
        by_part[node_part(node)].append(node)
    for part, nodes in sorted(by_part.items()):
        yield part, b"".join(nodes)


def samples(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (partition, records) for the documents of a part that `firsts` names; their texts are read."""
    plan, number, layout = load_plan(storage.path(folder)), int.from_bytes(group[0]), layout_of(folder)
    rules = plan.built(Dedup, "dedup")
    of_row = {node_row(node): node for node in map(bytes, unpack(group[1], layout.node))}
    with beating(plan.folder, number, step="sampling shingles", size=plan.items[number].size):
        packed = (
            record
            for row, text in signatures.texts(plan, number, of_row)
            for record in records_of(of_row[row], minhash.shingles(text, rules.shingle, rules.normalise))
        )
        for partition, blob in split_by_hash(unpack(packed, KEY + layout.node + NUMBER), 0, SPLITS * layout.texts):
            yield partition.to_bytes(4), blob


def records_of(node: Node, shingles: npt.NDArray[np.uint32]) -> Iterator[bytes]:
    """Yields the records of a document."""
    keys = sampled(shingles)
    for key in keys.tolist():
        yield key.to_bytes(KEY) + node + len(keys).to_bytes(NUMBER)


def together(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (first document, documents of its shingles) for a partition of samples."""
    yield from of_first(group, layout_of(folder).node)


def of_first(group: Grouped, width: int) -> Iterator[Pair]:
    """Yields what `together` does, for nodes of `width` bytes: of each shingle a number, then nodes in order."""
    records = unpack(group[1], KEY + width + NUMBER)
    by_first = defaultdict[bytes, list[bytes]](list)
    for rows in equal_rows(records, 0, KEY):
        if 1 < len(rows) <= MOST:
            documents = sorted(records[row, KEY:].tobytes() for row in rows)
            by_first[documents[0][:width]] += bytes([len(documents)]), *documents
    for first, blobs in by_first.items():
        yield first, b"".join(blobs)


def pairs(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (pair, what they share) for the documents of the shingles that have one first document."""
    yield from shared(group, layout_of(folder).node)


def shared(group: Grouped, width: int) -> Iterator[Pair]:
    """Yields what `pairs` does, for nodes of `width` bytes; of a pair the earlier in the keeper's order comes first."""
    counts: Counter[tuple[bytes, bytes]] = Counter()
    for blob in group[1]:
        for documents in _shingles(blob, width + NUMBER):
            paired = enumerate(documents[:FIRST], start=1)
            counts.update((one[:width], other) for after, one in paired for other in documents[after:])
    for (one, other), number in counts.items():
        yield one + other[:width], SHARED.pack(number, int.from_bytes(other[width:]))


def _shingles(blob: bytes, size: int) -> Iterator[list[bytes]]:
    """Yields the documents of each shingle of a blob that `of_first` made."""
    start = 0
    while start < len(blob):
        stop = start + 1 + blob[start] * size
        yield [blob[at : at + size] for at in range(start + 1, stop, size)]
        start = stop


def linked(group: Grouped, containment: float) -> Iterator[Pair]:
    """Yields the pair of which the later document may lie inside the earlier one, by the estimate.

    Three standard deviations of the estimate are allowed for, so that few are missed; shingles decide later.
    """
    counts = [SHARED.unpack(blob) for blob in group[1]]
    number, size = sum(count for count, _ in counts), counts[0][1]
    if number / size >= containment - 3 * math.sqrt(containment * (1 - containment) / size):
        width = len(group[0]) // 2
        yield group[0][:width], group[0][width:]
