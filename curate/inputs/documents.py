"""Documents from disk, whatever wrote them: a stage's parts, a dedup stage's decisions over parts, the user's files."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.records import EPOCH, SOURCE, Document, Failure, document_id
from curate.stage.plan import Item, Plan
from curate.stage.schemas import KEPT

BATCH_ROWS = 1024
USER_FORMS = ("documents", "owned")
OPTIONAL = ("title", "date", "language", "mime", "warc_file")  # strings that a user's row may bring along


def read_documents(plan: Plan, item: Item, *, columns: tuple[str, ...] | None = None) -> Iterator[Document | Failure]:
    """The documents of an item in their order; a row of the user's that is none comes as a Failure."""
    path = plan.path(item.uri)
    if item.form == "part":
        yield from _parts(path, columns)
    elif item.form == "decided":
        decisions = pq.read_table(storage.source(path), columns=["kept"])["kept"].to_pylist()
        documents = _parts(plan.path(item.base_uri), columns)
        yield from (document for document, kept in zip(documents, decisions, strict=True) if kept)
    elif item.form in USER_FORMS:
        yield from user_documents(path, item, plan.stage)
    else:
        raise ValueError(f"{item.name}: {plan.stage} reads documents, not {item.form} files; run extract first")


def _parts(path: Path, columns: tuple[str, ...] | None) -> Iterator[Document]:
    blank: dict[str, Any] = {"timestamp": EPOCH, "text": "", "url": "", "source": ""}
    names = list(columns) if columns else KEPT.names
    with storage.local(path) as copy, pq.ParquetFile(copy) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            for row in batch.to_pylist():
                yield Document(**(blank | row if columns else row))


def user_documents(path: Path, item: Item, stage: str) -> Iterator[Document | Failure]:
    """Documents of the user's Parquet or JSON lines: `text`, and if known `id`, `url`, `timestamp`, `source`.

    A failure's offset is the line, or the row of a Parquet file, counted from 1.
    """
    with storage.local(path) as copy:
        yield from _user_documents(copy, item, stage)


def _user_documents(path: Path, item: Item, stage: str) -> Iterator[Document | Failure]:
    number = 0
    try:
        for number, row in _user_rows(path):
            try:
                yield _user_document(row, item, number)
            except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
                message = _clean(str(error)[:500])
                yield Failure(
                    file=item.name,
                    offset=number,
                    length=1,
                    stage=stage,
                    error="malformed",
                    message=message,
                    record=True,
                )
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        message = str(error).splitlines()[0][:500] if str(error) else type(error).__name__
        yield Failure(file=item.name, offset=number + 1, length=0, stage=stage, error="unreadable", message=message)


def _user_rows(path: Path) -> Iterator[tuple[int, Any]]:
    if path.name.endswith(".parquet"):
        with pq.ParquetFile(path) as file:
            batches = (batch.to_pylist() for batch in file.iter_batches(BATCH_ROWS))
            yield from enumerate(chain.from_iterable(batches), start=1)
        return
    with _text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield number, error


def _text(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace")
    if path.name.endswith(".zst"):
        return io.TextIOWrapper(pa.CompressedInputStream(str(path), "zstd"), encoding="utf-8-sig", errors="replace")
    return path.open(encoding="utf-8-sig", errors="replace")


def _user_document(row: Any, item: Item, number: int) -> Document:
    if isinstance(row, Exception):
        raise ValueError(str(row))
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError("a document needs a string `text`")
    url = _clean(row.get("url") or "")
    origin = item.source if item.form == "owned" else _clean(row.get("source") or item.source)
    if not SOURCE.fullmatch(origin):
        raise ValueError(f"the source {origin!r} cannot name a folder")
    timestamp = _moment(row.get("timestamp"))
    given = row.get("id")
    if isinstance(given, bytes) and len(given) == 16:
        identity = given
    elif given not in (None, "", b""):
        identity = given_id(given if not isinstance(given, bytes) else given.hex())
    else:
        identity = document_id(url or f"{item.digest}#{number}", timestamp)
    known: dict[str, Any] = {key: _clean(row[key]) for key in OPTIONAL if row.get(key) is not None}
    return Document(
        id=identity,
        url=url,
        timestamp=timestamp,
        source=origin,
        text=_clean(row["text"]),
        quality=float(row["quality"]) if row.get("quality") is not None else None,
        **known,
    )


def given_id(given: object) -> bytes:
    """The 16-byte id of a document whose row brings an id of another shape."""
    return document_id(f"id:{given}", EPOCH)


def _moment(value: Any) -> datetime:
    if value is None:
        return EPOCH
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _clean(value: Any) -> str:
    """A value as a string that UTF-8 can hold: JSON may escape half a surrogate pair."""
    return str(value).encode("utf-8", "replace").decode()
