"""Dedup keeps what a plain loop over the documents in the keeper's order keeps, whatever the parts and blocks."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate.dedup.clusters import MOST, both_ways, large_star, make_node, node_id, node_part, node_row, small_star
from curate.dedup.clusters import blocks as divided
from curate.dedup.config import Dedup
from curate.dedup.decisions import BLOCK, MEMBER, REQUEST, Outcome, as_spans, by_cluster, marks, requests, widest
from curate.dedup.greedy import ShingleSets, Signatures, winners

WIDTH = len(make_node(0, bytes(16), 0, 0))
sets = st.sets(st.integers(0, 12), min_size=1, max_size=9)
limits = st.sampled_from([0.0, 0.3, 0.5, 2 / 3, 0.75, 0.9, 1.0])


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)


def plain(documents: list[set[int]], limit: float) -> list[int]:
    """For each document the number of the one that it gives way to: a loop that a reader can check."""
    kept: list[int] = []
    winner = []
    for number, document in enumerate(documents):
        similar = [other for other in kept if jaccard(documents[other], document) >= limit]
        winner.append(similar[0] if similar else number)
        if not similar:
            kept.append(number)
    return winner


def hashes(document: set[int]) -> np.ndarray:
    return np.array(sorted(document), dtype=np.uint32)


@given(st.lists(sets, min_size=1, max_size=25), limits)
@limited(max_examples=300)
def test_the_vectorised_choice_is_that_of_a_plain_loop(documents, limit):
    numbers, similarities = winners(ShingleSets.of([*map(hashes, documents)]), len(documents), limit)
    assert numbers.tolist() == plain(documents, limit)
    for document, number, similarity in zip(documents, numbers.tolist(), similarities, strict=True):
        assert similarity == jaccard(document, documents[number])


@given(st.lists(st.lists(st.integers(0, 2), min_size=8, max_size=8), min_size=1, max_size=12), limits)
def test_signatures_are_compared_by_the_share_of_equal_places(rows, limit):
    numbers, _ = winners(Signatures(np.array(rows, dtype=np.uint32)), len(rows), limit)
    kept = [number for number, winner in enumerate(numbers.tolist()) if winner == number]
    for number, winner in enumerate(numbers.tolist()):
        before = [other for other in kept if other < number and np.mean(np.equal(rows[other], rows[number])) >= limit]
        assert winner == (before[0] if before else number)


@st.composite
def corpora(draw):
    """Documents in the keeper's order with their copies, places in parts, and how many rounds join their pairs."""
    documents = draw(st.lists(sets, min_size=1, max_size=14))
    copies = [draw(st.integers(0, 2)) for _ in documents]
    places = draw(st.permutations(range(sum(copies) + len(documents))))
    return documents, copies, places, draw(st.integers(1, 9)), draw(limits)


def grouped(pairs):
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def connected(edges, rounds):
    for _ in range(rounds):
        around = grouped(edge for pair in edges for edge in both_ways(pair))
        below = grouped(edge for key, group in around.items() for edge in large_star(key, group))
        edges = [edge for key, group in below.items() for edge in small_star(key, group)]
    return edges


def by_steps(documents, copies, places, rounds, limit, parts=3):
    """The decisions that dedup's steps lead to, as {place of a document: (place of its winner, similarity)}."""
    place = iter(places)
    numbered: list[list[bytes]] = []
    for number, count in enumerate(copies):
        rows = [next(place) for _ in range(1 + count)]
        nodes = (make_node(0, bytes([number, row]) + bytes(14), row % parts, row, sketch=row % 2) for row in rows)
        numbered.append(sorted(nodes))
    order = sorted(range(len(documents)), key=lambda number: numbered[number][0])
    node_of = {numbered[number][0]: number for number in order}
    pairs = [
        (lower, higher)
        for lower in node_of
        for higher in node_of
        if lower < higher and jaccard(documents[node_of[lower]], documents[node_of[higher]]) >= limit
    ]
    spans = grouped(span for edge in connected(pairs, rounds) for span in as_spans(edge))
    clusters = grouped(by_cluster((node, widest(ends))) for node, ends in spans.items())
    asked = [message for group in clusters.items() for _, message in requests(group)]
    assert all(message[:1] == REQUEST for message in asked)
    blocks = grouped((message[2:-WIDTH], (message[1], message[-WIDTH:])) for message in asked)
    single = [(node, (0, node)) for node in node_of if node not in {message[-WIDTH:] for message in asked}]
    outcomes = defaultdict(list)
    for block in [*blocks.values(), *([entry] for _, entry in single)]:
        written = []
        for flags, node in block:
            own = b"".join(numbered[node_of[node]][1:])
            evidence = hashes(documents[node_of[node]]).astype("<u4").tobytes()
            written.append(MEMBER.pack(flags, len(own)) + node + own + evidence)
        for part, mark in marks(written, WIDTH, Dedup(similarity=limit)):
            outcomes[part].append(mark)
    lost, removed = {}, {}
    of_row = {(node_part(node), node_row(node)): node for nodes in numbered for node in nodes}
    of_id = {node_id(node): node for node in of_row.values()}
    for part, written in outcomes.items():
        outcome = Outcome.read(written)
        for row, (exact, similarity, winner) in outcome.losses.items():
            lost[of_row[part, row]] = (of_id[winner], exact, similarity)
        removed |= {of_row[part, row]: count for row, count in outcome.removed.items()}
    return lost, removed, numbered, order


@given(corpora())
@limited(max_examples=300)
def test_the_steps_decide_as_a_plain_loop_over_all_documents(corpus):
    documents, copies, places, _, limit = corpus
    lost, removed, numbered, order = by_steps(documents, copies, places, 9, limit)
    winner = plain([documents[number] for number in order], limit)
    expected = {}
    for position, number in enumerate(order):
        first, *others = numbered[number]
        kept = numbered[order[winner[position]]][0]
        if kept != first:
            expected[first] = kept
        expected |= dict.fromkeys(others, kept)
    assert {node: kept for node, (kept, _, _) in lost.items()} == expected
    assert removed == {kept: [*expected.values()].count(kept) for kept in expected.values()}


@given(corpora())
@limited(max_examples=300)
def test_too_few_rounds_remove_less_and_nothing_wrongly(corpus):
    documents, copies, places, rounds, limit = corpus
    lost, removed, numbered, _ = by_steps(documents, copies, places, rounds, limit)
    text = {node: documents[number] for number, nodes in enumerate(numbered) for node in nodes}
    of = {node: number for number, nodes in enumerate(numbered) for node in nodes}
    for node, (kept, exact, similarity) in lost.items():
        assert kept not in lost
        assert similarity == jaccard(text[node], text[kept]) >= limit
        assert exact == (of[node] == of[kept])
    assert sum(removed.values()) == len(lost)


@given(st.sets(st.integers(0, 200), min_size=1), st.integers(2, 9))
def test_a_large_cluster_is_cut_into_bounded_blocks_that_all_hold_its_first_document(numbers, most):
    nodes = [make_node(0, bytes([number]) + bytes(15), 0, number, sketch=number % 7) for number in numbers]
    cut = divided(reversed(nodes), most)
    first = min(nodes)
    assert all(block == sorted(block) and block[0] == first and len(block) <= most for block in cut)
    assert sorted(node for block in cut for node in block[1:]) == sorted({*nodes} - {first})
    assert len(cut) == max(1, -(-(len(nodes) - 1) // (most - 1)))


def test_documents_of_one_sketch_are_in_one_block_where_it_has_room():
    nodes = [make_node(0, bytes([number]) + bytes(15), 0, number, sketch=number % 5) for number in range(50)]
    apart = [{node[-4:] for node in block[1:]} for block in divided(nodes, 12)]
    assert sum(map(len, apart)) <= 5 + len(apart)


def test_a_divided_cluster_keeps_what_each_block_keeps_and_says_that_it_is_divided():
    nodes = [make_node(0, number.to_bytes(16, "big"), 0, number) for number in range(MOST + 10)]
    asked = [*requests((nodes[0], [node + b"\0" for node in nodes]))]
    assert [message[1] for _, message in asked if message[1]] == [4, 2]  # divided, and the first document again
    sizes = defaultdict(int)
    for _, message in asked:
        sizes[message[2:-WIDTH]] += 1
    assert [*sizes.values()] == [MOST, 11]
    assert [key[-BLOCK.size :] for key in sizes] == [BLOCK.pack(0), BLOCK.pack(1)]


@pytest.mark.parametrize("limit", [0.7, 0.8, 0.9])
def test_windows_that_slide_over_a_text_go_only_where_a_kept_one_is_similar(limit):
    documents = [set(range(40 * number, 40 * number + 996)) for number in range(60)]
    numbers, similarities = winners(ShingleSets.of([*map(hashes, documents)]), 60, limit)
    assert numbers.tolist() == plain(documents, limit)
    assert similarities.min() >= limit
    assert 5 < len(set(numbers.tolist())) < 60


LAW_LIMIT = 0.5


@given(
    old=st.lists(st.sets(st.integers(0, 11), min_size=1, max_size=6), max_size=8),
    new=st.lists(st.sets(st.integers(0, 11), min_size=1, max_size=6), min_size=1, max_size=8),
)
def test_new_documents_against_the_kept_old_ones_lose_as_they_do_against_all(old, new):
    """Removed old documents need not be there, and kept ones give way to nobody, since they were compared before."""
    everything = decided([*old, *new], 0)
    stay = [place for place in range(len(old)) if everything[place] == place]
    against = decided([*(old[place] for place in stay), *new], len(stay))
    names = [*stay, *range(len(old), len(old) + len(new))]
    assert [names[winner] for winner in against] == [everything[name] for name in names]


def test_settled_documents_stay_though_they_resemble_each_other():
    assert decided([{1, 2}, {1, 2}, {1, 2}], 2) == [0, 1, 0]
    assert decided([{1, 2}, {1, 2}, {1, 2}], 0) == [0, 0, 0]


def decided(sets: list[set[int]], settled: int) -> list[int]:
    """The number of the document that each gives way to."""
    shingles = ShingleSets.of([np.array(sorted(one), dtype=np.uint32) for one in sets])
    return winners(shingles, len(sets), LAW_LIMIT, settled)[0].tolist()
