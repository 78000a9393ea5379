"""Documents to documents without what others have too: spans of sentences that occurred before, furniture of hosts.

Every text is read twice. First its spans and lines become hashes, which are shuffled in blobs with numbers only, and
come back as places; then the places are cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.dedup import furniture, signatures, spans
from curate.dedup.candidates import Grouped, Pair
from curate.dedup.clusters import PLAIN, RANK, Node, make_node
from curate.dedup.config import Lines
from curate.dedup.cutting import without
from curate.inputs.documents import read_documents
from curate.pipelines.engines.engine import Engine, cpu_seconds
from curate.pipelines.stages import estimate
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import ONE_AT_A_TIME, Made, made
from curate.recipe import Recipe
from curate.records import Document, Reason, reject
from curate.stage.heartbeat import beating
from curate.stage.parts import PartWriter, read_receipt
from curate.stage.plan import Item, Plan, load_plan
from curate.stage.record import done

COLUMNS = ("id", "url", "source", "timestamp", "quality", "text")  # of a document, as many as its hashes need
PARTITION, LEAST = 16 << 20, 16  # bytes of input for each partition of the hashes, and partitions at least
SPANS, TOTALS = b"s", b"t"  # the first byte of what a part is sent


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    folder = storage.uri(plan.folder)
    pipeline | "Plan" >> beam.Create([folder]) | Cut(folder, plan.built(Lines, "lines"), width(plan))


def parts(recipe: Recipe, folder: str) -> beam.PTransform:
    """Returns the transform from the stage's folder to its parts, for `--one-job`, where workers plan it later."""
    return Cut(folder, recipe.lines or Lines(), PLAIN + RANK * len(recipe.dedup.criteria))


class Cut(beam.PTransform):  # type: ignore[misc]
    """Documents to hashes, to places, to documents; it does nothing before the folder of the planned stage arrives."""

    def __init__(self, folder: str, rules: Lines, node: int) -> None:
        super().__init__()
        self.folder, self.rules, self.node = folder, rules, node  # node: its bytes

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of the folder, or of none; returns one of the parts made. The output proper is files."""
        rules, folder = self.rules, self.folder
        numbers = folders | "Part numbers" >> beam.FlatMap(part_numbers) | "Spread over workers" >> beam.Reshuffle()
        sent = [numbers | "Every part" >> beam.Map(empty)]
        if rules.spans:
            occurred = numbers | "Spans" >> beam.FlatMap(spans_of, folder) | "By span" >> beam.GroupByKey()
            sent.append(occurred | "That occurred before" >> beam.FlatMap(repeats, self.node, rules.within))
        if rules.furniture:
            counted = numbers | "Lines" >> beam.FlatMap(counts_of, folder) | "By line" >> beam.GroupByKey()
            sent.append(counted | "In many documents" >> beam.FlatMap(totals, rules.host_documents))
        return sent | "Places" >> beam.Flatten() | "By part" >> beam.GroupByKey() | "Cut" >> beam.Map(make_part, folder)


def part_numbers(folder: str) -> Iterator[int]:
    """Yields the numbers of the planned parts."""
    for item in load_plan(storage.path(folder)).items:
        yield item.number


def width(plan: Plan) -> int:
    """Returns the bytes of a node."""
    return PLAIN + RANK * len(plan.settings["keep"])


def empty(number: int) -> Pair:
    """Returns a mark for a part, so that it is made even if nothing of it is cut."""
    return number.to_bytes(4), b""


def spans_of(number: int, folder: str) -> Iterator[Pair]:
    """Yields (partition, records) for the spans of a part's documents."""
    plan = load_plan(storage.path(folder))
    rules, partitions = plan.built(Lines, "lines"), plan.settings["partitions"]
    texts = (
        (node_of(document, number, row, plan), document.text)
        for row, document in enumerate(documents(plan, plan.items[number]))
    )
    with beating(plan.folder, number, step="reading sentences", size=plan.items[number].size):
        yield from spans.occurrences(texts, rules.sentences, partitions, width(plan))


def node_of(document: Document, number: int, row: int, plan: Plan) -> Node:
    """Returns the node of a document in a row of a part, as dedup makes it."""
    sources, keep = plan.settings["sources"], plan.settings["keep"]
    priority = min(sources.index(document.source), 255) if document.source in sources else 255
    values = {
        "bytes": len(document.text.encode("utf-8", "replace")),
        "quality": document.quality,
        "timestamp": document.timestamp,
    }
    rank = b"".join(signatures.rank_of(values, name).to_bytes(RANK) for name in keep)
    return make_node(priority, document.id, number, row, rank=rank)


def repeats(group: Grouped, node: int, within: bool) -> Iterator[Pair]:
    """Yields (part, marked places) for the spans of a partition that occurred before."""
    for part, places in spans.repeats(group, node, within=within):
        yield part, SPANS + places


def counts_of(number: int, folder: str) -> Iterator[Pair]:
    """Yields (partition, records) for the lines of a part's documents."""
    plan = load_plan(storage.path(folder))
    texts = ((document.url, document.text) for document in documents(plan, plan.items[number]))
    with beating(plan.folder, number, step="counting lines", size=plan.items[number].size):
        yield from furniture.counts(number, texts, plan.settings["partitions"])


def totals(group: Grouped, least: int) -> Iterator[Pair]:
    """Yields (part, marked totals) for the lines and hosts of a partition that enough documents have."""
    for part, entries in furniture.totals(group, least):
        yield part, TOTALS + entries


def documents(plan: Plan, item: Item) -> Iterator[Document]:
    """Yields the documents of an item, without most columns; rows that are none are passed over."""
    for document in read_documents(plan, item, columns=COLUMNS):
        if isinstance(document, Document):
            yield document


def make_part(group: Grouped, folder: str) -> Made:
    """Makes one part, unless it is there already."""
    plan, number = load_plan(storage.path(folder)), int.from_bytes(group[0])
    item = plan.items[number]
    with ONE_AT_A_TIME:
        if read_receipt(plan.folder, number, plan.part_key(item)) is None:
            cut_part(plan, item, group[1])
    return made(number)


def cut_part(plan: Plan, item: Item, blobs: Iterable[bytes]) -> None:
    """Writes the documents of an item without what is cut; blobs: what the part was sent."""
    rules = plan.built(Lines, "lines")
    by_kind: dict[bytes, list[bytes]] = {SPANS: [], TOTALS: [], b"": []}
    for blob in blobs:
        by_kind[blob[:1]].append(blob[1:])
    starts, shared = spans.places(by_kind[SPANS]), furniture.by_key(by_kind[TOTALS])
    row = -1
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        for document in read_documents(plan, item, part.note):
            if not isinstance(document, Document):
                part.refuse(document, item.source)
                continue
            row += 1
            lines = furniture.furniture(document.url, document.text, shared, rules)
            sentences = spans.covered(starts.get(row, ()), rules.sentences)
            if lines or sentences:
                cut_document(part, document, lines, sentences, rules)
            else:
                part.keep(document)


def cut_document(part: PartWriter, document: Document, lines: set[int], sentences: set[int], rules: Lines) -> None:
    """Writes a document without these lines and sentences, or rejects it where too little is left."""
    rest = without(document.text, lines, sentences)
    if len(rest.strip()) < rules.min_chars:
        detail = f"{len(sentences)} sentences and {len(lines)} lines were cut"
        part.reject(reject(document, "lines", Reason("lines.min_chars", len(rest.strip()), rules.min_chars, detail)))
        return
    part.keep(replace(document, text=rest), len(document.text.encode("utf-8", "replace")))
    for name, number in {
        "documents cut": 1,
        "sentences cut": len(sentences),
        "furniture lines cut": len(lines),
        "characters cut": len(document.text) - len(rest),
    }.items():
        part.note(name, number)


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Checks that the shuffle fits into memory, unless the stage is done."""
    whole = plan(recipe, folder, given)
    if not done(whole):
        estimate.check_lines(whole, engine.target, cpu_seconds(whole, whole.pending()))


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of lines; every part depends on all items."""
    table = {
        "lines": settings.to_table(recipe.lines or Lines()),
        "sources": [*dict.fromkeys((*recipe.dedup.priority, *recipe.sources))],
        "keep": list(recipe.dedup.criteria),
        "partitions": max(LEAST, sum(item.size for item in given.items) // PARTITION),
    }
    return Plan(stage="lines", folder=folder, settings=table, items=tuple(given.items), per_item=False)
