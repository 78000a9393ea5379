"""Documents to decisions: exact text, then MinHash-LSH with verified pairs, then connected components.

Only hashes, ids and signatures of candidates are shuffled. Signatures lie in files aligned with the text, so a pair is
verified by sending it to the part of one end, which adds its evidence, and on to the part of the other, which compares.
The output is one decision per document, aligned with the text; no text is copied.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa

from curate import settings, storage
from curate.dedup import candidates, signatures
from curate.dedup.candidates import NODE, Grouped, Pair
from curate.dedup.clusters import both_ways, large_star, node_id, node_part, node_row, small_star
from curate.dedup.signatures import SignaturePart
from curate.pipelines.stages.map_only import Made, made, map_only
from curate.recipe import Dedup
from curate.records import Rejection
from curate.stage.parts import PartWriter
from curate.stage.plan import Item
from curate.stage.record import Plan, load_plan

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


def build_signatures(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the map-only first half: a signature part per text part."""
    map_only(pipeline, plan, sign_part)


def sign_part(plan: Plan, item: Item) -> None:
    """Sign one part."""
    signatures.write_part(plan, item, settings.build(Dedup, plan.settings["dedup"]))


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the second half."""
    folder = storage.uri(plan.folder)
    pipeline | "Plan" >> beam.Create([folder]) | Decisions(folder, settings.build(Dedup, plan.settings["dedup"]))


class Decisions(beam.PTransform):  # type: ignore[misc]
    """The second half: candidates, verification, components, decisions.

    It does nothing before the folder arrives, whose plan and signatures are then in place.
    """

    def __init__(self, folder: str, rules: Dedup) -> None:
        super().__init__()
        self.folder, self.rules = folder, rules

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """PCollection of the folder, or of nothing, to the word of each part; the output proper is files."""
        parts = folders | "Part numbers" >> beam.FlatMap(numbers) | "Spread over workers" >> beam.Reshuffle()
        stars = self._edges(parts) | "Connect" >> Connect(self.rules.rounds) | "As spans" >> beam.Map(as_span)
        labels = stars | "Least of each" >> beam.CombinePerKey(widest)
        marks = labels | "By winner's part" >> beam.Map(to_winner) | "Winners" >> beam.GroupByKey()
        evidence = marks | "Add winner's evidence" >> beam.FlatMap(winner_evidence, self.folder)
        every_part = parts | "Every part" >> beam.Map(empty_mark)
        return (
            (evidence, every_part)
            | "Marks of all parts" >> beam.Flatten()
            | "By part" >> beam.GroupByKey()
            | "Decide" >> beam.Map(decide, self.folder)
        )

    def _edges(self, parts: beam.PCollection) -> beam.PCollection:
        rules, folder = self.rules, self.folder
        same_text = parts | "Texts" >> beam.FlatMap(candidates.texts, folder) | "By text" >> beam.GroupByKey()
        exact = same_text | "Exact pairs" >> beam.FlatMap(candidates.exact_edges, folder)
        if not rules.near:
            return exact
        pairs = (
            same_text
            | "Bands of one per text" >> beam.FlatMap(candidates.bands, folder)
            | "By band" >> beam.GroupByKey()
            | "Candidate pairs" >> beam.FlatMap(candidates.candidate_pairs)
        )
        verified = pairs | "Verify pairs" >> Verify(folder, rules.similarity)
        return (exact, verified) | "All pairs" >> beam.Flatten()


class Verify(beam.PTransform):  # type: ignore[misc]
    """Candidate pairs to the pairs whose signatures agree in at least `limit` of their places."""

    def __init__(self, folder: str, limit: float) -> None:
        super().__init__()
        self.folder, self.limit = folder, limit

    def expand(self, pairs: beam.PCollection) -> beam.PCollection:
        """(part of the higher node, pair) to pairs."""
        return (
            pairs
            | "By part of one end" >> beam.GroupByKey()
            | "Add its evidence" >> beam.FlatMap(add_evidence, self.folder)
            | "By part of the other" >> beam.GroupByKey()
            | "Compare" >> beam.FlatMap(compare, self.folder, self.limit)
        )


class Connect(beam.PTransform):  # type: ignore[misc]
    """Pairs to (node, lower node of its cluster) by unrolled rounds of large-star and small-star."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds

    def expand(self, edges: beam.PCollection) -> beam.PCollection:
        """(lower, higher) pairs to (higher, lower) pairs, stars when enough rounds were given."""
        for number in range(1, self.rounds + 1):
            edges = (
                edges
                | f"Both ways {number}" >> beam.FlatMap(both)
                | f"Around {number}" >> beam.GroupByKey()
                | f"Large star {number}" >> beam.FlatMap(large)
                | f"Below {number}" >> beam.GroupByKey()
                | f"Small star {number}" >> beam.FlatMap(small)
            )
        return edges


def numbers(folder: str) -> Iterator[int]:
    """The numbers of the planned parts."""
    for item in load_plan(storage.path(folder)).items:
        yield item.number


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


def both(edge: Pair) -> Iterator[Pair]:
    """An edge from either end."""
    yield from both_ways(edge)


def large(group: Grouped) -> Iterator[Pair]:
    """One large-star step."""
    yield from large_star(*group)


def small(group: Grouped) -> Iterator[Pair]:
    """One small-star step."""
    yield from small_star(*group)


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


def empty_mark(number: int) -> Pair:
    """A mark that makes sure that every part is decided."""
    return number.to_bytes(4, "big"), b""


def decide(group: Grouped, folder: str) -> Made:
    """Write one part's decisions."""
    plan = load_plan(storage.path(folder))
    item = plan.items[int.from_bytes(group[0])]
    losses: dict[int, bytes] = {}
    winners: dict[int, bytes] = {}
    for mark in group[1]:
        if len(mark) > NODE:
            losses[node_row(mark)] = mark[NODE:]
        elif mark:
            winners[node_row(mark)] = node_id(mark)
    text = signatures.read_part(plan, item.number)
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=DECISIONS) as part:
        part.note("clusters", len(winners.keys() - losses.keys()))
        torn = {row for row, loss in losses.items() if loss[NODE]}
        part.note("unconverged clusters", len(winners.keys() & losses.keys() | torn))
        for row, told in enumerate(text.rows("id", "url", "source", "bytes")):
            decision = dict.fromkeys(DECISIONS.names) | {"id": told["id"], "url": told["url"]}
            if row in losses:
                rejection, loss = lost(text, row, losses[row], plan.settings["dedup"]["similarity"])
                part.add_row({**decision, "kept": False, **loss})
                part.reject(rejection)
            else:
                kept = {"kept": True, "cluster": winners.get(row)}
                part.keep_row({**decision, **kept}, told["source"], told["bytes"])
    return made(item.number)


def lost(text: SignaturePart, row: int, loss: bytes, limit: float) -> tuple[Rejection, dict[str, Any]]:
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
