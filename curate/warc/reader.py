"""Reads pages out of WARC, WET and ARC files, in any packing, whole or damaged.

Every record has an outcome, and no damage raises. A unit that cannot be inflated costs its records alone: reading goes
on at the next unit, and a dead letter names the bytes between. tests/curate/warc/test_damage.py lists each kind of
damage with its outcome.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from curate.records import Failure, Page, Pointer, RefusedRecord, Skipped
from curate.warc.headers import MAX_HEADER, TYPES, Head, moment
from curate.warc.members import Damaged, Framing, detect, no_record_message
from curate.warc.payloads import response
from curate.warc.raw import Raw
from curate.warc.tape import BrokenRecord, Record, Tape, records, single

STAGE = "extract"
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
    """Yields the outcome of every record of a file, in order.

    size: the file's bytes. max_bytes: a payload is read to one byte more, so that a longer one shows.
    start, stop: only the records whose unit begins at an offset in [start, stop), with the damage behind them, so that
    ranges which cover a file yield together what the whole does. wat: the file holds WAT records, which are then pages.
    An exception of the file itself passes through.
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
        yield failure(Pointer(file=name, offset=0, length=size), "not_warc", no_record_message(raw), record=False)


def read_file(path: Path, *, max_bytes: int = 10_000_000) -> Iterator[Outcome]:
    """Yields the outcome of every record of a local file, in order."""
    with path.open("rb") as file:
        yield from read_pages(file, path.name, size=path.stat().st_size, max_bytes=max_bytes)


class _Reading:
    """One pass over a file."""

    def __init__(self, framing: Framing, name: str, max_bytes: int, wat: bool) -> None:
        self.framing = framing
        self.name = name
        self.max_bytes = max_bytes
        self.wat = wat
        self.damages = 0  # counted up to MAX_DAMAGES

    def outcomes(self, start: int, stop: int) -> Iterator[Outcome]:
        """Yields the outcomes of the records of the units that begin in [start, stop)."""
        framing, size = self.framing, self.framing.raw.size
        offset: int | None = framing.find(start, stop) if start else framing.past_filling(0)
        while offset is not None and offset < framing.raw.size and (offset < stop or not framing.starts(offset)):
            if self.damages >= MAX_DAMAGES:
                message = f"{self.damages} damages; the rest is given up"
                yield self._lost(offset, max(min(stop, size), offset + 1), "too_many_damages", message)
                return
            offset = framing.past_filling((yield from self._unit(offset, stop)))

    def _unit(self, start: int, stop: int) -> Generator[Outcome, None, int]:
        """Yields the outcomes of the records of the unit at an offset, and returns the offset behind it."""
        framing = self.framing
        if not framing.opens(start):
            after = framing.after(start)
            yield self._lost(start, after, "garbage", "bytes that are no record")
            return after
        record_and_end = single(framing, start) if framing.codec else None
        if record_and_end:
            record, after = record_and_end
            yield self._outcome(record, self._pointer(start, after))
            return after
        tape = Tape(framing, start)
        try:
            return (yield from self._plain_file(tape, stop) if framing.codec is None else self._packed_unit(tape))
        except Damaged as damage:
            after = framing.after(start + 1)
            begin = start if tape.handed_on == 0 else max(start, tape.unit.shown)
            yield self._lost(begin, after, damage.error, damage.message, record=framing.starts(start))
            return after

    def _plain_file(self, tape: Tape, stop: int) -> Generator[Outcome, None, int]:
        """Yields the outcomes of the records of a plain file from an offset on, and returns the offset behind them."""
        waiting: Record | BrokenRecord | None = None  # for the next record's offset, which ends this one
        for record in records(tape, self.framing.dialect, self._keep):
            offset = tape.offset + record.start
            if waiting:
                yield self._outcome(waiting, self._pointer(tape.offset + waiting.start, offset))
            if offset >= stop and self.framing.starts(offset):
                return offset
            if self.damages + tape.rewinds >= MAX_DAMAGES:
                self.damages += tape.rewinds
                return offset
            waiting = record
        if waiting:
            yield self._outcome(waiting, self._pointer(tape.offset + waiting.start, self.framing.raw.size))
        return self.framing.raw.size

    def _packed_unit(self, tape: Tape) -> Generator[Outcome, None, int]:
        """Yields the outcomes of the records of a packed unit, and returns the offset behind it."""
        waiting: Record | BrokenRecord | None = None  # for the end of the member, which proves it
        for record in records(tape, self.framing.dialect, self._keep):
            if waiting:
                tape.handed_on += 1
                yield self._outcome(waiting, self._pointer(-1, -1), tape.offset)
            waiting = record
            if self.damages + tape.rewinds >= MAX_DAMAGES:
                raise Damaged("too_many_damages", f"{MAX_DAMAGES} damages; the rest of the member is given up")
        end = tape.unit.end
        if waiting and not tape.handed_on:
            if isinstance(waiting, BrokenRecord) and not waiting.record:
                proven = self.framing.codec is not None and self.framing.codec.checked
                end = self.framing.after(end if proven else tape.offset + 1)
            yield self._outcome(waiting, self._pointer(tape.offset, end))
        elif waiting:
            yield self._outcome(waiting, self._pointer(-1, -1), tape.offset)
        return end

    def _keep(self, head: Head) -> int:
        """Returns how many bytes of a record's block are held: none of a record that is no page."""
        return 2 * self.max_bytes + MAX_HEADER if is_wanted(head.kind, head.mime, self.wat) else 0

    def _pointer(self, begin: int, end: int) -> Pointer:
        return Pointer(file=self.name, offset=begin, length=end - begin)

    def _outcome(self, record: Record | BrokenRecord, pointer: Pointer, unit: int = 0) -> Outcome:
        """Returns the outcome of a part of a unit.

        unit: the offset for a failure of a record that shares its unit with others, whose pointer is -1.
        """
        if isinstance(record, Record):
            outcome = capture(record, pointer, self.max_bytes, self.wat)
        else:
            self.damages += 1
            outcome = failure(pointer, record.error, record.message, record=record.record)
        return replace(outcome, offset=unit) if isinstance(outcome, Failure) and outcome.offset < 0 else outcome

    def _lost(self, begin: int, end: int, error: str, message: str, *, record: bool = False) -> Failure:
        self.damages += 1
        return failure(self._pointer(begin, end), error, message, record=record)


def is_wanted(kind: str, mime: str, wat: bool = False) -> bool:
    """Returns True where a record of this type and media type holds a page; with `wat`, the WAT record of one."""
    if wat:
        return kind == "metadata" and mime.startswith("application/json")
    return kind == "conversion" or (kind == "response" and (not mime or mime.startswith("application/http")))


def capture(record: Record, pointer: Pointer, max_bytes: int, wat: bool = False) -> Outcome:
    """Returns the outcome of a record at this place; a payload is decoded to max_bytes + 1 bytes at most."""
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
    """Returns the page of a record that should hold one."""
    head, limit = record.head, max_bytes + 1
    flags: tuple[str, ...] = ("length_mismatch",) if record.mismatch else ()
    timestamp = moment(head.date)
    if head.kind in ("conversion", "metadata"):
        mime = "text/plain" if head.kind == "conversion" else "application/json"
        status, charset, body = 200, "utf-8", b"".join(record.block)[:limit]
    else:
        http = response(record.block, limit)
        if not http:
            return failure(pointer, "http", "no HTTP response in a response record", head.url)
        if http.short and record.mismatch and head.length is not None and head.length > record.size:
            return failure(pointer, "truncated", f"{record.size} of {head.length} bytes", head.url)
        status, mime, charset, body = http.status, http.mime, http.charset, http.body
        flags += http.flags
    if len(body) < limit and record.size > sum(map(len, record.block)):
        return RefusedRecord(
            url=head.url,
            timestamp=timestamp,
            reason="extract.size",
            detail=f"a record of {record.size} bytes",
            bytes=record.size,
            pointer=pointer,
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
    """Returns a dead letter of the reader for this place."""
    return Failure.at(pointer, error, message, stage=STAGE, url=url, record=record)
