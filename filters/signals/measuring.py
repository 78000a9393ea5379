"""Judges a document by all of its rules, with every value that they measure and every reason that they have.

A rule that rejects ends `judge`; here the rules after it judge the document as it stands, so that all values are known.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from curate.filters.judged import Judged, Measure, broken
from curate.filters.rules import MEASURES, SIGNALS, SPARED, Filter, Quality, is_spared, judge_by, settings_of
from curate.records import Document, Reason

LANGUAGE = ("language.code", "language.score")  # the columns of the rule on languages; the code is a word
QUALITY = "spare.quality"  # the column of the score by which documents are spared
Value = float | str | None
MeasuresOf = Callable[[str, Document], Iterable[Measure]]  # what a rule of this name measures of a document


class Measured(NamedTuple):
    """A document with the verdict of its rules, all that they measure, and all their reasons."""

    judged: Judged  # as `judge` returns it
    values: dict[str, Value]  # by column, such as "gopher_quality.stop_words"
    reasons: tuple[Reason, ...]  # each that a rule has to reject the document, in the order of the rules


def measured(document: Document, filters: Filter, quality: Quality | None = None) -> Measured:
    """Returns what all rules measure of a document, and say of it; quality: rates a document, for `filter.spare`."""

    def measures_of(name: str, changed: Document) -> Iterable[Measure]:
        return MEASURES[name](changed, settings_of(name, changed, filters).rules, True)

    return judged_by(document, filters, measures_of, quality=quality)


def judged_by(
    document: Document,
    filters: Filter,
    measures_of: MeasuresOf,
    identified: Document | None = None,
    quality: Quality | None = None,
) -> Measured:
    """Returns the verdict of the rules on a document of which `measures_of` returns what is measured.

    identified: the document as the rule on languages left it before.
    """
    notes: Counter[str] = Counter()
    values: dict[str, Value] = {QUALITY: quality(document)} if filters.spare.rules and quality else {}
    reasons: list[Reason] = []
    verdict: Judged | None = None
    for name in filters.rules:
        given: list[Reason] = []
        document = identified if identified and name == "language" else document
        skipped = settings_of(name, document, filters).skipped
        if skipped and verdict is None:
            notes[skipped] += 1
        if name in MEASURES:
            measures = [*measures_of(name, document)]
            values |= {f"{name}.{measure.name}": measure.value for measure in measures}
            given = [*broken(name, measures)]
        else:
            document, given, counted = _changed(name, document, filters, values)
            if verdict is None:
                notes.update(counted)
        if given and is_spared(name, document, filters, quality):
            given = []
            if verdict is None:
                notes[SPARED + name] += 1
        reasons += given
        if given and verdict is None:
            verdict = Judged(document, given[0], Counter(notes))
    return Measured(verdict or Judged(document, None, notes), values, tuple(reasons))


def _changed(
    name: str, document: Document, filters: Filter, values: dict[str, Value]
) -> tuple[Document, list[Reason], Any]:
    """Returns the document as a rule without measures leaves it, its reason if it has one, and what it counts."""
    if name in SIGNALS:
        outcome, signals = SIGNALS[name](document, settings_of(name, document, filters).rules)
        values |= {f"{name}.{column}": value for column, value in signals.items()}
    else:
        outcome = judge_by(name, document, filters)
    counted: Any = {}
    reason = outcome if isinstance(outcome, Reason) else None
    if isinstance(outcome, Judged):
        document, reason, counted = outcome
    if name == "language":
        values |= dict(zip(LANGUAGE, (document.language, document.language_score), strict=True))
    return document, [reason] if reason else [], counted


def columns(filters: Iterable[Filter]) -> tuple[str, ...]:
    """Returns the names of all columns that these filters have signals for, in the order of their rules."""
    names: dict[str, None] = {}
    for chosen in filters:
        if chosen.signals and chosen.spare.rules:
            names[QUALITY] = None
        for name in chosen.rules if chosen.signals else ():
            names |= dict.fromkeys(LANGUAGE if name == "language" else _columns(name, chosen))
    return tuple(names)


def _columns(name: str, filters: Filter) -> list[str]:
    if name in SIGNALS:
        return [f"{name}.{column}" for column in SIGNALS[name](EMPTY, getattr(filters, name)).values]
    if name in MEASURES:
        return [f"{name}.{measure.name}" for measure in bounds(name, getattr(filters, name), None)]
    return []


@lru_cache(maxsize=1024)
def bounds(name: str, rules: Any, language: str | None) -> tuple[Measure, ...]:
    """Returns the measures of a rule with their bounds for documents in a language; their values mean nothing."""
    return tuple(MEASURES[name](replace(EMPTY, language=language), rules, True))


EMPTY = Document(id=bytes(16), url="", timestamp=None, source="", text="")
