"""Exchanges with servers to WARC 1.1 records, a gzip member each: response or revisit, request, metadata.

A body is kept as it came in its content codings, without chunks: `Transfer-Encoding` is stored as
`X-Crawler-Transfer-Encoding`, a `Content-Length` that is not the body's as `X-Crawler-Content-Length`. What a record is
called depends on what it is of and on nothing else, so that an exchange written again has the same record ids.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO
from uuid import UUID, uuid5

from curate.warc.codec import gzip_member

NAMESPACE = UUID("6b0f4f0c-8f0a-5d5e-9a1e-3c6f1b7f2f41")
IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
HEAD_BYTES = 32_000  # of a stored HTTP header: readers give a file up at 32 KiB
URL_BYTES = 8_190
REASONS = ("", "length", "time", "disconnect", "unspecified")
BREAKS = re.compile(rb"[\r\n\0]")
UNSAFE = re.compile(r"[\x00-\x20\x7f]")
DROPPED = b"X-Crawler-Dropped-Headers"
ESSENTIAL = (b"content-type", b"content-encoding", b"content-length", b"location", b"x-crawler-", b"x-robots-tag")

Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier capture of the same payload, as a revisit names it."""

    record_id: str
    url: str
    date: datetime
    payload_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer.

    key: what the record ids depend on beside the file's prefix: the URL's id and the hop. request: its head as sent.
    body: without chunks, in its content codings. truncated: why the body is cut, one of REASONS. mime: as sniffed.
    protocols: as in WARC-Protocol, such as "http/1.1". earlier: makes this a revisit, unless it is truncated.
    """

    key: str
    url: str
    date: datetime
    status_line: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    ip: str = ""
    request: bytes = b""
    truncated: str = ""
    mime: str = ""
    charset: str = ""
    protocols: tuple[str, ...] = ()
    cipher: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    earlier: Earlier | None = None

    def __post_init__(self) -> None:
        if self.truncated not in REASONS:
            raise ValueError(f"truncated is one of {', '.join(REASONS[1:])} or '', got {self.truncated!r}")
        if self.date.tzinfo is None:
            raise ValueError(f"the date of {self.url} has no zone")
        if len(self.url.encode("utf-8", "surrogateescape")) > URL_BYTES:
            raise ValueError(f"a URL of more than {URL_BYTES} bytes: {self.url[:60]}…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the response or revisit lies, which other records came with it, and what an index says of it.

    offset, length: of its gzip member. end: the offset behind the last record of the exchange.
    """

    kind: str
    offset: int
    length: int
    end: int
    payload_digest: str
    record_id: str
    request_id: str = ""
    metadata_id: str = ""

    def earlier(self, exchange: Exchange) -> Earlier:
        """This capture as a later one of the same payload names it; of a revisit the capture that it names."""
        if exchange.earlier and self.kind == "revisit":
            return exchange.earlier
        return Earlier(
            record_id=self.record_id, url=exchange.url, date=exchange.date, payload_digest=self.payload_digest
        )


class WarcWriter:
    """Writes records one after another to a binary file; prefix: what ids depend on first, a lot's id.

    algorithm: of the digests, "sha1" as everywhere or "sha256".
    """

    def __init__(self, file: BinaryIO, *, prefix: str, algorithm: str = "sha1") -> None:
        self._file, self._prefix, self._algorithm = file, prefix, algorithm
        self._info = ""
        self.offset = 0

    def write_info(self, name: str, date: datetime, fields: Mapping[str, str]) -> str:
        """The record that opens a file of this name and says who wrote it and how; its id."""
        self._info = record_id(self._prefix, name, "warcinfo")
        block = warc_fields({**fields, "format": "WARC File Format 1.1"})
        named = [("WARC-Filename", name), ("Content-Type", "application/warc-fields")]
        head = [("WARC-Type", "warcinfo"), ("WARC-Record-ID", self._info), ("WARC-Date", stamp(date))]
        self._put([*head, *named, ("WARC-Block-Digest", payload_digest(block, self._algorithm))], block)
        return self._info

    def write(self, exchange: Exchange) -> Written:
        """The records of an exchange; ValueError where `earlier` is of another payload."""
        kind, payload_digest, fields = self._kind(exchange)
        about = _shared(exchange, self._info)
        own = record_id(self._prefix, exchange.key, kind)
        fields += [("WARC-IP-Address", exchange.ip), ("WARC-Identified-Payload-Type", exchange.mime)]
        fields += [("WARC-Protocol", each) for each in exchange.protocols]
        fields += [("WARC-Cipher-Suite", exchange.cipher), ("Content-Type", "application/http; msgtype=response")]
        block = response_head(exchange) + (exchange.body if kind == "response" else b"")
        offset = self.offset
        length = self._record(kind, own, about + fields, block)
        beside = [*about, ("WARC-Concurrent-To", own)]
        request_id = metadata_id = ""
        if exchange.request:
            request_id = record_id(self._prefix, exchange.key, "request")
            more = [("WARC-IP-Address", exchange.ip), ("Content-Type", "application/http; msgtype=request")]
            self._record("request", request_id, beside + more, exchange.request)
        if exchange.metadata:
            metadata_id = record_id(self._prefix, exchange.key, "metadata")
            more = [("Content-Type", "application/warc-fields")]
            self._record("metadata", metadata_id, beside + more, warc_fields(exchange.metadata))
        return Written(
            kind=kind,
            offset=offset,
            length=length,
            end=self.offset,
            payload_digest=payload_digest,
            record_id=own,
            request_id=request_id,
            metadata_id=metadata_id,
        )

    def _kind(self, exchange: Exchange) -> tuple[str, str, list[tuple[str, str]]]:
        """Response or revisit, the payload's digest, and the fields that follow from these."""
        found, earlier = payload_digest(exchange.body, self._algorithm), exchange.earlier
        if earlier is None or exchange.truncated:
            return "response", found, [("WARC-Payload-Digest", found), ("WARC-Truncated", exchange.truncated)]
        unmodified = exchange.status_line.split(b" ")[1:2] == [b"304"]
        if not unmodified and earlier.payload_digest != found:
            raise ValueError(f"{exchange.url}: its payload is {found}, the earlier one {earlier.payload_digest}")
        fields = [
            ("WARC-Profile", NOT_MODIFIED if unmodified else IDENTICAL),
            ("WARC-Refers-To", earlier.record_id),
            ("WARC-Refers-To-Target-URI", safe(earlier.url)),
            ("WARC-Refers-To-Date", stamp(earlier.date)),
            ("WARC-Payload-Digest", earlier.payload_digest),
            ("WARC-Truncated", "" if unmodified else "length"),
        ]
        return "revisit", earlier.payload_digest, fields

    def _record(self, kind: str, own: str, fields: list[tuple[str, str]], block: bytes) -> int:
        checked = ("WARC-Block-Digest", payload_digest(block, self._algorithm))
        return self._put([("WARC-Type", kind), ("WARC-Record-ID", own), *fields, checked], block)

    def _put(self, fields: Fields, block: bytes) -> int:
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields if value)
        head = f"WARC/1.1\r\n{lines}Content-Length: {len(block)}\r\n\r\n".encode("utf-8", "surrogateescape")
        member = gzip_member(b"".join((head, block, b"\r\n\r\n")))
        self._file.write(member)
        self.offset += len(member)
        return len(member)


def _shared(exchange: Exchange, info: str) -> list[tuple[str, str]]:
    return [
        ("WARC-Date", stamp(exchange.date)),
        ("WARC-Target-URI", safe(exchange.url)),
        ("WARC-Warcinfo-ID", info),
    ]


def response_head(exchange: Exchange) -> bytes:
    """The response's header as it is stored: lines in their order, below HEAD_BYTES, the length the body's own."""
    length = b"%d" % len(exchange.body)
    lines, told = [], False
    for name, value in exchange.headers:
        name, value = BREAKS.sub(b"", name).strip(), BREAKS.sub(b" ", value)
        lower = name.lower()
        if lower == b"transfer-encoding" or (lower == b"content-length" and value.strip() != length):
            name = b"X-Crawler-" + name
        told = told or (lower == b"content-length" and value.strip() == length)
        if name:
            lines.append(b"%s: %s\r\n" % (name, value))
    if not told and (exchange.body or not _bodiless(exchange.status_line)):
        lines.append(b"Content-Length: %s\r\n" % length)
    first = BREAKS.sub(b" ", exchange.status_line)[:1000] + b"\r\n"
    return b"".join((first, *_fitting(lines, HEAD_BYTES - len(first) - 2), b"\r\n"))


def _bodiless(status_line: bytes) -> bool:
    """Has an answer of this status no body, so that a length would be wrong?"""
    return status_line.split(b" ")[1:2] in ([b"204"], [b"304"])


def _fitting(lines: list[bytes], room: int) -> list[bytes]:
    """The lines that fit, those that a reader needs first, and a last one that counts the others."""
    if sum(map(len, lines)) <= room:
        return lines
    room -= len(DROPPED) + 20
    kept = set()
    for number in sorted(range(len(lines)), key=lambda each: not lines[each].lower().startswith(ESSENTIAL)):
        if len(lines[number]) <= room:
            room -= len(lines[number])
            kept.add(number)
    return [lines[each] for each in sorted(kept)] + [b"%s: %d\r\n" % (DROPPED, len(lines) - len(kept))]


def record_id(prefix: str, key: str, kind: str) -> str:
    """The id of the record of this kind, the same whenever and wherever it is made."""
    return f"<urn:uuid:{uuid5(NAMESPACE, chr(0).join((prefix, key, kind)))}>"


def payload_digest(content: bytes, algorithm: str = "sha1") -> str:
    """The digest as archives write it: the algorithm and base32.

    >>> digest(b"")
    'sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ'
    """
    found = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return f"{algorithm}:{base64.b32encode(found).decode()}"


def warc_fields(fields: Mapping[str, str]) -> bytes:
    """Lines of `name: value`, a value with line ends on one line."""
    lines = (f"{name}: {' '.join(value.split())}\r\n" for name, value in fields.items())
    return "".join(lines).encode("utf-8", "surrogateescape")


def safe(url: str) -> str:
    """A URL that fits into a header line: blanks and controls as %-escapes.

    >>> safe("http://a/x y")
    'http://a/x%20y'
    """
    return UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", url)


def stamp(date: datetime) -> str:
    """A time as WARC writes it, in seconds."""
    return date.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
