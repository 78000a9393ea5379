"""Names the codecs of archive members: gzip by isal, zstd with its dictionary, lz4 frames."""

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
    """A way to pack members."""

    name: str
    magic: bytes  # the first bytes of every member
    new: Callable[[], Any]  # makes a decompressor of one member
    errors: tuple[type[Exception], ...]  # raised by it on damage
    checked: bool = False  # True where the end of a member proves that its bytes are right
    probe: int = 1 << 18  # compressed bytes that give the first inflated ones; zstd and lz4 need a whole block


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
    "lz4",
    b"\x04\x22\x4d\x18",
    lz4.frame.LZ4FrameDecompressor,
    (RuntimeError, ValueError, EOFError),
    probe=5 << 20,
)
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.S)  # frames without data, of zstd and lz4
DICTIONARY = b"\x5d\x2a\x4d\x18"  # the magic number of a first frame that holds zstd's dictionary


def zstd_of(raw: Raw) -> Codec:
    """Returns the zstd codec with the dictionary that a file may hold in its first frame."""
    frame = raw.at(0, 8)
    if frame[:4] != DICTIONARY:
        return ZSTD
    content = raw.at(8, int.from_bytes(frame[4:], "little"))
    try:
        if content.startswith(ZSTD.magic):
            content = zstd.ZstdDecompressor().decompress(content, 1 << 27)
        dictionary = zstd.ZstdDict(content)
    except ZSTD.errors:
        return ZSTD
    return Codec("zstd", ZSTD.magic, lambda: zstd.ZstdDecompressor(dictionary), ZSTD.errors)


def missing_dictionary(head: bytes) -> int:
    """Returns the number of the dictionary that a zstd frame with this head needs, or 0."""
    try:
        return zstd.get_frame_info(head).dictionary_id if head.startswith(ZSTD.magic) else 0
    except ZSTD.errors:
        return 0


def gzip_member(content: bytes) -> bytes:
    """Returns the content as one gzip member without a name or a time.

    Level 3 makes a tenth more bytes of real pages than zlib's 6, at six times its speed.
    """
    packed: bytes = igzip_lib.compress(content, 3, igzip_lib.COMP_GZIP)
    return packed
