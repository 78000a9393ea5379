"""Records to what becomes of them: a page, a refusal, a dead letter, or a count of its type."""

from curate.records import Failure, Page, Pointer, Refused, Skipped
from curate.warc.headers import TYPES, moment
from curate.warc.payloads import response
from curate.warc.tape import Record

STAGE = "extract"


def is_wanted(kind: str, mime: str, wat: bool = False) -> bool:
    """Does a record of this type and media type hold a page, or, if asked for, what a WAT file tells of one?"""
    if wat:
        return kind == "metadata" and mime.startswith("application/json")
    return kind == "conversion" or (kind == "response" and (not mime or mime.startswith("application/http")))


def capture(record: Record, pointer: Pointer, max_bytes: int, wat: bool = False) -> Page | Failure | Refused | Skipped:
    """What becomes of a record at this place; a payload is decoded to max_bytes + 1 bytes at most."""
    head = record.head
    if not head.kind:
        return failure(pointer, "header", "a record without WARC-Type", head.url)
    if head.kind == "revisit":
        return Refused(
            url=head.url,
            timestamp=moment(head.date),
            reason="extract.revisit",
            detail=f"of {head.refers}" if head.refers else "of an unknown record",
            bytes=record.size,
            pointer=pointer,
        )
    if not is_wanted(head.kind, head.mime, wat):
        if head.kind == "metadata" and head.mime.startswith("application/json"):
            return Skipped("wat")
        return Skipped(head.kind if head.kind in TYPES else "unknown")
    return _page(record, pointer, max_bytes)


def _page(record: Record, pointer: Pointer, max_bytes: int) -> Page | Failure | Refused:
    head, limit = record.head, max_bytes + 1
    flags: tuple[str, ...] = ("length_mismatch",) if record.mismatch else ()
    timestamp = moment(head.date)
    if head.kind in ("conversion", "metadata"):
        mime = "text/plain" if head.kind == "conversion" else "application/json"
        status, charset, body = 200, "utf-8", b"".join(record.block)[:limit]
    else:
        found = response(record.block, limit)
        if not found:
            return failure(pointer, "http", "no HTTP response in a response record", head.url)
        if found.short and record.mismatch and head.length is not None and head.length > record.size:
            return failure(pointer, "truncated", f"{record.size} of {head.length} bytes", head.url)
        status, mime, charset, body, flags = found.status, found.mime, found.charset, found.body, flags + found.flags
    if len(body) < limit and record.size > sum(map(len, record.block)):
        detail = f"a record of {record.size} bytes"
        return Refused(
            url=head.url, timestamp=timestamp, reason="extract.size", detail=detail, bytes=record.size, pointer=pointer
        )
    return Page(
        url=head.url,
        timestamp=timestamp,
        status=status,
        mime=mime,
        charset=charset,
        body=body,
        pointer=pointer,
        truncated=head.truncated,
        flags=flags,
    )


def failure(pointer: Pointer, error: str, message: str, url: str = "", *, record: bool = True) -> Failure:
    """A dead letter for this place."""
    return Failure(
        file=pointer.file,
        offset=pointer.offset,
        length=pointer.length,
        stage=STAGE,
        error=error,
        message=message,
        url=url,
        record=record,
    )
