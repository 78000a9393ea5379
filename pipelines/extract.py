"""WARC and WET files to documents: one part per file, piece of a file, or group of pointers into files."""

from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import apache_beam as beam

from curate import settings, storage
from curate.documents import USER_FORMS, user_documents
from curate.extract import gate
from curate.extraction import Extraction
from curate.filters import urls
from curate.parts import PartWriter
from curate.pipelines.parts import map_only
from curate.pointers import captures, read_targets
from curate.records import Document, Failure, Page, Reason, Rejection, document_id
from curate.remote import UNTOLD
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
        for record in records(plan, item, asked.extract.max_bytes):
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


def records(plan: Plan, item: Item, max_bytes: int) -> Iterator[Page | Failure | Skipped]:
    """What becomes of every record of an item: of a file, of a piece of one, or of those that pointers name."""
    if item.form == "pointers":
        targets = read_targets(plan.path(item.uri), item.start, item.stop or 0)
        yield from captures(
            targets, item.text_uri, lambda file, name, size: pages(file, name, size=size, max_bytes=max_bytes, stop=1)
        )
        return
    path = plan.path(item.uri)
    try:
        with storage.opened(path, item.sha256) as (file, size):
            yield from pages(file, item.name, size=size, max_bytes=max_bytes, start=item.start, stop=item.stop)
    except FileNotFoundError:
        if not item.sha256.startswith(UNTOLD):
            raise  # it was there when the stage was planned
        told = f"a list names it, but it is not there: {path}"
        yield Failure(file=item.name, offset=0, length=0, stage=plan.stage, error="missing", message=told)


def pages(
    file: Any, name: str, *, size: int, max_bytes: int, start: int = 0, stop: int | None = None
) -> Iterator[Page | Failure | Skipped]:
    """TO BE REPLACED BY curate.warc.read_pages of the reader branch: the old reader behind its contract."""

    class File:
        def stat(self) -> Any:
            return SimpleNamespace(st_size=size)

        def open(self, _mode: str) -> Any:
            file.seek(0)
            return nullcontext(file)

    place = 0
    for record in read_pages(File(), name, max_bytes=max_bytes):  # type: ignore[arg-type]
        if not isinstance(record, Skipped):
            found = record.offset if isinstance(record, Failure) else record.pointer.offset
            place = found if found >= 0 else place
        if start <= place and (stop is None or place < stop):
            yield record


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
