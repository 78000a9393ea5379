"""Documents of the user's own: each row of a file becomes a document, or a dead letter that says what is wrong."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate.inputs.rows import UnreadRows, numbered_rows
from curate.records import SOURCE, Document, Failure, Skipped, document_id, row_id
from curate.stage.distinct import Distinct
from curate.stage.plan import Item

STRAY = re.compile("[\udc80-\udcff]")  # bytes that were not UTF-8
USER_FORMS = ("documents", "owned")
OPTIONAL = ("title", "date", "language", "mime", "warc_file")  # strings that a user's row may bring along


def user_documents(path: Path, item: Item, stage: str) -> Iterator[Document | Failure]:
    """Yields the documents of a user's file, in any of the forms of `forms.py`.

    A row needs `text`, and may have `id`, `url`, `timestamp`, `source`, `quality` and the columns of OPTIONAL. A row
    that is no document comes as a Failure whose offset is the line, or the row of a Parquet file, counted from 1.
    """
    ids = Distinct()
    for number, row in numbered_rows(path, name=item.name, digest=item.digest):
        if isinstance(row, UnreadRows):
            yield _failure(item, stage, number, "unreadable", str(row), length=row.rows)
            continue
        if isinstance(row, Skipped):
            continue
        try:
            document = _document(row, item)
            yield replace(document, id=ids.of(document.id))
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            yield _failure(item, stage, number, "malformed", str(error), length=1)


def _failure(item: Item, stage: str, number: int, error: str, message: str, *, length: int) -> Failure:
    return Failure(
        file=item.name,
        offset=number,
        length=length,
        stage=stage,
        error=error,
        message=_utf8(message[:500]),
        record=error == "malformed",
    )


def _document(row: Any, item: Item) -> Document:
    """Returns the document of a user's row; raises an error that says what is wrong with the row."""
    if isinstance(row, Exception):
        raise ValueError(str(row))
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError("a document needs a string `text`")
    url = _utf8(row.get("url") or "")
    source = item.source if item.form == "owned" else _utf8(row.get("source") or item.source)
    if not SOURCE.fullmatch(source):
        raise ValueError(f"the source {source!r} cannot name a folder; give it a plain name")
    timestamp = _utc(row.get("timestamp"))
    text, given_id = _utf8(row["text"]), _given_id(row.get("id"))
    strings: dict[str, Any] = {name: _utf8(row[name]) for name in OPTIONAL if row.get(name) is not None}
    return Document(
        id=row_id(given_id, text) if given_id else document_id(url, timestamp, text.encode()),
        url=url,
        timestamp=timestamp,
        source=source,
        text=text,
        given_id=given_id,
        quality=float(row["quality"]) if row.get("quality") is not None else None,
        **strings,
    )


def _given_id(value: Any) -> str | None:
    """Returns the id that a row brings, as a string; None if it brings none."""
    if value in (None, "", b""):
        return None
    return value.hex() if isinstance(value, bytes) else _utf8(value)


def _utc(value: Any) -> datetime | None:
    """Returns a row's time in UTC, which it is in if it names no zone; None if there is none."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _utf8(value: Any) -> str:
    """Returns a value as a string that UTF-8 can hold, as JSON may escape half a surrogate pair."""
    return STRAY.sub("\ufffd", str(value)).encode("utf-8", "replace").decode()
