"""Measures of a quality model: ranks (AUC), calibration, and the alpha of the Pareto rule that fits it. numpy only."""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CAPITALISED = re.compile(r"\b[A-Z]\S*")
NO_LETTER = re.compile(r"[^\w\s]|[\d_]")


def auc(scores: Floats, positive: Flags) -> float:
    """Returns the chance that a positive scores above a negative, ties as half (Mann-Whitney); nan without both kinds.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    _, index, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[index]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration(scores: Floats, positive: Flags, bins: int = 10) -> list[tuple[float, float, int]]:
    """Returns (mean score, share of positives, size) of every bin of the scores in [0, 1] that is not empty."""
    bin_of = np.minimum((scores * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        own = bin_of == number
        if own.any():
            rows.append((float(scores[own].mean()), float(positive[own].mean()), int(own.sum())))
    return rows


def calibration_error(rows: list[tuple[float, float, int]]) -> float:
    """Returns the mean distance of score and share of positives (expected calibration error), from `calibration`."""
    total = sum(size for _, _, size in rows)
    return sum(abs(score - share) * size for score, share, size in rows) / total


def mask(text: str) -> str:
    """Returns a text without names (every capitalised word), digits and punctuation, so that only plain words are left.

    >>> mask("In 1999, Mr. Bell said: wait a minute!").split()
    ['said', 'wait', 'a', 'minute']
    """
    plain = NO_LETTER.sub(" ", CAPITALISED.sub(" ", text))
    return " ".join(CAPITALISED.sub(" ", plain).split())  # 4A: its capital begins a word only now


def pareto_keeps(scores: Floats, alpha: float) -> Floats:
    """Returns the chance that the Pareto rule keeps a document of each score: (2 - score)^-alpha."""
    return np.asarray((2.0 - scores) ** -alpha)


def distance(wanted: Floats, scores: Floats, alpha: float) -> float:
    """Returns the greatest gap between two distributions: the wanted scores, and the scores that the rule keeps."""
    ordered = np.sort(scores)
    weight = np.cumsum(pareto_keeps(ordered, alpha))
    points = np.unique(np.concatenate([wanted, scores]))
    kept_share = np.concatenate([[0.0], weight / weight[-1]])[np.searchsorted(ordered, points, side="right")]
    wanted_share = np.searchsorted(np.sort(wanted), points, side="right") / len(wanted)
    return float(np.abs(kept_share - wanted_share).max())


def fitted_alpha(wanted: Floats, scores: Floats) -> float:
    """Returns the alpha, from 0.1 to 100, for which the scores that the rule keeps are distributed most like `wanted`.

    GPT-3 "chose alpha to match the distribution of scores from our classifier on WebText" (arXiv:2005.14165, app. A).
    """
    return nearest_alpha(lambda alpha: distance(wanted, scores, alpha))


def fitted_alpha_of_counts(quantiles: Floats, counts: npt.NDArray[np.int64]) -> float:
    """Returns the fitted alpha of numbers of documents; quantiles: of the wanted scores, evenly from the least on.

    counts: the documents of each of so many equal bins of the scores in [0, 1].
    """
    middles = (np.arange(len(counts)) + 0.5) / len(counts)
    ends = (np.arange(len(counts)) + 1) / len(counts)
    wanted_share = np.interp(ends, quantiles, np.linspace(0, 1, len(quantiles)))

    def gap(alpha: float) -> float:
        weight = np.cumsum(counts * pareto_keeps(middles, alpha))
        return float(np.abs(weight / weight[-1] - wanted_share).max())

    return nearest_alpha(gap)


def nearest_alpha(gap: Callable[[float], float]) -> float:
    """Returns the alpha, from 0.1 to 100, of the least gap."""
    alphas = np.geomspace(0.1, 100, 121)
    for _ in range(3):
        near = int(np.argmin([gap(alpha) for alpha in alphas]))
        best = float(alphas[near])
        alphas = np.geomspace(alphas[max(near - 1, 0)], alphas[min(near + 1, len(alphas) - 1)], 21)
    return best
