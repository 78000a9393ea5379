"""What the WARC writer wrote, read back record by record: is each whole, and are its digests those of its bytes?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from curate.warc.codec import GZIP
from curate.warc.writer import payload_digest

PIECE = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record as it lies in a file; payload: the body of an HTTP message, the block of any other record.

    offset, length: of its gzip member. head: the HTTP header with its empty line, b"" of a record without one.
    """

    kind: str
    url: str
    date: str
    record_id: str
    payload_digest: str
    offset: int
    length: int
    head: bytes
    payload: bytes


def read_at(file: BinaryIO, offset: int, length: int) -> Stored:
    """The record at a place that an index or an outcome names; ValueError saying what is wrong with it."""
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
    """The records of a whole file in order; ValueError with the offset of the first that is not as it was written."""
    offset, waiting = 0, b""
    while waiting or (waiting := file.read(PIECE)):
        inflater, parts, length = GZIP.new(), [], 0
        try:
            while not inflater.eof:
                piece = waiting or file.read(PIECE)
                if not piece:
                    raise ValueError("the file ends in a record")
                parts.append(inflater.decompress(piece))
                length += len(piece)
                waiting = b""
            waiting = bytes(inflater.unused_data or b"")
            length -= len(waiting)
            yield _record(b"".join(parts), offset, length)
        except GZIP.errors as error:  # a ValueError among them
            raise ValueError(f"at {offset}: {error}") from None
        offset += length


def _record(content: bytes, offset: int, length: int) -> Stored:
    head, found, rest = content.partition(b"\r\n\r\n")
    version, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if version != "WARC/1.1" or not found:
        raise ValueError("no WARC 1.1 record")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    block = rest[:-4]
    if fields.get("content-length") != str(len(block)) or not rest.endswith(b"\r\n\r\n"):
        raise ValueError(f"a block of {len(block)} bytes, told are {fields.get('content-length')}")
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
    _check("block", fields.get("warc-block-digest", ""), block)
    if stored.kind == "response":
        _check("payload", stored.payload_digest, stored.payload)
    return stored


def _check(what: str, told: str, content: bytes) -> None:
    algorithm = told.partition(":")[0]
    if algorithm not in ("sha1", "sha256"):
        raise ValueError(f"no digest of the {what}")
    found = payload_digest(content, algorithm)
    if found != told:
        raise ValueError(f"the {what} is {found}, told is {told}")
