"""The table of all rules, which is also the recipe's [filter] table, and `judge`, which applies them to a document."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from curate.filters.c4 import C4, C4FineWeb, judge_c4, judge_c4_fineweb
from curate.filters.gopher import GopherQuality, GopherRepetition, judge_quality, judge_repetition
from curate.filters.judged import Judged, Outcome
from curate.filters.language import LanguageRules, judge_language
from curate.filters.mime import MimeRules, judge_mime
from curate.filters.urls import UrlRules, judge_url
from curate.records import Document, Reason

Settings = TypeVar("Settings")


def rule(settings: Settings, function: Callable[[Document, Settings], Outcome]) -> Settings:
    """Returns a row of the table: a field that holds a rule's settings and knows the function that reads them."""
    return field(default=settings, metadata={"function": function})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The rules that a source's documents must pass, and the settings of all rules; one row a rule.

    A row names the rule as a recipe does; its function takes a document and the row's settings.
    """

    # Names of the rules that are on, in order; the first that rejects names the reason.
    rules: tuple[str, ...] = ("url", "mime", "language", "gopher_quality", "gopher_repetition")

    url: UrlRules = rule(UrlRules(), judge_url)
    mime: MimeRules = rule(MimeRules(), judge_mime)
    language: LanguageRules = rule(LanguageRules(), judge_language)
    gopher_quality: GopherQuality = rule(GopherQuality(), judge_quality)
    gopher_repetition: GopherRepetition = rule(GopherRepetition(), judge_repetition)
    c4: C4 = rule(C4(), judge_c4)
    c4_fineweb: C4FineWeb = rule(C4FineWeb(), judge_c4_fineweb)

    def __post_init__(self) -> None:
        unknown = [name for name in self.rules if name not in RULES]
        if unknown:
            raise ValueError(f"no rule is called {unknown[0]!r}; the rules are {', '.join(RULES)}")


FUNCTIONS: dict[str, Callable[[Document, Any], Outcome]] = {
    row.name: row.metadata["function"] for row in fields(Filter) if "function" in row.metadata
}
RULES = tuple(FUNCTIONS)


def judge(document: Document, filters: Filter) -> Judged:
    """Applies the rules in order until one rejects; a rule that changes the document does so for those after it."""
    notes: Counter[str] = Counter()
    for name in filters.rules:
        outcome = FUNCTIONS[name](document, getattr(filters, name))
        if outcome is None:
            continue
        if isinstance(outcome, Reason):
            return Judged(document, outcome, notes)
        document = outcome.document
        notes.update(outcome.notes)
        if outcome.reason:
            return Judged(document, outcome.reason, notes)
    return Judged(document, None, notes)
