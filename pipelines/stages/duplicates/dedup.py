"""Documents to decisions: addresses, exact text, MinHash-LSH with verified pairs, clusters, and who is kept of each.

Only hashes, ids, signatures of candidates and shingles of clusters are shuffled. Signatures lie in files aligned with
the text, so a pair is verified by sending it to the part of one end, which adds its evidence, and on to the part of the
other, which compares. The documents of a cluster then meet in one worker, which decides who is kept.
The output is one decision per document, aligned with the text; no text is copied.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.dedup import candidates, decisions, removals, signatures, urls
from curate.dedup.candidates import Grouped, Pair
from curate.dedup.config import ALARMS, Dedup
from curate.dedup.decisions import DECISIONS, Outcome
from curate.dedup.index import publishing
from curate.errors import SettingsError
from curate.inputs.items import rebase_items
from curate.pipelines.engines.engine import Engine, cpu_seconds, execute
from curate.pipelines.stages import estimate, sign
from curate.pipelines.stages.duplicates.account import Account
from curate.pipelines.stages.duplicates.against import Against, empty_mark, numbers
from curate.pipelines.stages.duplicates.clusters import Connect, Inside, Verify, counted
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import Made, made
from curate.recipe import Recipe
from curate.stage.kinds import KINDS
from curate.stage.parts import PartWriter, part_name
from curate.stage.plan import Plan, load_plan
from curate.stage.record import StageRecord, done


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the second half, from signatures to decisions."""
    folder, rules = storage.uri(plan.folder), plan.built(Dedup, "dedup")
    decisions_of = Against(folder, rules) if "index" in plan.settings else Decisions(folder, rules)
    pipeline | "Plan" >> beam.Create([folder]) | decisions_of


def parts(recipe: Recipe, folder: str) -> beam.PTransform:
    """Returns the transform from the stage's folder to its parts, for `--one-job`, where workers plan it later."""
    return Against(folder, recipe.dedup) if recipe.dedup.index else Decisions(folder, recipe.dedup)


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
        every_part = parts | "Every part" >> beam.Map(empty_mark)
        older = self._older(parts)
        marks = (
            self._messages(parts, older)
            | "By part of each" >> beam.GroupByKey()
            | "Add evidence" >> beam.FlatMap(decisions.members, self.folder)
            | "By block" >> beam.GroupByKey()
            | "Settle" >> beam.FlatMap(decisions.settle, self.folder)
        )
        return (
            (marks, every_part, *older)
            | "Marks of all parts" >> beam.Flatten()
            | "By part" >> beam.GroupByKey()
            | "Decide" >> beam.Map(decide, self.folder)
            | "Account" >> Account(self.folder)
        )

    def _older(self, parts: beam.PCollection) -> tuple[beam.PCollection, ...]:
        """Returns the marks of captures of one address, if the recipe asks for them."""
        if not self.rules.url:
            return ()
        captures = parts | "Addresses" >> beam.FlatMap(urls.captures, self.folder) | "By address" >> beam.GroupByKey()
        return (captures | "Older captures" >> beam.FlatMap(urls.older_captures, self.folder),)

    def _texts(self, parts: beam.PCollection, older: tuple[beam.PCollection, ...]) -> beam.PCollection:
        """Part numbers to text records; older: the marks of captures that take no part."""
        if not older:
            return parts | "Texts" >> beam.FlatMap(candidates.texts, self.folder)
        remaining = (parts | "To be read" >> beam.Map(empty_mark), *older) | "With older" >> beam.Flatten()
        by_part = remaining | "Older by part" >> beam.GroupByKey()
        return by_part | "Texts of the newest" >> beam.FlatMap(texts_of_newest, self.folder)

    def _messages(self, parts: beam.PCollection, older: tuple[beam.PCollection, ...]) -> beam.PCollection:
        """Part numbers to (part, message): what has copies, and what is to be compared in a cluster."""
        rules, folder = self.rules, self.folder
        same_text = self._texts(parts, older) | "By text" >> beam.GroupByKey()
        copies = same_text | "Copies" >> beam.FlatMap(candidates.copies, folder)
        if not rules.near:
            return copies
        edges = (
            same_text
            | "Bands of one per text" >> beam.FlatMap(candidates.bands, folder)
            | "By band" >> beam.GroupByKey()
            | "Candidate pairs" >> beam.FlatMap(candidates.candidate_pairs, folder)
            | "Verify pairs" >> Verify(folder, rules.linking)
        )
        if rules.containment:
            inside = same_text | "Inside others" >> Inside(folder, rules.containment)
            edges = (edges, inside) | "Near and inside" >> beam.Flatten()
        requests = (
            edges
            | "Connect" >> Connect(rules.rounds)
            | "As spans" >> beam.FlatMap(decisions.as_spans)
            | "Least of each" >> beam.CombinePerKey(decisions.widest)
            | "Clusters" >> beam.Map(decisions.by_cluster)
            | "By cluster" >> beam.GroupByKey()
            | "Requests" >> beam.FlatMap(decisions.requests)
        )
        return (copies, requests) | "All messages" >> beam.Flatten()


def texts_of_newest(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields what `candidates.texts` does for the captures of a part that stay."""
    yield from candidates.texts(int.from_bytes(group[0]), folder, urls.lost_rows(*group))


def decide(group: Grouped, folder: str) -> Made:
    """Writes the decisions of one part."""
    plan = load_plan(storage.path(folder))
    item = plan.items[int.from_bytes(group[0])]
    marks = [*group[1]]
    outcome, older = Outcome.read(marks), urls.lost_rows(group[0], marks)
    for row, number in urls.removed(group[0], marks).items():
        outcome.removed[row] += number
    text = signatures.read_part(plan, item.number)
    rules = plan.built(Dedup, "dedup")
    limits = (rules.similarity, rules.containment)
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=DECISIONS) as part:
        for name, number in counted(outcome).items():
            part.note(name, number)
        for row, columns in enumerate(text.rows("id", "url", "source", "bytes")):
            identity = columns["id"]
            decision = dict.fromkeys(DECISIONS.names) | {"id": identity, "url": columns["url"]}
            if row in older:
                rejection, loss = urls.decide_capture(text, row, older[row])
                part.add_row({**decision, "kept": False, **loss})
                part.reject(rejection)
                continue
            decision |= decisions.columns_of(row, identity, outcome)
            if row in outcome.losses:
                part.add_row(decision)
                part.reject(decisions.rejection_of(text, row, outcome.losses[row], *limits))
            else:
                part.keep_row(decision, columns["source"], columns["bytes"])
    return made(item.number)


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of dedup over signatures, which need not be there yet; every part depends on all items."""
    if any(item.form == "decided" for item in given.items):
        raise SettingsError("dedup reads documents, not the decisions of another dedup; name the folder before it")
    signatures = folder / KINDS["sign"].folder
    paths = [storage.relative(signatures / part_name(item.number), folder) for item in given.items]
    first = recipe.dedup.priority
    sources = [*first, *(name for name in recipe.sources if name not in first)]
    whole = settings.to_table(replace(recipe.dedup, index=""))
    rules = {name: value for name, value in whole.items() if name not in ALARMS}
    table = {"dedup": rules, "sources": sources, "signatures": paths}
    if recipe.dedup.index:
        table["index"] = publishing.planned(recipe.dedup, {"dedup": rules, "sources": sources}, given.items, folder)
    return Plan(
        stage="dedup",
        folder=folder,
        settings=table,
        items=tuple(given.items),
        per_item=False,
        attached=(removals.FILE,),
        alarms=recipe.alarms("dedup"),
        locations={"index": storage.uri(publishing.location(recipe.dedup))} if recipe.dedup.index else {},
    )


def is_whole(plan: Plan) -> bool:
    """Returns whether what the stage leaves beside its parts is there."""
    return removals.is_written(plan) and not ("index" in plan.settings and publishing.is_lost(plan))


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Signs every part, then checks that the shuffle fits into memory, unless the stage is done."""
    whole = plan(recipe, folder, given)
    if done(whole):
        if is_whole(whole):
            return
        (folder / "stage.json").unlink()  # its documents are to be added to the index again
    inside = folder / KINDS["sign"].folder
    execute(sign.plan(recipe, inside, replace(given, items=rebase_items(given.items, folder, inside))), engine)
    estimate.check(whole, engine.target, cpu_seconds(whole, whole.pending()))


def finish(plan: Plan, record: StageRecord) -> str:
    """Adds what the closed stage has kept to its index; returns what was done, "" without an index."""
    if "index" not in plan.settings:
        return ""
    path, generation = plan.locations["index"], publishing.publish(plan, record)
    if generation is None:
        return f"index {path}: holds these documents already"
    return f"index {path}: generation {generation.number}, {record.counts.kept:,} documents added"
