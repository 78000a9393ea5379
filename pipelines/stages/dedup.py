"""Documents to decisions: exact text, then MinHash-LSH with verified pairs, then connected components.

Only hashes, ids and signatures of candidates are shuffled. Signatures lie in files aligned with the text, so a pair is
verified by sending it to the part of one end, which adds its evidence, and on to the part of the other, which compares.
The output is one decision per document, aligned with the text; no text is copied.
"""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.dedup import candidates, signatures
from curate.dedup.candidates import NODE, Grouped, Pair
from curate.dedup.clusters import both_ways, large_star, node_id, node_row, small_star
from curate.dedup.config import Dedup
from curate.dedup.decisions import DECISIONS, add_evidence, as_span, compare, lost, to_winner, widest, winner_evidence
from curate.pipelines.stages.map_only import Made, made, map_only
from curate.recipe import Recipe
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, load_plan


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


def both(edge: Pair) -> Iterator[Pair]:
    """An edge from either end."""
    yield from both_ways(edge)


def large(group: Grouped) -> Iterator[Pair]:
    """One large-star step."""
    yield from large_star(*group)


def small(group: Grouped) -> Iterator[Pair]:
    """One small-star step."""
    yield from small_star(*group)


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


def plan_sign(recipe: Recipe, folder: Path, items: list[Item]) -> Plan:
    """The plan of dedup's first half; only what decides a signature is in its key."""
    dedup = settings.to_table(recipe.dedup)
    table = {name: dedup[name] for name in ("near", "bands", "rows", "shingle")}
    return Plan(stage="sign", folder=folder, settings={"dedup": table}, items=tuple(items))


def plan_dedup(recipe: Recipe, folder: Path, items: list[Item], signatures: Path) -> Plan:
    """The plan of dedup's second half, over finished signatures; every part depends on all items."""
    paths = [storage.relative(signatures / f"part-{item.number:05d}.parquet", folder) for item in items]
    table = {"dedup": settings.to_table(recipe.dedup), "sources": list(recipe.sources), "signatures": paths}
    return Plan(stage="dedup", folder=folder, settings=table, items=tuple(items), alone=False)
