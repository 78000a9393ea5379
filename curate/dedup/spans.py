"""Spans of sentences that occurred before (C4, Raffel et al. 2020, section 2.2).

"Before" is in the order of keepers (`clusters`), then by place in the text; never by worker. Documents of one id are
one document, and all of them are cut alike. A record is hash(16), node and place(4), big-endian, one for each run of
sentences of a text; records meet in partitions by hash, as those of `candidates` do. Of equal spans those of the first
document stay, or of these the first, so that each sentence that is cut remains in an earlier document, or earlier in
its own.
"""

import hashlib
from collections.abc import Iterable, Iterator

from curate.dedup.candidates import HASH, Grouped, Pair, equal_rows, split_by_hash, unpack
from curate.dedup.clusters import Node, node_id, node_part, node_row
from curate.dedup.cutting import sentence_keys

PLACE = 4  # bytes of a span's place, the number of its first sentence
REPEAT = 4 + PLACE  # bytes of a row and a place


def span_keys(keys: list[bytes], size: int) -> Iterator[bytes]:
    """Yields the hash of each run of `size` sentences, given by their hashes."""
    for place in range(len(keys) - size + 1):
        yield hashlib.blake2b(b"".join(keys[place : place + size]), digest_size=HASH).digest()


def spans_of(text: str, size: int) -> Iterator[tuple[int, bytes]]:
    """Yields place and hash of each span of a text."""
    yield from enumerate(span_keys(sentence_keys(text), size))


def occurrences(spans: Iterable[tuple[Node, int, bytes]], partitions: int, width: int) -> Iterator[Pair]:
    """Yields (partition, records) for spans, given by node, of `width` bytes, place and hash."""
    packed = (key + node + place.to_bytes(PLACE) for node, place, key in spans)
    for partition, blob in split_by_hash(unpack(packed, HASH + width + PLACE), 0, partitions):
        yield partition.to_bytes(4), blob


def repeats(group: Grouped, width: int, *, within: bool) -> Iterator[Pair]:
    """Yields (part, rows and places) for the spans of a partition that occurred before.

    width: bytes of a node. within: those that occurred before in the same document too.
    """
    records = unpack(group[1], HASH + width + PLACE)
    by_part: dict[bytes, list[bytes]] = {}
    for rows in equal_rows(records, 0, HASH):
        first, *others = sorted(records[row, HASH:].tobytes() for row in rows)
        for other in others:
            node = other[:width]
            is_first = node_id(node) == node_id(first[:width]) and not (within and other[width:] != first[width:])
            if not is_first:
                by_part.setdefault(node_part(node), []).append(node_row(node).to_bytes(4) + other[width:])
    for part, places in sorted(by_part.items()):
        yield part, b"".join(places)


def places(blobs: Iterable[bytes]) -> dict[int, set[int]]:
    """Returns where spans begin that occurred before, by row: what `repeats` has sent to a part."""
    starts: dict[int, set[int]] = {}
    for blob in blobs:
        for at in range(0, len(blob), REPEAT):
            row, place = blob[at : at + 4], blob[at + 4 : at + REPEAT]
            starts.setdefault(int.from_bytes(row), set()).add(int.from_bytes(place))
    return starts


def covered(starts: Iterable[int], size: int) -> set[int]:
    """Returns the numbers of the sentences in spans of `size` sentences that begin at these."""
    return {start + offset for start in starts for offset in range(size)}
