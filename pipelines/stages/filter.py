"""Documents to documents: the rules of their source in order, the first that fails names the reason."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import apache_beam as beam

from curate import settings
from curate.filters import c4, gopher, language, mime, urls
from curate.filters.rules import Filter
from curate.inputs.documents import read_documents
from curate.pipelines.stages.map_only import map_only
from curate.records import Document, Failure, Reason, reject
from curate.stage.parts import PartWriter
from curate.stage.plan import Item
from curate.stage.record import Plan
from curate.text.language import identify


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filter of each source; `default` is for documents of a source that the recipe does not name."""

    default: Filter = Filter()
    sources: Mapping[str, Filter] = field(default_factory=dict)


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Filter one part."""
    filters = settings.build(Filters, plan.settings)
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        for document in read_documents(plan, item):
            if isinstance(document, Failure):
                part.fail(document, item.source)
                continue
            verdict = judge(document, filters.sources.get(document.source, filters.default))
            if verdict.reason:
                part.reject(reject(document, plan.stage, verdict.reason))
                continue
            part.keep(verdict.document, read=len(document.text.encode("utf-8", "replace")))
            for name, number in verdict.notes.items():
                part.note(name, number)


class Verdict(NamedTuple):
    """The document as the rules left it (language, text), why it is rejected, or None, and what they changed."""

    document: Document
    reason: Reason | None
    notes: Mapping[str, int]


def judge(document: Document, rules: Filter) -> Verdict:
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
            return Verdict(document, reason, notes)
    return Verdict(document, None, notes)
