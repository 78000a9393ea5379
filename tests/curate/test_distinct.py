"""Every record of an item has an id of its own, whatever the ids that the records would have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.distinct import Distinct

few_ids = st.lists(st.sampled_from([b"a" * 16, b"b" * 16, b"c" * 16]), max_size=12)


@pytest.mark.parametrize("most", [0, 1, 2, 100])
@given(few_ids)
def test_ids_are_all_different_and_the_same_again(most, ids):
    distinct, again = Distinct(most), Distinct(most)
    given_out = [distinct.of(id_) for id_ in ids]
    assert len(set(given_out)) == len(ids)
    assert all(len(id_) == 16 for id_ in given_out)
    assert [again.of(id_) for id_ in ids] == given_out


@given(few_ids)
def test_the_first_record_of_an_id_keeps_it_and_the_others_are_counted(ids):
    distinct = Distinct()
    given_out = [distinct.of(id_) for id_ in ids]
    firsts = {ids.index(id_) for id_ in set(ids)}
    assert {place for place, id_ in enumerate(ids) if given_out[place] == id_} == firsts
    assert distinct.repeated == len(ids) - len(set(ids))


def test_the_third_of_an_id_has_the_same_id_whatever_lies_between():
    first, second = Distinct(), Distinct()
    for id_ in (b"a" * 16, b"a" * 16):
        first.of(id_)
        second.of(id_)
        second.of(b"b" * 16)
    assert first.of(b"a" * 16) == second.of(b"a" * 16)
