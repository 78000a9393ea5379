"""Packed files as streams of bytes, and their lines: concatenated frames and members, a zstd window of 2 GiB.

A dump is read once from its start to its end; what was unpacked before damage is handed on before the error is raised.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from backports import zstd

CHUNK = 1 << 20
WINDOW_LOG = 31  # the dumps of submissions are packed with it; takes 2 GiB of memory where the content is that long
BOM = b"\xef\xbb\xbf"
ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError, MemoryError)


class TooLarge(EOFError):
    """A file unpacks to more bytes than are allowed."""


class Line(NamedTuple):
    """A line without its end: its offset in the unpacked stream, its bytes (None where it is too long), its length."""

    offset: int
    content: bytes | None
    length: int


def chunks(file: BinaryIO, most: int) -> Iterator[bytes]:
    """The unpacked bytes of a file, whose first bytes tell how it is packed; TooLarge after `most` of them."""
    total = 0
    unpacked = _unpacked(file)
    while piece := unpacked.read1(CHUNK):
        total += len(piece)
        if total > most:
            yield piece[: len(piece) - (total - most)]
            raise TooLarge(f"unpacks to more than {most} bytes")
        yield piece


def _unpacked(file: BinaryIO) -> Any:
    head = file.read(6)
    file.seek(0)
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return zstd.ZstdFile(file, "rb", options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
    if head[:6] == b"\xfd7zXZ\x00":
        return _Streams(file, lzma.LZMADecompressor)
    if head[:3] == b"BZh":
        return _Streams(file, bz2.BZ2Decompressor)
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    return _Plain(file)


class _Streams:
    """Streams of xz or bzip2, one after another; the library's own files take damage where one begins for the end."""

    def __init__(self, file: BinaryIO, new: Callable[[], Any]) -> None:
        self._file, self._new, self._stream = file, new, new()

    def read1(self, size: int) -> bytes:
        while True:
            if self._stream.eof:
                packed = self._stream.unused_data.lstrip(b"\0")  # xz pads with zeros
                while not packed:
                    if not (more := self._file.read(CHUNK)):
                        return b""
                    packed = more.lstrip(b"\0")
                self._stream = self._new()
            elif self._stream.needs_input:
                if not (packed := self._file.read(CHUNK)):
                    raise EOFError("the file ends within a stream")
            else:
                packed = b""
            if piece := self._stream.decompress(packed, size):
                return bytes(piece)


class _Plain:
    """A file that is not packed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read1(self, size: int) -> bytes:
        return self._file.read(size)


def lines(pieces: Iterator[bytes], most: int) -> Iterator[Line]:
    """The lines of a stream, however it is cut into pieces; of one longer than `most` bytes nothing is held.

    A carriage return before the line's end goes too, and a byte order mark at the start.
    """
    start = size = 0  # of the line that is open
    held: list[bytes] = []
    for piece in pieces:
        first, *rest = piece.split(b"\n")
        size += len(first)
        if size <= most + 1:
            held.append(first)
        else:
            held.clear()
        if not rest:
            continue
        yield _line(start, held, size, most)
        start += size + 1
        last = rest.pop()
        for each in rest:
            length = len(each)
            yield Line(start, each.removesuffix(b"\r"), length) if length <= most else Line(start, None, length)
            start += length + 1
        held, size = [last], len(last)
    if size:
        yield _line(start, held, size, most)


def _line(start: int, held: list[bytes], size: int, most: int) -> Line:
    if size > most:
        return Line(start, None, size)
    content = b"".join(held).removesuffix(b"\r")
    return Line(start, content.removeprefix(BOM) if not start else content, size)
