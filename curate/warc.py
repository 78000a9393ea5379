"""Pages out of WARC and WET files: `response` records with their payload decoded, `conversion` records as text.

FastWARC reads; this layer tells what it does not: a record shorter than its Content-Length is a failure, never an empty
page, and a file that is empty, no WARC, or damaged ends in one dead letter that names the offset.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from curate.records import EPOCH, Failure, Page, Pointer

MAX_HEADER = 1 << 20  # FastWARC's own 32 KiB would give up the rest of the file at one long header
STAGE = "extract"


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
    try:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, parse_http=False, max_header_len=MAX_HEADER):
                position, records = record.stream_pos, records + 1
                yield _one(record, name, max_bytes)
    except OSError as error:
        kind = "corrupt" if records else "not_warc"
        yield Failure(file=name, offset=position, length=size - position, stage=STAGE, error=kind, message=str(error))
        return
    if not records:
        yield Failure(file=name, offset=0, length=size, stage=STAGE, error="not_warc", message="no WARC record found")


def _one(record: WarcRecord, name: str, max_bytes: int) -> Page | Failure | Skipped:
    kind = record.record_type
    wanted = kind == WarcRecordType.conversion or (kind == WarcRecordType.response and record.is_http)
    if not wanted:
        return Skipped(str(kind))
    pointer = Pointer(file=name, offset=record.stream_pos, length=record.content_length)
    block = record.reader.read(min(record.content_length, 2 * max_bytes + MAX_HEADER))
    if len(block) < min(record.content_length, 2 * max_bytes):
        message = f"{len(block)} of {record.content_length} bytes"
        return _failure(pointer, "truncated", message)
    url = (record.headers.get("WARC-Target-URI") or "").strip().strip("<>")
    timestamp = record.record_date or EPOCH
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
        mime=(response.http_content_type or "").lower(),
        charset=(response.http_charset or "").lower(),
        body=body,
        pointer=pointer,
    )


def _decoded(block: bytes, max_bytes: int) -> tuple[WarcRecord, bytes] | None:
    """The response with its payload decoded, or as it stands where it is not in the coding that its header names."""
    for coding in ("all", "transfer", "content", "none"):
        record = WarcRecord()
        record.init_headers(WarcRecordType.response, content_length=len(block))
        record.is_http = True
        record.set_bytes_content(block)
        try:
            record.parse_http(auto_decode=coding, max_header_len=MAX_HEADER)
            return record, record.reader.read(max_bytes + 1)
        except OSError:
            continue
    return None


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
