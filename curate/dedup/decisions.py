"""Decisions: candidate pairs are verified, clusters get their winner, and each loser is rejected with its evidence.

The functions are the steps between dedup's shuffles. Evidence is what one part sends to another for a comparison, see
`SignaturePart.evidence`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from curate import storage
from curate.dedup import signatures
from curate.dedup.candidates import NODE, Grouped, Pair
from curate.dedup.clusters import node_id, node_part, node_row
from curate.dedup.signatures import SignaturePart
from curate.records import Reason, Rejection
from curate.stage.heartbeat import beating
from curate.stage.plan import load_plan

DECISIONS = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("kind", pa.string()),  # url, exact or near
        pa.field("winner", pa.binary(16)),
        pa.field("similarity", pa.float32()),  # to the winner; null by address
        pa.field("cluster", pa.binary(16)),  # the id of its winner
    ]
)


def add_evidence(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part of the lower node, pair and the higher node's evidence) for the pairs of a part, each once."""
    plan = load_plan(storage.path(folder))
    number = int.from_bytes(group[0])
    part = signatures.read_part(plan, number)
    with beating(plan.folder, number, step="reading candidates", size=plan.items[number].size):
        for pair in sorted(set(group[1])):
            yield node_part(pair[:NODE]), pair + part.evidence(node_row(pair[NODE:]))


def compare(group: Grouped, folder: str, limit: float) -> Iterator[Pair]:
    """Yields the pairs whose similarity is at least the limit."""
    plan, number = load_plan(storage.path(folder)), int.from_bytes(group[0])
    part = signatures.read_part(plan, number)
    with beating(plan.folder, number, step="comparing candidates", size=plan.items[number].size):
        for entry in group[1]:
            lower, higher, evidence = entry[:NODE], entry[NODE : 2 * NODE], entry[2 * NODE :]
            if part.similarity(node_row(lower), evidence) >= limit:
                yield lower, higher


def as_span(edge: Pair) -> Pair:
    """Returns (higher node, lower node twice): a span of nodes, which `widest` makes wider."""
    return edge[0], 2 * edge[1]


def widest(spans: Iterable[bytes]) -> bytes:
    """Returns the span from the least to the greatest node of all spans."""
    ends = [(span[:NODE], span[NODE:]) for span in spans]
    return min(least for least, _ in ends) + max(greatest for _, greatest in ends)


def to_winner(label: Pair) -> Pair:
    """Returns (part of the winner, loser and winner and a flag) for a loser and the span of its cluster's least nodes.

    The flag is 1 if the span has two ends: another winner remains, which more rounds would have joined to this one.
    """
    loser, winner, greatest = label[0], label[1][:NODE], label[1][NODE:]
    return node_part(winner), loser + winner + bytes([greatest != winner])


def winner_evidence(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part of the loser, loss and the winner's evidence) for each loss, and (part, winner) for each winner.

    The group holds what `to_winner` has sent to one part of winners.
    """
    part = signatures.read_part(load_plan(storage.path(folder)), int.from_bytes(group[0]))
    winners = set()
    for pair in group[1]:
        winner = pair[NODE : 2 * NODE]
        winners.add(winner)
        yield node_part(pair), pair + part.evidence(node_row(winner))
    for winner in sorted(winners):
        yield group[0], winner


def decide_loss(part: SignaturePart, row: int, loss: bytes, limit: float) -> tuple[Rejection, dict[str, Any]]:
    """Returns the rejection of a row and the columns of its decision.

    loss: the winner's node, the flag of `to_winner`, and the winner's evidence.
    """
    winner, evidence = node_id(loss), loss[NODE + 1 :]
    similarity = part.similarity(row, evidence)
    kind = "exact" if part.value("text_hash", row) == evidence[:16] else "near"
    chained = " through a chain of near duplicates" if kind == "near" and similarity < limit else ""
    detail = f"duplicate of {winner.hex()}{chained}"
    rejection = Rejection.of(
        Reason(f"dedup.{kind}", similarity, limit if kind == "near" else None, detail),
        id=part.value("id", row),
        url=part.value("url", row),
        source=part.value("source", row),
        stage="dedup",
        size=part.value("bytes", row),
    )
    return rejection, {"kind": kind, "winner": winner, "similarity": similarity, "cluster": winner}
