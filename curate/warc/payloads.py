"""HTTP responses out of blocks: status, media type, charset, and the body without its codings.

A body that is not in the coding its header names is taken as it stands, one that ends or breaks early as far as it
goes; both are flagged. No coding inflates beyond the limit that is asked for.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import brotli
from backports import zstd
from isal import igzip_lib

from curate.warc.codec import GZIP, ISAL_ERROR, ZSTD

STATUS = re.compile(rb"HTTP/\d{1,2}(?:\.\d{1,2})?[ \t]+(\d{3})(?!\d)")
FIELD = re.compile(
    rb"^(content-(?:type|encoding|length)|transfer-encoding)[ \t]*:([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)", re.I | re.M
)
MEDIA = re.compile(r"[^;,\s]*")
CHARSET = re.compile(r"(?<![^;,\s])charset\s*=\s*[\"']?\s*([^\s;\"',]*)", re.I)
CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
PIECE = 1 << 16
MAX_HEAD = 1 << 12  # bytes in which almost every header ends
CODINGS = 6  # of one body; more are an attack
MEMBERS = 1000  # of one packed body: 64 MiB as bgzip packs; a MiB of empty ones would take seconds
ERRORS: tuple[type[Exception], ...] = (ISAL_ERROR, zstd.ZstdError, brotli.error, ValueError, EOFError, MemoryError)


class Response(NamedTuple):
    """An HTTP response; `flags` say where its body is not what its header says, `short` if it is shorter than that."""

    status: int
    mime: str
    charset: str
    body: bytes
    flags: tuple[str, ...]
    short: bool


def response(block: Sequence[bytes | memoryview], limit: int) -> Response | None:
    """The response in a block's pieces, its body decoded to `limit` bytes at most; None without a status line."""
    head = bytes(block[0][:MAX_HEAD])
    begin = _body(head)
    if begin == len(head):
        block = [head := b"".join(block)]
        begin = _body(head)
    status = STATUS.match(head)
    if not status:
        return None
    fields: dict[bytes, str] = {}
    for name, value in FIELD.findall(head, 0, begin):
        name, told = name.lower(), value.decode("latin-1").strip()
        fields[name] = f"{fields[name]}, {told}" if name in fields else told
    kind = fields.get(b"content-type", "")
    charset = CHARSET.search(kind) if kind else None
    length = fields.get(b"content-length", "")
    transfer, content = _names(fields.get(b"transfer-encoding")), _names(fields.get(b"content-encoding"))
    body = b"".join([memoryview(block[0])[begin:], *block[1:]])
    short = not transfer and length.isdecimal() and len(length) < 19 and int(length) > len(body)
    body, flags = decoded(body, (transfer[::-1] + content[::-1])[:CODINGS], limit)
    return Response(
        status=int(status[1]),
        mime=MEDIA.match(kind)[0].lower(),  # type: ignore[index]
        charset=charset[1].lower() if charset else "",
        body=body,
        flags=flags,
        short=short,
    )


def _body(block: bytes) -> int:
    """Where the body begins: after the first empty line."""
    first = block.find(b"\r\n\r\n")
    end = first + 4 if first >= 0 else len(block)
    for other in (b"\n\n", b"\n\r\r\n"):
        found = block.find(other, 0, end)
        end = found + len(other) if found >= 0 else end
    return end


def _names(value: str | None) -> list[str]:
    if not value:
        return []
    names = [each.strip(" \t\r\n\"'") for each in value.lower().split(",")]
    return [name for name in names if name not in ("", "identity", "none")]


def decoded(body: bytes, codings: list[str], limit: int) -> tuple[bytes, tuple[str, ...]]:
    """A body without its codings, the outermost first, and what was wrong with them."""
    flags: list[str] = []
    for coding in codings:
        if coding == "chunked":
            body, wrong = dechunked(body)
        elif coding in INFLATERS:
            body, wrong = inflated(body, INFLATERS[coding](body), limit)
        else:
            wrong = "unknown"
        if wrong:
            flags.append(f"{coding[:20]}:{wrong}")
    if body.startswith(GZIP.magic):  # with the coding's name left out
        found, wrong = inflated(body, GZIP.new, limit)
        if found is not body:
            body = found
            flags.append(f"gzip:{wrong or 'unnamed'}")
    return body[:limit], tuple(flags)


def dechunked(body: bytes) -> tuple[bytes, str]:
    """A body without the chunks' sizes, and '' or what was wrong: "raw" if it has none, "partial" if they end early."""
    parts: list[bytes] = []
    at, end = 0, len(body)
    while True:
        found = CHUNK.match(body, at)
        if not found:
            if not parts:
                return body, "raw" if body else ""
            parts.append(body[at:])
            return b"".join(parts), "partial"
        size = int(found[1], 16)
        if not size:
            return b"".join(parts), ""
        begin = found.end()
        parts.append(body[begin : begin + size])
        at = begin + size
        if at > end:
            return b"".join(parts), "partial"
        at += 2 if body.startswith(b"\r\n", at) else body.startswith(b"\n", at)


def inflated(body: bytes, new: Callable[[], Any], limit: int) -> tuple[bytes, str]:
    """A body inflated to `limit` bytes, and '' or what was wrong: "raw" if nothing came out, "partial" if it breaks."""
    parts: list[bytes] = []
    size, at, members, inflater = 0, 0, 1, new()
    try:
        while size < limit and not inflater.eof:
            piece = body[at : at + PIECE] if inflater.needs_input else b""
            if inflater.needs_input and not piece:
                break
            at += len(piece)
            parts.append(inflater.decompress(piece, limit - size))
            size += len(parts[-1])
            if inflater.eof:
                at -= len(inflater.unused_data or b"")
                if body.startswith(MAGICS.get(new, b"no more"), at):  # what is packed in several members
                    if members == MEMBERS:
                        return b"".join(parts), "partial"
                    members, inflater = members + 1, new()
    except ERRORS:
        return (b"".join(parts), "partial") if size else (body, "raw")
    if not size and body and not inflater.eof:
        return body, "raw"
    return b"".join(parts), "" if inflater.eof or size >= limit else "partial"


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
        found: bytes = self._inner.process(data, output_buffer_limit=length)
        return found


def _deflate(body: bytes) -> Callable[[], Any]:
    """zlib's format where the first two bytes are its header, else deflate's own."""
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
