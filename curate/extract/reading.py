"""The records of one item of the extract stage, and the tests that a page must pass before it is parsed."""

from collections.abc import Iterator
from typing import BinaryIO

from curate import storage
from curate.commoncrawl.pointers import outcomes, planned_targets
from curate.extract.config import Extraction
from curate.extract.page import gate
from curate.filters import urls
from curate.records import Failure, Page, Reason
from curate.stage import heartbeat
from curate.stage.plan import Item, Plan
from curate.storage.remote import UNTOLD
from curate.warc.reader import Outcome, read_pages


def read_records(plan: Plan, item: Item, max_bytes: int) -> Iterator[Outcome]:
    """Yields the page, the refusal or the failure that each record of an item comes to.

    An item is a file, a piece of a file, or a group of pointers to records in files. max_bytes: of a page's body.
    """
    if item.form == "pointers":
        targets = planned_targets(plan.path(item.uri), item)
        fetched = outcomes(
            targets,
            item.base_uri,
            lambda file, name, size: read_pages(file, name, size=size, max_bytes=max_bytes, stop=1),
        )
        for number, outcome in enumerate(fetched):
            heartbeat.advance(number, (item.stop or 0) - item.start)
            yield outcome
        return
    path = plan.path(item.uri)
    try:
        with storage.opened(path, item.digest, plan.blocks(item)) as (file, size):
            pages = read_pages(file, item.name, size=size, max_bytes=max_bytes, start=item.start, stop=item.stop)
            yield from _with_progress(pages, file, item.start, size if item.stop is None else item.stop)
    except FileNotFoundError:
        if not item.digest.startswith(UNTOLD):
            raise  # the file was there when the stage was planned
        message = f"a list names it, but it is not there: {path}"
        yield Failure(file=item.name, offset=0, length=0, stage=plan.stage, error="missing", message=message)


def _with_progress(outcomes: Iterator[Outcome], file: BinaryIO, start: int, stop: int) -> Iterator[Outcome]:
    """Yields the outcomes, and states from the place of each page how much of the file is read."""
    last = -1
    for outcome in outcomes:
        if isinstance(outcome, Page):
            place = outcome.pointer.offset
            if place == last:  # pages packed as one, which lie at one place
                heartbeat.follow(file, start, stop)
            else:
                heartbeat.advance(place - start, stop - start)
            last = place
        yield outcome


def early_reason(page: Page, source: str, extraction: Extraction) -> Reason | None:
    """Returns why a page's headers, size or address refuse it, or None; the page is not parsed for this."""
    url_rules = extraction.gates(source).url
    return gate(page, extraction.extract) or (urls.reason(page.url, url_rules) if url_rules else None)
