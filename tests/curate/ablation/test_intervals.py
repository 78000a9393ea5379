"""Student's interval of paired differences and Fieller's of a ratio: published values, coverage, and their laws."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curate.ablation.intervals import paired, quantile, ratio

REPEATS = 4000
SURE = 4.0  # standard errors of a share of REPEATS that a test allows
NUMBERS = st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=8)


@pytest.mark.parametrize(("degrees", "value"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042)])
def test_the_quantiles_are_those_of_printed_tables(degrees, value):
    assert quantile(degrees) == pytest.approx(value, abs=5e-4)


def test_the_interval_of_students_sleep_data_is_the_published_one():
    """Student's own ten pairs (1908): the mean is 1.58, and the interval 0.70 to 2.46."""
    differences = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    made = paired(differences)
    assert (made.mean, made.low, made.high) == pytest.approx((1.58, 0.7001, 2.4599), abs=1e-4)
    assert made.sign == 1


def test_one_pair_has_no_interval_and_no_sign():
    made = paired([0.3])
    assert (made.mean, made.sd, made.low, made.high, made.sign) == (0.3, None, None, None, None)


def test_equal_differences_have_an_interval_only_where_there_is_none():
    assert (paired([0.5, 0.5]).low, paired([0.5, 0.5]).sign) == (None, None)
    assert (paired([0.0, 0.0]).low, paired([0.0, 0.0]).sign) == (0, 0)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_covers_the_true_mean_in_95_of_100_cases(seeds):
    random = np.random.default_rng(seeds)
    made = [paired(random.normal(0.4, 1.7, seeds).tolist()) for _ in range(REPEATS)]
    share = sum(one.low <= 0.4 <= one.high for one in made) / REPEATS
    assert abs(share - 0.95) < SURE * math.sqrt(0.95 * 0.05 / REPEATS)


@given(NUMBERS, st.sampled_from([-4.0, 0.5, 8.0]), st.integers(-9, 9))
def test_scaling_or_shifting_differences_does_the_same_to_the_interval(differences, factor, shift):
    before = paired(differences)
    after = paired([factor * one + shift for one in differences])
    assume(before.low is not None and after.low is not None)  # equal differences have none
    ends = sorted([factor * before.low + shift, factor * before.high + shift])
    assert [after.low, after.high] == pytest.approx(ends, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("seeds", [3, 6])
def test_fiellers_interval_covers_the_true_share_in_95_of_100_cases_where_the_gap_is_shown(seeds):
    """The values of a seed are correlated, as those of runs with the same first weights are."""
    random = np.random.default_rng(seeds)
    covered = shown = 0
    for _ in range(REPEATS):
        below = random.normal(2.0, 0.1, seeds)
        above = 0.7 * below + random.normal(0, 0.1, seeds)
        made = ratio(above.tolist(), below.tolist())
        if made.low is not None:
            shown += 1
            covered += made.low <= 0.7 <= made.high
    assert shown > 0.99 * REPEATS
    assert abs(covered / shown - 0.95) < SURE * math.sqrt(0.95 * 0.05 / shown)


def test_a_ratio_has_no_bounds_where_its_denominator_may_be_zero():
    assert ratio([1.0, 2.0, 3.0], [-1.0, 0.5, 1.0]).low is None
    assert math.isnan(ratio([1.0, 2.0], [-1.0, 1.0]).value)
    assert ratio([1.0], [2.0]) == ratio([2.0], [4.0])


@given(NUMBERS, st.integers(1, 5))
def test_an_equal_share_of_every_pair_is_the_ratio_without_spread(values, times):
    below = [abs(value) + 2000.0 for value in values]
    made = ratio([times * value for value in below], below)
    assert made.value == pytest.approx(times)
    if made.low is not None:
        assert (made.low, made.high) == pytest.approx((times, times), rel=1e-5)
