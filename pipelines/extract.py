"""WARC and WET files to documents: one part per file."""

import apache_beam as beam

from curate import settings, storage
from curate.documents import USER_FORMS, user_documents
from curate.extract import gate
from curate.extraction import Extraction
from curate.filters import urls
from curate.parts import PartWriter
from curate.pipelines.parts import map_only
from curate.records import Document, Failure, Page, Reason, Rejection, document_id
from curate.sandbox import shared
from curate.stage import Item, Plan
from curate.warc import Skipped, read_pages


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Extract one file; the user's own documents among the inputs pass through as they are."""
    asked = settings.build(Extraction, plan.settings)
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        if item.form in USER_FORMS:
            for found in user_documents(plan.path(item.uri), item, plan.stage):
                write(part, found, None, item.source)
            return
        with storage.local(plan.path(item.uri)) as path:
            for record in read_pages(path, item.name, max_bytes=asked.extract.max_bytes):
                if isinstance(record, Skipped):
                    part.skip(record.kind)
                elif isinstance(record, Failure):
                    part.fail(record, item.source)
                else:
                    write(part, outcome(record, item.source, asked, part), record, item.source)


def outcome(page: Page, source: str, asked: Extraction, part: PartWriter) -> Document | Reason | Failure:
    """What becomes of a page: the tests that need no parser first, then the extractor's process."""
    gates = asked.gates(source)
    refused = gate(page, asked.extract) or (urls.reason(page.url, gates.url) if gates.url else None)
    if refused:
        return refused
    found, seconds = shared().extract(page, source, asked.extract, gates)
    part.seconds_elsewhere += seconds
    return found


def write(part: PartWriter, outcome: Document | Reason | Failure, page: Page | None, source: str) -> None:
    """Put what became of a page where it belongs."""
    if isinstance(outcome, Document):
        part.keep(outcome)
    elif isinstance(outcome, Failure):
        part.fail(outcome, source)
    elif page:
        part.reject(
            Rejection(
                id=document_id(page.url, page.timestamp),
                url=page.url,
                source=source,
                stage="extract",
                reason=outcome.rule,
                value=outcome.value,
                threshold=outcome.threshold,
                bytes=len(page.body),
                detail=outcome.detail,
            )
        )
