"""Records that hold one long list: JSON that is written as a stream, and read in part.

The fields of the record come first, indented; then the list, an entry a line, in blocks of ROWS; then the index, with
the length and the checksum of each block; and last where the list begins and ends, and how many entries it and a block
have. The seal is the digest of all but the list, as the index vouches for that: a reader of one entry checks what it
reads, and reads nothing else. Workers ask for entries in any order, so blocks are small: what is read for one entry
does not grow with the list. A guarded list has a CRC32 at the end of each line too, so that of a damaged file the other
lines can still be read.
"""

import hashlib
import json
import os
import re
import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from curate import storage
from curate.storage.writing import BLANK, CHANGED, SEAL, as_json, drafted

ROWS = 32  # entries of a block
UNSTATED = 256  # those of a block of a list that does not state it, as earlier versions wrote it
SMALL = 256 << 10  # bytes; a file up to this is read whole, and of a larger one its end first
FIRST = 1 << 20  # bytes that are asked of a store at first, so that a file of less takes one request
HELD = 32  # blocks that a reader keeps
PIECE = 8 << 20  # bytes that are read at a time where every entry is
END = b"\n}\n"
GUARD = "crc"
GUARDED = re.compile(rb'(\{.+),"crc":"([0-9a-f]{8})"\},?')
Row = dict[str, Any]


def write_listing(
    path: Path, fields: Mapping[str, Any], name: str, rows: Iterable[Row], *, guarded: bool = False
) -> str:
    """Writes a record whose list has this name, unless the file is that already; returns its seal.

    rows: each with a `number`, which ascends. Only one block of them is held. guarded: each line gets a checksum.
    """
    head = as_json({**fields, "seal": BLANK.decode()}).removesuffix(END) + f',\n "{name}": [\n'.encode()
    with drafted(path) as draft:
        with draft.open("wb") as file:
            file.write(head)
            index, total, size = [], 0, len(head)
            for block, number, count, is_last in _cut(rows, _guarded if guarded else _line):
                content = block if is_last else block[:-1] + b",\n"
                file.write(content)
                index.append([number, len(content), _checksum(content)])
                total, size = total + count, size + len(content)
            tail = f' ],\n "index": {_line(index)},\n "list": {_line([len(head), size, total, ROWS])}'.encode() + END
            file.write(tail)
            seal = hashlib.sha256(head + tail).hexdigest()
            place = SEAL.search(head)
            assert place is not None
            file.seek(place.start(1))
            file.write(seal.encode())
        if seal != whole_seal(path):
            storage.publish(draft, path)
    return seal


def _cut(rows: Iterable[Row], line: Callable[[Row], str]) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yields blocks of lines, each with the number of its first entry, its entries, and whether it is the last."""
    before: tuple[bytes, int, int] | None = None
    remaining = iter(rows)
    while group := [*islice(remaining, ROWS)]:
        if before:
            yield *before, False
        before = (",\n".join(map(line, group)).encode() + b"\n", group[0]["number"], len(group))
    if before:
        yield *before, True


def whole_seal(path: Path) -> str:
    """Returns the seal of a record with a list; "" where any byte of it is not as it was written."""
    try:
        listing = Listing(path)
        for _ in listing:
            pass
    except (OSError, ValueError):
        return ""
    return listing.seal


class Listing:
    """A record with a list, of which entries are read as they are asked for; each is compared with its checksum.

    fault: makes the error for an entry that is not as it was written. Opening raises FileNotFoundError, or ValueError
    where the record is not as it was written.
    """

    def __init__(self, path: Path, fault: Callable[[str], Exception] = ValueError) -> None:
        self.path = path
        self._fault = fault
        self._size, first, self._end = _read_ends(path)
        start, stop, self.rows, self._of_block = _extent(self._end, self._size)
        head = first[:start] if start <= len(first) else self._bytes(0, start)
        self.fields, self.seal = _parsed(head, self._bytes(stop, self._size))
        self._index: list[list[Any]] = self.fields.pop("index")
        self._numbers = [number for number, _, _ in self._index]
        self._starts = [start]
        for _, size, _ in self._index:
            self._starts.append(self._starts[-1] + size)
        if self._starts[-1] != stop:
            raise ValueError(CHANGED)
        self._held: OrderedDict[int, list[Row]] = OrderedDict()

    def __len__(self) -> int:
        """Returns the number of entries."""
        return self.rows

    def at(self, place: int) -> Row:
        """Returns the entry at a place of the list."""
        return self._block(place // self._of_block)[place % self._of_block]

    def numbered(self, number: int) -> Row | None:
        """Returns the entry of a number; None where there is none."""
        place = bisect_right(self._numbers, number) - 1
        rows = self._block(place) if place >= 0 else []
        return next((row for row in rows if row["number"] == number), None)

    def __iter__(self) -> Iterator[Row]:
        """Yields every entry in order; of a large file a piece is held at a time."""
        for block, content in self._blocks():
            yield from self._rows(block, content)

    def sound(self) -> Iterator[Row]:
        """Yields the entries that are as they were written, in order: of a damaged block those whose line shows it."""
        for block, content in self._blocks():
            try:
                rows = _checked_rows(self._index[block], content)
            except ValueError:
                rows = [*guarded_rows(content)]
            yield from rows

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        block = 0
        while block < len(self._index):
            stop = max(block + 1, bisect_right(self._starts, self._starts[block] + PIECE) - 1)
            piece = memoryview(self._bytes(self._starts[block], self._starts[stop]))
            for number in range(block, stop):
                first, last = (self._starts[place] - self._starts[block] for place in (number, number + 1))
                yield number, bytes(piece[first:last])
            block = stop

    def _block(self, block: int) -> list[Row]:
        if block not in self._held:
            self._held[block] = self._rows(block, self._bytes(*self._starts[block : block + 2]))
            if len(self._held) > HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(block)
        return self._held[block]

    def _rows(self, block: int, content: bytes) -> list[Row]:
        try:
            return _checked_rows(self._index[block], content)
        except ValueError as error:
            raise self._fault(str(error)) from None

    def _bytes(self, start: int, stop: int) -> bytes:
        """Returns a range of the file: of its end, which is held, or read now as far as it lies before that."""
        held_from = self._size - len(self._end)
        held = self._end[max(0, start - held_from) : max(0, stop - held_from)]
        return _range(self.path, start, min(stop, held_from)) + held if start < held_from else held


@lru_cache(maxsize=16)
def _cached(name: str, _stamp: object) -> Listing:
    return Listing(storage.path(name))


def cached(path: Path) -> Listing:
    """Returns the listing in a file, which is opened once until it is written anew; errors as Listing."""
    return _cached(str(path), storage.stamp(path))


def readable_rows(content: bytes) -> Iterator[Row]:
    """Yields the entries that can still be read of a list that is damaged, or whose file was cut."""
    for line in map(bytes.rstrip, BytesIO(content)):
        if line.startswith(b"{") and line.endswith((b"}", b"},")):
            try:
                row = json.loads(line.rstrip(b","))
            except ValueError:
                continue
            row.pop(GUARD, None)
            yield row


def guarded_rows(content: bytes) -> Iterator[Row]:
    """Yields the entries of a guarded list, or of a piece of it, whose lines are as they were written."""
    for line in content.split(b"\n"):
        match = GUARDED.fullmatch(line)
        if match and zlib.crc32(match[1]) == int(match[2], 16):
            row: Row = json.loads(match[1] + b"}")
            yield row


def _checked_rows(entry: list[Any], content: bytes) -> list[Row]:
    """Returns the entries of a block; ValueError where it is not what its entry in the index states."""
    number, size, checksum = entry
    if len(content) != size or _checksum(content) != checksum:
        raise ValueError(f"{CHANGED}, at the entries from {number} on")
    rows: list[Row] = json.loads(b"[" + content.rstrip(b",\n") + b"]")
    for row in rows:
        row.pop(GUARD, None)
    return rows


def _extent(end: bytes, size: int) -> tuple[int, int, int, int]:
    """Returns where the list begins and ends, and the entries of it and of a block; ValueError where it has no end."""
    last = end[end.rfind(b'\n "list": ') :]
    if not last.startswith(b'\n "list": ') or not last.endswith(END):
        raise ValueError(CHANGED)
    extent = json.loads(last[len(b'\n "list": ') : -len(END)])
    if len(extent) not in (3, 4) or any(type(value) is not int for value in extent):
        raise ValueError(CHANGED)
    start, stop, rows, of_block = [*extent, UNSTATED][:4]
    if not 0 < start <= stop < size or rows < 0 or of_block < 1:
        raise ValueError(CHANGED)
    return start, stop, rows, of_block


def _parsed(head: bytes, tail: bytes) -> tuple[dict[str, Any], str]:
    """Returns the fields of a record without its list, the index among them, and its seal."""
    place = SEAL.search(head)
    if place is None:
        raise ValueError(CHANGED)
    blank = head[: place.start(1)] + BLANK + head[place.end(1) :]
    if hashlib.sha256(blank + tail).hexdigest().encode() != place[1]:
        raise ValueError(CHANGED)
    fields: dict[str, Any] = json.loads(head + tail)
    name = [*fields][-3]  # before the index and the extent
    for key in (name, "seal", "list"):
        del fields[key]
    return fields, place[1].decode()


def _read_ends(path: Path) -> tuple[int, bytes, bytes]:
    """Returns the size of a file, the first bytes of a large one in a store, and the last; all of a small one."""
    if storage.is_remote(path):
        first = _first(path)
        if len(first) < FIRST:
            return len(first), b"", first
        size = storage.sizes_of([path])[0]
        return size, first, _range(path, max(0, size - SMALL), size)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - SMALL))
        return size, b"", file.read()


def _first(path: Path) -> bytes:
    """Returns the first bytes of a file in a store; stores refuse a range of an empty one."""
    try:
        return _range(path, 0, FIRST)
    except FileNotFoundError:
        raise
    except Exception:
        if storage.sizes_of([path])[0]:
            raise
        return b""


def _range(path: Path, start: int, stop: int) -> bytes:
    if storage.is_remote(path):
        remote: Any = path
        content: bytes = remote.fs.cat_file(remote.path, start=start, end=stop)
        return content
    with path.open("rb") as file:
        file.seek(start)
        return file.read(stop - start)


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _guarded(row: Row) -> str:
    """Returns an entry as a line with its checksum."""
    text = _line(row).removesuffix("}")
    return f'{text},"{GUARD}":"{zlib.crc32(text.encode()):08x}"}}'


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
