"""Verified pairs, winners and losers, and the columns of a decision."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from curate import storage
from curate.dedup import signatures
from curate.dedup.candidates import NODE, Grouped, Pair
from curate.dedup.clusters import node_id, node_part, node_row
from curate.dedup.signatures import SignaturePart
from curate.records import Rejection
from curate.stage.plan import load_plan

DECISIONS = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("kind", pa.string()),
        pa.field("winner", pa.binary(16)),
        pa.field("similarity", pa.float32()),
        pa.field("cluster", pa.binary(16)),
    ]
)


def add_evidence(group: Grouped, folder: str) -> Iterator[Pair]:
    """(part of the lower node, pair and the higher node's evidence), each pair once."""
    plan = load_plan(storage.path(folder))
    part = signatures.read_part(plan, int.from_bytes(group[0]))
    for pair in sorted(set(group[1])):
        yield node_part(pair[:NODE]), pair + part.evidence(node_row(pair[NODE:]))


def compare(group: Grouped, folder: str, limit: float) -> Iterator[Pair]:
    """The pairs that are similar enough."""
    part = signatures.read_part(load_plan(storage.path(folder)), int.from_bytes(group[0]))
    for entry in group[1]:
        lower, higher, evidence = entry[:NODE], entry[NODE : 2 * NODE], entry[2 * NODE :]
        if part.similarity(node_row(lower), evidence) >= limit:
            yield lower, higher


def as_span(edge: Pair) -> Pair:
    """(higher node, lower node twice), so that the least and the greatest can be told of all."""
    return edge[0], 2 * edge[1]


def widest(spans: Iterable[bytes]) -> bytes:
    """The least and the greatest node of all spans."""
    both_ends = [(span[:NODE], span[NODE:]) for span in spans]
    return min(low for low, _ in both_ends) + max(high for _, high in both_ends)


def to_winner(label: Pair) -> Pair:
    """(part of the winner, loser and winner and whether there is another, which more rounds would have joined)."""
    loser, winner, greatest = label[0], label[1][:NODE], label[1][NODE:]
    return node_part(winner), loser + winner + bytes([greatest != winner])


def winner_evidence(group: Grouped, folder: str) -> Iterator[Pair]:
    """To each loser's part its loss with the winner's evidence; to the winner's own part the mark that it has won."""
    part = signatures.read_part(load_plan(storage.path(folder)), int.from_bytes(group[0]))
    winners = set()
    for pair in group[1]:
        winner = pair[NODE : 2 * NODE]
        winners.add(winner)
        yield node_part(pair), pair + part.evidence(node_row(winner))
    for winner in sorted(winners):
        yield group[0], winner


def decide_loss(text: SignaturePart, row: int, loss: bytes, limit: float) -> tuple[Rejection, dict[str, Any]]:
    """The rejection of a row, and what its decision says, from its winner's node and evidence."""
    winner, evidence = node_id(loss), loss[NODE + 1 :]
    similarity = text.similarity(row, evidence)
    kind = "exact" if text.value("text_hash", row) == evidence[:16] else "near"
    chained = " through a chain of near duplicates" if kind == "near" and similarity < limit else ""
    rejection = Rejection(
        id=text.value("id", row),
        url=text.value("url", row),
        source=text.value("source", row),
        stage="dedup",
        reason=f"dedup.{kind}",
        value=similarity,
        threshold=limit if kind == "near" else None,
        bytes=text.value("bytes", row),
        detail=f"duplicate of {winner.hex()}{chained}",
    )
    return rejection, {"kind": kind, "winner": winner, "similarity": similarity, "cluster": winner}
