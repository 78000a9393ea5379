"""Pages out of WARC, WET and ARC files, in any packing, whole or damaged: every record is told of, and nothing raises.

A unit that cannot be inflated costs its records alone: reading goes on at the next unit, and a dead letter names the
bytes between. What the reader must do about each kind of damage is in tests/curate/warc/test_damage.py.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from curate.records import Failure, Page, Pointer, RefusedRecord, Skipped
from curate.warc.headers import MAX_HEADER, TYPES, Head, moment
from curate.warc.members import Damaged, Framing, detect, why_not
from curate.warc.payloads import response
from curate.warc.raw import Raw
from curate.warc.tape import BrokenRecord, Record, Tape, records, single

MAX_DAMAGES = 1000  # in a file; then the rest is given up

Outcome = Page | Failure | RefusedRecord | Skipped


def read_pages(
    file: BinaryIO,
    name: str,
    *,
    size: int,
    max_bytes: int,
    start: int = 0,
    stop: int | None = None,
    wat: bool = False,
) -> Iterator[Outcome]:
    """What becomes of every record of a file, in order.

    size: the file's bytes. max_bytes: a payload is read to one byte more, so that a longer one shows.
    start, stop: only the records whose unit begins at an offset in [start, stop), with the damage behind them, so that
    ranges which cover a file yield together what the whole does.
    What the file raises when it is read passes through.
    """
    if stop is not None and start >= stop:
        return
    if not size:
        if not start:
            yield failure(Pointer(file=name, offset=0, length=0), "empty_file", "the file holds no bytes", record=False)
        return
    raw = Raw(file, size)
    framing = detect(raw)
    if framing:
        yield from _Reading(framing, name, max_bytes, wat).outcomes(start, size if stop is None else stop)
    elif not start:
        yield failure(Pointer(file=name, offset=0, length=size), "not_warc", why_not(raw), record=False)


def read_file(path: Path, *, max_bytes: int = 10_000_000) -> Iterator[Outcome]:
    """What becomes of every record of a local file, in order."""
    with path.open("rb") as file:
        yield from read_pages(file, path.name, size=path.stat().st_size, max_bytes=max_bytes)


class _Reading:
    """One pass over a file."""

    def __init__(self, framing: Framing, name: str, max_bytes: int, wat: bool) -> None:
        self.framing, self.name, self.max_bytes, self.wat = framing, name, max_bytes, wat
        self.damages = 0

    def outcomes(self, start: int, stop: int) -> Iterator[Outcome]:
        """What becomes of the records of the units that begin in [start, stop)."""
        framing, size = self.framing, self.framing.raw.size
        place: int | None = framing.find(start, stop) if start else framing.past_filling(0)
        while place is not None and place < framing.raw.size and (place < stop or not framing.starts(place)):
            if self.damages >= MAX_DAMAGES:
                message = f"{self.damages} damages; the rest is given up"
                yield self._lost(place, max(min(stop, size), place + 1), "too_many_damages", message)
                return
            place = framing.past_filling((yield from self._unit(place, stop)))

    def _unit(self, place: int, stop: int) -> Generator[Outcome, None, int]:
        """What becomes of the records of the unit at an offset; the offset behind it."""
        framing = self.framing
        if not framing.opens(place):
            after = framing.after(place)
            yield self._lost(place, after, "garbage", "bytes that are no record")
            return after
        found = single(framing, place) if framing.codec else None
        if found:
            record, after = found
            yield self._told(record, self._pointer(place, after))
            return after
        tape = Tape(framing, place)
        try:
            return (yield from self._plain(tape, stop) if framing.codec is None else self._packed(tape))
        except Damaged as damage:
            after = framing.after(place + 1)
            begin = place if tape.told == 0 else max(place, tape.unit.shown)
            yield self._lost(begin, after, damage.error, damage.message, record=framing.starts(place))
            return after

    def _plain(self, tape: Tape, stop: int) -> Generator[Outcome, None, int]:
        waiting: Record | BrokenRecord | None = None  # for the next record's offset, which ends this one
        for found in records(tape, self.framing.dialect, self._keep):
            place = tape.place + found.start
            if waiting:
                yield self._told(waiting, self._pointer(tape.place + waiting.start, place))
            if place >= stop and self.framing.starts(place):
                return place
            if self.damages + tape.rewinds >= MAX_DAMAGES:
                self.damages += tape.rewinds
                return place
            waiting = found
        if waiting:
            yield self._told(waiting, self._pointer(tape.place + waiting.start, self.framing.raw.size))
        return self.framing.raw.size

    def _packed(self, tape: Tape) -> Generator[Outcome, None, int]:
        waiting: Record | BrokenRecord | None = None  # for the end of the member, which proves it
        for found in records(tape, self.framing.dialect, self._keep):
            if waiting:
                tape.told += 1
                yield self._told(waiting, self._pointer(-1, -1), tape.place)
            waiting = found
            if self.damages + tape.rewinds >= MAX_DAMAGES:
                raise Damaged("too_many_damages", f"{MAX_DAMAGES} damages; the rest of the member is given up")
        end = tape.unit.end
        if waiting and not tape.told:
            if isinstance(waiting, BrokenRecord) and not waiting.record:
                end = self.framing.after(end)
            yield self._told(waiting, self._pointer(tape.place, end))
        elif waiting:
            yield self._told(waiting, self._pointer(-1, -1), tape.place)
        return end

    def _keep(self, head: Head) -> int:
        return 2 * self.max_bytes + MAX_HEADER if is_wanted(head.kind, head.mime, self.wat) else 0

    def _pointer(self, begin: int, end: int) -> Pointer:
        return Pointer(file=self.name, offset=begin, length=end - begin)

    def _told(self, found: Record | BrokenRecord, pointer: Pointer, unit: int = 0) -> Outcome:
        """What becomes of a part of a unit; of records that share one, only the failures are said to lie there."""
        if isinstance(found, Record):
            outcome = capture(found, pointer, self.max_bytes, self.wat)
        else:
            self.damages += 1
            outcome = failure(pointer, found.error, found.message, record=found.record)
        return replace(outcome, offset=unit) if isinstance(outcome, Failure) and outcome.offset < 0 else outcome

    def _lost(self, begin: int, end: int, error: str, message: str, *, record: bool = False) -> Failure:
        self.damages += 1
        return failure(self._pointer(begin, end), error, message, record=record)


STAGE = "extract"


def is_wanted(kind: str, mime: str, wat: bool = False) -> bool:
    """Does a record of this type and media type hold a page, or, if asked for, what a WAT file tells of one?"""
    if wat:
        return kind == "metadata" and mime.startswith("application/json")
    return kind == "conversion" or (kind == "response" and (not mime or mime.startswith("application/http")))


def capture(
    record: Record, pointer: Pointer, max_bytes: int, wat: bool = False
) -> Page | Failure | RefusedRecord | Skipped:
    """What becomes of a record at this place; a payload is decoded to max_bytes + 1 bytes at most."""
    head = record.head
    if not head.kind:
        return failure(pointer, "header", "a record without WARC-Type", head.url)
    if head.kind == "revisit":
        return RefusedRecord(
            url=head.url,
            timestamp=moment(head.date),
            reason="extract.revisit",
            detail=f"of {head.refers}" if head.refers else "of an unknown record",
            bytes=record.size,
            pointer=pointer,
        )
    if not is_wanted(head.kind, head.mime, wat):
        if head.kind == "metadata" and head.mime.startswith("application/json"):
            return Skipped("wat")
        return Skipped(head.kind if head.kind in TYPES else "unknown")
    return _page(record, pointer, max_bytes)


def _page(record: Record, pointer: Pointer, max_bytes: int) -> Page | Failure | RefusedRecord:
    head, limit = record.head, max_bytes + 1
    flags: tuple[str, ...] = ("length_mismatch",) if record.mismatch else ()
    timestamp = moment(head.date)
    if head.kind in ("conversion", "metadata"):
        mime = "text/plain" if head.kind == "conversion" else "application/json"
        status, charset, body = 200, "utf-8", b"".join(record.block)[:limit]
    else:
        found = response(record.block, limit)
        if not found:
            return failure(pointer, "http", "no HTTP response in a response record", head.url)
        if found.short and record.mismatch and head.length is not None and head.length > record.size:
            return failure(pointer, "truncated", f"{record.size} of {head.length} bytes", head.url)
        status, mime, charset, body, flags = found.status, found.mime, found.charset, found.body, flags + found.flags
    if len(body) < limit and record.size > sum(map(len, record.block)):
        detail = f"a record of {record.size} bytes"
        return RefusedRecord(
            url=head.url, timestamp=timestamp, reason="extract.size", detail=detail, bytes=record.size, pointer=pointer
        )
    return Page(
        url=head.url,
        timestamp=timestamp,
        status=status,
        mime=mime,
        charset=charset,
        body=body,
        pointer=pointer,
        truncated=head.truncated,
        flags=flags,
    )


def failure(pointer: Pointer, error: str, message: str, url: str = "", *, record: bool = True) -> Failure:
    """A dead letter for this place."""
    return Failure(
        file=pointer.file,
        offset=pointer.offset,
        length=pointer.length,
        stage=STAGE,
        error=error,
        message=message,
        url=url,
        record=record,
    )
