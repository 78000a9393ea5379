"""Captures of one page, by the compared form of its address: the newest of the earliest source that has it stays.

A record is key(16) age(8) and the node, big-endian. Records meet by key as those of the texts do (`candidates`), and a
capture that does not stay takes no part in the comparison of texts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from curate import storage
from curate.dedup import signatures
from curate.dedup.candidates import HASH, Grouped, Pair, equal_rows, layout_of, split_by_hash, unpack
from curate.dedup.clusters import node_id, node_part, node_row
from curate.dedup.signatures import SignaturePart
from curate.records import EPOCH, Reason, Rejection
from curate.stage.heartbeat import beating
from curate.stage.plan import load_plan

URL = b"url"  # begins a mark
AGE = 8  # bytes of a capture's age
UNDATED = 2**64 - 1  # the age of a capture without a time: older than any other


def age(timestamp: datetime | None) -> int:
    """Returns a number that is the greater the older a capture is, by the second."""
    return UNDATED if timestamp is None else 2**63 - int((timestamp - EPOCH).total_seconds() // 1)


def captures(number: int, folder: str) -> Iterator[Pair]:
    """Yields (partition, records) for the documents of a part that have an address."""
    plan, layout = load_plan(storage.path(folder)), layout_of(folder)
    packed = (
        key + age(timestamp).to_bytes(AGE) + node
        for key, timestamp, node in signatures.addresses(plan, number)
        if key is not None
    )
    with beating(plan.folder, number, step="comparing addresses", size=plan.items[number].size):
        for partition, blob in split_by_hash(unpack(packed, HASH + AGE + layout.node), 0, layout.texts):
            yield partition.to_bytes(4), blob


def older_captures(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part, mark) for each capture that does not stay, to its part and to that of the one that does.

    A mark is URL, the lost node, the kept node.
    """
    yield from marks(group[1], layout_of(folder).node)


def marks(blobs: Iterable[bytes], width: int) -> Iterator[Pair]:
    """Yields what `older_captures` does, for records whose nodes have `width` bytes."""
    records = unpack(blobs, HASH + AGE + width)
    for rows in equal_rows(records, 0, HASH):
        # the order in which documents stay: source, age, the keeper's order, place
        ranked = sorted((node[:1], older, node) for older, node in (split(records[row].tobytes()) for row in rows))
        kept = ranked[0][2]
        for _, _, lost in ranked[1:]:
            for part in {node_part(lost), node_part(kept)}:
                yield part, URL + lost + kept


def split(record: bytes) -> tuple[bytes, bytes]:
    """Returns the age and the node of a record."""
    return record[HASH : HASH + AGE], record[HASH + AGE :]


def lost_rows(part: bytes, marks: Iterable[bytes]) -> dict[int, bytes]:
    """Returns the rows of a part that do not stay, with the id of the capture that does; others' marks are ignored."""
    return {node_row(lost): node_id(kept) for lost, kept in _pairs(marks) if node_part(lost) == part}


def removed(part: bytes, marks: Iterable[bytes]) -> Counter[int]:
    """Returns the rows of a part for which others do not stay, with how many do not; others' marks are ignored."""
    return Counter(node_row(kept) for _, kept in _pairs(marks) if node_part(kept) == part)


def _pairs(marks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for mark in marks:
        if mark.startswith(URL):
            nodes = mark[len(URL) :]
            yield nodes[: len(nodes) // 2], nodes[len(nodes) // 2 :]


def decide_capture(part: SignaturePart, row: int, winner: bytes) -> tuple[Rejection, dict[str, Any]]:
    """Returns the rejection of a row whose address another capture has, and the columns of its decision."""
    rejection = Rejection.of(
        Reason("dedup.url", detail=f"capture of the same address as {winner.hex()}"),
        id=part.value("id", row),
        url=part.value("url", row),
        source=part.value("source", row),
        stage="dedup",
        size=part.value("bytes", row),
    )
    return rejection, {"kind": "url", "winner": winner, "cluster": winner}
