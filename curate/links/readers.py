"""Reads files of links in every form; yields links, rejections, dead letters and skipped rows; damage never raises.

A line or row that cannot be read costs itself alone; the part of a file that cannot be read is one dead letter.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.errors import SettingsError, of_the_machine
from curate.inputs.digests import as_planned
from curate.links import outlinks, sitemaps
from curate.links.config import Links
from curate.links.sieve import LinkCandidate
from curate.links.submissions import is_submission, parse_row, submission
from curate.records import Failure, Pointer, Reason, Rejection, Skipped, row_id
from curate.stage import heartbeat
from curate.stage.plan import Form, Item, Plan
from curate.storage.lines import ERRORS, Line, chunks, lines
from curate.storage.patience import RemoteError
from curate.web.urls import stored_form

Outcome = LinkCandidate | Rejection | Failure | Skipped
STAGE = "links"
PACKINGS = (".gz", ".zst", ".zstd", ".xz", ".bz2")
FORMS: dict[str, Form] = {  # the end of a name without its packing, and the form of the file
    **dict.fromkeys((".warc.wat", ".wat"), "wat"),
    **dict.fromkeys((".warc", ".arc"), "warc"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".txt", ".urls", ".list", ".lst"), "text"),
    **dict.fromkeys((".ndjson", ".jsonl", ".json"), "lines"),
    **dict.fromkeys((".xml", ".rss", ".atom"), "sitemap"),
    ".parquet": "parquet",
}
OPTIONAL = ("score", "created_utc", "id", "subreddit", "over_18")  # columns of a user's row besides its URL


def form_of(name: str, chosen: str = "auto") -> Form:
    """Returns the form of a file by its name, unless one is chosen; raises SettingsError where the name tells none."""
    if chosen != "auto":
        return cast(Form, chosen)
    base = name.partition("?")[0] if storage.is_remote(name) else name
    base = base.rpartition("/")[2]
    if base.startswith("RS_"):  # as dumps of Reddit are named
        return "submissions"
    for packing in PACKINGS:
        base = base.removesuffix(packing)
    for end, form in FORMS.items():
        if base.casefold().endswith(end):
            return form
    raise SettingsError(f"{name}: its name does not show its format; state it with --set links.format=…")


def read_links(plan: Plan, item: Item, rules: Links) -> Iterator[Outcome]:
    """Yields everything that an item's file holds, in order."""
    path = plan.path(item.uri)
    try:
        if item.form == "parquet":
            with as_planned(path, item.digest) as copy:
                yield from _parquet(str(copy), item, rules)
            return
        with storage.opened(path, item.digest, plan.blocks(item)) as (file, size):
            heartbeat.follow(file, 0, size)
            if item.form in ("wat", "warc"):
                yield from outlinks.outlinks(file, size, item, internal=rules.internal)
            else:
                yield from READERS[item.form](file, item, rules)
    except RemoteError:
        raise
    except (*ERRORS, ValueError, pa.ArrowException) as error:
        yield unread_rest(item, error)


def json_lines(file: BinaryIO, item: Item, rules: Links) -> Iterator[Outcome]:
    """Reads lines of JSON: submissions or rows with a column of URLs, decided row by row unless the form says."""
    only_submissions = item.form == "submissions"
    maturity = 3600 * rules.maturity_hours
    offset = 0
    try:
        for line in lines(chunks(file, rules.max_dump_bytes), rules.max_line_bytes):
            offset = line.offset
            if line.content is None:
                message = f"a line of {line.length} bytes in the unpacked file"
                yield _lost_line(item, line, "too_long", message)
                continue
            if not line.content or line.content.isspace():
                continue
            row = parse_row(line.content)
            if isinstance(row, Reason):
                yield _lost_line(item, line, row.rule.removeprefix("links."), row.detail)
                continue
            place = f"{item.name}#{offset}"
            if only_submissions or is_submission(row):
                link = submission(row, place, maturity)
            else:
                link = link_of_row(row, rules.column, place)
            if isinstance(link, Reason):
                yield rejection(item, str(row.get("url") or ""), str(row.get("id") or place), link)
            else:
                yield link
    except RemoteError:
        raise
    except ERRORS as error:
        yield unread_rest(item, error, offset)


def url_list(file: BinaryIO, item: Item, rules: Links) -> Iterator[Outcome]:
    """Reads one URL from each line; empty lines and those that begin with # are none."""
    for number, text in _text_lines(file, item, rules):
        if isinstance(text, Failure):
            yield text
        elif text.strip() and not text.lstrip().startswith("#"):
            yield LinkCandidate(url=text.strip(), kind="list", id=f"{item.name}#{number}")


def csv_table(file: BinaryIO, item: Item, rules: Links) -> Iterator[Outcome]:
    """Reads rows of a CSV or TSV file; the first row names the columns unless the column of URLs is a number."""
    failures: list[Failure] = []

    def texts() -> Iterable[str]:
        for _, text in _text_lines(file, item, rules):
            if isinstance(text, Failure):
                failures.append(text)
            else:
                yield f"{text}\n"

    csv.field_size_limit(rules.max_line_bytes)
    tabs = ".tsv" in item.uri.partition("?")[0].casefold()
    rows = csv.reader(texts(), delimiter="\t" if tabs else ",")
    names: list[str] | None = None
    try:
        for row in rows:
            if names is None:
                names = [str(number) for number in range(len(row))] if rules.column.isdecimal() else row
                if rules.column not in names:
                    raise ValueError(f"no column {rules.column!r} in its first row; --set links.column=…")
                if names is row:
                    continue
            place = f"{item.name}#{rows.line_num}"
            link = link_of_row(dict(zip(names, row, strict=False)), rules.column, place)
            yield rejection(item, "", place, link) if isinstance(link, Reason) else link
    except (csv.Error, ValueError) as error:
        yield unread_rest(item, error, rows.line_num)
    yield from failures


def sitemap(file: BinaryIO, item: Item, rules: Links) -> Iterator[Outcome]:
    """Reads the pages of a sitemap or a feed; a sitemap that an index names is a rejection, as it is not fetched."""
    try:
        for number, entry in enumerate(sitemaps.entries(chunks(file, rules.max_dump_bytes)), start=1):
            place = f"{item.name}#{number}"
            if entry.is_sitemap:
                yield rejection(item, entry.url, place, Reason("links.sitemap", detail="an index names it; fetch it"))
            else:
                yield LinkCandidate(url=entry.url, kind="sitemap", id=place)
    except RemoteError:
        raise
    except (*ERRORS, sitemaps.NotXml) as error:
        yield unread_rest(item, error)


def link_of_row(row: dict[str, Any], column: str, place: str) -> LinkCandidate | Reason:
    """Returns the link of a row of the user's own: a URL, and a score, a time, an id, a subreddit where it has them."""
    url = row.get(column)
    if url is None or url == "":
        return Reason(f"links.missing:{column}")
    if not isinstance(url, str):
        return Reason(f"links.type:{column}", detail=repr(url)[:80])
    score, time = _number(row.get("score")), _number(row.get("created_utc"))
    if score is False or time is False:
        return Reason("links.type:score" if score is False else "links.type:created_utc")
    return LinkCandidate(
        url=url,
        kind="list",
        id=str(row.get("id") or place).encode("utf-8", "replace").decode(),
        score=score,
        time=time,
        subreddit=str(row.get("subreddit") or "").encode("utf-8", "replace").decode(),
        marks=("over_18",) if row.get("over_18") is True else (),
    )


def rejection(item: Item, url: str, place: str, reason: Reason) -> Rejection:
    """Returns the rejection of a link; its id is that of its submission, or of its place in a file."""
    stored = stored_form(url)
    return Rejection.of(
        reason, id=row_id(place, stored), url=stored, source=item.source, stage=STAGE, size=len(url), given_id=place
    )


def unread_rest(item: Item, error: BaseException, offset: int = 0) -> Failure:
    """Returns the dead letter of the rest of a file, from an offset on; raises a limit of the machine's anew."""
    if of_the_machine(error):
        raise error
    message = str(error).splitlines()[0][:500] if str(error) else type(error).__name__
    pointer = Pointer(file=item.name, offset=offset, length=0)
    return Failure.at(pointer, "unreadable", message, stage=STAGE, record=False)


def _parquet(name: str, item: Item, rules: Links) -> Iterator[Outcome]:
    with pq.ParquetFile(name) as file:
        present = file.schema_arrow.names
        if rules.column not in present:
            raise ValueError(f"no column {rules.column!r}; it has {', '.join(present)[:200]}")
        columns = [rules.column, *(name for name in OPTIONAL if name in present and name != rules.column)]
        batches = file.iter_batches(4096, columns=columns)
        rows = chain.from_iterable(batch.to_pylist() for batch in batches)
        for number, row in enumerate(rows, start=1):
            place = f"{item.name}#{number}"
            link = link_of_row(row, rules.column, place)
            yield rejection(item, "", place, link) if isinstance(link, Reason) else link


def _text_lines(file: BinaryIO, item: Item, rules: Links) -> Iterator[tuple[int, Any]]:
    """Yields the lines of a text with their numbers from 1; one that is too long or no UTF-8 as a Failure."""
    offset = number = 0
    try:
        for number, line in enumerate(lines(chunks(file, rules.max_dump_bytes), rules.max_line_bytes), start=1):
            offset = line.offset
            if line.content is None:
                yield number, _lost_line(item, line, "too_long", f"a line of {line.length} bytes")
                continue
            try:
                text = line.content.decode()
            except UnicodeDecodeError as error:
                yield number, _lost_line(item, line, "utf8", f"byte {error.start} of line {number}")
                continue
            yield number, text
    except RemoteError:
        raise
    except ERRORS as error:
        yield number + 1, unread_rest(item, error, offset)


def _lost_line(item: Item, line: Line, error: str, message: str) -> Failure:
    """Returns the dead letter of one line."""
    pointer = Pointer(file=item.name, offset=line.offset, length=line.length)
    return Failure.at(pointer, error, message, stage=STAGE)


def _number(value: Any) -> Any:
    """Returns a whole number, None where there is no value, False where the value is no number."""
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return int(number) if number == number and abs(number) < 1 << 53 else False


READERS: dict[str, Callable[[BinaryIO, Item, Links], Iterator[Outcome]]] = {
    "submissions": json_lines,
    "lines": json_lines,
    "text": url_list,
    "csv": csv_table,
    "sitemap": sitemap,
}
