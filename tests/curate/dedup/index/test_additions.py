"""Additions of small crawls follow the rule, a plain loop over all of them, for any texts, parts and shuffles.

The steps are run here as Beam runs them, with dictionaries for its shuffles, whose values come in any order.
"""

import json
import random
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import candidates, decisions, minhash
from curate.dedup.clusters import components, star
from curate.dedup.config import Dedup
from curate.dedup.index import adding, answering, looking, publishing
from curate.dedup.index.job import ENTRY, job_of
from curate.inputs.digests import Digests
from curate.inputs.items import source_items
from curate.pipelines.stages import sign
from curate.pipelines.stages.duplicates import dedup
from curate.pipelines.stages.given import Given
from curate.recipe import from_table
from curate.records import document_id
from curate.settings import Where, to_table
from curate.stage.kinds import KINDS
from curate.stage.parts import Counts
from curate.stage.record import close_stage, open_stage, write_plan

BASES = [[f"w{base}x{place}" for place in range(9)] for base in range(2)]
EDITS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2)), max_size=3)
CRAWL = st.lists(st.tuples(st.integers(0, 1), EDITS), min_size=1, max_size=7)
RULES = Dedup(bands=3, rows=2, shingle=2, similarity=0.5)  # so many pairs are missed that clusters join later


def texts_of(crawl) -> list[str]:
    """The texts of a crawl: versions of two texts, of which words were replaced."""
    texts = []
    for base, edits in crawl:
        words = [*BASES[base]]
        for place, word in edits:
            words[place] = f"edit{word}"
        texts.append(" ".join(words))
    return texts


class Shuffles:
    """Beam's shuffles, with values in an order that is drawn."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def grouped(self, pairs) -> list[tuple[bytes, list[bytes]]]:
        """What GroupByKey does."""
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
    place = folder / f"run-{generation}"
    place.mkdir()
    for number, texts in enumerate(files):
        rows = [{"url": address(generation, number, row), "text": text} for row, text in enumerate(texts)]
        (place / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = {"name": "x", "sources": {"a": {}}, "dedup": rules | {"index": str(folder / "index")}}
    recipe, out = from_table(table, Where("", "")), place / "out"
    given = Given(items=source_items({"a": (str(place / "*.jsonl"),)}, Digests()))
    signing = sign.plan(recipe, out / KINDS["sign"].folder, given)
    for item in open_stage(signing):
        sign.make_part(signing, item)
    close_stage(signing)
    plan = dedup.plan(recipe, out, given)
    write_plan(plan)
    lost, counts = decided(str(out), [item.number for item in plan.items], recipe.dedup, shuffles)
    publishing.publish(plan, SimpleNamespace(counts=counts))
    return lost


def decided(folder: str, numbers: list[int], rules: Dedup, shuffles: Shuffles) -> tuple[dict[bytes, tuple], Counts]:
    """What the wiring in `against` does."""
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


class Loop:
    """The rule as a loop that a reader can check; documents that were kept stay."""

    def __init__(self, rules: Dedup) -> None:
        self.rules = rules
        self.first: dict[bytes, tuple] = {}  # by the hash of a text: the name of the document that stands for it
        self.sets: dict[tuple, set[int]] = {}
        self.signatures: dict[tuple, np.ndarray] = {}
        self.kept: list[tuple] = []
        self.lost: dict[tuple, tuple] = {}

    def add(self, generation: int, texts: dict[bytes, str]) -> dict[bytes, tuple]:
        """Returns (winner, similarity) of those of a crawl that lose, by id."""
        names = [(generation, identity) for identity in sorted(texts)]
        for name in names:
            text = texts[name[1]]
            self.first.setdefault(minhash.text_hash(text), name)
            if self.first[minhash.text_hash(text)] == name:
                self.sets[name] = {*minhash.shingles(text, self.rules.shingle).tolist()}
                self.signatures[name] = minhash.signature(text, self.rules)
        label = self.clusters()
        for name in names:
            stands = self.first[minhash.text_hash(texts[name[1]])]
            if stands == name:
                self.decide(name, label)
            else:
                self.lost[name] = self.lost.get(stands, (stands, 1.0))
        return {name[1]: (self.lost[name][0][1], self.lost[name][1]) for name in names if name in self.lost}

    def clusters(self) -> dict[tuple, tuple]:
        """Returns the first document of the cluster of each that is not the first."""
        buckets = defaultdict(list)
        for name, signature in self.signatures.items():
            for key in minhash.band_keys(signature, self.rules):
                buckets[key].append(name)
        linked = (pair for bucket in buckets.values() for pair in star(bucket))
        return components(
            pair
            for pair in linked
            if np.mean(self.signatures[pair[0]] == self.signatures[pair[1]]) >= self.rules.linking
        )

    def decide(self, name: tuple, label: dict[tuple, tuple]) -> None:
        """Enters a document as kept, or as lost to the first kept one of its cluster that is similar enough."""
        for other in sorted(self.kept):
            if label.get(other, other) == label.get(name, name):
                one, two = self.sets[other], self.sets[name]
                similarity = len(one & two) / len(one | two)
                if similarity >= self.rules.similarity:
                    self.lost[name] = other, similarity
                    return
        self.kept.append(name)


@settings(max_examples=8)
@given(crawls=st.lists(CRAWL, min_size=2, max_size=3), cut=st.integers(0, 6), seed=st.integers(0, 2**16))
def test_each_addition_is_decided_as_by_a_loop_over_all(crawls, cut, seed, tmp_path_factory):
    folder, loop = tmp_path_factory.mktemp("additions"), Loop(RULES)
    rules = {name: value for name, value in to_table(RULES).items() if value != to_table(Dedup())[name]}
    for generation, crawl in enumerate(crawls):
        texts = texts_of(crawl)
        files = [part for part in (texts[:cut], texts[cut:]) if part]
        ids = {
            document_id(address(generation, number, row), None, text.encode()): text
            for number, part in enumerate(files)
            for row, text in enumerate(part)
        }
        assert add(folder, generation, files, rules, Shuffles(seed)) == loop.add(generation, ids)
