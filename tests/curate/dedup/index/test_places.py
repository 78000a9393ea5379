"""Nodes of old documents come before those of new ones, in the order of their generations and then as kept there."""

from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.clusters import RANK, make_node
from curate.dedup.index import places

DOCUMENT = st.tuples(st.integers(0, 254), st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=16))
PART = st.integers(0, 2**32 - 1)


def new_node(document, criteria, padding, part=0, row=0):
    priority, rank, identity = document
    return make_node(priority + 1, identity, part, row, rank=rank[: RANK * criteria] + bytes(padding), sketch=7)


@given(document=DOCUMENT, part=PART, row=PART, criteria=st.integers(0, 2), others=st.integers(0, 2))
def test_a_new_document_is_the_same_one_once_it_is_old(document, part, row, criteria, others):
    padding = places.padding(criteria, others)
    node = new_node(document, criteria, padding, part, row)
    member = places.member_of(node, 5, criteria)
    assert places.name_of_member(member) == places.name_of(node, 5)
    old = places.old_node(member, len(node))
    assert places.is_old(old)
    assert not places.is_old(node)
    assert len(old) == len(node)
    assert places.name_of(old, 9) == places.name_of(node, 5)
    place = places.place_of(places.name_of(old, 9))
    assert (places.file_of(place), places.row_of(place)) == ((5).to_bytes(3) + part.to_bytes(4), row)
    assert places.file_of_node(old) == places.file_of(place)
    assert places.file_of_node(node) == part.to_bytes(4)


@given(documents=st.lists(DOCUMENT, min_size=2, max_size=8, unique=True), criteria=st.integers(0, 2))
def test_old_documents_keep_the_order_that_they_had_and_come_first(documents, criteria):
    padding = places.padding(criteria, 2)
    nodes = sorted(new_node(document, criteria, padding, row=row) for row, document in enumerate(documents))
    width = len(nodes[0])
    first, second = ([places.old_node(places.member_of(node, n, criteria), width) for node in nodes] for n in (1, 2))
    everything = [*first, *second, *nodes]
    assert sorted(everything) == everything


@given(document=DOCUMENT, shift=st.integers(0, 1000))
def test_what_is_moved_behind_another_index_can_be_moved_back(document, shift):
    member = places.member_of(new_node(document, 1, 4), 3, 1)
    moved = places.moved_member(member, shift)
    assert int.from_bytes(moved[:3]) == 3 + shift
    assert places.moved_member(moved, -shift) == member
    assert places.name_of_member(moved) == places.moved_name(places.name_of_member(member), shift)
