"""Documents to decisions: addresses, exact text, MinHash-LSH with verified pairs, then connected components.

Only hashes, ids and signatures of candidates are shuffled. Signatures lie in files aligned with the text, so a pair is
verified by sending it to the part of one end, which adds its evidence, and on to the part of the other, which compares.
The output is one decision per document, aligned with the text; no text is copied.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.dedup import candidates, signatures, urls
from curate.dedup.candidates import NODE, Grouped, Pair
from curate.dedup.clusters import both_ways, large_star, node_id, node_row, small_star
from curate.dedup.config import Dedup
from curate.dedup.decisions import (
    DECISIONS,
    add_evidence,
    as_span,
    compare,
    decide_loss,
    to_winner,
    widest,
    winner_evidence,
)
from curate.errors import SettingsError
from curate.inputs.items import rebase_items
from curate.pipelines.engines.engine import Engine, cpu_seconds, execute
from curate.pipelines.stages import estimate, sign
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import Made, made
from curate.recipe import Recipe
from curate.stage.kinds import KINDS
from curate.stage.parts import PartWriter, part_name
from curate.stage.plan import Plan, load_plan
from curate.stage.record import done


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the second half, from signatures to decisions."""
    folder = storage.uri(plan.folder)
    pipeline | "Plan" >> beam.Create([folder]) | Decisions(folder, plan.built(Dedup, "dedup"))


def parts(recipe: Recipe, folder: str) -> beam.PTransform:
    """Returns the transform from the stage's folder to its parts, for `--one-job`, where workers plan it later."""
    return Decisions(folder, recipe.dedup)


class Decisions(beam.PTransform):  # type: ignore[misc]
    """Documents' signatures to decisions: candidates, verification, components, decisions.

    It does nothing before the folder arrives, whose plan and signatures are then in place.
    """

    def __init__(self, folder: str, rules: Dedup) -> None:
        super().__init__()
        self.folder, self.rules = folder, rules

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of the folder, or of none; returns one of the parts made. The output proper is files."""
        parts = folders | "Part numbers" >> beam.FlatMap(numbers) | "Spread over workers" >> beam.Reshuffle()
        older = self._older(parts)
        stars = self._edges(parts, older) | "Connect" >> Connect(self.rules.rounds) | "As spans" >> beam.Map(as_span)
        labels = stars | "Least of each" >> beam.CombinePerKey(widest)
        marks = labels | "By winner's part" >> beam.Map(to_winner) | "Winners" >> beam.GroupByKey()
        evidence = marks | "Add winner's evidence" >> beam.FlatMap(winner_evidence, self.folder)
        every_part = parts | "Every part" >> beam.Map(empty_mark)
        return (
            (evidence, every_part, *older)
            | "Marks of all parts" >> beam.Flatten()
            | "By part" >> beam.GroupByKey()
            | "Decide" >> beam.Map(decide, self.folder)
        )

    def _older(self, parts: beam.PCollection) -> tuple[beam.PCollection, ...]:
        """Returns the pairs of captures of one address, if the recipe asks for them."""
        if not self.rules.url:
            return ()
        captures = parts | "Addresses" >> beam.FlatMap(urls.captures, self.folder) | "By address" >> beam.GroupByKey()
        return (captures | "Older captures" >> beam.FlatMap(urls.older_captures),)

    def _edges(self, parts: beam.PCollection, older: tuple[beam.PCollection, ...]) -> beam.PCollection:
        rules, folder = self.rules, self.folder
        if older:
            remaining = (parts | "To be read" >> beam.Map(empty_mark), *older) | "With older" >> beam.Flatten()
            by_part = remaining | "Older by part" >> beam.GroupByKey()
            texts = by_part | "Texts of the newest" >> beam.FlatMap(texts_of_newest, folder)
        else:
            texts = parts | "Texts" >> beam.FlatMap(candidates.texts, folder)
        same_text = texts | "By text" >> beam.GroupByKey()
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
    """Keeps the candidate pairs whose signatures agree in at least `limit` of their places."""

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
    """Yields the numbers of the planned parts."""
    for item in load_plan(storage.path(folder)).items:
        yield item.number


def texts_of_newest(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields what `candidates.texts` does for the captures of a part that stay."""
    yield from candidates.texts(int.from_bytes(group[0]), folder, urls.lost_rows(*group))


def both(edge: Pair) -> Iterator[Pair]:
    """Yields an edge twice, keyed by each of its ends."""
    yield from both_ways(edge)


def large(group: Grouped) -> Iterator[Pair]:
    """One large-star step."""
    yield from large_star(*group)


def small(group: Grouped) -> Iterator[Pair]:
    """One small-star step."""
    yield from small_star(*group)


def empty_mark(number: int) -> Pair:
    """Returns a mark for a part, so that it is decided even if nothing in it wins or loses."""
    return number.to_bytes(4, "big"), b""


def decide(group: Grouped, folder: str) -> Made:
    """Writes the decisions of one part."""
    plan = load_plan(storage.path(folder))
    item = plan.items[int.from_bytes(group[0])]
    losses: dict[int, bytes] = {}
    winners: dict[int, bytes] = {}
    marks = [*group[1]]
    older, newest = urls.lost_rows(group[0], marks), urls.kept_rows(group[0], marks)
    for mark in marks:
        if len(mark) == 2 * NODE:
            continue  # of captures of one address
        if len(mark) > NODE:
            losses[node_row(mark)] = mark[NODE:]
        elif mark:
            winners[node_row(mark)] = node_id(mark)
    text = signatures.read_part(plan, item.number)
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=DECISIONS) as part:
        part.note("clusters", len(winners.keys() - losses.keys()))
        torn = {row for row, loss in losses.items() if loss[NODE]}
        part.note("unconverged clusters", len(winners.keys() & losses.keys() | torn))
        for row, columns in enumerate(text.rows("id", "url", "source", "bytes")):
            decision = dict.fromkeys(DECISIONS.names) | {"id": columns["id"], "url": columns["url"]}
            if row in older:
                rejection, loss = urls.decide_capture(text, row, older[row])
                part.add_row({**decision, "kept": False, **loss})
                part.reject(rejection)
            elif row in losses:
                rejection, loss = decide_loss(text, row, losses[row], plan.settings["dedup"]["similarity"])
                part.add_row({**decision, "kept": False, **loss})
                part.reject(rejection)
            else:
                kept = {"kept": True, "cluster": winners.get(row, newest.get(row))}
                part.keep_row({**decision, **kept}, columns["source"], columns["bytes"])
    return made(item.number)


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of dedup over signatures, which need not be there yet; every part depends on all items."""
    if any(item.form == "decided" for item in given.items):
        raise SettingsError("dedup reads documents, not the decisions of another dedup; name the folder before it")
    signatures = folder / KINDS["sign"].folder
    paths = [storage.relative(signatures / part_name(item.number), folder) for item in given.items]
    table = {"dedup": settings.to_table(recipe.dedup), "sources": list(recipe.sources), "signatures": paths}
    return Plan(stage="dedup", folder=folder, settings=table, items=tuple(given.items), per_item=False)


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Signs every part, then checks that the shuffle fits into memory, unless the stage is done."""
    whole = plan(recipe, folder, given)
    if done(whole):
        return
    inside = folder / KINDS["sign"].folder
    execute(sign.plan(recipe, inside, replace(given, items=rebase_items(given.items, folder, inside))), engine)
    estimate.check(whole, engine.target, cpu_seconds(whole, whole.pending()))
