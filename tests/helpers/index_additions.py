"""Additions to an index of dedup, whose steps are run as Beam runs them, with dictionaries for its shuffles."""

import json
import random
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

from curate.dedup import candidates, decisions
from curate.dedup.clusters import components
from curate.dedup.config import Dedup
from curate.dedup.index import adding, answering, looking, publishing
from curate.dedup.index.job import ENTRY, job_of
from curate.inputs.digests import Digests
from curate.inputs.items import source_items
from curate.pipelines.stages import sign
from curate.pipelines.stages.duplicates import dedup
from curate.pipelines.stages.given import Given
from curate.recipe import from_table
from curate.settings import Where
from curate.stage.kinds import KINDS
from curate.stage.plan import Plan
from curate.stage.receipts import Counts
from curate.stage.record import close_stage, open_stage, write_plan


class Shuffles:
    """Beam's shuffles, with values in an order that is drawn."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def grouped(self, pairs) -> list[tuple[bytes, list[bytes]]]:
        """Groups pairs by key, as GroupByKey does."""
        groups = defaultdict(list)
        for key, value in pairs:
            groups[key].append(value)
        shuffled = [(key, self.draw.sample(values, len(values))) for key, values in groups.items()]
        return self.draw.sample(shuffled, len(shuffled))

    def step(self, function, pairs, *arguments) -> list[tuple[bytes, bytes]]:
        """A shuffle, then what FlatMap does."""
        return [outcome for group in self.grouped(pairs) for outcome in function(group, *arguments)]


def of_length(pairs, length: int):
    """The pairs whose keys are so long."""
    return [pair for pair in pairs if len(pair[0]) == length]


def address(generation: int, part: int, row: int) -> str:
    """The address of a document, which is no other's."""
    return f"http://a/{generation}/{part}/{row}"


def add(folder: Path, generation: int, files: list[list[str]], rules: dict, shuffles: Shuffles) -> dict[bytes, tuple]:
    """Adds documents to an index, and returns (winner, similarity) of those that lost, by id."""
    plan = planned(folder, generation, files, rules | {"index": str(folder / "index")})
    lost, counts = made(plan, shuffles)
    publishing.publish(plan, SimpleNamespace(counts=counts))
    return lost


def planned(folder: Path, run: int, files: list[list[str]], rules: dict) -> Plan:
    """Writes documents as the inputs of a run, signs them, and plans their dedup."""
    place = folder / f"run-{run}"
    place.mkdir(exist_ok=True)
    for number, texts in enumerate(files):
        rows = [{"url": address(run, number, row), "text": text} for row, text in enumerate(texts)]
        (place / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe, out = from_table({"name": "x", "sources": {"a": {}}, "dedup": rules}, Where("", "")), place / "out"
    given = Given(items=source_items({"a": (str(place / "*.jsonl"),)}, Digests()))
    plan = dedup.plan(recipe, out, given)
    signing = sign.plan(recipe, out / KINDS["sign"].folder, given)
    for item in open_stage(signing):
        sign.make_part(signing, item)
    close_stage(signing)
    write_plan(plan)
    return plan


def made(plan: Plan, shuffles: Shuffles) -> tuple[dict[bytes, tuple], Counts]:
    """Writes what a planned run adds; returns (winner, similarity) of the documents that lost by id, and counts."""
    numbers = [item.number for item in plan.items]
    return decided(str(plan.folder), numbers, plan.built(Dedup, "dedup"), shuffles)


def decided(folder: str, numbers: list[int], rules: Dedup, shuffles: Shuffles) -> tuple[dict[bytes, tuple], Counts]:
    """Calls the functions in the order in which `against` wires them."""
    records = [pair for number in numbers for pair in candidates.texts(number, folder)]
    texts = shuffles.step(looking.texts, records, folder)
    new = [(key, [blob]) for key, blob in of_length(texts, looking.PART)]
    banded = [pair for group in new for pair in candidates.bands(group, folder)]
    bands = shuffles.step(looking.pairs, banded, folder)
    pairs = shuffles.step(decisions.add_evidence, of_length(bands, looking.PART), folder)
    edges = shuffles.step(decisions.compare, pairs, folder, rules.linking)
    links = shuffles.step(looking.signed_links, of_length(bands, looking.PART + 1), folder)
    answers = shuffles.step(answering.answer, [*of_length(texts, looking.FILE), *links], folder)
    edges += [pair for pair in answers if len(pair[0]) > looking.FILE]
    spans = shuffles.grouped(span for edge in components(edges).items() for span in decisions.as_spans(edge))
    labels = [decisions.by_cluster((node, decisions.widest(ends))) for node, ends in spans]
    width = candidates.layout_of(folder).node
    requests = [answering.routed(pair, width) for pair in shuffles.step(decisions.requests, labels)]
    copies = [pair for group in new for pair in candidates.copies(group, folder)]
    settled = shuffles.step(answering.settle, shuffles.step(answering.members, [*copies, *requests], folder), folder)
    clusters = shuffles.step(adding.write_clusters, of_length(settled, looking.PART + 1), folder)
    marks = [*of_length([*answers, *settled], looking.PART), *((number.to_bytes(4), b"") for number in numbers)]
    entries, lost, counts = [*texts, *bands, *clusters], {}, Counts()
    for group in shuffles.grouped(marks):
        entries += decide(job_of(folder), group, lost, counts)
    adding.write_list((ENTRY, [value for key, value in entries if key == ENTRY]), folder)
    return lost, counts


def decide(job, group, lost: dict[bytes, tuple], counts: Counts) -> list[tuple[bytes, bytes]]:
    """Enters the losses of a part and its counts, and writes its documents."""
    verdicts, item = adding.verdicts_of(group), job.plan.items[int.from_bytes(group[0])]
    ids = [row["id"] for row in adding.signatures.read_part(job.plan, item.number).rows("id")]
    for row, loss in verdicts.beaten.items():
        lost[ids[row]] = loss.winner, loss.similarity
    for row, (_, similarity, winner) in verdicts.outcome.losses.items():
        lost[ids[row]] = winner, similarity
    for row in range(len(ids)):
        if verdicts.kept(row):
            counts.keep("a", 1)
        else:
            counts.reject("a", 1, "dedup.near")
    return [*adding.write_documents(job, item, verdicts)]
