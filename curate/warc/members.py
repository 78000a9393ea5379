"""Where in a file something can be read on its own, and its bytes.

A *unit* is a gzip or zstd member or an lz4 frame that begins with a record, with the members that continue this record.
It is found from any offset of the file by its magic number and its first inflated bytes, so that damage costs the units
that it touches, and a file can be split. A plain file is one unit, in which records are found by their first lines.
"""

import re
from dataclasses import dataclass

from curate.warc.codec import GZIP, LZ4, SKIPPABLE, ZSTD, Codec, missing_dictionary, zstd_of
from curate.warc.headers import ARC, LOOK, WARC, Dialect
from curate.warc.raw import Raw

PIECE = 1 << 15  # compressed bytes given to a decompressor at once: what it leaves over is copied
MOST = 1 << 18  # bytes inflated at once, so that a bomb has no memory; isal is slower where it may give more
BLANK = b"\r\n\t "


class Damaged(Exception):
    """Bytes that are no archive: the error's name and what is wrong."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error, self.message = error, message


class Plain:
    """The bytes of a file from an offset to its end."""

    def __init__(self, raw: Raw, start: int) -> None:
        self.raw, self.start, self.end = raw, start, start

    def read(self) -> bytes:
        """The next bytes, none at the end."""
        piece = self.raw.piece(self.end)
        self.end += len(piece)
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
            while len(found) < LOOK and not inflater.eof and fed < self.codec.probe:
                piece = self.raw.at(place + fed, max(4096, fed)) if inflater.needs_input else b""
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
        while self.codec and self.codec is not GZIP:
            frame = self.raw.at(place, 8)
            end = place + 8 + int.from_bytes(frame[4:], "little")
            if not SKIPPABLE.match(frame) or len(frame) < 8 or end > self.raw.size:
                break
            place = end
        return place


def detect(raw: Raw) -> Framing | None:
    """How a file is packed: as its first bytes tell, else as its first record does; None if there is none."""
    head = raw.at(0, 4)
    packed = (GZIP, zstd_of(raw), LZ4)
    told = tuple(each for each in packed if SKIPPABLE.match(head) or head.startswith(each.magic))
    return (_first(raw, told) if told else None) or _first(raw, packed if SKIPPABLE.match(head) else (None, *packed))


def why_not(raw: Raw) -> str:
    """Why a file has no framing, in words."""
    named = missing_dictionary(raw.at(Framing(raw, ZSTD, WARC).past_filling(0), 18))
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
