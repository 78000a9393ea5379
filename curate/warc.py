"""Pages out of WARC and WET files: `response` records with their payload decoded, `conversion` records as text.

FastWARC reads; this layer tells what it does not: a record shorter than its Content-Length is a failure, never an empty
page, and a file that is empty, no WARC, damaged or not read to its end has one dead letter that names the offset.
"""

import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from curate.records import EPOCH, Failure, Page, Pointer

MAX_HEADER = 1 << 20  # FastWARC's own 32 KiB would give up the rest of the file at one long header
STAGE = "extract"
RECORD = b"WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is no document by nature; `kind` is its WARC type."""

    kind: str


def read_pages(path: Path, name: str, *, max_bytes: int) -> Iterator[Page | Failure | Skipped]:
    """Every record of a file, in order; a payload is read to max_bytes + 1 bytes, so that a longer one shows."""
    size = path.stat().st_size
    if size == 0:
        yield Failure(file=name, offset=0, length=0, stage=STAGE, error="empty_file", message="the file holds no bytes")
        return
    position, records = 0, 0
    waiting: Page | Failure | Skipped | None = None  # for the next record's offset, which ends this one
    try:
        with path.open("rb") as stream, _panics_as_errors():
            for record in ArchiveIterator(stream, parse_http=False, max_header_len=MAX_HEADER):
                if waiting:
                    yield _measured(waiting, record.stream_pos)
                position, records, waiting = record.stream_pos, records + 1, None
                waiting = _one(record, name, max_bytes)
    except OSError as error:
        if waiting:
            stop = next((stop for _, stop, _ in _members(path, position)), None)
            yield _measured(waiting, stop) if stop else waiting  # where an uncompressed one ends is not known
            position = stop or position
        kind, message = ("corrupt", str(error)) if records else ("not_warc", _told(path, str(error)))
        yield Failure(file=name, offset=position, length=size - position, stage=STAGE, error=kind, message=message)
        return
    if not waiting:
        yield Failure(file=name, offset=0, length=size, stage=STAGE, error="not_warc", message="no WARC record found")
        return
    end = _unread(path, position)
    yield _measured(waiting, end or size)
    if end:
        message = "the reader stopped before the end of the file"
        yield Failure(file=name, offset=end, length=size - end, stage=STAGE, error="unread", message=message)


@contextmanager
def _panics_as_errors() -> Iterator[None]:
    """FastWARC's panics (on a damaged lz4 file) as OSErrors; as BaseExceptions they would end the worker."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise OSError(f"FastWARC gave up: {error}") from None
        raise


def _told(path: Path, message: str) -> str:
    """FastWARC's message, or a better one where the first bytes tell what the file is."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\x1f\x8b"):
        with suppress(zlib.error):
            head = zlib.decompressobj(wbits=31).decompress(head)
    return "an ARC file; only WARC and WET are read" if head.startswith(b"filedesc://") else message


def _measured(outcome: Page | Failure | Skipped, end: int) -> Page | Failure | Skipped:
    """The outcome of a record that ends at this offset, with its length in the file.

    Of several records in one gzip member only the first has a place of its own; the others' is unknown, -1.
    """
    if isinstance(outcome, Page):
        where = outcome.pointer
        known = end > where.offset
        return replace(outcome, pointer=replace(where, offset=where.offset if known else -1, length=end - where.offset))
    return replace(outcome, length=end - outcome.offset) if isinstance(outcome, Failure) else outcome


def _unread(path: Path, last: int) -> int | None:
    """The offset of what follows the last record in a gzip file and is more than white space, or None.

    FastWARC takes an empty member for the end, and says nothing of a member that is cut before its first line.
    """
    for start, stop, held in _members(path, last):
        if start > last and (held or stop is None):
            return start
    return None


def _members(path: Path, first: int) -> Iterator[tuple[int, int | None, bool]]:
    """The gzip members from an offset on: start, end (None where it is cut or none), is it more than white space?"""
    with path.open("rb") as file:
        file.seek(first)
        start, member, held = first, zlib.decompressobj(wbits=31), False
        while chunk := file.read(1 << 16):
            while chunk:
                try:
                    held = bool(member.decompress(chunk).strip()) or held
                except zlib.error:
                    yield start, None, held
                    return
                chunk = member.unused_data
                if member.eof:
                    stop = file.tell() - len(chunk)
                    yield start, stop, held
                    start, member, held = stop, zlib.decompressobj(wbits=31), False
        if start < file.tell():
            yield start, None, held


def _one(record: WarcRecord, name: str, max_bytes: int) -> Page | Failure | Skipped:
    kind = record.record_type
    pointer = Pointer(file=name, offset=record.stream_pos, length=record.content_length)
    if "Content-Length" not in record.headers:
        return _failure(pointer, "header", "a WARC header without Content-Length")
    wanted = kind == WarcRecordType.conversion or (kind == WarcRecordType.response and record.is_http)
    if not wanted:
        return Skipped(str(kind))
    block = record.reader.read(min(record.content_length, 2 * max_bytes + MAX_HEADER))
    if len(block) < min(record.content_length, 2 * max_bytes):
        message = f"{len(block)} of {record.content_length} bytes"
        return _failure(pointer, "truncated", message)
    url = (record.headers.get("WARC-Target-URI") or "").strip().strip("<>")
    timestamp = _moment(record)
    if kind == WarcRecordType.conversion:
        return Page(
            url=url, timestamp=timestamp, status=200, mime="text/plain", charset="utf-8", body=block, pointer=pointer
        )
    decoded = _decoded(block, max_bytes)
    if decoded is None:
        return _failure(pointer, "http", "no HTTP response in a response record")
    response, body = decoded
    return Page(
        url=url,
        timestamp=timestamp,
        status=response.http_headers.status_code or 0,
        mime=re.split(r"[;,\s]", (response.http_headers.get("Content-Type") or "").strip(), maxsplit=1)[0].lower(),
        charset=(response.http_charset or "").strip("\"' ").lower(),
        body=body,
        pointer=pointer,
    )


def _moment(record: WarcRecord) -> datetime:
    """The capture's time in UTC; 1970 where it is missing or no date."""
    try:
        return (record.record_date or EPOCH).astimezone(UTC)
    except (ValueError, OverflowError):  # the year 0, or a zone that leads there
        return EPOCH


def _decoded(block: bytes, max_bytes: int) -> tuple[WarcRecord, bytes] | None:
    """The response with its payload decoded, or as it stands where it is not in the coding that its header names.

    None where there is no status line. Read through a stream, as FastWARC would decode a block in memory at once, and
    a few kilobytes can be gigabytes then.
    """
    for coding in ("all", "transfer", "content", "none"):
        stream = io.BytesIO(RECORD % len(block) + block)
        try:
            with _panics_as_errors():
                record = next(ArchiveIterator(stream, auto_decode=coding, max_header_len=MAX_HEADER))
                body = record.reader.read(max_bytes + 1)
        except OSError:
            continue
        if record.http_headers.status_code is None:
            return None
        return record, _inflated(body, max_bytes + 1) if body.startswith(b"\x1f\x8b") else body
    return None


def _inflated(body: bytes, size: int) -> bytes:
    """A gzip payload to this size, for where the header says `x-gzip`, a name that FastWARC does not know."""
    try:
        return zlib.decompressobj(wbits=31).decompress(body, size)
    except zlib.error:
        return body


def _failure(pointer: Pointer, error: str, message: str) -> Failure:
    return Failure(
        file=pointer.file,
        offset=pointer.offset,
        length=pointer.length,
        stage=STAGE,
        error=error,
        message=message,
        record=True,
    )
