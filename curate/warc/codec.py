"""How members are packed: gzip by isal, zstd with its dictionary, lz4 frames."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lz4.frame
from backports import zstd
from isal import igzip_lib

from curate.warc.raw import Raw

ISAL_ERROR: Any = igzip_lib.IsalError  # a class; its stub says an instance


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to pack members.

    checked: does the end of one prove that its bytes are right? probe: the bytes in which the first inflated ones must
    show; of zstd and lz4 a whole block is needed.
    """

    name: str
    magic: bytes
    new: Callable[[], Any]
    errors: tuple[type[Exception], ...]
    checked: bool = False
    probe: int = 1 << 18


GZIP = Codec(
    "gzip",
    b"\x1f\x8b\x08",
    lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    (ISAL_ERROR, ValueError, EOFError),
    checked=True,
    probe=1 << 13,
)
ZSTD = Codec("zstd", b"\x28\xb5\x2f\xfd", zstd.ZstdDecompressor, (zstd.ZstdError, ValueError, EOFError, MemoryError))
LZ4 = Codec(
    "lz4", b"\x04\x22\x4d\x18", lz4.frame.LZ4FrameDecompressor, (RuntimeError, ValueError, EOFError), probe=5 << 20
)
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.S)  # frames without data, of zstd and lz4
DICTIONARY = b"\x5d\x2a\x4d\x18"


def zstd_of(raw: Raw) -> Codec:
    """zstd, with the dictionary that a file may hold in its first frame."""
    frame = raw.at(0, 8)
    if frame[:4] != DICTIONARY:
        return ZSTD
    content = raw.at(8, int.from_bytes(frame[4:], "little"))
    try:
        if content.startswith(ZSTD.magic):
            content = zstd.ZstdDecompressor().decompress(content, 1 << 27)
        known = zstd.ZstdDict(content)
    except ZSTD.errors:
        return ZSTD
    return Codec("zstd", ZSTD.magic, lambda: zstd.ZstdDecompressor(known), ZSTD.errors)


def missing_dictionary(head: bytes) -> int:
    """The number of the dictionary that a zstd frame with this head needs, or 0."""
    try:
        return zstd.get_frame_info(head).dictionary_id if head.startswith(ZSTD.magic) else 0
    except ZSTD.errors:
        return 0


def gzip_member(content: bytes) -> bytes:
    """The content as one gzip member without a name or a time.

    Level 3 makes a tenth more bytes of real pages than zlib's 6, at six times its speed.
    """
    packed: bytes = igzip_lib.compress(content, 3, igzip_lib.COMP_GZIP)
    return packed
