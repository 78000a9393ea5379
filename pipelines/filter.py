"""Documents to documents: the rules of their source in order, the first that fails names the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import apache_beam as beam

from curate import settings
from curate.documents import read_documents
from curate.filters import gopher, language, mime, urls
from curate.language import identify
from curate.parts import PartWriter
from curate.pipelines.parts import map_only
from curate.records import Document, Failure, Reason, reject
from curate.rules import Filter
from curate.stage import Item, Plan


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
            judged, reason = judge(document, filters.sources.get(document.source, filters.default))
            if reason:
                part.reject(reject(judged, plan.stage, reason))
            else:
                part.keep(judged)


def judge(document: Document, rules: Filter) -> tuple[Document, Reason | None]:
    """The document, with its language if that was asked, and why it is rejected, or None."""
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
        if reason:
            return document, reason
    return document, None
