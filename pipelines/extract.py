"""WARC and WET files to documents: one part per file."""

import apache_beam as beam

from curate import settings, storage
from curate.documents import USER_FORMS, user_documents
from curate.extract import attempt
from curate.parts import PartWriter
from curate.pipelines.parts import map_only
from curate.recipe import Extract
from curate.records import Document, Failure, Page, Reason, Refused, Rejection, Skipped, document_id
from curate.stage import Item, Plan
from curate.warc import read_pages


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Extract one file; the user's own documents among the inputs pass through as they are."""
    rules = settings.build(Extract, plan.settings)
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        if item.form in USER_FORMS:
            for found in user_documents(plan.path(item.uri), item, plan.stage):
                write(part, found, None, item.source)
            return
        with storage.local(plan.path(item.uri)) as path, path.open("rb") as file:
            for record in read_pages(file, item.name, size=path.stat().st_size, max_bytes=rules.max_bytes):
                if isinstance(record, Skipped):
                    part.skip(record.kind)
                elif isinstance(record, Failure):
                    part.fail(record, item.source)
                elif isinstance(record, Refused):
                    part.reject(refusal(record, item.source))
                else:
                    write(part, attempt(record, item.source, rules), record, item.source)


def refusal(record: Refused, source: str) -> Rejection:
    """The rejection of a record that holds no page."""
    return Rejection(
        id=document_id(record.url, record.timestamp),
        url=record.url,
        source=source,
        stage="extract",
        reason=record.reason,
        value=None,
        threshold=None,
        bytes=record.bytes,
        detail=record.detail,
    )


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
