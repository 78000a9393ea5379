"""Languages kept, by the code and score that an identifier gave; FineWeb asks 0.65 of lid.176 (arXiv:2406.17557)."""

from curate.filters.rules import LanguageRules
from curate.records import Reason


def reason(language: str, score: float, rules: LanguageRules) -> Reason | None:
    """Why a document in this language, of this score in [0, 1], is refused, or None; an empty list keeps all.

    >>> reason("fr", 0.9, LanguageRules()).rule
    'language.other'
    """
    if not rules.allowed:
        return None
    if language not in rules.allowed:
        return Reason("language.other", score, rules.min_score, language)
    if score < rules.min_score:
        return Reason("language.score", score, rules.min_score, language)
    return None
