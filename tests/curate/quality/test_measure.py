"""AUC counts pairs, calibration counts shares, and alpha is found again."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curate.quality.measure import (
    auc,
    calibration,
    calibration_error,
    distance,
    fitted_alpha,
    fitted_alpha_of_counts,
    mask,
    pareto_keeps,
)

SCORES = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=2, max_size=40)


def arrays(rows):
    return np.array([score for score, _ in rows]), np.array([flag for _, flag in rows])


@given(SCORES)
def test_auc_is_the_share_of_pairs_in_the_right_order_with_ties_as_halves(rows):
    above, below = ([score for score, flag in rows if flag is kind] for kind in (True, False))
    pairs = [(high > low) + (high == low) / 2 for high in above for low in below]
    expected = sum(pairs) / len(pairs) if pairs else float("nan")
    assert auc(*arrays(rows)) == pytest.approx(expected, nan_ok=True)


@given(SCORES)
def test_auc_knows_only_the_order(rows):
    scores, flags = arrays(rows)
    assert auc(scores**3 + 1, flags) == pytest.approx(auc(scores, flags), nan_ok=True)
    assert auc(-scores, flags) == pytest.approx(1 - auc(scores, flags), nan_ok=True)


@given(SCORES)
def test_the_tenths_hold_every_score_once(rows):
    tenths = calibration(*arrays(rows))
    assert sum(size for _, _, size in tenths) == len(rows)
    assert sum(share * size for _, share, size in tenths) == pytest.approx(sum(flag for _, flag in rows))
    assert sum(score * size for score, _, size in tenths) == pytest.approx(sum(score for score, _ in rows))


def test_a_model_whose_scores_are_the_shares_has_no_calibration_error():
    scores = np.repeat([0.2, 0.75], [10, 8])
    flags = np.array([True] * 2 + [False] * 8 + [True] * 6 + [False] * 2)
    assert calibration_error(calibration(scores, flags)) == pytest.approx(0)
    assert calibration_error(calibration(scores, ~flags)) == pytest.approx((0.6 * 10 + 0.5 * 8) / 18)


def test_where_everything_is_wanted_alike_alpha_hardly_rejects():
    scores = np.linspace(0, 1, 999)
    assert fitted_alpha(scores, scores) == pytest.approx(0.1)


@pytest.mark.parametrize("alpha", [1.0, 3.0, 9.0, 30.0])
def test_the_alpha_that_made_the_wanted_scores_is_found_again(alpha):
    random = np.random.default_rng(0)
    scores = random.beta(0.6, 1.5, 40_000)
    wanted = scores[random.uniform(size=len(scores)) < pareto_keeps(scores, alpha)]
    assert fitted_alpha(wanted, scores) == pytest.approx(alpha, rel=0.15)


@pytest.mark.parametrize("alpha", [1.0, 9.0, 30.0])
def test_alpha_is_found_from_counts_and_quantiles_as_from_the_scores(alpha):
    random = np.random.default_rng(1)
    scores = random.beta(0.6, 1.5, 40_000)
    wanted = scores[random.uniform(size=len(scores)) < pareto_keeps(scores, alpha)]
    counts = np.bincount((scores * 10_000).astype(int), minlength=10_000)
    fitted = fitted_alpha_of_counts(np.quantile(wanted, np.linspace(0, 1, 101)), counts)
    assert fitted == pytest.approx(fitted_alpha(wanted, scores), rel=0.1)


def test_distance_is_the_greatest_gap_of_two_distributions():
    assert distance(np.array([0.5]), np.array([0.5, 0.5]), 9) == pytest.approx(0)
    assert distance(np.array([1.0]), np.array([0.0, 1.0]), 1) == pytest.approx(1 / 3)


@given(st.text(max_size=200))
@example("0A")
def test_a_masked_text_has_no_digit_no_sign_and_no_capital_at_the_start_of_a_word(text):
    words = mask(text).split()
    assert all(word.replace("_", "").isalnum() or not word.isascii() for word in words)
    assert not any(character in "0123456789" for word in words for character in word)
    assert not any("A" <= word[0] <= "Z" for word in words)
