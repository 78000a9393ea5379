"""Additions of small crawls follow the rule, a plain loop over all of them, for any texts, parts and shuffles."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from index_additions import Shuffles, add, address

from curate.dedup import minhash
from curate.dedup.clusters import components, star
from curate.dedup.config import Dedup
from curate.records import document_id
from curate.settings import to_table

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
