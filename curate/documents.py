"""Documents from disk, whatever wrote them: a stage's parts, a dedup stage's decisions over parts, the user's files."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.records import EPOCH, SOURCE, Document, Failure, document_id
from curate.schemas import KEPT
from curate.stage import Item, Plan

BATCH_ROWS = 1024
OPTIONAL = ("title", "date", "language", "mime", "warc_file")  # strings that a user's row may bring along


def read_documents(plan: Plan, item: Item, *, columns: tuple[str, ...] | None = None) -> Iterator[Document | Failure]:
    """The documents of an item in their order; a row of the user's that is none comes as a Failure."""
    path = plan.path(item.uri)
    if item.form == "part":
        yield from _parts(path, columns)
    elif item.form == "decided":
        decisions = pq.read_table(path, columns=["kept"])["kept"].to_pylist()
        documents = _parts(plan.path(item.text_uri), columns)
        yield from (document for document, kept in zip(documents, decisions, strict=True) if kept)
    elif item.form == "documents":
        yield from user_documents(path, item.name, item.source, plan.stage)
    else:
        raise ValueError(f"{item.name}: {plan.stage} reads documents, not {item.form} files; run extract first")


def _parts(path: Path, columns: tuple[str, ...] | None) -> Iterator[Document]:
    blank: dict[str, Any] = {"timestamp": EPOCH, "text": "", "url": "", "source": ""}
    names = list(columns) if columns else KEPT.names
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            for row in batch.to_pylist():
                yield Document(**(blank | row if columns else row))


def user_documents(path: Path, name: str, source: str, stage: str) -> Iterator[Document | Failure]:
    """Documents of the user's Parquet or JSON lines: `text`, and if known `id`, `url`, `timestamp`, `source`."""
    number = -1
    try:
        for number, row in enumerate(_user_rows(path)):
            try:
                yield _user_document(row, name, number, source)
            except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
                message = _clean(str(error)[:500])
                yield Failure(
                    file=name, offset=number, length=1, stage=stage, error="malformed", message=message, record=True
                )
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        message = str(error).splitlines()[0][:500] if str(error) else type(error).__name__
        yield Failure(file=name, offset=number + 1, length=0, stage=stage, error="unreadable", message=message)


def _user_rows(path: Path) -> Iterator[Any]:
    if path.name.endswith(".parquet"):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield from batch.to_pylist()
        return
    with _text(path) as lines:
        for line in lines:
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield error


def _text(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace")
    if path.name.endswith(".zst"):
        return io.TextIOWrapper(pa.CompressedInputStream(str(path), "zstd"), encoding="utf-8-sig", errors="replace")
    return path.open(encoding="utf-8-sig", errors="replace")


def _user_document(row: Any, name: str, number: int, source: str) -> Document:
    if isinstance(row, Exception):
        raise ValueError(str(row))
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError("a document needs a string `text`")
    url = _clean(row.get("url") or "")
    origin = _clean(row.get("source") or source)
    if not SOURCE.fullmatch(origin):
        raise ValueError(f"the source {origin!r} cannot name a folder")
    timestamp = _moment(row.get("timestamp"))
    given = row.get("id")
    if isinstance(given, bytes) and len(given) == 16:
        identity = given
    elif given not in (None, "", b""):
        identity = document_id(f"id:{given if not isinstance(given, bytes) else given.hex()}", EPOCH)
    else:
        identity = document_id(url or f"{source}/{name}#{number}", timestamp)
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


def _moment(value: Any) -> datetime:
    if value is None:
        return EPOCH
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _clean(value: Any) -> str:
    """A value as a string that UTF-8 can hold: JSON may escape half a surrogate pair."""
    return str(value).encode("utf-8", "replace").decode()
