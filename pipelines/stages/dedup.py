"""Documents to decisions: addresses, exact text, MinHash-LSH with verified pairs, clusters, and who is kept of each.

Only hashes, ids, signatures of candidates and shingles of clusters are shuffled. Signatures lie in files aligned with
the text, so a pair is verified by sending it to the part of one end, which adds its evidence, and on to the part of the
other, which compares. The documents of a cluster then meet in one worker, which decides who is kept.
The output is one decision per document, aligned with the text; no text is copied.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.dedup import candidates, decisions, removals, signatures, urls
from curate.dedup.candidates import Grouped, Pair
from curate.dedup.clusters import both_ways, large_star, small_star
from curate.dedup.config import ALARMS, Dedup
from curate.dedup.decisions import DECISIONS, Outcome
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
        requests = (
            same_text
            | "Bands of one per text" >> beam.FlatMap(candidates.bands, folder)
            | "By band" >> beam.GroupByKey()
            | "Candidate pairs" >> beam.FlatMap(candidates.candidate_pairs, folder)
            | "Verify pairs" >> Verify(folder, rules.linking)
            | "Connect" >> Connect(rules.rounds)
            | "As spans" >> beam.FlatMap(decisions.as_spans)
            | "Least of each" >> beam.CombinePerKey(decisions.widest)
            | "Clusters" >> beam.Map(decisions.by_cluster)
            | "By cluster" >> beam.GroupByKey()
            | "Requests" >> beam.FlatMap(decisions.requests)
        )
        return (copies, requests) | "All messages" >> beam.Flatten()


class Account(beam.PTransform):  # type: ignore[misc]
    """Parts made to the record of what was removed, which is written when all are made (`removals`)."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of the parts made; returns one with an element, once the record is written."""
        folder = self.folder
        hosts = parts | "Hosts" >> beam.FlatMap(removals.host_counts, folder) | "By host" >> beam.GroupByKey()
        sample = parts | "Draws" >> beam.Map(removals.draws, folder) | "Sample" >> beam.CombinePerKey(least_draws)
        judged = (
            sample
            | "To every part" >> beam.FlatMap(removals.to_parts, folder)
            | "Sample by part" >> beam.GroupByKey()
            | "Texts of the sample" >> beam.FlatMap(removals.texts_of, folder)
            | "Both texts" >> beam.GroupByKey()
            | "Judge" >> beam.FlatMap(removals.judge, folder)
        )
        pieces = (hosts | "Worst hosts" >> beam.Map(removals.worst_of), sample | "Drawn" >> beam.Map(removals.drawn))
        return (
            (*pieces, judged)
            | "Pieces of the record" >> beam.Flatten()
            | "All pieces" >> beam.GroupByKey()
            | "Write" >> beam.Map(write_removals, folder)
        )


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
            | "Add its evidence" >> beam.FlatMap(decisions.add_evidence, self.folder)
            | "By part of the other" >> beam.GroupByKey()
            | "Compare" >> beam.FlatMap(decisions.compare, self.folder, self.limit)
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


def least_draws(samples: Iterable[bytes]) -> bytes:
    """Returns the sample of several samples."""
    return removals.least_draws(samples)


def write_removals(group: Grouped, folder: str) -> Made:
    """Writes the record of what was removed."""
    removals.write(group, folder)
    return made(0)


def decide(group: Grouped, folder: str) -> Made:
    """Writes the decisions of one part."""
    plan = load_plan(storage.path(folder))
    item = plan.items[int.from_bytes(group[0])]
    marks = [*group[1]]
    outcome, older = Outcome.read(marks), urls.lost_rows(group[0], marks)
    for row, number in urls.removed(group[0], marks).items():
        outcome.removed[row] += number
    text = signatures.read_part(plan, item.number)
    limit = plan.built(Dedup, "dedup").similarity
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
                part.reject(decisions.rejection_of(text, row, outcome.losses[row], limit))
            else:
                part.keep_row(decision, columns["source"], columns["bytes"])
    return made(item.number)


def counted(outcome: Outcome) -> dict[str, int]:
    """Returns the counts of a part: its clusters, how many of which size, and what `Outcome` notes."""
    won = [removed + 1 for row, removed in outcome.removed.items() if row not in outcome.losses]
    sizes = Counter(map(size_class, won))
    return {"clusters": len(won)} | dict(sorted(sizes.items())) | dict(sorted(outcome.notes.items()))


def size_class(size: int) -> str:
    """Returns the name under which a cluster of this many documents is counted; classes end at powers of two.

    >>> size_class(2), size_class(3), size_class(100)
    ('clusters of 2', 'clusters of 3 to 4', 'clusters of 65 to 128')
    """
    last = 1 << (size - 1).bit_length()
    return f"clusters of {last // 2 + 1} to {last}" if last > 2 else f"clusters of {size}"


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of dedup over signatures, which need not be there yet; every part depends on all items."""
    if any(item.form == "decided" for item in given.items):
        raise SettingsError("dedup reads documents, not the decisions of another dedup; name the folder before it")
    signatures = folder / KINDS["sign"].folder
    paths = [storage.relative(signatures / part_name(item.number), folder) for item in given.items]
    first = recipe.dedup.priority
    sources = [*first, *(name for name in recipe.sources if name not in first)]
    rules = {name: value for name, value in settings.to_table(recipe.dedup).items() if name not in ALARMS}
    table = {"dedup": rules, "sources": sources, "signatures": paths}
    return Plan(
        stage="dedup",
        folder=folder,
        settings=table,
        items=tuple(given.items),
        per_item=False,
        attached=(removals.FILE,),
        alarms=recipe.alarms("dedup"),
    )


def is_whole(plan: Plan) -> bool:
    """Returns whether what the stage leaves beside its parts is there."""
    return removals.is_written(plan)


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Signs every part, then checks that the shuffle fits into memory, unless the stage is done."""
    whole = plan(recipe, folder, given)
    if done(whole):
        return
    inside = folder / KINDS["sign"].folder
    execute(sign.plan(recipe, inside, replace(given, items=rebase_items(given.items, folder, inside))), engine)
    estimate.check(whole, engine.target, cpu_seconds(whole, whole.pending()))
