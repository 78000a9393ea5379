"""How an archive is packed: gzip or zstd members, lz4 frames or plain text, and where in the file a record begins.

A *unit* is what can be read on its own: a member that begins with a record, with those that continue this record. It is
found from any offset of the file by its magic number and its first inflated bytes, so that damage costs the units it
touches, and a file can be split. A plain file is one unit, in which records are found by their first lines.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import lz4.frame
from backports import zstd
from isal import igzip_lib, isal_zlib

from curate.headers import ARC, LOOK, WARC, Dialect

WINDOW = 1 << 20  # bytes read from the file at once
PIECE = 1 << 15  # compressed bytes given to a decompressor at once: what it leaves over is copied
MOST = 1 << 20  # bytes inflated at once, so that a bomb has no memory
PROBE = 1 << 18  # compressed bytes in which the first inflated ones must show: more than a zstd block
BLANK = b"\r\n\t "


class Damaged(Exception):
    """Bytes that are no archive: the error's name and what is wrong."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error, self.message = error, message


class Raw:
    """A file of known size as random bytes, read mostly forward through a window."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size
        self._window, self._begin, self._position = b"", 0, -1

    def at(self, offset: int, length: int) -> bytes:
        """The bytes at an offset, fewer only at the end of the file."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        first = offset - self._begin
        if first < 0 or first + length > len(self._window):
            self._load(offset, length)
            first = 0
        return self._window[first : first + length]

    def _load(self, offset: int, length: int) -> None:
        first = offset - self._begin
        parts = [self._window[first:] if 0 <= first < len(self._window) else b""]
        have = len(parts[0])
        if self._position != offset + have:
            self._file.seek(offset + have)
        while have < length:
            part = self._file.read(max(WINDOW, length - have))
            if not part:
                self.size = offset + have  # shorter than was said: then it ends here
            parts.append(part)
            have += len(part)
            length = min(length, self.size - offset)
        self._window, self._begin, self._position = b"".join(parts), offset, offset + have

    def find(self, pattern: re.Pattern[bytes], place: int) -> Iterator[int]:
        """Where the pattern begins, from an offset on; a match is at most LOOK bytes long."""
        while place < self.size:
            before = min(place, 1)  # for what the pattern looks back at
            window = self.at(place - before, WINDOW // 2)
            last = place - before + len(window) >= self.size
            for match in pattern.finditer(window, before):
                if last or match.start() < len(window) - LOOK:
                    yield place - before + match.start()
            place += len(window) - before if last else len(window) - before - LOOK


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to pack members; `checked` where the end of one proves that its bytes are right."""

    name: str
    magic: bytes
    new: Callable[[], Any]
    errors: tuple[type[Exception], ...]
    checked: bool = False


GZIP = Codec(
    "gzip",
    b"\x1f\x8b\x08",
    lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    (isal_zlib.error, ValueError, EOFError),
    checked=True,
)
ZSTD = Codec("zstd", b"\x28\xb5\x2f\xfd", zstd.ZstdDecompressor, (zstd.ZstdError, ValueError, EOFError, MemoryError))
LZ4 = Codec("lz4", b"\x04\x22\x4d\x18", lz4.frame.LZ4FrameDecompressor, (RuntimeError, ValueError, EOFError))
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.S)  # frames without data, of zstd and lz4
DICTIONARY = b"\x5d\x2a\x4d\x18"


class Plain:
    """The bytes of a file from an offset to its end."""

    def __init__(self, raw: Raw, start: int) -> None:
        self.raw, self.start, self.end, self._length = raw, start, start, PIECE

    def read(self) -> bytes:
        """The next bytes, none at the end."""
        piece = self.raw.at(self.end, self._length)
        self.end += len(piece)
        self._length = min(2 * self._length, WINDOW // 2)
        return piece

    def skip(self, length: int) -> int:
        """Leave bytes out; how many were there."""
        length = max(0, min(length, self.raw.size - self.end))
        self.end += length
        return length

    @property
    def shown(self) -> int:
        """Where the file has been read to."""
        return self.end

    def go_on(self) -> bool:
        """Nothing follows the end of the file."""
        return False


class Member:
    """The inflated bytes of a unit; `end` is where it ends in the file, once it has been read to its end."""

    def __init__(self, framing: "Framing", codec: Codec, start: int) -> None:
        self.start = self.fed = start
        self.end = start
        self._framing, self._codec = framing, codec
        self._decompressor = codec.new()

    def read(self) -> bytes:
        """The next bytes, none at the end of the member; Damaged where they cannot be inflated."""
        inflater = self._decompressor
        while not inflater.eof:
            piece = self._framing.raw.at(self.fed, PIECE) if inflater.needs_input else b""
            if inflater.needs_input and not piece:
                raise Damaged("truncated", f"the file ends inside a {self._codec.name} member")
            self.fed += len(piece)
            try:
                found: bytes = inflater.decompress(piece, MOST)
            except self._codec.errors as error:
                raise Damaged("corrupt", f"{self._codec.name}: {error}") from None
            if inflater.eof:
                self.end = self.fed - len(inflater.unused_data or b"")
            if found:
                return found
        return b""

    @property
    def shown(self) -> int:
        """Where in the file what was read last began."""
        return self.fed - PIECE

    def skip(self, length: int) -> int:
        """Inflated bytes cannot be left out."""
        return 0

    def go_on(self) -> bool:
        """Does the record that the member cuts go on in the next one? Then that one is read on."""
        following = self._framing.head(self.end)
        if following is None:
            if not self._codec.checked and self.end < self._framing.raw.size:
                raise Damaged("corrupt", f"{self._codec.name}: a frame ends early")
            return False
        following = following.lstrip(BLANK)
        if not following or self._framing.dialect.line.match(following):
            return False
        self._decompressor, self.fed = self._codec.new(), self.end
        return True


@dataclass(frozen=True, slots=True)
class Framing:
    """How a file is packed and which kind of archive it is."""

    raw: Raw
    codec: Codec | None
    dialect: Dialect

    def open(self, place: int) -> Plain | Member:
        """The unit at an offset."""
        return Member(self, self.codec, place) if self.codec else Plain(self.raw, place)

    def head(self, place: int) -> bytes | None:
        """The first inflated bytes of the member at an offset; None where there is no member."""
        assert self.codec
        if self.raw.at(place, 4)[: len(self.codec.magic)] != self.codec.magic:
            return None
        inflater, found, fed = self.codec.new(), b"", 0
        try:
            while len(found) < LOOK and not inflater.eof and fed < PROBE:
                piece = self.raw.at(place + fed, 4096) if inflater.needs_input else b""
                if inflater.needs_input and not piece:
                    break
                fed += len(piece)
                found += inflater.decompress(piece, LOOK if found else 64)  # few at first: what follows may be damaged
        except self.codec.errors:
            return found or None
        return found

    def starts(self, place: int) -> bool:
        """Does a unit begin here?"""
        if not self.codec:
            pattern = self.dialect.found if place else self.dialect.line
            return pattern.match(self.raw.at(place - min(place, 1), LOOK), min(place, 1)) is not None
        head = self.head(place)
        return head is not None and self.dialect.line.match(head.lstrip(BLANK)) is not None

    def opens(self, place: int) -> bool:
        """Does something begin here that can be read?"""
        return self.codec is None or self.raw.at(place, len(self.codec.magic)) == self.codec.magic

    def find(self, place: int, stop: int | None = None) -> int | None:
        """The first offset in [place, stop) at which a unit begins."""
        if self.codec:
            pattern = re.compile(re.escape(self.codec.magic))
        elif not place and self.starts(0):
            return 0
        else:
            pattern = self.dialect.found
        for each in self.raw.find(pattern, place):
            if stop is not None and each >= stop:
                return None
            if not self.codec or self.starts(each):
                return each
        return None

    def after(self, place: int) -> int:
        """The first offset from here on at which a unit begins, or the file's end."""
        found = self.find(place)
        return self.raw.size if found is None else found

    def past_filling(self, place: int) -> int:
        """The offset behind the frames without data at this one."""
        while self.codec and self.codec is not GZIP and SKIPPABLE.match(frame := self.raw.at(place, 8)) and len(frame) == 8:
            place += 8 + int.from_bytes(frame[4:], "little")
        return min(place, self.raw.size)


def detect(raw: Raw) -> Framing | None:
    """How a file is packed: as its first bytes tell, else as its first record does; None if there is none."""
    head = raw.at(0, 4)
    codecs: tuple[Codec | None, ...] = (GZIP, _zstd(raw), LZ4, None)
    told = tuple(each for each in codecs if each and (SKIPPABLE.match(head) or head.startswith(each.magic)))
    return _first(raw, told or (None,)) or _first(raw, codecs[:3] if told else codecs)


def why_not(raw: Raw) -> str:
    """Why a file has no framing, in words."""
    head = raw.at(Framing(raw, ZSTD, WARC).past_filling(0), 18)
    try:
        named = head.startswith(ZSTD.magic) and zstd.get_frame_info(head).dictionary_id
    except ZSTD.errors:
        named = 0
    needs = f"; its zstd frames need dictionary {named}, which is not in the file's first frame" if named else ""
    return f"no WARC or ARC record found{needs}"


def _first(raw: Raw, codecs: tuple[Codec | None, ...]) -> Framing | None:
    """Of the framings with these codecs the one whose first unit begins first."""
    best, least = None, raw.size
    for codec in codecs:
        for dialect in (WARC, ARC):
            framing = Framing(raw, codec, dialect)
            place = framing.find(0, least)
            if place is not None:
                best, least = framing, place
            if least == framing.past_filling(0):
                return best
    return best


def _zstd(raw: Raw) -> Codec:
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
