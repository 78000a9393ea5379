"""Decisions: candidate pairs are verified, each cluster's documents are compared, and each loser gets its evidence.

The functions are the steps between dedup's shuffles. What passes between them is bytes: a request (a document of a
block is to be compared there), a member (the document with its copies and its evidence), a mark (the outcome of a row).
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from curate import storage
from curate.dedup import minhash, signatures
from curate.dedup.candidates import COPIES, Grouped, Pair, layout_of
from curate.dedup.clusters import blocks, node_id, node_part, node_row
from curate.dedup.config import Dedup
from curate.dedup.greedy import ShingleSets, Signatures, Undecided, decided
from curate.dedup.signatures import SignaturePart
from curate.dedup.urls import URL
from curate.records import Reason, Rejection
from curate.stage.heartbeat import beating
from curate.stage.plan import Plan, load_plan

DECISIONS = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("kind", pa.string()),  # url, exact, near or contained
        pa.field("winner", pa.binary(16)),
        pa.field("similarity", pa.float32()),  # to the winner, or the share that lies inside it; null by address
        pa.field("cluster", pa.binary(16)),  # the id of its winner
        pa.field("cluster_size", pa.int64()),  # of a kept document: itself and all that it is the winner of
    ]
)
REQUEST = b"r"  # begins a message that asks for a document's evidence
BLOCK = struct.Struct(">I")  # the number of a cluster's block
MEMBER = struct.Struct(">BI")  # flags, and how many bytes of copies there are
TORN, GUEST, DIVIDED = 1, 2, 4  # flags: more than one cluster has it; a block is not its first; its cluster is divided
LOST, WON, NOTED = b"l", b"w", b"n"  # what a mark says of its row
LOSS = struct.Struct(">Bd16s")  # a number of LOSSES, the similarity, the winner's id
LOSSES = ("near", "exact", "contained")  # kinds of losses; a bool that is True says exact
NEAR, EXACT, CONTAINED = range(3)
COUNT = struct.Struct(">I")
Loss = tuple[int, float, bytes]  # as LOSS has it
NOTES = {TORN: "unconverged clusters", DIVIDED: "divided clusters"}


def add_evidence(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part of the lower node, pair and the higher node's signature) for the pairs of a part, each once."""
    plan = load_plan(storage.path(folder))
    number, width = int.from_bytes(group[0]), layout_of(folder).node
    part = signatures.read_part(plan, number)
    with beating(plan.folder, number, step="reading candidates", size=plan.items[number].size):
        for pair in sorted(set(group[1])):
            yield node_part(pair[:width]), pair + part.evidence(node_row(pair[width:]))


def compare(group: Grouped, folder: str, limit: float) -> Iterator[Pair]:
    """Yields the pairs whose estimated similarity is at least the limit."""
    plan, number = load_plan(storage.path(folder)), int.from_bytes(group[0])
    part, width = signatures.read_part(plan, number), layout_of(folder).node
    with beating(plan.folder, number, step="comparing candidates", size=plan.items[number].size):
        for entry in group[1]:
            lower, higher, evidence = entry[:width], entry[width : 2 * width], entry[2 * width :]
            if part.similarity(node_row(lower), evidence) >= limit:
                yield lower, higher


def as_spans(edge: Pair) -> Iterator[Pair]:
    """Yields (node, the lower node twice) for both nodes of a pair: spans of nodes, which `widest` makes wider."""
    yield edge[0], 2 * edge[1]
    yield edge[1], 2 * edge[1]


def widest(spans: Iterable[bytes]) -> bytes:
    """Returns the span from the least to the greatest node of all spans."""
    ends = [(span[: len(span) // 2], span[len(span) // 2 :]) for span in spans]
    return min(least for least, _ in ends) + max(greatest for _, greatest in ends)


def by_cluster(label: Pair) -> Pair:
    """Returns (cluster, node and a flag) for a node and the span of its cluster's least nodes.

    The flag is TORN if the span has two ends, whose clusters more rounds would have joined.
    """
    node, least, greatest = label[0], label[1][: len(label[0])], label[1][len(label[0]) :]
    return least, node + bytes([TORN if greatest != least else 0])


def requests(group: Grouped) -> Iterator[Pair]:
    """Yields (part, request) for each document of a cluster and each block that it is compared in.

    A request is flags(1) cluster block(4) node. TORN is the flag of one document of a cluster, so that clusters are
    counted by it.
    """
    torn = {member[:-1]: member[-1] for member in group[1]}
    first_torn = min((node for node, flag in torn.items() if flag), default=None)
    divided = blocks(torn)
    for number, block in enumerate(divided):
        for place, node in enumerate(block):
            flags = GUEST if number and not place else TORN if node == first_torn else 0
            flags |= DIVIDED if len(divided) > 1 and not number and not place else 0
            yield node_part(node), REQUEST + bytes([flags]) + group[0] + BLOCK.pack(number) + node


def members(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (block, member) for what a part is asked for: by requests, and by messages that name copies.

    A document with copies of which no request asks is the only member of a block.
    """
    plan, number, width = load_plan(storage.path(folder)), int.from_bytes(group[0]), layout_of(folder).node
    copies, requests = {}, defaultdict(list)
    for message in group[1]:
        if message[:1] == COPIES:
            copies[message[1 : 1 + width]] = message[1 + width :]
        else:
            requests[node_row(message)].append(message[1:])
    with beating(plan.folder, number, step="reading clusters", size=plan.items[number].size):
        for row, evidence in evidence_of(plan, number, requests):
            for request in requests[row]:
                flags, block, node = request[0], request[1:-width], request[-width:]
                own = b"" if flags & GUEST else copies.get(node, b"")
                yield block, MEMBER.pack(flags, len(own)) + node + own + evidence
    for node, own in copies.items():
        if node_row(node) not in requests:
            yield node, MEMBER.pack(0, len(own)) + node + own


def evidence_of(plan: Plan, number: int, rows: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Yields (row, evidence) for these rows of a part: what `dedup.verify` compares, as little-endian uint32."""
    rules, rows = plan.built(Dedup, "dedup"), {*rows}
    if rules.verify == "signature":
        part = signatures.read_part(plan, number)
        yield from ((row, part.value("signature", row)) for row in sorted(rows))
    else:
        for row, text in signatures.texts(plan, number, rows):
            yield row, minhash.shingles(text, rules.shingle, rules.normalise).astype("<u4").tobytes()


@dataclass(frozen=True, slots=True)
class Member:
    """A document of a block."""

    node: bytes
    flags: int
    copies: tuple[bytes, ...]  # nodes of the documents with the same text
    evidence: bytes

    @classmethod
    def read(cls, message: bytes, width: int) -> "Member":
        """Returns the member that `members` has written."""
        flags, size = MEMBER.unpack_from(message)
        start = MEMBER.size + width
        own = message[start : start + size]
        copies = tuple(own[at : at + width] for at in range(0, size, width))
        return cls(message[MEMBER.size : start], flags, copies, message[start + size :])


def settle(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part, mark) for what the comparison of a block's members leads to."""
    rules = load_plan(storage.path(folder)).built(Dedup, "dedup")
    yield from marks(group[1], layout_of(folder).node, rules)


def marks(block_members: Iterable[bytes], width: int, rules: Dedup) -> Iterator[Pair]:
    """Yields (part, mark) for the members of a block, whose nodes have `width` bytes."""
    block = sorted((Member.read(message, width) for message in block_members), key=lambda member: member.node)
    numbers, similarities, inside = decided(
        undecided(block, rules), len(block), rules.similarity, containment=rules.containment
    )
    removed = [0] * len(block)
    for place, (member, winner) in enumerate(zip(block, numbers.tolist(), strict=True)):
        lost = winner != place
        identity, kind = node_id(block[winner].node), CONTAINED if inside[place] else NEAR
        if lost:
            yield mark(member.node, LOST, LOSS.pack(kind, similarities[place], identity))
        for copy in member.copies:
            yield mark(copy, LOST, LOSS.pack(kind if lost else EXACT, similarities[place], identity))
        removed[winner] += lost + len(member.copies)
        for flag in NOTES:
            if member.flags & flag:
                yield mark(member.node, NOTED, bytes([flag]))
    for member, count in zip(block, removed, strict=True):
        if count:
            yield mark(member.node, WON, COUNT.pack(count))


def undecided(block: Sequence[Member], rules: Dedup) -> Undecided:
    """Returns what the members of a block are compared by."""
    evidence = [np.frombuffer(member.evidence, "<u4") for member in block]
    return Signatures(np.array(evidence)) if rules.verify == "signature" else ShingleSets.of(evidence)


def mark(node: bytes, kind: bytes, content: bytes) -> Pair:
    """Returns (part, mark) of a document; a mark is row(4) kind(1) content."""
    return node_part(node), node_row(node).to_bytes(4) + kind + content


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of the rows of a part."""

    losses: dict[int, Loss]  # by row
    removed: dict[int, int]  # by row: the documents that it is the winner of
    notes: dict[str, int]  # counts by name

    @classmethod
    def read(cls, marks: Iterable[bytes]) -> "Outcome":
        """Returns what the marks of a part say; an empty one says nothing, and one of addresses something else."""
        outcome = cls({}, defaultdict(int), defaultdict(int))
        for entry in marks:
            if not entry or entry.startswith(URL):
                continue
            row, kind, content = int.from_bytes(entry[:4]), entry[4:5], entry[5:]
            if kind == LOST:
                outcome.losses[row] = LOSS.unpack(content)
            elif kind == WON:
                outcome.removed[row] += COUNT.unpack(content)[0]
            else:
                outcome.notes[NOTES[content[0]]] += 1
        return outcome


def rejection_of(part: SignaturePart, row: int, loss: Loss, limit: float, containment: float = 0) -> Rejection:
    """Returns the rejection of a row that lost, by the least similarity or the least share that lies inside another."""
    kind, similarity, winner = loss
    threshold = (limit, None, containment)[kind]
    words = "contained in" if kind == CONTAINED else "duplicate of"
    return Rejection.of(
        Reason(f"dedup.{LOSSES[kind]}", similarity, threshold, f"{words} {winner.hex()}"),
        id=part.value("id", row),
        url=part.value("url", row),
        source=part.value("source", row),
        stage="dedup",
        size=part.value("bytes", row),
    )


def columns_of(row: int, identity: bytes, outcome: Outcome) -> dict[str, Any]:
    """Returns the columns of the decision on a row, beside its id and URL."""
    if row in outcome.losses:
        number, similarity, winner = outcome.losses[row]
        kind = LOSSES[number]
        return {"kept": False, "kind": kind, "winner": winner, "similarity": similarity, "cluster": winner}
    removed = outcome.removed.get(row, 0)
    return {"kept": True, "cluster": identity if removed else None, "cluster_size": 1 + removed}
