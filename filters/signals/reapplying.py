"""Judges documents again by other limits, from what was measured of them; no text is measured anew.

Rules that read an address or a media type judge these as they stand. Only limits (`min_…`, `max_…`, and what the rule
on languages asks) may differ from those under which the values were measured: any other setting changes the values.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from curate.filters.judged import Measure
from curate.filters.own import is_own
from curate.filters.rules import MEASURES, SIGNALS, Filter, settings_of
from curate.filters.signals.measuring import LANGUAGE, QUALITY, Measured, bounds, judged_by
from curate.records import Document

FROM_FIELDS = ("url", "mime", "url_lists")  # they read fields of a document that are columns already
LIMITS = ("min_", "max_")
NO_LIMITS = {"compression": ("min_chars",)}  # settings named as limits, on which values depend


def fault(before: Filter, after: Filter) -> str:
    """Returns why documents that were measured under one filter cannot be judged by another, "" where they can."""
    if not before.signals:
        return "the documents were filtered without filter.signals = true"
    if after.spare.rules and not before.spare.rules:
        return "filter.spare rates documents, and none were rated"
    for name in (*before.rules, *after.rules):
        if is_own(name):
            return f"{name} is a rule of your own, which judges texts"
        if name in SIGNALS:
            return f"{name} changes texts, and so what is measured of them"
    for name in after.rules:
        if name not in before.rules and name not in FROM_FIELDS:
            return f"{name} has measured nothing, as filter.rules did not name it"
    if before.per_language != after.per_language:
        return f"filter.per_language = {str(after.per_language).lower()} follows other values than were measured"
    if _behind_language(before, after.rules) != _behind_language(after, after.rules):
        return "filter.rules has language in another place, and rules behind it may measure by it"
    return next((line for name in after.rules if (line := _changed_setting(name, before, after))), "")


def rejudged(document: Document, values: Mapping[str, Any], filters: Filter) -> Measured:
    """Returns what `measured` would of a document, from the values that were measured of it before."""
    identified = None
    if "language" in filters.rules:
        code, score = (values[column] for column in LANGUAGE)
        identified = replace(document, language=code, language_score=score)

    def stored(name: str, changed: Document) -> list[Measure]:
        measures = bounds(name, settings_of(name, changed, filters).rules, changed.language)
        return [measure._replace(value=values[f"{name}.{measure.name}"]) for measure in measures]

    return judged_by(document, filters, stored, identified, lambda _: values[QUALITY])


def _behind_language(filters: Filter, names: tuple[str, ...]) -> set[str]:
    """Returns the rules among these names that measure documents whose language is identified by the rule on it."""
    if "language" not in filters.rules:
        return set()
    behind = filters.rules[filters.rules.index("language") :]
    return {name for name in behind if name in names and name in MEASURES}


def _changed_setting(name: str, before: Filter, after: Filter) -> str:
    """Returns a line where a setting on which a rule's values depend is another than where they were measured."""
    if name not in MEASURES:
        return ""
    old, new = getattr(before, name), getattr(after, name)
    for setting in (entry.name for entry in fields(new)):
        is_limit = setting.startswith(LIMITS) and setting not in NO_LIMITS.get(name, ())
        was, now = getattr(old, setting), getattr(new, setting)
        if not is_limit and was != now:
            return f"filter.{name}.{setting} = {now!r} where {was!r} was measured, and other values follow from it"
    return ""
