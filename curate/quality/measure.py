"""What a quality model is worth: ranks (AUC), calibration, and the Pareto rule's alpha that fits it. numpy only."""

import re

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CAPITALISED = re.compile(r"\b[A-Z]\S*")
NO_LETTER = re.compile(r"[^\w\s]|[\d_]")


def auc(scores: Floats, positive: Flags) -> float:
    """The chance that a positive scores above a negative, ties counting half (Mann-Whitney); nan without both kinds.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    above = int(positive.sum())
    below = len(positive) - above
    if not above or not below:
        return float("nan")
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[positive].sum() - above * (above + 1) / 2) / (above * below))


def calibration(scores: Floats, positive: Flags, bins: int = 10) -> list[tuple[float, float, int]]:
    """Per tenth of the score that is not empty: its mean score, its share of positives, its size."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    found = [(scores[place == number], positive[place == number]) for number in range(bins)]
    return [(float(score.mean()), float(flag.mean()), len(score)) for score, flag in found if len(score)]


def calibration_error(rows: list[tuple[float, float, int]]) -> float:
    """The mean distance of score and share of positives (expected calibration error)."""
    total = sum(size for _, _, size in rows)
    return sum(abs(score - share) * size for score, share, size in rows) / total


def masked(text: str) -> str:
    """A text without names (every capitalised word), digits and punctuation, so that only its plain words can tell.

    >>> masked("In 1999, Mr. Bell said: wait a minute!").split()
    ['said', 'wait', 'a', 'minute']
    """
    plain = NO_LETTER.sub(" ", CAPITALISED.sub(" ", text))
    return " ".join(CAPITALISED.sub(" ", plain).split())  # 4A: its capital begins a word only now


def pareto_keeps(scores: Floats, alpha: float) -> Floats:
    """The chance that the Pareto rule keeps a document of each score: (2 - score)^-alpha."""
    return np.asarray((2.0 - scores) ** -alpha)


def distance(wanted: Floats, scores: Floats, alpha: float) -> float:
    """How far what the rule keeps is from what is wanted: the greatest gap between the two distributions of scores."""
    order = np.sort(scores)
    weight = np.cumsum(pareto_keeps(order, alpha))
    places = np.unique(np.concatenate([wanted, scores]))
    have = np.concatenate([[0.0], weight / weight[-1]])[np.searchsorted(order, places, side="right")]
    want = np.searchsorted(np.sort(wanted), places, side="right") / len(wanted)
    return float(np.abs(have - want).max())


def fitted_alpha(wanted: Floats, scores: Floats) -> float:
    """The alpha with which what the rule keeps of `scores` is nearest in distribution to `wanted`, from 0.1 to 100.

    GPT-3 "chose alpha to match the distribution of scores from our classifier on WebText" (arXiv:2005.14165, app. A).
    """
    alphas = np.geomspace(0.1, 100, 121)
    for _ in range(3):
        near = int(np.argmin([distance(wanted, scores, alpha) for alpha in alphas]))
        best = float(alphas[near])
        alphas = np.geomspace(alphas[max(near - 1, 0)], alphas[min(near + 1, len(alphas) - 1)], 21)
    return best
