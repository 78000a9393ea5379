"""Writes documents as rows of JSON lines and of Parquet, in one layout that datatrove, dolma and `datasets` read.

A row has `id`, `text`, `source`, `url`, `created`, and `metadata` with all else that is known of the document. A reader
that infers the types of JSON from the first rows would fail at a column that is null there and not later, so only what
every row has is a column of JSON lines, and the first row of a file names every key of `metadata`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd
from isal import igzip

from curate.records import Document

ROWS, BYTES = 4096, 32 << 20  # of a row group, about
LEVEL = {"zst": 3, "gz": 3}  # ISA-L's 3 takes a tenth of the time of zlib's 6, for a tenth more bytes
COMPRESSIONS = ("zst", "gz", "none")
# What a document may have beside the columns of every row; "extractor" and those behind it are of pages alone.
KNOWN = (
    *("given_id", "title", "date", "language", "language_score", "quality", "mime", "extractor", "truncated", "flags"),
    *("cluster_size", "warc_file", "warc_offset", "warc_length"),
)
TABLE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("created", pa.timestamp("s", tz="UTC")),
        pa.field("given_id", pa.string()),
        pa.field("title", pa.string()),
        pa.field("language", pa.string()),
        pa.field("quality", pa.float32()),
        pa.field("metadata", pa.string(), nullable=False),
    ]
)


def write_jsonl(documents: Iterable[Document], compression: str, draft: Path) -> None:
    """Writes documents as JSON lines."""
    with draft.open("wb") as raw, _packing(raw, compression) as file:
        for number, document in enumerate(documents):
            row = _shared(document) | {"created": _stamp(document.timestamp)}
            row["metadata"] = metadata(document, KNOWN, blanks=number == 0)
            file.write(_json(row).encode() + b"\n")


def write_parquet(documents: Iterable[Document], compression: str, draft: Path) -> None:
    """Writes documents as a table, whose column `metadata` is JSON."""
    codec = {"zst": "zstd", "gz": "gzip", "none": "none"}[compression]
    with pq.ParquetWriter(draft, TABLE, compression=codec) as writer:
        for group in _groups(documents):
            writer.write_table(pa.Table.from_pylist([_table_row(document) for document in group], schema=TABLE))


def metadata(document: Document, names: Iterable[str], *, blanks: bool = False) -> dict[str, Any]:
    """Returns the values of a document under these names, and the user's own columns, which win.

    blanks: also the names that have no value.
    """
    values = {name: _plain(getattr(document, name)) for name in names}
    own = json.loads(document.metadata, parse_constant=lambda _name: None) if document.metadata else {}
    return {name: value for name, value in values.items() if blanks or value is not None} | own


def _shared(document: Document) -> dict[str, Any]:
    """Returns the columns that are alike in both forms."""
    return {"id": document.id.hex(), "text": document.text, "source": document.source, "url": document.url}


def _table_row(document: Document) -> dict[str, Any]:
    columns = {name: getattr(document, name) for name in ("given_id", "title", "language", "quality")}
    more = metadata(document, [name for name in KNOWN if name not in columns])
    return _shared(document) | columns | {"created": document.timestamp, "metadata": _json(more)}


def _groups(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yields the documents of each row group."""
    group: list[Document] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.text)
        if len(group) >= ROWS or size >= BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _packing(raw: BinaryIO, compression: str) -> Any:
    """Returns a file that packs into another; its bytes depend on nothing but what is written."""
    if compression == "zst":
        return zstd.ZstdFile(raw, "w", level=LEVEL["zst"])
    if compression == "gz":
        return igzip.IGzipFile("", "wb", LEVEL["gz"], raw, mtime=0)
    return nullcontext(raw)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Returns a value for JSON, which has no NaN."""
    return None if isinstance(value, float) and isnan(value) else value


def _stamp(moment: datetime | None) -> str:
    """Returns a time as dolma writes it, which no reader takes for another type; "" where there is none."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


Form = Callable[[Iterable[Document], str, Path], None]
FORMS: dict[str, Form] = {"jsonl": write_jsonl, "parquet": write_parquet}
