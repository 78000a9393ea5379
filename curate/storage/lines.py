"""Reads compressed files as streams of bytes and of lines, with concatenated frames and a zstd window of 2 GiB.

A dump is read once from its start to its end; what was unpacked before damage is handed on before the error is raised.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import lz4.frame
from backports import zstd

CHUNK = 1 << 20  # bytes unpacked at a time
WINDOW_LOG = 31  # the dumps of submissions are packed with it; takes 2 GiB of memory where the content is that long
BOM = b"\xef\xbb\xbf"  # UTF-8's byte order mark
# The first bytes of each packing; zstd has skippable frames besides.
PACKINGS = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x1f\x8b": "gzip",
    b"\x04\x22\x4d\x18": "lz4",
}
# What a damaged file raises.
ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError, MemoryError)


class TooLarge(EOFError):
    """A file unpacks to more bytes than are allowed."""


class Line(NamedTuple):
    """A line without its end."""

    offset: int  # in the unpacked stream, in bytes
    content: bytes | None  # None where the line is too long
    length: int  # bytes


def chunks(file: BinaryIO, most: int) -> Iterator[bytes]:
    """Yields the unpacked bytes of a file, whose first bytes tell its packing; raises TooLarge after `most` bytes."""
    total = 0
    stream = _unpacking(file)
    while piece := stream.read1(CHUNK):
        total += len(piece)
        if total > most:
            yield piece[: len(piece) - (total - most)]
            raise TooLarge(f"unpacks to more than {most} bytes")
        yield piece


def lines(pieces: Iterator[bytes], most: int) -> Iterator[Line]:
    """Yields the lines of a stream, however it is cut into pieces; of one longer than `most` bytes nothing is held.

    A carriage return before the line's end is removed too, and a byte order mark at the start of the stream.
    """
    start = size = 0  # offset and bytes so far of the unfinished line
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
        for content in rest:
            length = len(content)
            yield Line(start, content.removesuffix(b"\r"), length) if length <= most else Line(start, None, length)
            start += length + 1
        held, size = [last], len(last)
    if size:
        yield _line(start, held, size, most)


def packing_of(file: BinaryIO) -> str:
    """Returns how a file is packed, by its first bytes, to which it returns; "" where it is not."""
    head = file.read(6)
    file.seek(0)
    if head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F:
        return "zstd"
    return next((name for magic, name in PACKINGS.items() if head.startswith(magic)), "")


def _unpacking(file: BinaryIO) -> Any:
    """Returns a reader of the unpacked bytes, chosen by the first bytes of the file."""
    packing = packing_of(file)
    if packing == "zstd":
        return zstd.ZstdFile(file, "rb", options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
    if packing == "gzip":
        return gzip.GzipFile(fileobj=file)
    streams: dict[str, Callable[[], Any]] = {
        "xz": lzma.LZMADecompressor,
        "bzip2": bz2.BZ2Decompressor,
        "lz4": lz4.frame.LZ4FrameDecompressor,
    }
    return _Streams(file, streams[packing]) if packing else _Plain(file)


class _Streams:
    """A file of xz or bzip2 streams or lz4 frames, one after another.

    The library's own readers take damage at the start of a stream for the end of the file.
    """

    def __init__(self, file: BinaryIO, new: Callable[[], Any]) -> None:
        self._file, self._new, self._stream = file, new, new()

    def read1(self, size: int) -> bytes:
        while True:
            if self._stream.eof:
                packed = (self._stream.unused_data or b"").lstrip(b"\0")  # xz pads with zeros
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
            try:
                piece = self._stream.decompress(packed, size)
            except RuntimeError as error:  # so lz4 calls damage
                raise OSError(str(error)) from None
            if piece:
                return bytes(piece)


class _Plain:
    """A file that is not packed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read1(self, size: int) -> bytes:
        return self._file.read(size)


def _line(start: int, held: list[bytes], size: int, most: int) -> Line:
    """Returns the line whose pieces are held."""
    if size > most:
        return Line(start, None, size)
    content = b"".join(held).removesuffix(b"\r")
    return Line(start, content.removeprefix(BOM) if not start else content, size)
