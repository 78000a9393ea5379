"""Defines the values that pass between functions: pages, documents, reasons, rejections, failures.

A document's id is 16 bytes of blake2b over what identifies it and over its content (`page_id`, `row_id`), so it never
depends on a worker or a run.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

Id = bytes  # 16 bytes: of a document, or of another record
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = re.compile(r"[^./\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]{0,59}")  # it also names a folder of shards


class Reason(NamedTuple):
    """The reason for which a rule rejects something."""

    rule: str  # its full name, such as "gopher_quality.stop_words"
    value: float | None = None  # as measured
    threshold: float | None = None  # the limit that the value broke
    detail: str = ""  # words where a number is not enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The place of a record in a file."""

    file: str  # its name
    offset: int  # in the (compressed) file, in bytes
    length: int  # in the (compressed) file, in bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One captured response, before extraction.

    flags: what the reader repaired, such as `length_mismatch` (the record's length is wrong), or `gzip:partial` and
    `chunked:raw` (the body is not in its coding).
    """

    url: str
    timestamp: datetime | None  # of the capture; None where the record states none that can be read
    status: int  # HTTP's
    mime: str  # the media type without parameters, lower case
    charset: str  # as the HTTP header names it, or ''
    body: bytes  # the payload with transfer and content coding removed
    pointer: Pointer
    truncated: str = ""  # the crawler's reason for cutting the payload (WARC-Truncated), or ''
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRecord:
    """A record that holds no page of its own (a revisit, for example) and is rejected with a reason."""

    url: str
    timestamp: datetime | None  # as the page's
    reason: str  # the rule's full name, such as "extract.revisit"
    detail: str
    bytes: int  # of its block
    pointer: Pointer


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record or row that holds no document, such as a request or a self post; it is counted and not rejected."""

    kind: str  # a WARC type, or a word for what was skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text with its origin."""

    id: Id
    url: str
    timestamp: datetime | None  # of the capture, or of a row of the user's; None where it is not known
    source: str  # the recipe's name for where it comes from
    text: str
    given_id: str | None = None  # the id of a row of the user's, as the row spells it
    metadata: str | None = None  # the other columns of a row of the user's, as a JSON object
    title: str | None = None
    date: str | None = None  # as the page states it
    language: str | None = None
    language_score: float | None = None  # in [0, 1]
    mime: str | None = None
    warc_file: str | None = None
    warc_offset: int | None = None  # bytes
    warc_length: int | None = None  # bytes
    quality: float | None = None  # the classifier's score in [0, 1]
    extractor: str | None = None  # "trafilatura", "resiliparse", or "plain" where the page was text already
    truncated: str | None = None  # as the page's
    flags: str | None = None  # the page's, then what the extractor added or told, with blanks between
    cluster_size: int | None = None  # the documents for which dedup kept it, itself among them; None before dedup


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that a stage did not keep."""

    id: Id
    url: str
    source: str
    stage: str
    reason: str  # the full name of the rule that rejected it
    value: float | None  # as measured
    threshold: float | None  # the limit that the value broke
    bytes: int  # of what was judged: a payload, a UTF-8 text, or a URL
    detail: str = ""
    given_id: str | None = None  # as the document's

    @classmethod
    def of(
        cls, reason: Reason, *, id: Id, url: str, source: str, stage: str, size: int, given_id: str | None = None
    ) -> "Rejection":
        """Returns the rejection of a record of `size` bytes for this reason."""
        return cls(
            id=id,
            url=url,
            source=source,
            stage=stage,
            reason=reason.rule,
            value=reason.value,
            threshold=reason.threshold,
            bytes=size,
            detail=reason.detail,
            given_id=given_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A dead letter: it says what went wrong, and where the input lies so that it can be read again.

    record: True for one record that was read and lost, which counts as rejected too; False for the rest of a file.
    """

    file: str  # its name
    offset: int  # bytes, or the number of a row in a user's file
    length: int  # bytes, or a number of rows in a user's file
    stage: str
    error: str  # its kind in one word, such as "truncated"
    message: str
    url: str = ""
    record: bool = False

    @classmethod
    def at(
        cls, pointer: Pointer, error: str, message: str, *, stage: str, url: str = "", record: bool = True
    ) -> "Failure":
        """Returns the dead letter for the input at this place."""
        return cls(
            file=pointer.file,
            offset=pointer.offset,
            length=pointer.length,
            stage=stage,
            error=error,
            message=message,
            url=url,
            record=record,
        )


NoDocument = Rejection | Failure | Skipped  # what a row or a record may come to instead of a document


def document_id(url: str, timestamp: datetime | None, content: bytes) -> bytes:
    """Returns the 16-byte id of a capture: blake2b of url, NUL, the UTC second (RFC 3339), NUL, blake2b of content."""
    moment = ""
    if timestamp:
        moment = timestamp.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    place = f"{url}\0{moment}\0".encode("utf-8", "surrogatepass")
    return _digest(place + _digest(content))


def page_id(page: Page | RefusedRecord) -> bytes:
    """Returns the id of a page, of its decoded body; of a record without a page, of the reason why it has none."""
    content = page.body if isinstance(page, Page) else f"{page.reason} {page.detail}".encode("utf-8", "replace")
    return document_id(page.url, page.timestamp, content)


def row_id(given_id: str, text: str) -> bytes:
    """Returns the id of a row of the user's that has an id of its own: rows of one id and other texts stay apart."""
    return _digest(f"id:{given_id}\0".encode("utf-8", "surrogatepass") + _digest(text.encode("utf-8", "surrogatepass")))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def keyed_hash(seed: int, purpose: str, key: bytes, size: int = 8) -> bytes:
    """Returns blake2b(seed, purpose, key), the source of all random draws: they depend on the key, not on the run."""
    return hashlib.blake2b(f"{seed}\0{purpose}\0".encode() + key, digest_size=size).digest()


def uniform(seed: int, purpose: str, key: bytes) -> float:
    """Returns a number in [0, 1) drawn from the key alone, with 53 bits.

    >>> 0 <= uniform(0, "pareto", b"x") < 1
    True
    """
    return (int.from_bytes(keyed_hash(seed, purpose, key)) >> 11) * 2.0**-53


def reject(document: Document, stage: str, reason: Reason) -> Rejection:
    """Returns the rejection of a document by this stage."""
    return Rejection.of(
        reason,
        id=document.id,
        url=document.url,
        source=document.source,
        stage=stage,
        size=len(document.text.encode()),
        given_id=document.given_id,
    )


def lost_record(failure: Failure, source: str) -> Rejection:
    """Returns the rejection that stands for a failed record; its id is the hash of its place."""
    place = f"{source}/{failure.file}#{failure.offset}"
    return Rejection(
        id=document_id(failure.url, None, place.encode("utf-8", "surrogatepass")),
        url=failure.url,
        source=source,
        stage=failure.stage,
        reason=f"{failure.stage}.{failure.error}",
        value=None,
        threshold=None,
        bytes=max(0, failure.length),
        detail=failure.message,
    )
