"""The sampler's laws: counts by weight on every prefix, and permutations of every size."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.loader.sampler import Blend, integer_weights, mix, permuted

GPT3 = (60, 22, 8, 8, 3)
WEIGHTS = st.lists(st.integers(0, 10**9) | st.integers(0, 10**18), min_size=1, max_size=12).filter(any).map(tuple)
MANY = st.lists(st.integers(1, 1000), min_size=100, max_size=256).map(tuple)


def off(m: int, weights: tuple[int, ...]) -> Fraction:
    """The furthest of all sources from its exact share."""
    return max(abs(n - Fraction(m * w, sum(weights))) for n, w in zip(Blend(weights).counts(m), weights, strict=True))


def keys(count: int, seed: int = 0) -> np.ndarray:
    return np.full(count, mix(np.array([seed], np.uint64))[0])


def order(size: int, seed: int) -> list[int]:
    """The permutation of 0 .. size - 1 under a key."""
    return permuted(np.arange(size), np.full(size, size), keys(size, seed)).tolist()


@settings(deadline=None)
@given(st.integers(0, 10**12), WEIGHTS)
def test_counts_sum_to_the_samples_and_one_sample_more_grows_one_source(m, weights):
    before, after = Blend(weights).counts(m), Blend(weights).counts(m + 1)
    assert sum(before) == m
    assert sorted(b - a for a, b in zip(before, after, strict=True)) == [0] * (len(weights) - 1) + [1]


@settings(deadline=None)
@given(st.integers(0, 10**12), WEIGHTS | MANY)
def test_counts_stay_within_two_samples_of_exact(m, weights):
    assert off(m, weights) < 2


@pytest.mark.parametrize("weights", [GPT3, (1,) * 200, tuple(3**k for k in range(20)), (999, *(1,) * 30), (1, 1, 1)])
def test_every_prefix_stays_within_two_samples_of_exact(weights):
    assert max(off(m, weights) for m in range(600)) < 2


@settings(deadline=None)
@given(st.integers(0, 10**12), st.integers(0, 300), WEIGHTS)
def test_a_plan_is_what_the_counts_say_sample_by_sample(first, count, weights):
    blend = Blend(weights)
    sources, ordinals = blend.plan(first, count)
    counts = list(blend.counts(first))
    for source, ordinal in zip(sources.tolist(), ordinals.tolist(), strict=True):
        assert ordinal == counts[source]
        counts[source] += 1
    assert tuple(counts) == blend.counts(first + count)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 60), st.integers(1, 60), WEIGHTS)
def test_two_plans_in_a_row_are_one_plan(first, one, two, weights):
    blend = Blend(weights)
    parts = zip(blend.plan(first, one), blend.plan(first + one, two), strict=True)
    for whole, pair in zip(blend.plan(first, one + two), parts, strict=True):
        assert whole.tolist() == np.concatenate(pair).tolist()


def test_a_source_of_weight_0_gives_nothing():
    assert Blend((3, 0, 1)).counts(400) == (300, 0, 100)
    assert set(Blend((3, 0, 1)).plan(0, 400)[0].tolist()) == {0, 2}


@pytest.mark.parametrize("weights", [(0, 0), (2, -1)])
def test_weights_without_meaning_are_refused(weights):
    with pytest.raises(ValueError, match="need weights"):
        Blend(weights)


def test_a_negative_number_of_samples_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        Blend((1, 2)).counts(-1)


def test_weights_are_exact_decimals():
    assert integer_weights([Fraction(str(weight)) for weight in (0.1, 0.2, "0.7")]) == (1, 2, 7)


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_every_position_lands_on_a_place_of_its_own(size, seed):
    assert sorted(order(size, seed)) == list(range(size))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2**40), st.integers(0, 2**64 - 1)), min_size=1, max_size=30), st.data())
def test_each_is_permuted_as_if_alone_and_stays_in_its_range(pairs, data):
    positions = [data.draw(st.integers(0, size - 1)) for size, _ in pairs]
    sizes, seeds = np.array([size for size, _ in pairs]), np.array([seed for _, seed in pairs], np.uint64)
    together = permuted(np.array(positions), sizes, seeds)
    alone = [permuted(np.array([p]), sizes[k : k + 1], seeds[k : k + 1])[0] for k, p in enumerate(positions)]
    assert together.tolist() == alone
    assert ((together >= 0) & (together < sizes)).all()


def test_all_orders_of_a_few_are_about_as_frequent():
    orders = Counter(tuple(order(4, seed)) for seed in range(4800))
    assert len(orders) == 24
    assert sum((n - 200) ** 2 / 200 for n in orders.values()) < 60  # chi-squared, 23 degrees: p = 4e-5


def test_neighbours_land_anywhere_from_one_another():
    """Steps between neighbours of a random permutation are spread evenly over all residues."""
    steps = np.diff(order(40_009, 5)) % 40_009
    counts = np.bincount(steps * 40 // 40_009, minlength=40)
    assert ((counts - 1000.2) ** 2 / 1000.2).sum() < 90  # chi-squared, 39 degrees: p = 7e-6


def test_orders_under_two_keys_have_nothing_in_common():
    same = sum(a == b for a, b in zip(order(10_000, 1), order(10_000, 2), strict=True))
    assert same < 12  # Poisson of mean 1: p = 8e-10
