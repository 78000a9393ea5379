"""Fits of loss against compute: known laws are recovered, intervals cover, and nothing is stretched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from curate.errors import SettingsError
from curate.scaling.fit import (
    check_reach,
    envelope,
    fit_chinchilla,
    fit_floor,
    fit_line,
)
from curate.scaling.solve import best, grid, huber, predicted

COMPUTE = np.geomspace(1e12, 1e15, 5)
MANY = np.geomspace(1e12, 1e16, 9)
SIZES = np.repeat(np.geomspace(5e4, 8e5, 5), 3)
TOKENS = SIZES * np.tile([10, 20, 40], 5)
EXPONENTS = st.floats(0.02, 0.3)


def noise(seed: int, count: int, size: float) -> np.ndarray:
    return np.exp(size * np.random.default_rng(seed).standard_normal(count))


@given(exponent=EXPONENTS, factor=st.floats(1, 1e3))
def test_a_power_law_without_noise_is_recovered(exponent, factor):
    fit = fit_line(COMPUTE, factor * COMPUTE**-exponent)
    assert fit.exponent == pytest.approx(exponent, rel=1e-9)
    assert fit.factor == pytest.approx(factor, rel=1e-6)
    assert np.abs(fit.residuals).max() < 1e-9
    low, high = fit.exponent_interval()
    assert low == pytest.approx(high, rel=1e-6) == pytest.approx(exponent, rel=1e-6)


@given(exponent=EXPONENTS, seed=st.integers(0, 2**32), count=st.integers(3, 12), size=st.floats(1e-4, 0.02))
def test_a_noisy_power_law_is_least_squares_and_its_interval_holds_it(exponent, seed, count, size):
    compute = np.geomspace(1e12, 1e15, count)
    loss = 50 * compute**-exponent * noise(seed, count, size)
    fit = fit_line(compute, loss)
    slope, _ = np.polyfit(np.log(compute), np.log(loss), 1)
    assert fit.exponent == pytest.approx(-slope, rel=1e-6, abs=1e-9)
    low, high = fit.exponent_interval()
    assert low < fit.exponent < high
    ends = fit.loss_interval(compute)
    assert (ends[0] < fit.loss(compute)).all()
    assert (fit.loss(compute) < ends[1]).all()


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_intervals_of_a_power_law_cover_it_as_often_as_they_say(count):
    """95 % of 300 draws are 285 +- 3.8; the bounds are five such steps."""
    compute = np.geomspace(1e12, 1e15, count)
    exponents = levels = 0
    for seed in range(300):
        fit = fit_line(compute, 30 * compute**-0.05 * noise(seed, count, 0.01), seed)
        low, high = fit.exponent_interval()
        exponents += low <= 0.05 <= high
        at = np.array([compute[-1] * 3])
        ends = fit.loss_interval(at)
        levels += bool(ends[0][0] <= 30 * at[0] ** -0.05 <= ends[1][0])
    assert 266 <= exponents <= 300
    assert 266 <= levels <= 300


@settings(max_examples=20)
@given(exponent=st.floats(0.08, 0.3), floor=st.floats(0.5, 3), share=st.floats(0.3, 2))
def test_a_floor_without_noise_is_recovered(exponent, floor, share):
    loss = floor + share * floor * (MANY / MANY[4]) ** -exponent
    fitted = fit_floor(MANY, loss)
    values = fitted.record()["parameters"]
    assert values["E"] == pytest.approx(floor, rel=1e-3)
    assert values["alpha"] == pytest.approx(exponent, rel=1e-3)
    assert fitted.loss(MANY) == pytest.approx(loss, rel=1e-6)


@settings(max_examples=10)
@given(a=st.floats(0.2, 0.5), b=st.floats(0.2, 0.5), floor=st.floats(1, 2.5))
def test_chinchilla_s_form_without_noise_is_recovered(a, b, floor):
    loss = floor + 2 * (SIZES / 2e5) ** -a + 1.5 * (TOKENS / 4e6) ** -b
    values = fit_chinchilla(SIZES, TOKENS, loss).record()["parameters"]
    assert values["E"] == pytest.approx(floor, rel=1e-3)
    assert values["alpha"] == pytest.approx(a, rel=1e-3)
    assert values["beta"] == pytest.approx(b, rel=1e-3)
    assert values["A"] == pytest.approx(2 * 2e5**a, rel=1e-2)
    assert values["B"] == pytest.approx(1.5 * 4e6**b, rel=1e-2)


def test_intervals_of_curves_cover_the_truth_as_often_as_they_say():
    """Of 30 draws each; 19 in 20 are expected, and 22 or fewer would come once in ten thousand times."""
    floors = chinchillas = 0
    for seed in range(30):
        loss = (2 + 1.5 * (MANY / MANY[4]) ** -0.12) * noise(seed, len(MANY), 0.003)
        low, high = fit_floor(MANY, loss, seed).record()["intervals"]["alpha"]
        floors += low <= 0.12 <= high
        loss = (1.7 + 2 * (SIZES / 2e5) ** -0.34 + 2 * (TOKENS / 4e6) ** -0.28) * noise(seed, len(SIZES), 0.003)
        low, high = fit_chinchilla(SIZES, TOKENS, loss, seed).record()["intervals"]["alpha"]
        chinchillas += low <= 0.34 <= high
    assert floors >= 23
    assert chinchillas >= 23


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_no_other_optimiser_gets_below_the_fit(seed):
    log = np.log(MANY) - np.log(MANY).mean()
    design = np.zeros((2, len(MANY), 3))
    design[0, :, 0], design[1, :, 1], design[1, :, 2] = 1, 1, -log
    y = np.log((2 + 1.5 * np.exp(-0.12 * log)) * noise(seed, len(MANY), 0.01))

    def objective(theta: np.ndarray) -> float:
        return float(huber(y - predicted(design, theta[None])[0])[0])

    starts = grid((-1, 0, 0.6), (-1, 0, 0.5), (0.1, 0.4))
    ours = objective(best(design, y, starts))
    theirs = min(minimize(objective, start, method="Nelder-Mead", options={"maxiter": 3000}).fun for start in starts)
    assert ours <= theirs * (1 + 1e-4)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_envelope_is_what_no_other_point_beats(points):
    compute, loss = np.array(points, float).T
    kept = envelope(compute, loss)
    best_of = {}
    for c, value in points:
        best_of[c] = min(value, best_of.get(c, value))
    for (c, value), is_kept in zip(points, kept, strict=True):
        beaten = any(other < c and best_of[other] <= value for other in best_of) or best_of[c] < value
        assert not (is_kept and beaten)
    ends = {(c, value) for (c, value), is_kept in zip(points, kept, strict=True) if is_kept}
    assert len(ends) == kept.sum()
    assert min(loss) in {value for _, value in ends}


def test_laws_that_the_points_do_not_determine_are_refused():
    with pytest.raises(ValueError, match="2 points; a power law needs 3"):
        fit_line(COMPUTE[:2], np.array([5.0, 4.0]))
    with pytest.raises(ValueError, match="5 points; a floor needs 6"):
        fit_floor(COMPUTE, 5 * COMPUTE**-0.05)
    with pytest.raises(ValueError, match="5 points; Chinchilla's form needs 6"):
        fit_chinchilla(COMPUTE, COMPUTE**1.2, 5 * COMPUTE**-0.05)
    with pytest.raises(ValueError, match="all runs have about 20 tokens per parameter"):
        fit_chinchilla(MANY, 20 * MANY, 5 * MANY**-0.05)


@given(st.floats(1e-3, 1e3))
def test_a_fit_reaches_ten_times_beyond_its_runs_and_no_further(times):
    smallest, largest = 1e12, 1e15
    check_reach(largest * min(times, 10), smallest, largest)
    if times > 10.001:
        with pytest.raises(SettingsError, match=r"above the largest run \(1e\+15\)"):
            check_reach(largest * times, smallest, largest)
        with pytest.raises(SettingsError, match="below the smallest run"):
            check_reach(smallest / times, smallest, largest)
