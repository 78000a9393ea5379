"""Writes exchanges with servers as WARC 1.1 records, a gzip member each: response or revisit, request, metadata.

A body is kept as it came in its content codings, without chunks: `Transfer-Encoding` is stored as
`X-Crawler-Transfer-Encoding`, a `Content-Length` that is not the body's as `X-Crawler-Content-Length`. A record's id
depends on the file's prefix, the exchange's key and the kind, so that an exchange written again has the same ids.
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

NAMESPACE = UUID("6b0f4f0c-8f0a-5d5e-9a1e-3c6f1b7f2f41")  # of record ids
IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
HEAD_BYTES = 32_000  # of a stored HTTP header: readers give a file up at 32 KiB
URL_BYTES = 8_190  # of a stored URL
REASONS = ("", "length", "time", "disconnect", "unspecified")  # the values of WARC-Truncated
BREAKS = re.compile(rb"[\r\n\0]")
UNSAFE = re.compile(r"[\x00-\x20\x7f]")
DROPPED = b"X-Crawler-Dropped-Headers"  # holds the number of lines for which a header had no room
# The beginnings of header lines that a reader needs.
ESSENTIAL = (b"content-type", b"content-encoding", b"content-length", b"location", b"x-crawler-", b"x-robots-tag")

Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier capture of the same payload, as a revisit names it."""

    record_id: str
    url: str
    date: datetime
    payload_digest: str  # algorithm and base32


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer."""

    key: str  # the URL's id and the hop; the record ids depend on it
    url: str
    date: datetime  # with a zone
    status_line: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes  # without chunks, in its content codings
    ip: str = ""  # the server's address
    request: bytes = b""  # the request's head as sent
    truncated: str = ""  # the reason for which the body is cut, one of REASONS
    mime: str = ""  # as sniffed
    charset: str = ""
    protocols: tuple[str, ...] = ()  # as in WARC-Protocol, such as "http/1.1"
    cipher: str = ""  # as in WARC-Cipher-Suite
    metadata: Mapping[str, str] = field(default_factory=dict)  # the fields of the metadata record
    earlier: Earlier | None = None  # makes this a revisit, unless it is truncated

    def __post_init__(self) -> None:
        if self.truncated not in REASONS:
            raise ValueError(f"truncated is one of {', '.join(REASONS[1:])} or '', got {self.truncated!r}")
        if self.date.tzinfo is None:
            raise ValueError(f"the date of {self.url} has no zone")
        if len(self.url.encode("utf-8", "surrogateescape")) > URL_BYTES:
            raise ValueError(f"a URL of more than {URL_BYTES} bytes: {self.url[:60]}…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The place and the ids of the records of an exchange, once they are written."""

    kind: str  # response or revisit
    offset: int  # of its gzip member, in bytes
    length: int  # of its gzip member, in bytes
    end: int  # the offset behind the last record of the exchange
    payload_digest: str
    record_id: str
    request_id: str = ""  # '' where no request was written
    metadata_id: str = ""  # '' where no metadata was written

    def earlier(self, exchange: Exchange) -> Earlier:
        """Returns what a later revisit record states of this capture; for a revisit, of the capture that it names."""
        if exchange.earlier and self.kind == "revisit":
            return exchange.earlier
        return Earlier(
            record_id=self.record_id,
            url=exchange.url,
            date=exchange.date,
            payload_digest=self.payload_digest,
        )


class WarcWriter:
    """Writes records one after another to a binary file.

    prefix: begins the name from which every record id is made; a lot's id. algorithm: of the digests, "sha1" (as
    archives use it) or "sha256".
    """

    def __init__(self, file: BinaryIO, *, prefix: str, algorithm: str = "sha1") -> None:
        self._file, self._prefix, self._algorithm = file, prefix, algorithm
        self._info = ""  # the id of the record that opens the file
        self.offset = 0  # of the next record, in bytes

    def write_info(self, name: str, date: datetime, fields: Mapping[str, str]) -> str:
        """Writes the record that opens a file of this name and says who wrote it and how; returns its id."""
        self._info = record_id(self._prefix, name, "warcinfo")
        block = warc_fields({**fields, "format": "WARC File Format 1.1"})
        about = [("WARC-Filename", name), ("Content-Type", "application/warc-fields")]
        head = [("WARC-Type", "warcinfo"), ("WARC-Record-ID", self._info), ("WARC-Date", stamp(date))]
        self._put([*head, *about, ("WARC-Block-Digest", payload_digest(block, self._algorithm))], block)
        return self._info

    def write(self, exchange: Exchange) -> Written:
        """Writes the records of an exchange; raises ValueError where `earlier` is of another payload."""
        kind, payload_digest, fields = self._kind(exchange)
        shared = _shared_fields(exchange, self._info)
        own_id = record_id(self._prefix, exchange.key, kind)
        fields += [("WARC-IP-Address", exchange.ip), ("WARC-Identified-Payload-Type", exchange.mime)]
        fields += [("WARC-Protocol", protocol) for protocol in exchange.protocols]
        fields += [("WARC-Cipher-Suite", exchange.cipher), ("Content-Type", "application/http; msgtype=response")]
        block = response_head(exchange) + (exchange.body if kind == "response" else b"")
        offset = self.offset
        length = self._record(kind, own_id, shared + fields, block)
        concurrent = [*shared, ("WARC-Concurrent-To", own_id)]
        request_id = metadata_id = ""
        if exchange.request:
            request_id = record_id(self._prefix, exchange.key, "request")
            more = [("WARC-IP-Address", exchange.ip), ("Content-Type", "application/http; msgtype=request")]
            self._record("request", request_id, concurrent + more, exchange.request)
        if exchange.metadata:
            metadata_id = record_id(self._prefix, exchange.key, "metadata")
            more = [("Content-Type", "application/warc-fields")]
            self._record("metadata", metadata_id, concurrent + more, warc_fields(exchange.metadata))
        return Written(
            kind=kind,
            offset=offset,
            length=length,
            end=self.offset,
            payload_digest=payload_digest,
            record_id=own_id,
            request_id=request_id,
            metadata_id=metadata_id,
        )

    def _kind(self, exchange: Exchange) -> tuple[str, str, list[tuple[str, str]]]:
        """Returns "response" or "revisit", the payload's digest, and the fields that follow from these."""
        digest, earlier = payload_digest(exchange.body, self._algorithm), exchange.earlier
        if earlier is None or exchange.truncated:
            return "response", digest, [("WARC-Payload-Digest", digest), ("WARC-Truncated", exchange.truncated)]
        unmodified = exchange.status_line.split(b" ")[1:2] == [b"304"]
        if not unmodified and earlier.payload_digest != digest:
            raise ValueError(f"{exchange.url}: its payload is {digest}, the earlier one {earlier.payload_digest}")
        fields = [
            ("WARC-Profile", NOT_MODIFIED if unmodified else IDENTICAL),
            ("WARC-Refers-To", earlier.record_id),
            ("WARC-Refers-To-Target-URI", safe(earlier.url)),
            ("WARC-Refers-To-Date", stamp(earlier.date)),
            ("WARC-Payload-Digest", earlier.payload_digest),
            ("WARC-Truncated", "" if unmodified else "length"),
        ]
        return "revisit", earlier.payload_digest, fields

    def _record(self, kind: str, own_id: str, fields: list[tuple[str, str]], block: bytes) -> int:
        """Writes a record with its type, id and digest, and returns the length of its member in bytes."""
        block_digest = ("WARC-Block-Digest", payload_digest(block, self._algorithm))
        return self._put([("WARC-Type", kind), ("WARC-Record-ID", own_id), *fields, block_digest], block)

    def _put(self, fields: Fields, block: bytes) -> int:
        """Writes a record of these fields, but the empty ones, and returns the length of its member in bytes."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields if value)
        head = f"WARC/1.1\r\n{lines}Content-Length: {len(block)}\r\n\r\n".encode("utf-8", "surrogateescape")
        member = gzip_member(b"".join((head, block, b"\r\n\r\n")))
        self._file.write(member)
        self.offset += len(member)
        return len(member)


def _shared_fields(exchange: Exchange, info: str) -> list[tuple[str, str]]:
    return [
        ("WARC-Date", stamp(exchange.date)),
        ("WARC-Target-URI", safe(exchange.url)),
        ("WARC-Warcinfo-ID", info),
    ]


def response_head(exchange: Exchange) -> bytes:
    """Returns the response's header as stored: lines in their order, at most HEAD_BYTES, the length the body's own."""
    length = b"%d" % len(exchange.body)
    lines = []
    has_length = False
    for name, value in exchange.headers:
        name, value = BREAKS.sub(b"", name).strip(), BREAKS.sub(b" ", value)
        lower = name.lower()
        if lower == b"transfer-encoding" or (lower == b"content-length" and value.strip() != length):
            name = b"X-Crawler-" + name
        has_length = has_length or (lower == b"content-length" and value.strip() == length)
        if name:
            lines.append(b"%s: %s\r\n" % (name, value))
    if not has_length and (exchange.body or not _bodiless(exchange.status_line)):
        lines.append(b"Content-Length: %s\r\n" % length)
    first = BREAKS.sub(b" ", exchange.status_line)[:1000] + b"\r\n"
    return b"".join((first, *_fitting(lines, HEAD_BYTES - len(first) - 2), b"\r\n"))


def _bodiless(status_line: bytes) -> bool:
    """Returns True for a status whose answers have no body, so that a length would be wrong."""
    return status_line.split(b" ")[1:2] in ([b"204"], [b"304"])


def _fitting(lines: list[bytes], room: int) -> list[bytes]:
    """Returns the lines that fit into so many bytes, essential ones first, and a last one that counts the others."""
    if sum(map(len, lines)) <= room:
        return lines
    room -= len(DROPPED) + 20
    kept = set()
    essential_first = sorted(range(len(lines)), key=lambda number: not lines[number].lower().startswith(ESSENTIAL))
    for number in essential_first:
        if len(lines[number]) <= room:
            room -= len(lines[number])
            kept.add(number)
    return [lines[number] for number in sorted(kept)] + [b"%s: %d\r\n" % (DROPPED, len(lines) - len(kept))]


def record_id(prefix: str, key: str, kind: str) -> str:
    """Returns the id of the record of this kind, the same whenever and wherever it is made."""
    return f"<urn:uuid:{uuid5(NAMESPACE, chr(0).join((prefix, key, kind)))}>"


def payload_digest(content: bytes, algorithm: str = "sha1") -> str:
    """Returns the digest as archives write it: the algorithm and base32.

    >>> payload_digest(b"")
    'sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ'
    """
    digest = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return f"{algorithm}:{base64.b32encode(digest).decode()}"


def warc_fields(fields: Mapping[str, str]) -> bytes:
    """Returns lines of `name: value`; line ends within a value become blanks."""
    lines = (f"{name}: {' '.join(value.split())}\r\n" for name, value in fields.items())
    return "".join(lines).encode("utf-8", "surrogateescape")


def safe(url: str) -> str:
    """Returns a URL that fits into a header line: blanks and controls as %-escapes.

    >>> safe("http://a/x y")
    'http://a/x%20y'
    """
    return UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", url)


def stamp(date: datetime) -> str:
    """Returns a time as WARC writes it: in UTC, to the second."""
    return date.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
