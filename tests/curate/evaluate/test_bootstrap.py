import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.evaluate import bootstrap

numbers = st.lists(st.floats(-100, 100, allow_nan=False), min_size=2, max_size=30)


@given(numbers, st.integers(0, 5))
def test_an_interval_holds_its_value_and_lies_among_the_items(values, seed):
    estimate = bootstrap.mean(values, seed, "key")
    assert estimate.value == pytest.approx(np.mean(values), abs=1e-9)
    assert min(values) - 1e-9 <= estimate.low <= estimate.value <= estimate.high <= max(values) + 1e-9
    assert estimate == bootstrap.mean(values, seed, "key")


def test_another_seed_or_key_draws_otherwise():
    values = np.arange(30) ** 2
    intervals = {
        (bootstrap.mean(values, *key).low, bootstrap.mean(values, *key).high) for key in [(0, "a"), (1, "a"), (0, "b")]
    }
    assert len(intervals) == 3


def test_the_interval_of_a_mean_is_that_of_the_normal_law_where_items_are_many():
    values = np.random.default_rng(0).normal(3, 2, 4000)
    estimate = bootstrap.mean(values, 0, "key")
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate.high - estimate.value == pytest.approx(half, rel=0.1)
    assert estimate.value - estimate.low == pytest.approx(half, rel=0.1)


def test_an_interval_of_95_percent_covers_the_truth_that_often():
    random = np.random.default_rng(1)
    covered = [bootstrap.mean(random.random(60) < 0.4, trial, "key").covers(0.4) for trial in range(300)]
    assert 0.9 <= np.mean(covered) <= 0.98


def test_a_ratio_is_that_of_the_sums():
    estimate = bootstrap.ratio([1.0, 8.0], [1, 2], 0, "key")
    assert (estimate.value, estimate.low, estimate.high) == (3.0, 1.0, 4.0)


def test_nothing_has_no_mean_and_one_item_no_interval():
    assert bootstrap.mean([], 0, "key") is None
    one = bootstrap.mean([0.5], 0, "key")
    assert (one.value, one.low, one.high) == (0.5, None, None)
    assert one.covers(0.9)
