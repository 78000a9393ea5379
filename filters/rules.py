"""Thresholds of the rules in `curate.filters`, with the defaults that their papers publish.

They live here, apart from the functions that use them, so that a recipe can hold them without importing any filter.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from curate.filters import c4, gopher, language, mime, urls
from curate.filters.c4 import C4, C4FineWeb
from curate.filters.gopher import GopherQuality, GopherRepetition
from curate.filters.language import LanguageRules
from curate.filters.mime import MimeRules
from curate.filters.urls import UrlRules
from curate.records import Document, Reason
from curate.text.language import identify

RULES = ("url", "mime", "language", "gopher_quality", "gopher_repetition", "c4", "c4_fineweb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The rules that a source's documents must pass, in this order; the first that fails names the reason."""

    rules: tuple[str, ...] = ("url", "mime", "language", "gopher_quality", "gopher_repetition")
    url: UrlRules = UrlRules()
    mime: MimeRules = MimeRules()
    language: LanguageRules = LanguageRules()
    gopher_quality: GopherQuality = GopherQuality()
    gopher_repetition: GopherRepetition = GopherRepetition()
    c4: C4 = C4()
    c4_fineweb: C4FineWeb = C4FineWeb()

    def __post_init__(self) -> None:
        unknown = [rule for rule in self.rules if rule not in RULES]
        if unknown:
            raise ValueError(f"no rule is called {unknown[0]!r}; the rules are {', '.join(RULES)}")


class Judged(NamedTuple):
    """The document as the rules left it (language, text), why it is rejected, or None, and what they changed."""

    document: Document
    reason: Reason | None
    notes: Mapping[str, int]


def judge(document: Document, rules: Filter) -> Judged:
    """Apply the rules in order until one rejects; a rule that cleans the text does so for those after it."""
    notes: Counter[str] = Counter()
    for name in rules.rules:
        reason = None
        if name == "url":
            reason = urls.reason(document.url, rules.url)
        elif name == "mime":
            reason = mime.reason(document.mime, rules.mime)
        elif name == "language":
            if document.language is None or document.language_score is None:  # extract tells it with the text
                code, score = identify(document.text)
                document = replace(document, language=code, language_score=score)
            reason = language.reason(document.language or "", document.language_score or 0.0, rules.language)
        elif name == "gopher_quality":
            reason = gopher.quality(document.text, rules.gopher_quality)
        elif name == "gopher_repetition":
            reason = gopher.repetition(document.text, rules.gopher_repetition)
        elif name in ("c4", "c4_fineweb"):
            cleaned = c4.clean(document.text, getattr(rules, name), name)
            if isinstance(cleaned, Reason):
                reason = cleaned
            elif cleaned.text != document.text:
                document = replace(document, text=cleaned.text)
                notes[f"{name}.changed"] += 1
                notes.update({f"{name}.removed_{what}": number for what, number in cleaned.removed.items()})
        if reason:
            return Judged(document, reason, notes)
    return Judged(document, None, notes)
