"""Documents to documents without what others have too: spans of sentences, long passages, furniture of hosts.

Every text is read several times. First its spans and lines become hashes, which are shuffled in blobs with numbers
only, and come back as places; passages take two such rounds. Then the places are cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.dedup import counting, cutting, furniture, signatures, spans, substrings
from curate.dedup.candidates import HASH, Grouped, Pair
from curate.dedup.clusters import PLAIN, RANK, Node, make_node
from curate.dedup.config import Lines
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
SPANS, PASSAGES, TOTALS, ANCHORS = b"s", b"p", b"t", b"a"  # the first byte of what a part is sent


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
            sent.append(occurred | "That occurred before" >> beam.FlatMap(repeats, self.node, SPANS, rules.within))
        if rules.substrings:
            sent.append(self._passages(numbers))
        if rules.furniture:
            counted = numbers | "Lines" >> beam.FlatMap(counts_of, folder) | "By line" >> beam.GroupByKey()
            sent.append(counted | "In many documents" >> beam.FlatMap(totals, TOTALS, rules.host_documents, HASH))
        return sent | "Places" >> beam.Flatten() | "By part" >> beam.GroupByKey() | "Cut" >> beam.Map(make_part, folder)

    def _passages(self, numbers: beam.PCollection) -> beam.PCollection:
        """Returns where passages begin that occurred before; only windows whose anchors others have are hashed."""
        anchored = numbers | "Anchors" >> beam.FlatMap(anchors_of, self.folder) | "By anchor" >> beam.GroupByKey()
        shared = anchored | "In two documents" >> beam.FlatMap(totals, ANCHORS, 2, substrings.ANCHOR)
        every = numbers | "Each part" >> beam.Map(empty)
        read = (every, shared) | "Shared anchors" >> beam.Flatten() | "Anchors by part" >> beam.GroupByKey()
        windows = read | "Windows" >> beam.FlatMap(windows_of, self.folder) | "By window" >> beam.GroupByKey()
        return windows | "Passages" >> beam.FlatMap(repeats, self.node, PASSAGES, False)


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
    rules = plan.built(Lines, "lines")
    spans_of_part = (
        (node, place, key)
        for node, text in with_nodes(plan, number)
        for place, key in spans.spans_of(text, rules.sentences)
    )
    with beating(plan.folder, number, step="reading sentences", size=plan.items[number].size):
        yield from spans.occurrences(spans_of_part, plan.settings["partitions"], width(plan))


def anchors_of(number: int, folder: str) -> Iterator[Pair]:
    """Yields (partition, records) for the anchors of a part's documents."""
    plan = load_plan(storage.path(folder))
    texts = (document.text for document in documents(plan, plan.items[number]))
    keys = substrings.anchor_keys(texts, plan.built(Lines, "lines").tokens)
    with beating(plan.folder, number, step="reading passages", size=plan.items[number].size):
        yield from counting.counts(number, keys, plan.settings["partitions"], substrings.ANCHOR)


def windows_of(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (partition, records) for the windows of a part whose anchors are among those that it was sent."""
    plan, number = load_plan(storage.path(folder)), int.from_bytes(group[0])
    shared = substrings.sorted_anchors(counting.by_key((blob[1:] for blob in group[1]), substrings.ANCHOR))
    size = plan.built(Lines, "lines").tokens
    spans_of_part = (
        (node, place, key)
        for node, text in with_nodes(plan, number)
        for place, key in substrings.windows(text, size, shared)
    )
    with beating(plan.folder, number, step="comparing passages", size=plan.items[number].size):
        yield from spans.occurrences(spans_of_part, plan.settings["partitions"], width(plan))


def with_nodes(plan: Plan, number: int) -> Iterator[tuple[Node, str]]:
    """Yields the node and the text of each document of a part."""
    for row, document in enumerate(documents(plan, plan.items[number])):
        yield node_of(document, number, row, plan), document.text


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


def repeats(group: Grouped, node: int, mark: bytes, within: bool) -> Iterator[Pair]:
    """Yields (part, marked places) for the spans of a partition that occurred before."""
    for part, places in spans.repeats(group, node, within=within):
        yield part, mark + places


def counts_of(number: int, folder: str) -> Iterator[Pair]:
    """Yields (partition, records) for the lines of a part's documents."""
    plan = load_plan(storage.path(folder))
    texts = ((document.url, document.text) for document in documents(plan, plan.items[number]))
    with beating(plan.folder, number, step="counting lines", size=plan.items[number].size):
        yield from counting.counts(number, furniture.keys(texts), plan.settings["partitions"], HASH)


def totals(group: Grouped, mark: bytes, least: int, size: int) -> Iterator[Pair]:
    """Yields (part, marked totals) for the keys of a partition, of `size` bytes, that enough documents have."""
    for part, entries in counting.totals(group, least, size):
        yield part, mark + entries


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
    by_kind: dict[bytes, list[bytes]] = {SPANS: [], PASSAGES: [], TOTALS: [], b"": []}
    for blob in blobs:
        by_kind[blob[:1]].append(blob[1:])
    starts, passages = spans.places(by_kind[SPANS]), spans.places(by_kind[PASSAGES])
    shared = counting.by_key(by_kind[TOTALS], HASH)
    row = -1
    with PartWriter(plan.folder, item.number, plan.part_key(item), beside={"cut": cutting.CUTS}) as part:
        for document in read_documents(plan, item, part.note):
            if not isinstance(document, Document):
                part.refuse(document, item.source)
                continue
            row += 1
            lines = furniture.furniture(document.url, document.text, shared, rules)
            sentences = spans.covered(starts.get(row, ()), rules.sentences)
            tokens = spans.covered(passages.get(row, ()), rules.tokens)
            if lines or sentences or tokens:
                cut_document(part, document, lines, sentences, tokens, rules)
            else:
                part.keep(document)


def cut_document(
    part: PartWriter, document: Document, lines: set[int], sentences: set[int], tokens: set[int], rules: Lines
) -> None:
    """Writes a document without these lines, sentences and tokens, or rejects it where too little is left."""
    ranges = substrings.ranges(document.text, tokens)
    rest = cutting.without(document.text, lines, sentences, ranges)
    line_places, sentence_places = cutting.places_of(document.text, lines, sentences)
    passages = cutting.joined(ranges, document.text)
    by_rule = {cutting.FURNITURE: line_places, cutting.SPANS: sentence_places, cutting.SUBSTRINGS: passages}
    for rule, places in by_rule.items():
        for start, stop in places:
            part.add_beside("cut", {"id": document.id, "rule": rule, "start": start, "stop": stop})
    if len(rest.strip()) < rules.min_chars:
        detail = f"{len(sentences)} sentences, {len(tokens)} tokens and {len(lines)} lines were cut"
        part.reject(reject(document, "lines", Reason("lines.min_chars", len(rest.strip()), rules.min_chars, detail)))
        return
    part.keep(replace(document, text=rest), len(document.text.encode("utf-8", "replace")))
    for name, number in {
        "documents cut": 1,
        "sentences cut": len(sentences),
        "tokens of passages cut": len(tokens),
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
