"""Passages that occurred before, against the plain reading over all windows; what remains of a corpus."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup import counting, spans, substrings
from curate.dedup.clusters import PLAIN, Node, make_node, node_id, node_part, node_row
from curate.dedup.cutting import without

SIZE = 10
PHRASES = st.lists(st.integers(0, 5), max_size=9)  # the numbers of the pieces of which a text is made
DOCUMENTS = st.lists(PHRASES, max_size=5)


def words(numbers: list[int]) -> list[str]:
    """The words of a text: pieces of 4 to 9 words, in which a word may stand twice."""
    return [f"w{draw}" for number in numbers for draw in random.Random(number).choices(range(40), k=4 + number)]


def nodes_of(documents: list[list[int]], parts: int) -> dict[Node, list[str]]:
    ids = [random.Random(number).randbytes(16) for number in range(len(documents))]
    return {
        make_node(0, ids[number], number % parts, number // parts): words(numbers)
        for number, numbers in enumerate(documents)
    }


def cut_tokens(documents: dict[Node, str], size: int, seed: int) -> dict[bytes, set[int]]:
    """The tokens that are cut, by id, through both rounds of blobs in any order."""
    parts = sorted({node_part(node) for node in documents})

    def of_part(part: bytes) -> list[tuple[Node, str]]:
        return [(node, text) for node, text in documents.items() if node_part(node) == part]

    def shuffled(sent: list[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
        random.Random(seed).shuffle(sent)
        groups: dict[bytes, list[bytes]] = {}
        for key, blob in sent:
            groups.setdefault(key, []).append(blob)
        return groups

    counted = []
    for part in parts:
        keys = substrings.anchor_keys((text for _, text in of_part(part)), size)
        counted += counting.counts(int.from_bytes(part), keys, 3, substrings.ANCHOR)
    shared = [pair for group in shuffled(counted).items() for pair in counting.totals(group, 2, substrings.ANCHOR)]
    anchors, records = shuffled(shared), []
    for part in parts:
        own = substrings.sorted_anchors(counting.by_key(anchors.get(part, []), substrings.ANCHOR))
        windows = (
            (node, place, key) for node, text in of_part(part) for place, key in substrings.windows(text, size, own)
        )
        records += spans.occurrences(windows, 3, PLAIN)
    repeats = [pair for group in shuffled(records).items() for pair in spans.repeats(group, PLAIN, within=False)]
    starts = {part: spans.places(places) for part, places in shuffled(repeats).items()}
    covered = {node: spans.covered(starts.get(node_part(node), {}).get(node_row(node), ()), size) for node in documents}
    return {node_id(node): tokens for node, tokens in covered.items() if tokens}


def plainly(documents: dict[Node, list[str]], size: int) -> dict[bytes, set[int]]:
    """The same by a set of all windows of the documents before, in the order of keepers."""
    before: set[tuple[str, ...]] = set()
    cut: dict[bytes, set[int]] = {}
    for node in sorted(documents):
        own = documents[node]
        windows = [tuple(own[place : place + size]) for place in range(len(own) - size + 1)]
        for place, window in enumerate(windows):
            if window in before:
                cut.setdefault(node_id(node), set()).update(range(place, place + size))
        before.update(windows)
    return cut


@given(DOCUMENTS, st.integers(1, 3), st.integers(SIZE, SIZE + 5), st.integers(0, 9))
def test_the_passages_that_are_cut_are_those_of_all_windows(documents, parts, size, seed):
    by_node = nodes_of(documents, parts)
    texts = {node: " ".join(words) for node, words in by_node.items()}
    assert cut_tokens(texts, size, seed) == plainly(by_node, size)


@given(DOCUMENTS)
def test_no_word_is_lost_to_the_corpus(documents):
    by_node = nodes_of(documents, 2)
    cut = cut_tokens({node: " ".join(words) for node, words in by_node.items()}, SIZE, 0)
    left = Counter(
        word
        for node, words in by_node.items()
        for place, word in enumerate(words)
        if place not in cut.get(node_id(node), ())
    )
    assert left.keys() == {word for words in by_node.values() for word in words}


@given(
    st.lists(st.sampled_from(["a", "bb", "今天", "ไทย", " ", "\n", "\t", "| x |", "```", "é."]), max_size=20).map(
        "".join
    )
)
def test_the_tokens_of_a_text_are_all_of_it_but_blanks_code_and_tables(text):
    token_places = substrings.tokens(text)
    assert all(start < stop for start, stop in token_places)
    assert [start for start, _ in token_places] == sorted({start for start, _ in token_places})
    rest = without(text, (), (), token_places)
    assert substrings.tokens(rest) == []


def test_a_quoted_passage_is_cut_exactly():
    passage = " ".join(f"word{number}" for number in range(60))
    one, other = f"Before it. {passage} behind.", f"He wrote: “{passage}” and left.\n\nSo it was. {passage} Twice."
    first, second = make_node(0, b"a" * 16, 0, 0), make_node(0, b"b" * 16, 1, 0)
    cut = cut_tokens({first: one, second: other}, 50, 0)
    left = without(other, (), (), substrings.ranges(other, cut[b"b" * 16]))
    assert left == "He wrote: “word0 word59” and left.\n\nSo it was. Twice."  # the quotation marks are part of words


@pytest.mark.parametrize("text", ["中文没有空格。" * 12, "ภาษาไทยไม่มีช่องว่าง" * 6])
def test_letters_are_tokens_where_words_have_no_blanks_between_them(text):
    token_places = substrings.tokens(text)
    assert len(token_places) > 50
    assert "".join(word.decode() for word in substrings.words_of(text, token_places)) == text


def test_equal_windows_have_equal_anchors_wherever_they_stand():
    passage = [f"p{number}".encode() for number in range(50)]
    alone = substrings.anchors(passage, 50)
    inside = substrings.anchors([b"x"] * 7 + passage + [b"y"] * 9, 50)
    assert len(alone) == 1
    assert inside[7] == alone[0]
    assert len(np.unique(inside)) < len(inside)
