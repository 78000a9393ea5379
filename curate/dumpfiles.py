"""Packed files as streams of bytes, and their lines: concatenated frames and members, a zstd window of 2 GiB.

A dump is read once from its start to its end; what was unpacked before damage is handed on before the error is raised.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
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
        return lzma.LZMAFile(file)
    if head[:3] == b"BZh":
        return bz2.BZ2File(file)
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    return _Plain(file)


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
