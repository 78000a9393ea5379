"""Reads records out of the bytes of a unit, and finds where each begins and ends, whatever its Content-Length says."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from curate.warc.headers import LOOK, MAX_HEADER, Dialect, Head
from curate.warc.members import BLANK, Damaged, Framing

NEAR = 1 << 16  # bytes of a block that are searched for the next record before all of them
SMALL = 1 << 20  # inflated bytes of a member that `single` reads

Block = list[bytes | memoryview]


class Record(NamedTuple):
    """A record as it lies in its unit."""

    start: int  # bytes of the unit before it
    head: Head
    block: Block  # in pieces, cut to as many bytes as were wanted
    size: int  # of the whole block, in bytes
    mismatch: bool = False  # True where its Content-Length is missing or wrong


class BrokenRecord(NamedTuple):
    """A part of a unit that gives no record."""

    start: int  # bytes of the unit before it
    error: str
    message: str
    record: bool = True  # False where it was none in the first place


class Tape:
    """The bytes of the unit at an offset, with a look ahead."""

    def __init__(self, framing: Framing, offset: int) -> None:
        self.framing = framing
        self.offset = offset  # of the unit in the file
        self.unit = framing.open(offset)
        self.rewinds = 0  # that read the unit again
        self.handed_on = 0  # records of the unit whose outcomes were yielded before its end
        self._held = b""  # the bytes in memory
        self._at = 0  # the position of the next byte among them
        self._passed = 0  # bytes of the unit before them

    @property
    def position(self) -> int:
        """Returns how many bytes of the unit lie before the next byte."""
        return self._passed + self._at

    def rewind(self, position: int) -> None:
        """Goes back to a position: at once where it is still held, else by reading from the unit's start."""
        if position >= self._passed:
            self._at = position - self._passed
            return
        self.rewinds += 1
        self.unit = self.framing.open(self.offset)
        self._held, self._at, self._passed = b"", 0, self.unit.skip(position)
        self.take(position - self._passed, 0)

    def fill(self, length: int, *, further: bool = False) -> bool:
        """Reads until this many bytes lie ahead; returns False where there are fewer.

        further: goes on into the members that continue a record.
        """
        have = len(self._held) - self._at
        if have >= length:
            return True
        parts = [self._held[self._at :]]
        try:
            while have < length:
                more = self.unit.read()
                if not more and not (further and self.unit.go_on()):
                    return False
                parts.append(more)
                have += len(more)
        finally:
            self._passed += self._at
            self._held, self._at = parts[1] if len(parts) == 2 and not parts[0] else b"".join(parts), 0
        return True

    def ahead(self, length: int) -> bytes:
        """Returns the next bytes and stays before them."""
        self.fill(length)
        return self._held[self._at : self._at + length]

    def pass_blank(self) -> bool:
        """Skips blanks; returns False at the end of the unit."""
        while self._at < len(self._held) or self.fill(1):
            ahead = self._held[self._at : self._at + 64]
            left = ahead.lstrip(BLANK)
            self._at += len(ahead) - len(left)
            if left:
                return True
        return False

    def looks_at(self, dialect: Dialect) -> bool:
        """Returns True where a record's first line comes next."""
        self.fill(64)
        if not self._held.startswith(b"WARC/", self._at):
            self.fill(LOOK)
        if dialect.line.match(self._held, self._at):
            return True
        ahead = len(self._held) - self._at
        if ahead < 64 and self.fill(ahead + 1, further=True):  # the line itself goes on in the next member
            return self.looks_at(dialect)
        return False

    def lines(self, dialect: Dialect) -> bytes | None:
        """Takes the header that comes next, with its last line end; returns None where it has no end."""
        look, further = 1 << 13, False
        while True:
            more = self.fill(look, further=further)
            limit, end = self._at + look, 0
            for header_end in dialect.ends:
                start = self._held.find(header_end, self._at, end or limit)
                end = start + len(header_end) if start >= 0 else end
            if end:
                begin, self._at = self._at, end
                return self._held[begin:end]
            if look >= MAX_HEADER or dialect.searched.search(self._held, self._at + 1, limit) or further > more:
                return None
            look, further = (2 * look, further) if more else (look, True)

    def take(self, length: int, keep: int) -> tuple[Block, int]:
        """Takes the next bytes; returns the first `keep` of them, in pieces, and how many there were."""
        have = len(self._held) - self._at
        got = min(length, have)
        parts: Block = [memoryview(self._held)[self._at : self._at + min(got, keep)]]
        self._at += got
        keep -= got
        while got < length:
            if keep <= 0 and (skipped := self.unit.skip(length - got)):
                got += skipped
                self._passed += len(self._held) + skipped
                self._held, self._at = b"", 0
                continue
            more = self.unit.read()
            if not more:
                if self.unit.go_on():
                    continue
                break
            self._passed += len(self._held)
            self._held, self._at = more, min(len(more), length - got)
            if keep > 0:
                parts.append(memoryview(more)[: min(self._at, keep)])
            got += self._at
            keep -= self._at
        return parts, got

    def until(self, dialect: Dialect, keep: int) -> tuple[bytes, int]:
        """Takes the bytes before the next record's first line or the unit's end.

        Returns the first `keep` of them and how many there were.
        """
        parts: list[bytes] = []
        kept = got = 0
        while True:
            more = self.fill(8 * LOOK)
            match = dialect.searched.search(self._held, self._at)
            end = match.start() if match else len(self._held)
            if more and end > len(self._held) - LOOK:
                end, match = len(self._held) - LOOK, None
            parts.append(self._held[self._at : min(end, self._at + keep - kept)])
            kept += len(parts[-1])
            got += end - self._at
            self._at = end
            if match or not more:
                return b"".join(parts), got

    def at_block_end(self, dialect: Dialect) -> bool:
        """Returns True where a block ends: blank lines and a record follow, or nothing."""
        self.fill(64)
        if self._held.startswith(dialect.tail, self._at):
            return True
        left = self._held[self._at : self._at + 64].lstrip(BLANK)
        return not left or dialect.line.match(left) is not None or (dialect.name == "ARC" and self._line_ahead(dialect))

    def _line_ahead(self, dialect: Dialect) -> bool:
        self.fill(LOOK)
        return dialect.line.match(self._held[self._at : self._at + LOOK].lstrip(BLANK)) is not None


def single(framing: Framing, offset: int) -> tuple[Record, int] | None:
    """Returns the record of a member that is one small whole record, as almost all are, and its end; else None.

    It only saves time: `records` reads the same of such a member, and whatever there is of all others.
    """
    unit, dialect = framing.open(offset), framing.dialect
    parts: list[bytes] = []
    size = 0
    try:
        while more := unit.read():
            parts.append(more)
            size += len(more)
            if size > SMALL:
                return None
    except Damaged:
        return None
    content = parts[0] if len(parts) == 1 else b"".join(parts)
    end = content.find(dialect.ends[0]) + len(dialect.ends[0])
    lines = content[:end]
    if not dialect.line.match(lines) or lines.find(dialect.hint, 1, -1) > 0 or lines.find(b"\n\n", 0, -1) > 0:
        return None
    head = dialect.read(lines)
    if head.length is None or size != end + head.length + len(dialect.tail) or not content.endswith(dialect.tail):
        return None
    block = memoryview(content)[end : end + head.length]
    return Record(start=0, head=head, block=[block], size=head.length), unit.end


def records(tape: Tape, dialect: Dialect, wanted: Callable[[Head], int]) -> Iterator[Record | BrokenRecord]:
    """Yields the records of a unit in order; of each block as many bytes are held as `wanted` says."""
    while tape.pass_blank():
        start = tape.position
        if not tape.looks_at(dialect):
            tape.until(dialect, 0)
            yield BrokenRecord(start=start, error="garbage", message="bytes that are no record", record=False)
            continue
        lines = tape.lines(dialect)
        cut = dialect.searched.search(lines, 1) if lines and lines.find(dialect.hint, 1, -1) > 0 else None
        if lines is None or cut:
            yield _headless(tape, dialect, start, cut.start() if cut else 0)
            continue
        head = dialect.read(lines)
        keep, body = wanted(head), tape.position
        block, size = tape.take(head.length or 0, keep)
        if size == head.length and tape.at_block_end(dialect):
            yield Record(start=start, head=head, block=block, size=size)
        else:
            yield _mended_record(tape, dialect, Record(start=start, head=head, block=block, size=size), body, keep)


def _headless(tape: Tape, dialect: Dialect, start: int, length: int) -> BrokenRecord:
    """Passes a record whose header has no end, or ends in that of the next record, and returns it as broken.

    length: the bytes of the header before the next record's, 0 where it does not run into one.
    """
    if length:
        tape.rewind(start + length)
        return BrokenRecord(start=start, error="header", message="a header without an end")
    tape.take(1, 0)
    _, size = tape.until(dialect, 0)
    if size >= MAX_HEADER:
        return BrokenRecord(start=start, error="header_too_large", message=f"a header of more than {MAX_HEADER} bytes")
    if not tape.framing.codec and not tape.fill(1):
        return BrokenRecord(start=start, error="truncated", message="the file ends inside a header")
    return BrokenRecord(start=start, error="header", message="a header without an end")


def _mended_record(tape: Tape, dialect: Dialect, record: Record, body: int, keep: int) -> Record | BrokenRecord:
    """Returns a record whose length is missing or wrong: it ends where the next one begins, or the unit ends."""
    length, size, block = record.head.length, record.size, b"".join(record.block)
    inside = None
    if size == len(block):
        inside = dialect.searched.search(block, 1, NEAR) or dialect.searched.search(block + tape.ahead(LOOK), 1)
    if inside and inside.start() < size:
        tape.rewind(body + inside.start())
        block, size = block[: inside.start()], inside.start()
    elif size > len(block):  # only a part of the block is held, so it is read again
        tape.rewind(body)
        block, size = tape.until(dialect, keep)
    elif length is None or size == length:
        more, further = tape.until(dialect, keep - len(block))
        block, size = block + more, size + further
    if length is not None and size < length and not tape.framing.codec and not tape.fill(1):
        return BrokenRecord(start=record.start, error="truncated", message=f"{size} of {length} bytes")
    whole = len(block) == size
    shorter = block.removesuffix(dialect.tail) if whole else block
    size -= len(block) - len(shorter)
    return Record(start=record.start, head=record.head, block=[shorter], size=size, mismatch=True)
