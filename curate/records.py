"""The values that pass between functions: pages, documents, reasons, rejections, failures.

A document's id is 16 bytes, `blake2b(url, NUL, timestamp)`, so it never depends on a worker, an order or a run.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = re.compile(r"[^./\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]{0,59}")  # a source names a folder of shards


class Reason(NamedTuple):
    """Why a rule rejects: its name, the value measured, the limit it broke, and words where a number is not enough."""

    rule: str
    value: float | None = None
    threshold: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Where a record lies: file name, offset and length in the (compressed) file, in bytes."""

    file: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One captured response, before extraction.

    body: the payload with transfer and content coding removed.
    mime: the media type without parameters, lower case; charset: as the HTTP header names it, or ''.
    truncated: why the crawler cut the payload (WARC-Truncated), or ''. flags: what the reader had to mend, as
    `length_mismatch` (the record's length is wrong) or `gzip:partial`, `chunked:raw` (the body is not in its coding).
    """

    url: str
    timestamp: datetime
    status: int
    mime: str
    charset: str
    body: bytes
    pointer: Pointer
    truncated: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRecord:
    """A record that holds no page of its own, for a reason worth a rejection; `bytes` is the size of its block."""

    url: str
    timestamp: datetime
    reason: str
    detail: str
    bytes: int
    pointer: Pointer


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is no document by nature; `kind` is its WARC type."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Text with its origin; `quality` is the classifier's score in [0, 1] where one was given.

    extractor: what took the text out of the page: "trafilatura", "resiliparse", or "plain" where it was text already.
    truncated, flags: as the page's, the flags with blanks between.
    """

    id: bytes
    url: str
    timestamp: datetime
    source: str
    text: str
    title: str | None = None
    date: str | None = None
    language: str | None = None
    language_score: float | None = None
    mime: str | None = None
    warc_file: str | None = None
    warc_offset: int | None = None
    warc_length: int | None = None
    quality: float | None = None
    extractor: str | None = None
    truncated: str | None = None
    flags: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that a stage did not keep; `bytes` is the size of what was judged (payload or UTF-8 text)."""

    id: bytes
    url: str
    source: str
    stage: str
    reason: str
    value: float | None
    threshold: float | None
    bytes: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A dead letter: what went wrong, and where the input lies so that it can be read again.

    record: is it one record that was read and lost (so it counts as rejected too), or the rest of a file?
    """

    file: str
    offset: int
    length: int
    stage: str
    error: str
    message: str
    url: str = ""
    record: bool = False


def document_id(url: str, timestamp: datetime) -> bytes:
    """The 16-byte id of a capture: blake2b of url, NUL and the UTC time to the second (RFC 3339)."""
    moment = timestamp.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return hashlib.blake2b(f"{url}\0{moment}Z".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def keyed_hash(seed: int, purpose: str, key: bytes, size: int = 8) -> bytes:
    """The project's only randomness: blake2b(seed, purpose, key), so a draw belongs to a document, not to a run."""
    return hashlib.blake2b(f"{seed}\0{purpose}\0".encode() + key, digest_size=size).digest()


def uniform(seed: int, purpose: str, key: bytes) -> float:
    """A number in [0, 1) drawn from the key alone, with 53 bits.

    >>> 0 <= uniform(0, "pareto", b"x") < 1
    True
    """
    return (int.from_bytes(keyed_hash(seed, purpose, key)) >> 11) * 2.0**-53


def reject(document: Document, stage: str, reason: Reason) -> Rejection:
    """The rejection of a document, named `stage`-independently by its rule (`gopher_quality.stop_words`)."""
    return Rejection(
        id=document.id,
        url=document.url,
        source=document.source,
        stage=stage,
        reason=reason.rule,
        value=reason.value,
        threshold=reason.threshold,
        bytes=len(document.text.encode()),
        detail=reason.detail,
    )


def lost_record(failure: Failure, source: str) -> Rejection:
    """The rejection that stands for a record that failed; its id is the hash of where it lies."""
    return Rejection(
        id=document_id(f"{source}/{failure.file}#{failure.offset}{failure.url if failure.offset < 0 else ''}", EPOCH),
        url=failure.url,
        source=source,
        stage=failure.stage,
        reason=f"{failure.stage}.{failure.error}",
        value=None,
        threshold=None,
        bytes=max(0, failure.length),
        detail=failure.message,
    )
