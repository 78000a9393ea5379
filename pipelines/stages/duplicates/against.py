"""Documents to decisions against an index: as dedup does it, but each comparison begins with a look into the index.

A file of the index gets its questions like a part of the run, by a shuffle; only the row groups that may hold the keys
are read, and no old text. Documents of the index that share a cluster with new ones are compared with these, and stay.
"""

from collections.abc import Iterator

import apache_beam as beam

from curate import storage
from curate.dedup import candidates, decisions, urls
from curate.dedup.candidates import Grouped, Pair, layout_of
from curate.dedup.config import Dedup
from curate.dedup.index import adding, answering, looking
from curate.dedup.index.job import ENTRY, job_of
from curate.pipelines.stages.duplicates.account import Account
from curate.pipelines.stages.duplicates.clusters import Connect, Verify, counted
from curate.pipelines.stages.map_only import ALL, Made, made
from curate.stage.parts import PartWriter
from curate.stage.plan import load_plan

Steps = tuple[beam.PCollection, ...]  # of pairs, of which some go one way and some another


class Against(beam.PTransform):  # type: ignore[misc]
    """Documents' signatures to decisions, and to the files of a new generation; its record is written later."""

    def __init__(self, folder: str, rules: Dedup) -> None:
        super().__init__()
        self.folder, self.rules = folder, rules

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of the folder, or of none; returns one of the parts made. The output proper is files."""
        parts = folders | "Part numbers" >> beam.FlatMap(numbers) | "Spread over workers" >> beam.Reshuffle()
        every_part = parts | "Every part" >> beam.Map(empty_mark)
        addresses = self._addresses(parts)
        texts = self._texts(parts, every_part, addresses)
        bands = self._bands(texts)
        answers = self._answers(texts, bands)
        settled = self._settled(texts, bands, answers)
        marks = (*addresses, answers, settled)
        decided = (
            (every_part, *(kind(step, f"Marks {at}", is_mark) for at, step in enumerate(marks)))
            | "Marks of all parts" >> beam.Flatten()
            | "By part" >> beam.GroupByKey()
            | "Decide" >> beam.FlatMap(decide, self.folder)
        )
        return self._listed(parts, decided, (*addresses, texts, *bands, self._clusters(settled)))

    def _addresses(self, parts: beam.PCollection) -> Steps:
        """Part numbers to marks of captures that give way, if the recipe asks for them."""
        if not self.rules.url:
            return ()
        looked = (
            parts
            | "Addresses" >> beam.FlatMap(urls.captures, self.folder)
            | "By address" >> beam.GroupByKey()
            | "Against addresses" >> beam.FlatMap(looking.captures, self.folder)
        )
        questions = kind(looked, "Questions on addresses", is_question) | "By file of addresses" >> beam.GroupByKey()
        return looked, questions | "Answers on addresses" >> beam.FlatMap(answering.answer, self.folder)

    def _texts(self, parts: beam.PCollection, every_part: beam.PCollection, addresses: Steps) -> beam.PCollection:
        """Part numbers to text records of new texts, and questions for others; addresses: who takes no part."""
        if addresses:
            marks = (kind(step, f"Captures {at}", is_mark) for at, step in enumerate(addresses))
            by_part = (every_part, *marks) | "With older" >> beam.Flatten() | "Older by part" >> beam.GroupByKey()
            records = by_part | "Texts of the newest" >> beam.FlatMap(texts_of_newest, self.folder)
        else:
            records = parts | "Texts" >> beam.FlatMap(candidates.texts, self.folder)
        by_text = records | "By text" >> beam.GroupByKey()
        if not self.rules.exact:
            return by_text | "As one" >> beam.Map(as_one)
        return by_text | "Against texts" >> beam.FlatMap(looking.texts, self.folder)

    def _bands(self, texts: beam.PCollection) -> Steps:
        """Text records to candidate pairs, and to links to documents of the index."""
        if not self.rules.near:
            return ()
        banded = self._new(texts, "Signed") | "Bands" >> beam.FlatMap(candidates.bands, self.folder)
        return (banded | "By band" >> beam.GroupByKey() | "Against bands" >> beam.FlatMap(looking.pairs, self.folder),)

    def _new(self, texts: beam.PCollection, name: str) -> beam.PCollection:
        return kind(texts, f"{name} records", is_mark) | f"{name} groups" >> beam.Map(as_group)

    def _answers(self, texts: beam.PCollection, bands: Steps) -> beam.PCollection:
        """Questions to the answers of the files of the index: marks, and edges between nodes of one cluster."""
        questions: list[beam.PCollection] = [kind(texts, "Questions on texts", is_question)]
        for step in bands:
            links = kind(step, "Links", is_beside) | "Links by part" >> beam.GroupByKey()
            questions.append(links | "Sign links" >> beam.FlatMap(looking.signed_links, self.folder))
        by_file = questions | "Questions" >> beam.Flatten() | "By file" >> beam.GroupByKey()
        return by_file | "Answers" >> beam.FlatMap(answering.answer, self.folder)

    def _settled(self, texts: beam.PCollection, bands: Steps, answers: beam.PCollection) -> beam.PCollection:
        """Text records, candidate pairs and answers to marks, and to entries of clusters."""
        folder = self.folder
        messages = [self._new(texts, "Copied") | "Copies" >> beam.FlatMap(candidates.copies, folder)]
        for step in bands:
            pairs = kind(step, "Candidate pairs", is_mark) | "Verify pairs" >> Verify(folder, self.rules.linking)
            messages.append(
                (pairs, kind(answers, "Edges", is_edge))
                | "All pairs" >> beam.Flatten()
                | "Connect" >> Connect(self.rules.rounds)
                | "As spans" >> beam.FlatMap(decisions.as_spans)
                | "Least of each" >> beam.CombinePerKey(decisions.widest)
                | "Clusters" >> beam.Map(decisions.by_cluster)
                | "By cluster" >> beam.GroupByKey()
                | "Requests" >> beam.FlatMap(decisions.requests)
                | "To their files" >> beam.Map(routed, folder)
            )
        return (
            messages
            | "All messages" >> beam.Flatten()
            | "By part of each" >> beam.GroupByKey()
            | "Add evidence" >> beam.FlatMap(answering.members, folder)
            | "By block" >> beam.GroupByKey()
            | "Settle" >> beam.FlatMap(answering.settle, folder)
        )

    def _clusters(self, settled: beam.PCollection) -> beam.PCollection:
        """Entries of clusters to what is said of their files."""
        by_name = kind(settled, "Of clusters", is_beside) | "By name" >> beam.GroupByKey()
        return by_name | "Write clusters" >> beam.FlatMap(adding.write_clusters, self.folder)

    def _listed(self, parts: beam.PCollection, decided: beam.PCollection, steps: Steps) -> beam.PCollection:
        """Returns an element each once the record of removals and the list of the index's new files are written."""
        entries = [kind(step, f"Entries {at}", is_entry) for at, step in enumerate((decided, *steps))]
        listed = (
            (parts | "Always one" >> beam.Map(no_entry), *entries)
            | "All entries" >> beam.Flatten()
            | "Together" >> beam.GroupByKey()
            | "List files" >> beam.Map(list_files, self.folder)
        )
        account = kind(decided, "Parts made", is_made) | "Account" >> Account(self.folder)
        return (account, listed) | "Account and list" >> beam.Flatten()


def kind(step: beam.PCollection, name: str, chosen: object) -> beam.PCollection:
    """Returns what a step yields for one destination."""
    return step | name >> beam.Filter(chosen).with_input_types(Pair).with_output_types(Pair)


def is_mark(pair: Pair) -> bool:
    """Returns whether the key is a part's, or a partition's."""
    return len(pair[0]) == looking.PART


def is_beside(pair: Pair) -> bool:
    """Returns whether the key is that of links or of clusters."""
    return len(pair[0]) == looking.PART + 1


def is_question(pair: Pair) -> bool:
    """Returns whether the key is that of a file of the index."""
    return len(pair[0]) == looking.FILE


def is_edge(pair: Pair) -> bool:
    """Returns whether the key is a node."""
    return len(pair[0]) > looking.FILE


def is_entry(pair: Pair) -> bool:
    """Returns whether the pair says something of a file that was written."""
    return pair[0] == ENTRY


def is_made(pair: Pair) -> bool:
    """Returns whether the pair stands for a part that was made."""
    return pair[0] == ALL


def numbers(folder: str) -> Iterator[int]:
    """Yields the numbers of the planned parts."""
    for item in load_plan(storage.path(folder)).items:
        yield item.number


def empty_mark(number: int) -> Pair:
    """Returns a mark for a part, so that it is decided even if nothing in it wins or loses."""
    return number.to_bytes(4), b""


def no_entry(_number: int) -> Pair:
    """Returns an entry of no file, so that the list is written even if no file is."""
    return ENTRY, b""


def as_one(group: Grouped) -> Pair:
    """Returns the records of a partition in one blob."""
    return group[0], b"".join(group[1])


def as_group(pair: Pair) -> tuple[bytes, list[bytes]]:
    """Returns the records of a partition as a group."""
    return pair[0], [pair[1]]


def texts_of_newest(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields what `candidates.texts` does for the captures of a part that stay."""
    beaten, _, others = answering.losses(group[1])
    lost = urls.lost_rows(group[0], others).keys() | beaten.keys()
    yield from candidates.texts(int.from_bytes(group[0]), folder, lost)


def routed(request: Pair, folder: str) -> Pair:
    """Returns a request with the key of its part, or of the file of the index."""
    return answering.routed(request, layout_of(folder).node)


def decide(group: Grouped, folder: str) -> Iterator[Pair]:
    """Writes the decisions of one part, and its documents for the index; yields what was made."""
    job, verdicts = job_of(folder), adding.verdicts_of(group)
    item = job.plan.items[int.from_bytes(group[0])]
    key = job.plan.part_key(item)
    with PartWriter(job.plan.folder, item.number, key, schema=adding.AGAINST) as part:
        for name, number in counted(verdicts.outcome).items():
            part.note(name, number)
        part.note("lost to the index", len(verdicts.beaten))
        part.note("in the index already", adding.repeated(job, item, verdicts))
        adding.write_decisions(job, item, verdicts, part)
    yield from adding.write_documents(job, item, verdicts)
    yield made(item.number)


def list_files(group: Grouped, folder: str) -> Made:
    """Writes the list of the files of the new generation; returns an element to wait for."""
    adding.write_list(group, folder)
    return ALL, b""
