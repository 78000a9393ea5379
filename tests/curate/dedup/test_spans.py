"""Spans that occurred before, against a plain reading of C4's rule, and what of a corpus remains."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup import spans
from curate.dedup.clusters import PLAIN, make_node, node_id, node_part, node_row
from curate.dedup.cutting import sentence_keys, without

WORDS = [f"This is sentence {letter}." for letter in "abcde"]
DOCUMENTS = st.lists(
    st.tuples(st.integers(0, 1), st.lists(st.sampled_from(WORDS), max_size=9)),  # the place of the source, the text
    max_size=6,
)
Node = bytes


def nodes_of(documents: list[tuple[int, list[str]]], parts: int) -> dict[Node, list[str]]:
    """The documents by node, with ids that do not follow their places."""
    ids = [random.Random(number).randbytes(16) for number in range(len(documents))]
    return {
        make_node(priority, ids[number], number % parts, number // parts): sentences
        for number, (priority, sentences) in enumerate(documents)
    }


def cut_places(documents: dict[Node, list[str]], size: int, within: bool, seed: int) -> dict[bytes, set[int]]:
    """The sentences that are cut, by id."""
    return {node_id(node): covered for node, covered in cut_by_node(documents, size, within, seed).items()}


def cut_by_node(documents: dict[Node, list[str]], size: int, within: bool, seed: int) -> dict[Node, set[int]]:
    """The sentences that are cut, through blobs in any order."""
    blobs: dict[bytes, list[bytes]] = {}
    by_part: dict[bytes, list[tuple[Node, str]]] = {}
    for node, sentences in documents.items():
        by_part.setdefault(node_part(node), []).append((node, "\n".join(sentences)))
    for texts in by_part.values():
        all_spans = ((node, place, key) for node, text in texts for place, key in spans.spans_of(text, size))
        for partition, blob in spans.occurrences(all_spans, 3, PLAIN):
            blobs.setdefault(partition, []).append(blob)
    sent: dict[bytes, list[bytes]] = {}
    for partition, group in blobs.items():
        random.Random(seed).shuffle(group)
        for part, places in spans.repeats((partition, group), PLAIN, within=within):
            sent.setdefault(part, []).append(places)
    starts = {part: spans.places(places) for part, places in sent.items()}
    return {
        node: covered
        for node in documents
        if (covered := spans.covered(starts.get(node_part(node), {}).get(node_row(node), ()), size))
    }


def plainly(documents: dict[Node, list[str]], size: int, within: bool) -> dict[bytes, set[int]]:
    """The same by a walk through the documents in the order of keepers, with a set of all spans so far."""
    before: set[tuple[str, ...]] = set()
    cut: dict[bytes, set[int]] = {}
    for node in sorted(documents):
        sentences, own = documents[node], set()
        for place in range(len(sentences) - size + 1):
            span = tuple(sentences[place : place + size])
            if span in before or (within and span in own):
                cut.setdefault(node_id(node), set()).update(range(place, place + size))
            own.add(span)
        before |= own
    return cut


@given(DOCUMENTS, st.integers(1, 4), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_the_spans_that_are_cut_are_those_of_the_plain_reading(documents, size, parts, within, seed):
    by_node = nodes_of(documents, parts)
    assert cut_places(by_node, size, within, seed) == plainly(by_node, size, within)


@given(DOCUMENTS, st.integers(1, 3), st.booleans())
def test_what_is_cut_depends_neither_on_parts_nor_on_the_order_of_blobs(documents, size, within):
    one, other = nodes_of(documents, 1), nodes_of(documents, 3)
    assert cut_places(one, size, within, 0) == cut_places(other, size, within, 1)


@given(DOCUMENTS, st.integers(1, 3), st.booleans(), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1))))
def test_documents_of_one_id_are_cut_as_the_first_of_them(documents, size, within, copies):
    by_node = nodes_of(documents, 2)
    nodes = [*by_node]
    for row, (place, priority) in enumerate(copies):
        if place < len(nodes):
            by_node[make_node(priority, node_id(nodes[place]), 7, row)] = by_node[nodes[place]]
    first = {node_id(node): node for node in sorted(by_node, reverse=True)}
    expected = plainly({node: by_node[node] for node in first.values()}, size, within)
    assert cut_by_node(by_node, size, within, 0) == {
        node: expected[node_id(node)] for node in by_node if node_id(node) in expected
    }


@given(DOCUMENTS, st.integers(1, 3), st.booleans())
def test_no_sentence_is_lost_to_the_corpus(documents, size, within):
    by_node = nodes_of(documents, 2)
    cut = cut_places(by_node, size, within, 0)
    left = Counter(
        sentence
        for node, sentences in by_node.items()
        for place, sentence in enumerate(sentences)
        if place not in cut.get(node_id(node), ())
    )
    assert left.keys() == {sentence for sentences in by_node.values() for sentence in sentences}


@pytest.mark.parametrize("within", [False, True])
def test_three_sentences_that_an_earlier_source_has_are_cut(within):
    shared = WORDS[:3]
    documents = {
        make_node(0, b"z" * 16, 0, 0): ["Before it.", *shared, "Behind it."],
        make_node(1, b"a" * 16, 0, 1): ["Others say:", *shared, "So it is.", *shared[:2]],
    }
    assert cut_places(documents, 3, within, 0) == {b"a" * 16: {1, 2, 3}}


def test_a_span_that_a_document_repeats_itself_is_cut_only_where_that_is_asked_for():
    documents = {make_node(0, b"a" * 16, 0, 0): [*WORDS[:3], "Something else.", *WORDS[:3]]}
    assert cut_places(documents, 3, False, 0) == {}
    assert cut_places(documents, 3, True, 0) == {b"a" * 16: {4, 5, 6}}


def test_case_and_layout_of_a_span_count_for_nothing():
    one = "It was cold. Nobody came. The door was shut."
    other = "IT WAS  COLD.\nNobody came.\n\nThe door was shut. It stayed so."
    first, second = make_node(0, b"a" * 16, 0, 0), make_node(0, b"b" * 16, 0, 1)
    texts = ((first, one), (second, other))
    all_spans = ((node, place, key) for node, text in texts for place, key in spans.spans_of(text, 3))
    blobs = [blob for _, blob in spans.occurrences(all_spans, 1, PLAIN)]
    (sent,) = spans.repeats((b"", blobs), PLAIN, within=False)
    covered = spans.covered(spans.places([sent[1]])[1], 3)
    assert without(other, (), covered) == "It stayed so."
    assert len(sentence_keys(other)) == 4
