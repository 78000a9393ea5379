"""Files of links, whatever their form: each yields links, rejections, dead letters and counts, and never raises.

A line or row that cannot be read costs itself alone; what damage leaves unread of a file is a dead letter.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.errors import SettingsError
from curate.inputs.documents import given_id
from curate.links import outlinks, sitemaps
from curate.links.config import Links
from curate.links.sieve import LinkCandidate
from curate.links.submissions import decoded, is_submission, submission
from curate.records import Failure, Reason, Rejection, Skipped
from curate.stage.plan import Form, Item, Plan
from curate.storage.lines import ERRORS, chunks, lines
from curate.storage.patience import RemoteError
from curate.web.urls import stored_form

Found = LinkCandidate | Rejection | Failure | Skipped
STAGE = "links"
PACKINGS = (".gz", ".zst", ".zstd", ".xz", ".bz2")
FORMS: dict[str, Form] = {  # how a name ends, packing aside, and what is then in the file
    **dict.fromkeys((".warc.wat", ".wat"), "wat"),
    **dict.fromkeys((".warc", ".arc"), "warc"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".txt", ".urls", ".list", ".lst"), "text"),
    **dict.fromkeys((".ndjson", ".jsonl", ".json"), "lines"),
    **dict.fromkeys((".xml", ".rss", ".atom"), "sitemap"),
    ".parquet": "parquet",
}
SCORED = ("score", "created_utc", "id", "subreddit")  # what a row of the user's may bring besides its URL


def form_of(name: str, asked: str = "auto") -> Form:
    """What is in a file by its name, or as asked; SettingsError where the name does not tell."""
    if asked != "auto":
        return cast(Form, asked)
    base = name.partition("?")[0] if storage.is_remote(name) else name
    base = base.rpartition("/")[2]
    if base.startswith("RS_"):  # the dumps' own name
        return "submissions"
    for packing in PACKINGS:
        base = base.removesuffix(packing)
    for end, form in FORMS.items():
        if base.casefold().endswith(end):
            return form
    raise SettingsError(f"{name}: its name does not tell what is in it; say it with --set links.format=…")


def found_in(plan: Plan, item: Item, rules: Links) -> Iterator[Found]:
    """Everything that an item's file holds, in order."""
    path = plan.path(item.uri)
    try:
        if item.form == "parquet":
            with storage.local(path) as copy:
                yield from _parquet(str(copy), item, rules)
            return
        with storage.opened(path, item.digest) as (file, size):
            if item.form in ("wat", "warc"):
                yield from outlinks.outlinks(file, size, item, internal=rules.internal)
            else:
                yield from READERS[item.form](file, item, rules)
    except RemoteError:
        raise
    except (*ERRORS, ValueError, pa.ArrowException) as error:
        yield unreadable(item, error)


def unreadable(item: Item, error: BaseException, offset: int = 0) -> Failure:
    """The dead letter of what is left of a file."""
    told = str(error).splitlines()[0][:500] if str(error) else type(error).__name__
    return Failure(file=item.name, offset=offset, length=0, stage=STAGE, error="unreadable", message=told)


def rejection(item: Item, url: str, place: str, reason: Reason) -> Rejection:
    """The rejection of a link; its id is that of its submission, or of its place in a file."""
    kept = stored_form(url)
    return Rejection(
        id=given_id(place),
        url=kept,
        source=item.source,
        stage=STAGE,
        reason=reason.rule,
        value=reason.value,
        threshold=reason.threshold,
        bytes=len(url),
        detail=reason.detail,
    )


def json_lines(file: BinaryIO, item: Item, rules: Links) -> Iterator[Found]:
    """Lines of JSON: submissions, or rows with a column of URLs, told apart row by row where the form is open."""
    only = item.form == "submissions"
    maturity = 3600 * rules.maturity_hours
    offset = 0
    try:
        for line in lines(chunks(file, rules.max_dump_bytes), rules.max_line_bytes):
            offset = line.offset
            if not line.content or line.content.isspace():
                if line.content is None:
                    told = f"a line of {line.length} bytes in the unpacked file"
                    yield _lost(item, offset, line.length, "too_long", told)
                continue
            row = decoded(line.content)
            if isinstance(row, Reason):
                yield _lost(item, offset, line.length, row.rule.removeprefix("links."), row.detail)
                continue
            place = f"{item.name}#{offset}"
            submitted = only or is_submission(row)
            link = submission(row, place, maturity) if submitted else plain(row, rules.column, place)
            if isinstance(link, Reason):
                yield rejection(item, str(row.get("url") or ""), str(row.get("id") or place), link)
            else:
                yield link
    except RemoteError:
        raise
    except ERRORS as error:
        yield unreadable(item, error, offset)


def _lost(item: Item, offset: int, length: int, error: str, message: str) -> Failure:
    return Failure(file=item.name, offset=offset, length=length, stage=STAGE, error=error, message=message, record=True)


def plain(row: dict[str, Any], column: str, place: str) -> LinkCandidate | Reason:
    """The link of a row of the user's own: a URL, and a score, a time, an id, a subreddit where it has them."""
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


def _number(value: Any) -> Any:
    """A whole number, None where there is none, False where the value is another."""
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return int(number) if number == number and abs(number) < 1 << 53 else False


def url_list(file: BinaryIO, item: Item, rules: Links) -> Iterator[Found]:
    """One URL on a line; empty lines and those that begin with # are none."""
    for number, text in _text_lines(file, item, rules):
        if isinstance(text, Failure):
            yield text
        elif text.strip() and not text.lstrip().startswith("#"):
            yield LinkCandidate(url=text.strip(), kind="list", id=f"{item.name}#{number}")


def _text_lines(file: BinaryIO, item: Item, rules: Links) -> Iterator[tuple[int, Any]]:
    """The lines of a text from 1; one that is too long or no UTF-8 as a Failure."""
    offset = number = 0
    try:
        for number, line in enumerate(lines(chunks(file, rules.max_dump_bytes), rules.max_line_bytes), start=1):
            offset = line.offset
            try:
                yield number, (line.content or b"").decode() if line.content is not None else _too_long(item, line)
            except UnicodeDecodeError as error:
                yield number, _lost(item, offset, line.length, "utf8", f"byte {error.start} of line {number}")
    except RemoteError:
        raise
    except ERRORS as error:
        yield number + 1, unreadable(item, error, offset)


def _too_long(item: Item, line: Any) -> Failure:
    return _lost(item, line.offset, line.length, "too_long", f"a line of {line.length} bytes")


def table(file: BinaryIO, item: Item, rules: Links) -> Iterator[Found]:
    """Rows of a CSV or TSV file: a column by its name in the first row, or by its number, and then no names."""
    failures: list[Failure] = []

    def texts() -> Iterable[str]:
        for _, text in _text_lines(file, item, rules):
            if isinstance(text, Failure):
                failures.append(text)
            else:
                yield f"{text}\n"

    csv.field_size_limit(rules.max_line_bytes)
    stem = item.uri.partition("?")[0].casefold()
    rows = csv.reader(texts(), delimiter="\t" if any(f".tsv{end}" in stem for end in ("", *PACKINGS)) else ",")
    names: list[str] | None = None
    try:
        for row in rows:
            if names is None:
                names = [str(place) for place in range(len(row))] if rules.column.isdecimal() else row
                if rules.column not in names:
                    raise ValueError(f"no column {rules.column!r} in its first row; --set links.column=…")
                if names is row:
                    continue
            place = f"{item.name}#{rows.line_num}"
            link = plain(dict(zip(names, row, strict=False)), rules.column, place)
            yield rejection(item, "", place, link) if isinstance(link, Reason) else link
    except (csv.Error, ValueError) as error:
        yield unreadable(item, error, rows.line_num)
    yield from failures


def _parquet(name: str, item: Item, rules: Links) -> Iterator[Found]:
    with pq.ParquetFile(name) as file:
        present = file.schema_arrow.names
        if rules.column not in present:
            raise ValueError(f"no column {rules.column!r}; it has {', '.join(present)[:200]}")
        columns = [rules.column, *(each for each in (*SCORED, "over_18") if each in present and each != rules.column)]
        batches = file.iter_batches(4096, columns=columns)
        rows = chain.from_iterable(batch.to_pylist() for batch in batches)
        for number, row in enumerate(rows, start=1):
            place = f"{item.name}#{number}"
            link = plain(row, rules.column, place)
            yield rejection(item, "", place, link) if isinstance(link, Reason) else link


def sitemap(file: BinaryIO, item: Item, rules: Links) -> Iterator[Found]:
    """The pages of a sitemap or a feed; sitemaps that an index names are rejections, for nobody has read them."""
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
        yield unreadable(item, error)


READERS: dict[str, Callable[[BinaryIO, Item, Links], Iterator[Found]]] = {
    "submissions": json_lines,
    "lines": json_lines,
    "text": url_list,
    "csv": table,
    "sitemap": sitemap,
}
