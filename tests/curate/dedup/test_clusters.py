"""The star operations end where union-find does, whatever the graph; a node keeps what it is made of."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate.dedup.clusters import (
    PLAIN,
    both_ways,
    components,
    large_star,
    make_node,
    node_id,
    node_part,
    node_row,
    small_star,
    star,
)
from curate.dedup.decisions import as_spans, by_cluster, widest

numbers = st.integers(0, 30)
edges = st.lists(st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1]), max_size=60)
ids = st.binary(min_size=16, max_size=16)


def node(number):
    return make_node(0, number.to_bytes(16, "big"), 0, number)


def as_nodes(pairs):
    return [tuple(sorted((node(one), node(other)))) for one, other in pairs]


def grouped(pairs):
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def one_round(pairs):
    """(lower, higher) pairs or (higher, lower) pairs to (higher, lower) pairs, as dedup's Connect wires them."""
    around = grouped(edge for pair in pairs for edge in both_ways(pair))
    below = grouped(edge for key, group in around.items() for edge in large_star(key, group))
    return [edge for key, group in below.items() for edge in small_star(key, group)]


def rounds(pairs, limit=50):
    """Returns the pairs after each round until they stay the same."""
    steps = [one_round(pairs)]
    while len(steps) < 2 or set(steps[-1]) != set(steps[-2]):
        steps.append(one_round(steps[-1]))
        assert len(steps) < limit
    return steps


def labels(pairs):
    return {key: min(group) for key, group in grouped(pairs).items()}


@given(edges)
@limited(max_examples=300)
def test_rounds_to_the_fixpoint_give_the_labels_of_union_find(pairs):
    pairs = as_nodes(pairs)
    assert labels(rounds(pairs)[-1]) == components(pairs)


@given(edges)
def test_every_edge_that_comes_out_leads_from_the_higher_to_the_lower_end(pairs):
    for step in rounds(as_nodes(pairs)):
        assert all(higher > lower for higher, lower in step)


@given(edges)
def test_stopping_early_keeps_every_component_s_least_node_and_joins_no_two(pairs):
    pairs = as_nodes(pairs)
    truth = components(pairs)
    for step in rounds(pairs):
        winners = labels(step)
        assert winners.keys() <= truth.keys()  # the least node of a component never loses
        assert all(truth.get(winner, winner) == truth[loser] for loser, winner in winners.items())


def seen(pairs):
    """The labels after these rounds as dedup takes them, and how many documents show that rounds were too few."""
    spans = grouped(span for pair in pairs for span in as_spans(pair))
    members = [by_cluster((key, widest(group))) for key, group in spans.items()]
    winners = {member[:-1]: least for least, member in members if member[:-1] != least}
    return winners, sum(member[-1] for _, member in members)


@given(edges)
@limited(max_examples=300)
def test_labels_that_are_not_final_are_always_noticed_and_final_ones_never_suspected(pairs):
    pairs = as_nodes(pairs)
    steps = rounds(pairs)
    for step in steps:
        winners, suspected = seen(step)
        assert suspected or winners == components(pairs)
    assert seen(steps[-1])[1] == 0


def test_a_document_between_two_clusters_is_noticed_though_no_winner_has_lost():
    chain = as_nodes([(5, 6), (0, 6), (0, 7), (4, 7), (3, 4), (1, 3), (1, 2)])
    winners, suspected = seen(one_round(chain))
    assert winners != components(chain)
    assert not set(winners) & set(winners.values())
    assert suspected


@given(edges)
def test_a_round_does_not_make_more_edges_than_it_was_given(pairs):
    pairs = list(set(as_nodes(pairs)))
    for step in rounds(pairs):
        assert len(set(step)) <= len(pairs)


@pytest.mark.parametrize("length", [2, 3, 10, 64])
def test_a_chain_is_one_cluster_within_the_default_rounds(length):
    chain = as_nodes((number, number + 1) for number in range(length - 1))
    steps = rounds(chain)
    assert labels(steps[min(len(steps), 6) - 1]) == dict.fromkeys(map(node, range(1, length)), node(0))


@given(edges)
def test_union_find_labels_are_least_and_agree_along_every_edge(pairs):
    pairs = as_nodes(pairs)
    least = components(pairs)
    for one, other in pairs:
        assert least.get(one, one) == least.get(other, other) <= min(one, other)
    assert all(label not in least for label in least.values())


@given(st.lists(numbers, min_size=1, max_size=40))
def test_a_star_is_one_edge_less_than_its_nodes(values):
    nodes = [node(number) for number in values]
    made = list(star(nodes))
    assert len(made) == sum(end != min(nodes) for end in nodes)
    assert all(lower == min(nodes) for lower, _ in made)
    assert {higher for _, higher in made} == set(nodes) - {min(nodes)}


@given(st.integers(0, 255), ids, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_node_gives_back_what_it_is_made_of(priority, identity, part, row):
    for rank in (b"", b"rank", b"rankrank"):
        made = make_node(priority, identity, part, row, rank=rank, sketch=7)
        assert len(made) == PLAIN + len(rank)
        assert (node_id(made), int.from_bytes(node_part(made), "big"), node_row(made)) == (identity, part, row)


@given(*(st.tuples(st.integers(0, 255), ids, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)) for _ in "ab"))
def test_nodes_are_ordered_by_priority_then_id_then_part_then_row(one, other):
    assert (make_node(*one) < make_node(*other)) == (one < other)


@pytest.mark.parametrize("fields", [(256, b"i" * 16, 0, 0), (0, b"i" * 16, 2**32, 0), (0, b"i" * 16, 0, 2**32)])
def test_what_does_not_fit_a_node_is_refused(fields):
    with pytest.raises(OverflowError):
        make_node(*fields)


def test_a_rank_counts_after_the_priority_and_before_the_id():
    low, high = bytes(4), b"\1" + bytes(3)
    by_rank = [make_node(0, b"b" * 16, 0, 0, rank=low), make_node(0, b"a" * 16, 0, 0, rank=high)]
    assert by_rank[0] < by_rank[1]
    assert make_node(1, b"a" * 16, 0, 0, rank=low) > make_node(0, b"a" * 16, 0, 0, rank=high)
