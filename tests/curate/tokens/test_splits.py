"""Held-out documents: those of the draw, and as many more of each source as `pack.valid_tokens` asks for."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st
from token_parts import contents, cuts_of, packed, row, shard

from curate.recipe import Recipe, from_table
from curate.settings import Where
from curate.tokens.config import Pack
from curate.tokens.splits import MOST, orders_in, split_of

rows_drawn = st.lists(
    st.tuples(
        st.sampled_from(["train", "train", "train", "valid"]),
        st.sampled_from(["web", "books"]),
        st.integers(0, 40) | st.integers(2**64 - 3, 2**64 - 1),  # some meet
        st.integers(1, 12),
    ),
    min_size=1,
    max_size=25,
)


def held_out(plan):
    """The ids in the shards of split valid, by source."""
    ids = defaultdict(set)
    for cut in cuts_of(plan):
        if cut.split == "valid":
            ids[cut.source] |= {entry["id"] for entry, _ in shard(plan, cut)[0]}
    return ids


@given(rows_drawn, st.integers(0, 60), st.integers(1, 40))
@limited(max_examples=6, deadline=None)
def test_a_source_holds_out_what_is_asked_for_from_the_start_of_the_order_but_never_more_than_half(
    tmp_path_factory, drawn, wanted, max_tokens
):
    rows = [row(number, *entry) for number, entry in enumerate(drawn)]
    plan = packed(tmp_path_factory.mktemp("one"), [rows[::2], rows[1::2]], max_tokens, valid_tokens=wanted)
    other = packed(tmp_path_factory.mktemp("other"), [[], rows[::-1]], max_tokens, valid_tokens=wanted)
    assert contents(plan) == contents(other)
    everything = sorted(entry["id"] for cut in cuts_of(plan) for entry, _ in shard(plan, cut)[0])
    assert everything == sorted(entry["id"] for entry in rows)
    held = held_out(plan)
    for source in ("web", "books"):
        own = [entry for entry in rows if entry["source"] == source]
        total = sum(entry["tokens"] for entry in own)
        by_draw = {entry["id"] for entry in own if entry["split"] == "valid"}
        least = sum(entry["tokens"] for entry in own if entry["split"] == "valid")
        added = [entry for entry in own if entry["id"] in held[source] - by_draw]
        left = [entry for entry in own if entry["id"] not in held[source]]
        tokens = sum(entry["tokens"] for entry in own if entry["id"] in held[source])
        assert by_draw <= held[source]
        assert not added or tokens <= MOST * total
        assert not added or not left or max(e["order"] for e in added) < min(e["order"] for e in left)
        if added:  # without the last of them, it would be too few
            last = max(entry["order"] for entry in added)
            assert tokens - sum(entry["tokens"] for entry in added if entry["order"] == last) < max(wanted, least + 1)
        if tokens < wanted and left:  # the next one would be too many
            following = min(entry["order"] for entry in left)
            more = sum(entry["tokens"] for entry in left if entry["order"] == following)
            assert tokens + more > MOST * total


def test_a_larger_number_holds_the_documents_of_a_smaller_one(tmp_path):
    rows = [row(number, order=number * 7919 % 101, length=5) for number in range(60)]
    held = [held_out(packed(tmp_path / str(n), [rows], 100, valid_tokens=n))["web"] for n in (0, 5, 6, 50, 10**6)]
    assert [len(ids) for ids in held] == [0, 1, 2, 10, 30]
    assert all(small < large for small, large in pairwise(held))


def test_documents_are_held_out_before_they_are_put_into_buckets_of_quality(tmp_path):
    rows = [row(number, length=5) | {"quality": number % 2} for number in range(40)]
    plan = packed(tmp_path, [rows], 1000, buckets=(0.5,), valid_tokens=20)
    tokens = {(cut.split, cut.bucket): cut.tokens for cut in cuts_of(plan)}
    assert tokens == {("train", 0): 90, ("train", 1): 90, ("valid", 0): 10, ("valid", 1): 10}


def test_without_the_setting_a_plan_is_what_it_was_before_there_was_one(tmp_path):
    plan = packed(tmp_path, [[row(1), row(2, "valid")]], 1000)
    assert set(plan.settings) == {"cuts", "parts", "buckets", "tokenizer"}
    assert orders_in(plan.settings) == {}


def test_the_split_of_a_document_is_that_of_the_shard_which_an_order_gives_it():
    draw, identity = {"seed": 3, "valid_fraction": 0.0}, b"1" * 16
    assert split_of(identity, "web", draw, {}) == "train"
    assert split_of(identity, "web", draw, {"web": 2**64 - 1}) == "valid"
    assert split_of(identity, "books", draw, {"web": 2**64 - 1}) == "train"
    assert split_of(identity, "web", draw | {"valid_fraction": 0.9999999}, {"web": 0}) == "valid"


@pytest.mark.parametrize("number", [-1, 2**53 + 1])
def test_a_number_of_held_out_tokens_that_cannot_be_is_refused(number):
    with pytest.raises(ValueError, match="valid_tokens lies in"):
        Pack(valid_tokens=number)
    assert from_table({"name": "own", "pack": {"valid_tokens": 5}}, Where("test", "")).pack != Recipe(name="own").pack
