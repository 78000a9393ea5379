"""The records of an item of the extract stage, and the tests that a page must pass before anything parses it."""

from collections.abc import Iterator

from curate import storage
from curate.commoncrawl.pointers import outcomes, read_targets
from curate.extract.config import Extraction
from curate.extract.page import gate
from curate.filters import urls
from curate.records import Failure, Page, Reason
from curate.stage.plan import Item, Plan
from curate.storage.remote import UNTOLD
from curate.warc.reader import Outcome, read_pages


def early_reason(page: Page, source: str, asked: Extraction) -> Reason | None:
    """Why a page is refused for what its headers, its address and its size say, or None."""
    rules = asked.gates(source).url
    return gate(page, asked.extract) or (urls.reason(page.url, rules) if rules else None)


def read_records(plan: Plan, item: Item, max_bytes: int) -> Iterator[Outcome]:
    """What becomes of every record of an item: of a file, of a piece of one, or of those that pointers name."""
    if item.form == "pointers":
        targets = read_targets(plan.path(item.uri), item.start, item.stop or 0)
        yield from outcomes(
            targets,
            item.base_uri,
            lambda file, name, size: read_pages(file, name, size=size, max_bytes=max_bytes, stop=1),
        )
        return
    path = plan.path(item.uri)
    try:
        with storage.opened(path, item.digest) as (file, size):
            yield from read_pages(file, item.name, size=size, max_bytes=max_bytes, start=item.start, stop=item.stop)
    except FileNotFoundError:
        if not item.digest.startswith(UNTOLD):
            raise  # it was there when the stage was planned
        told = f"a list names it, but it is not there: {path}"
        yield Failure(file=item.name, offset=0, length=0, stage=plan.stage, error="missing", message=told)
