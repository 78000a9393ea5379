"""Finds the units of an archive file that can be read on their own, and reads their bytes.

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
MOST = 1 << 18  # bytes inflated at once, so that a bomb fills no memory; isal is slower with a higher limit
BLANK = b"\r\n\t "


class Damaged(Exception):
    """Raised where bytes are no archive; `error` is the name of the fault, `message` says what is wrong."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error, self.message = error, message


class Plain:
    """The bytes of a file from an offset to its end."""

    def __init__(self, raw: Raw, start: int) -> None:
        self.raw, self.start, self.end = raw, start, start

    def read(self) -> bytes:
        """Returns the next bytes, none at the end."""
        piece = self.raw.piece(self.end)
        self.end += len(piece)
        return piece

    def skip(self, length: int) -> int:
        """Skips bytes, and returns how many there were."""
        length = max(0, min(length, self.raw.size - self.end))
        self.end += length
        return length

    @property
    def shown(self) -> int:
        """Returns the offset in the file up to which it was read."""
        return self.end

    def go_on(self) -> bool:
        """Returns False, as nothing follows the end of the file."""
        return False


class Member:
    """The inflated bytes of a unit.

    end: its end in the file, once it has been read to its end.
    """

    def __init__(self, framing: "Framing", codec: Codec, start: int) -> None:
        self.start = self.end = start
        self.fed = start  # the offset in the file up to which the decompressor has its input
        self._framing, self._codec = framing, codec
        self._decompressor = codec.new()

    def read(self) -> bytes:
        """Returns the next bytes, none at the end of the member; raises Damaged where they cannot be inflated."""
        inflater = self._decompressor
        while not inflater.eof:
            piece = self._framing.raw.at(self.fed, PIECE) if inflater.needs_input else b""
            if inflater.needs_input and not piece:
                raise Damaged("truncated", f"the file ends inside a {self._codec.name} member")
            self.fed += len(piece)
            try:
                content: bytes = inflater.decompress(piece, MOST)
            except self._codec.errors as error:
                raise Damaged("corrupt", f"{self._codec.name}: {error}") from None
            if inflater.eof:
                self.end = self.fed - len(inflater.unused_data or b"")
            if content:
                return content
        return b""

    @property
    def shown(self) -> int:
        """Returns the offset in the file of the compressed bytes that were read last."""
        return self.fed - PIECE

    def skip(self, length: int) -> int:
        """Returns 0, as inflated bytes cannot be skipped."""
        return 0

    def go_on(self) -> bool:
        """Goes on to the next member if it continues the record that this one cuts; returns True where it did."""
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
    """The codec of a file, None for a plain one, and the kind of archive that it is."""

    raw: Raw
    codec: Codec | None
    dialect: Dialect

    def open(self, offset: int) -> Plain | Member:
        """Returns the unit at an offset."""
        return Member(self, self.codec, offset) if self.codec else Plain(self.raw, offset)

    def head(self, offset: int) -> bytes | None:
        """Returns the first inflated bytes of the member at an offset; None where there is no member."""
        assert self.codec
        if self.raw.at(offset, 4)[: len(self.codec.magic)] != self.codec.magic:
            return None
        inflater = self.codec.new()
        content, fed = b"", 0
        try:
            while len(content) < LOOK and not inflater.eof and fed < self.codec.probe:
                piece = self.raw.at(offset + fed, max(4096, fed)) if inflater.needs_input else b""
                if inflater.needs_input and not piece:
                    break
                fed += len(piece)
                # Few bytes at first, as those that follow may be damaged.
                content += inflater.decompress(piece, LOOK if content else 64)
        except self.codec.errors:
            return content or None
        return content

    def starts(self, offset: int) -> bool:
        """Returns True where a unit begins at this offset."""
        if not self.codec:
            pattern = self.dialect.searched if offset else self.dialect.line
            return pattern.match(self.raw.at(offset - min(offset, 1), LOOK), min(offset, 1)) is not None
        head = self.head(offset)
        return head is not None and self.dialect.line.match(head.lstrip(BLANK)) is not None

    def opens(self, offset: int) -> bool:
        """Returns True where the bytes at this offset can be read, if only as garbage of a plain file."""
        return self.codec is None or self.raw.at(offset, len(self.codec.magic)) == self.codec.magic

    def find(self, start: int, stop: int | None = None) -> int | None:
        """Returns the first offset in [start, stop) at which a unit begins, or None."""
        if self.codec:
            pattern = re.compile(re.escape(self.codec.magic))
        elif not start and self.starts(0):
            return 0
        else:
            pattern = self.dialect.searched
        for offset in self.raw.find(pattern, start, stop):
            if not self.codec or self.starts(offset):
                return offset
        return None

    def after(self, offset: int) -> int:
        """Returns the first offset from this one on at which a unit begins, or the file's size."""
        start = self.find(offset)
        return self.raw.size if start is None else start

    def past_filling(self, offset: int) -> int:
        """Returns the offset behind the frames without data at this one."""
        while self.codec and self.codec is not GZIP:
            frame = self.raw.at(offset, 8)
            end = offset + 8 + int.from_bytes(frame[4:], "little")
            if not SKIPPABLE.match(frame) or len(frame) < 8 or end > self.raw.size:
                break
            offset = end
        return offset


def detect(raw: Raw) -> Framing | None:
    """Returns the framing of a file, by its first bytes or else by its first record; None where it holds no record."""
    head = raw.at(0, 4)
    codecs = (GZIP, zstd_of(raw), LZ4)
    if SKIPPABLE.match(head):
        return _first_framing(raw, codecs)
    plain = _first_framing(raw, (None,), 1)
    likely = tuple(codec for codec in codecs if head.startswith(codec.magic))
    # What a damaged packed file holds may look like a plain record, so plain comes last, unless it begins the file.
    return plain or _first_framing(raw, likely) or _first_framing(raw, codecs) or _first_framing(raw, (None,))


def no_record_message(raw: Raw) -> str:
    """Returns the message for a file that has no framing."""
    number = missing_dictionary(raw.at(Framing(raw, ZSTD, WARC).past_filling(0), 18))
    mend = f"; its zstd frames need dictionary {number}, which is not in the file's first frame" if number else ""
    return f"no WARC or ARC record found{mend}"


def _first_framing(raw: Raw, codecs: tuple[Codec | None, ...], stop: int | None = None) -> Framing | None:
    """Returns the framing with one of these codecs whose first unit begins first; None where none begins by `stop`."""
    best, least = None, raw.size if stop is None else stop
    for codec in codecs:
        for dialect in (WARC, ARC):
            framing = Framing(raw, codec, dialect)
            start = framing.find(0, least)
            if start is not None:
                best, least = framing, start
            if least == framing.past_filling(0):
                return best
    return best
