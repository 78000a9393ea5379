"""The settings of dedup that name what is not there, or contradict one another, are refused; ranks order documents."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import recipe
from curate.dedup.config import Dedup
from curate.dedup.signatures import LAST, rank_of
from curate.errors import SettingsError

moments = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"verify": "text"}, "verify is one of shingles, signature, got 'text'"),
        ({"keep": ("shortest",)}, "keep knows quality, longest, newest, oldest, hash, got 'shortest'"),
        ({"keep": ("longest", "longest")}, "keep names something twice: longest, longest"),
        ({"keep": ("newest", "oldest")}, 'keep takes one of "newest" and "oldest"'),
        ({"keep": ("hash", "longest")}, 'keep: "hash" leaves no ties, so nothing comes after it'),
        ({"priority": ("web", "web")}, "priority names something twice: web, web"),
        ({"max_removed": {"web": 1.5}}, r"max_removed.web lies in \[0, 1\], got 1.5"),
        ({"max_removed_of_host": -0.5}, r"max_removed_of_host lies in \[0, 1\], got -0.5"),
        ({"host_removed": 0}, "host_removed is at least 1, got 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Dedup(**settings)


@pytest.mark.parametrize("setting", ['priority=["webtxt"]', "max_removed.webtxt=0.5"])
def test_a_source_that_the_recipe_does_not_have_is_refused(setting):
    with pytest.raises(SettingsError, match=r"names 'webtxt'; the sources are webtext"):
        recipe.load("webtext", (f"dedup.{setting}",))


def test_what_links_a_pair_lies_three_standard_deviations_below_the_similarity():
    assert Dedup().linking == pytest.approx(0.75 - 3 * (0.75 * 0.25 / 112) ** 0.5)
    assert Dedup(similarity=1.0).linking == 1.0


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_the_longer_document_has_the_lower_rank(one, other):
    ranks = [rank_of({"bytes": size}, "longest") for size in (one, other)]
    assert (ranks[0] < ranks[1]) == (min(one, LAST) > min(other, LAST))


@given(moments, moments)
def test_times_rank_by_the_second_either_way_and_no_time_is_last(one, other):
    if abs(one - other) >= timedelta(seconds=1):
        for name, earlier_first in (("oldest", True), ("newest", False)):
            ranks = [rank_of({"timestamp": moment}, name) for moment in (one, other)]
            assert (ranks[0] < ranks[1]) == ((one < other) == earlier_first)
            assert max(ranks) < rank_of({"timestamp": None}, name) == LAST


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_the_better_document_has_the_lower_rank(one, other):
    ranks = [rank_of({"quality": quality}, "quality") for quality in (one, other)]
    assert max(ranks) < rank_of({"quality": None}, "quality")
    if abs(one - other) > 1e-6:
        assert (ranks[0] < ranks[1]) == (one > other)
