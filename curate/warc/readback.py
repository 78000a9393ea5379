"""Reads back what the WARC writer wrote, and checks that each record is whole and has the digests of its bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from curate.warc.codec import GZIP
from curate.warc.writer import payload_digest

PIECE = 1 << 18  # bytes read from the file at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record as it lies in a file."""

    kind: str  # WARC-Type
    url: str
    date: str  # WARC-Date
    record_id: str
    payload_digest: str
    offset: int  # of its gzip member, in bytes
    length: int  # of its gzip member, in bytes
    head: bytes  # the HTTP header with its empty line; b"" where the record has none
    payload: bytes  # the body of an HTTP message, or the block of any other record


def read_at(file: BinaryIO, offset: int, length: int) -> Stored:
    """Reads the record at an offset that an index or an outcome names; raises ValueError that names its fault."""
    file.seek(offset)
    member = file.read(length)
    if len(member) < length:
        raise ValueError(f"the file ends {length - len(member)} bytes early")
    inflater = GZIP.new()
    try:
        content = inflater.decompress(member)
    except GZIP.errors as error:
        raise ValueError(f"no gzip member: {error}") from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError(f"not one gzip member of {length} bytes")
    return _record(content, offset, length)


def read_all(file: BinaryIO) -> Iterator[Stored]:
    """Yields the records of a whole file in order; raises ValueError with the offset of the first faulty one."""
    offset = 0
    unread = b""  # bytes that are read and belong to the next record
    while unread or (unread := file.read(PIECE)):
        inflater = GZIP.new()
        parts: list[bytes] = []
        length = 0
        try:
            while not inflater.eof:
                piece = unread or file.read(PIECE)
                if not piece:
                    raise ValueError("the file ends in a record")
                parts.append(inflater.decompress(piece))
                length += len(piece)
                unread = b""
            unread = bytes(inflater.unused_data or b"")
            length -= len(unread)
            yield _record(b"".join(parts), offset, length)
        except GZIP.errors as error:  # a ValueError among them
            raise ValueError(f"at {offset}: {error}") from None
        offset += length


def _record(content: bytes, offset: int, length: int) -> Stored:
    """Parses the inflated bytes of a member; raises ValueError where they are not one sound record."""
    head, end_of_head, rest = content.partition(b"\r\n\r\n")
    version, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if version != "WARC/1.1" or not end_of_head:
        raise ValueError("no WARC 1.1 record")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    block = rest[:-4]
    if fields.get("content-length") != str(len(block)) or not rest.endswith(b"\r\n\r\n"):
        raise ValueError(f"a block of {len(block)} bytes, its Content-Length is {fields.get('content-length')}")
    http = fields.get("content-type", "").startswith("application/http")
    end = block.find(b"\r\n\r\n") + 4 if http else 0
    stored = Stored(
        kind=fields.get("warc-type", ""),
        url=fields.get("warc-target-uri", ""),
        date=fields.get("warc-date", ""),
        record_id=fields.get("warc-record-id", ""),
        payload_digest=fields.get("warc-payload-digest", ""),
        offset=offset,
        length=length,
        head=block[:end],
        payload=block[end:],
    )
    _check_digest("block", fields.get("warc-block-digest", ""), block)
    if stored.kind == "response":
        _check_digest("payload", stored.payload_digest, stored.payload)
    return stored


def _check_digest(part: str, stated: str, content: bytes) -> None:
    """Raises ValueError where the content has another digest than its header states."""
    algorithm = stated.partition(":")[0]
    if algorithm not in ("sha1", "sha256"):
        raise ValueError(f"no digest of the {part}")
    actual = payload_digest(content, algorithm)
    if actual != stated:
        raise ValueError(f"the digest of the {part} is {actual}, its header states {stated}")
