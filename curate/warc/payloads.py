"""Reads HTTP responses out of blocks: status, media type, charset, and the body without its codings.

The answers that come before the real one are passed over: 100 Continue, 103 Early Hints, and a proxy's 200 Connection
established. A body that is not in the coding its header names is inflated by its magic number or taken as it stands;
one that ends or breaks early, or whose checksum is wrong, is taken up to there. All are flagged. No coding inflates
beyond the limit of the call.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import brotli
from backports import zstd
from isal import igzip_lib

from curate.warc.codec import GZIP, ISAL_ERROR, ZSTD

STATUS = re.compile(rb"HTTP/\d{1,2}(?:\.\d{1,2})?[ \t]+(\d{3})(?!\d)", re.I)
FIELD = re.compile(
    rb"^(content-(?:type|encoding|length)|transfer-encoding)[ \t]*:([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)", re.I | re.M
)
MEDIA = re.compile(r"[^;,\s]*")
CHARSET = re.compile(r"(?<![^;,\s])charset\s*=\s*[\"']?\s*([^\s;\"',]*)", re.I)
CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
TUNNEL = re.compile(rb"connection[ \t]+established", re.I)  # the words of a proxy's answer to CONNECT
# The first two bytes of zlib's format without a dictionary (RFC 1950, section 2.2), as a number a multiple of 31.
ZLIB = re.compile(
    b"|".join(
        re.escape(bytes((method, flags)))
        for method in range(0x08, 0x80, 0x10)
        for flags in range(256)
        if not (method << 8 | flags) % 31 and not flags & 0x20
    )
)
PIECE = 1 << 16  # compressed bytes given to a decompressor at once
SUMS = 8  # bytes behind a gzip body: the checksum and the length of its content
SMALL_PIECE = 1 << 8  # where a piece breaks, before it is given byte by byte
MAX_HEAD = 1 << 12  # bytes in which almost every header ends
CODINGS = 6  # of one body; more are an attack
INTERIM = 10  # answers before the real one; more are an attack
MEMBERS = 1000  # of one packed body: 64 MiB as bgzip packs; a MiB of empty ones would take seconds
ERRORS: tuple[type[Exception], ...] = (ISAL_ERROR, zstd.ZstdError, brotli.error, ValueError, EOFError, MemoryError)


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    mime: str  # without parameters, in lower case
    charset: str  # in lower case, or ''
    body: bytes  # without its codings
    flags: tuple[str, ...]  # codings in which the body is not, such as "gzip:partial"
    short: bool  # True where the body is shorter than its Content-Length


def response(block: Sequence[bytes | memoryview], limit: int) -> Response | None:
    """Reads the response in a block's pieces, its body decoded to `limit` bytes at most; None without a status line."""
    answer = _answer(block)
    for _ in range(INTERIM):
        if answer and _is_interim(answer):
            answer = _answer([_rest(answer)])
    if not answer:
        return None
    status, fields = answer.status, answer.fields
    content_type = fields.get(b"content-type", "")
    charset = CHARSET.search(content_type) if content_type else None
    length = fields.get(b"content-length", "")
    transfer = _coding_names(fields.get(b"transfer-encoding"))
    content = _coding_names(fields.get(b"content-encoding"))
    body = _rest(answer)
    short = not transfer and length.isdecimal() and len(length) < 19 and int(length) > len(body)
    body, flags = decode_body(body, (transfer[::-1] + content[::-1])[:CODINGS], limit)
    return Response(
        status=int(status[1]),
        mime=MEDIA.match(content_type)[0].lower(),  # type: ignore[index]
        charset=charset[1].lower() if charset else "",
        body=body,
        flags=flags,
        short=short,
    )


class _Answer(NamedTuple):
    """An HTTP answer in a block's pieces."""

    block: Sequence[bytes | memoryview]
    head: bytes  # the first piece or its begin, which holds the whole header
    status: re.Match[bytes]
    fields: dict[bytes, str]  # those of FIELD
    begin: int  # of the body in the first piece


def _answer(block: Sequence[bytes | memoryview]) -> _Answer | None:
    """Returns the answer that a block begins with; None without a status line."""
    head = bytes(block[0][:MAX_HEAD])
    if head[:1] in (b"\r", b"\n"):  # empty lines before the status line
        whole = b"".join(block).lstrip(b"\r\n")
        block, head = [whole], whole[:MAX_HEAD]
    begin = _body_start(head)
    if begin == len(head):  # the header may be longer
        head = b"".join(block)
        block = [head]
        begin = _body_start(head)
    status = STATUS.match(head)
    return _Answer(block, head, status, _fields(head, begin), begin) if status else None


def _rest(answer: _Answer) -> bytes:
    """Returns what follows an answer's header."""
    return b"".join([memoryview(answer.block[0])[answer.begin :], *answer.block[1:]])


def _is_interim(answer: _Answer) -> bool:
    """Returns True where an answer stands before the real one, which its body must then begin with."""
    block, head, status, fields, begin = answer
    if head[begin : begin + 1] not in (b"H", b""):  # almost every answer
        return False
    number = int(status[1])
    words = head[status.end() : head.find(b"\n", status.end())]
    is_bare = fields in ({}, {b"content-length": "0"})
    if not (100 <= number < 200 or (number == 200 and (is_bare or TUNNEL.search(words)))):
        return False
    return STATUS.match(b"".join([memoryview(block[0])[begin : begin + 64], *block[1:2]])) is not None


def decode_body(body: bytes, codings: list[str], limit: int) -> tuple[bytes, tuple[str, ...]]:
    """Returns a body without its codings, the outermost first, and a flag for each that was wrong."""
    flags: list[str] = []
    for coding in codings:
        if coding == "chunked":
            body, fault = dechunk(body)
        elif coding in INFLATERS:
            body, fault = inflate(body, INFLATERS[coding](body), limit)
        else:
            fault = "unknown"
        if fault:
            flags.append(f"{coding[:20]}:{fault}")
    for _ in range(CODINGS):  # codings that the header does not name
        coding = next((name for name, magic in UNNAMED.items() if magic.match(body)), "")
        content, fault = inflate(body, INFLATERS[coding](body), limit) if coding else (body, "raw")
        if fault == "raw" or (fault and coding == "deflate"):
            break
        body = content
        flags.append(f"{coding}:{fault or 'unnamed'}")
    return body[:limit], tuple(flags)


def dechunk(body: bytes) -> tuple[bytes, str]:
    """Returns a body without the sizes of chunks, and its fault: '', "raw" (no chunks), "partial" (they end early)."""
    parts: list[bytes] = []
    at, end = 0, len(body)
    while True:
        match = CHUNK.match(body, at)
        if not match:
            if not parts:
                return body, "raw" if body else ""
            parts.append(body[at:])
            return b"".join(parts), "partial"
        size = int(match[1], 16)
        if not size:
            return b"".join(parts), ""
        begin = match.end()
        parts.append(body[begin : begin + size])
        at = begin + size
        if at > end:
            return b"".join(parts), "partial"
        at += 2 if body.startswith(b"\r\n", at) else body.startswith(b"\n", at)


def inflate(body: bytes, new: Callable[[], Any], limit: int) -> tuple[bytes, str]:
    """Inflates a body to `limit` bytes; returns it with its fault: '', "raw" (nothing came out), "partial" (it breaks).

    new: makes a decompressor.
    """
    content, fault, _ = _salvaged(body, new, limit)
    return (body, "raw") if fault == "raw" else (content, fault)


def only_sums_are_wrong(body: bytes, limit: int) -> bool:
    """Returns True where a gzip body inflates to its end, and the checksum or the length behind it is wrong."""
    _, fault, broken = _salvaged(body, GZIP.new, limit)
    return fault == "partial" and broken >= len(body) - SUMS


def _salvaged(body: bytes, new: Callable[[], Any], limit: int) -> tuple[bytes, str, int]:
    """Returns what `_inflated` does, up to the very byte that breaks."""
    content, fault, broken = _inflated(body, new, limit, len(body), PIECE)
    sure = bool(content) or any(magic.match(body) for magic in UNNAMED.values())
    for piece in (SMALL_PIECE, 1):  # a decompressor keeps what it made of the piece that breaks
        if sure and broken >= 0:
            content, fault, broken = _inflated(body, new, limit, broken, piece)
    return content, fault, broken


def _inflated(body: bytes, new: Callable[[], Any], limit: int, fine: int, size_of_fine: int) -> tuple[bytes, str, int]:
    """Returns what a body inflates to, its fault, and the offset of the piece that raised; -1 where none did.

    fine: the offset from which on the pieces have `size_of_fine` bytes.
    """
    parts: list[bytes] = []
    inflater = new()
    size = at = start = 0
    members = 1
    try:
        while size < limit and not inflater.eof:
            if inflater.needs_input:
                start = at
            length = size_of_fine if at >= fine else min(PIECE, fine - at)
            piece = body[at : at + length] if inflater.needs_input else b""
            if inflater.needs_input and not piece:
                break
            at += len(piece)
            parts.append(inflater.decompress(piece, limit - size))
            size += len(parts[-1])
            if inflater.eof:
                at -= len(inflater.unused_data or b"")
                if body.startswith(MAGICS.get(new, b"no more"), at):  # a body may be packed in several members
                    if members == MEMBERS:
                        return b"".join(parts), "partial", -1
                    members, inflater = members + 1, new()
    except ERRORS:
        return b"".join(parts), "partial" if size else "raw", start
    if not size and body and not inflater.eof:
        return b"", "raw", -1
    return b"".join(parts), "" if inflater.eof or size >= limit else "partial", -1


def _body_start(block: bytes) -> int:
    """Returns the offset of the body, which begins after the first empty line."""
    first = block.find(b"\r\n\r\n")
    end = first + 4 if first >= 0 else len(block)
    for empty_line in (b"\n\n", b"\n\r\r\n"):
        start = block.find(empty_line, 0, end)
        end = start + len(empty_line) if start >= 0 else end
    return end


def _fields(head: bytes, end: int) -> dict[bytes, str]:
    """Returns the values of the header's fields that are read, by lower-case name, equal names joined by a comma."""
    fields: dict[bytes, str] = {}
    for raw_name, raw_value in FIELD.findall(head, 0, end):
        name, value = raw_name.lower(), raw_value.decode("latin-1").strip()
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _coding_names(value: str | None) -> list[str]:
    if not value:
        return []
    names = [name.strip(" \t\r\n\"'") for name in value.lower().split(",")]
    return [name for name in names if name not in ("", "identity", "none")]


class _Brotli:
    """Brotli's decompressor with the standard library's names."""

    unused_data = b""

    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._inner.is_finished())

    @property
    def needs_input(self) -> bool:
        return bool(self._inner.can_accept_more_data())

    def decompress(self, data: bytes, length: int) -> bytes:
        content: bytes = self._inner.process(data, output_buffer_limit=length)
        return content


def _deflate(body: bytes) -> Callable[[], Any]:
    """Returns the maker of a decompressor: zlib's format if the first two bytes are its header, else deflate's own."""
    zlib = len(body) > 1 and body[0] & 15 == 8 and not (body[0] << 8 | body[1]) % 31
    flag = igzip_lib.DECOMP_ZLIB if zlib else igzip_lib.DECOMP_DEFLATE
    return lambda: igzip_lib.IgzipDecompressor(flag=flag)


MAGICS = {GZIP.new: GZIP.magic, ZSTD.new: ZSTD.magic}
INFLATERS: dict[str, Callable[[bytes], Callable[[], Any]]] = {
    "gzip": lambda _: GZIP.new,
    "x-gzip": lambda _: GZIP.new,
    "deflate": _deflate,
    "br": lambda _: _Brotli,
    "zstd": lambda _: ZSTD.new,
}
UNNAMED = {"gzip": re.compile(re.escape(GZIP.magic)), "zstd": re.compile(re.escape(ZSTD.magic)), "deflate": ZLIB}
