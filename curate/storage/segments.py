"""A file of segments: pieces of a table one behind another, and beside it an index that a reader finds its own by.

A segment is an Arrow batch, compressed as a whole. The index states of each one its length, its CRC32, its rows, the
group that it belongs to, the first and the last place in it, and sums over its rows. So one request reads the index,
one more a run of neighbours, and nothing else of the file is read; every byte is checked before it is decoded.
"""

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import DamageError
from curate.storage.paths import is_remote
from curate.storage.remote import RangeReader
from curate.storage.writing import sealed, unsealed

FORMAT, VERSION = "curate.segments", 1
CODEC = "zstd"
LEVEL = 1
PREFIX = 8  # bytes before a segment's content: the size that it unpacks to
FETCH_BYTES = 8 << 20  # of neighbouring segments that are fetched at a time, unless one alone is longer
TYPES = {"length": "<i8", "crc": "<u4", "rows": "<i8", "group": "<i4", "first": "<u8", "last": "<u8"}
SUM = "<i8"
MEND = "remove it, and the command that made it makes it anew"

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The segments of a file, in its order; each array has one value a segment."""

    length: Column  # bytes
    crc: Column
    rows: Column
    group: Column  # of the writer's: a slice, or which rows stand together
    first: Column  # the places of the first row and of the last one
    last: Column
    sums: Mapping[str, Column]  # over the rows of a segment, by name
    facts: Mapping[str, Any] = field(default_factory=dict)  # that the writer states of the whole file, as plain values


class SegmentWriter:
    """Writes the segments of a file under a name of this machine; its digest is taken as the bytes pass."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._codec = pa.Codec(CODEC, compression_level=LEVEL)
        self._sha256 = hashlib.sha256()
        self._entries: list[tuple[int, ...]] = []
        self._sums: list[dict[str, int]] = []
        self.size = 0  # bytes written
        self.rows = 0

    def add(self, rows: pa.Table, group: int, first: int, last: int, **sums: int) -> None:
        """Writes the rows as one segment; first, last: their places; sums: over them, of the same names each time."""
        batches = rows.combine_chunks().to_batches()
        if not batches:
            return
        content = batches[0].serialize()
        packed = content.size.to_bytes(PREFIX, "little") + self._codec.compress(content, asbytes=True)
        self._file.write(packed)
        self._sha256.update(packed)
        self._entries.append((len(packed), zlib.crc32(packed), len(rows), group, first, last))
        self._sums.append(sums)
        self.size += len(packed)
        self.rows += len(rows)

    def close(self) -> str:
        """Closes the file and returns its sha256."""
        self._file.close()
        return self._sha256.hexdigest()

    def index(self, facts: Mapping[str, Any]) -> bytes:
        """Returns the content of the index; facts: what is to be stated of the whole file."""
        columns = zip(*self._entries, strict=True) if self._entries else ([] for _ in TYPES)
        packed = {name: _packed(column, kind) for (name, kind), column in zip(TYPES.items(), columns, strict=True)}
        names = self._sums[0] if self._sums else ()
        sums = {name: _packed([own[name] for own in self._sums], SUM) for name in names}
        return sealed({"format": FORMAT, "version": VERSION, "facts": dict(facts), "columns": packed, "sums": sums})

    def abandon(self) -> None:
        """Closes the file where the writing has failed."""
        with suppress(OSError):  # a full disk may refuse the last bytes
            self._file.close()


def parse_index(content: bytes | None, path: Path) -> Index:
    """Returns the index that a file holds; DamageError, which names its path, where it is missing or was changed."""
    if content is None:
        raise DamageError(f"{path}: missing; the command that made it makes it anew")
    try:
        stored = unsealed(content)
        columns = {name: _unpacked(stored["columns"][name], kind) for name, kind in TYPES.items()}
        sums = {name: _unpacked(text, SUM) for name, text in stored["sums"].items()}
        return Index(**columns, sums=sums, facts=stored["facts"])
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise DamageError(f"{path}: not readable as an index of segments: {error}; {MEND}") from None


def read(path: Path, index: Index, numbers: npt.NDArray[np.int64], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yields these segments of a file, ascending; neighbours are fetched together. DamageError where one is changed."""
    runs = _runs(numbers, index)
    if not runs:
        return
    ends = np.cumsum(index.length)
    if is_remote(path):
        with RangeReader(path, watched=False) as reader:
            for start, stop in runs:
                content = reader.fetch(int(ends[start] - index.length[start]), int(ends[stop - 1]))
                yield from _segments(path, index, start, stop, content, schema)
        return
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DamageError(f"{path}: missing; the command that made it makes it anew") from None
    with file:
        for start, stop in runs:
            file.seek(int(ends[start] - index.length[start]))
            content = memoryview(file.read(int(index.length[start:stop].sum())))
            yield from _segments(path, index, start, stop, content, schema)


def read_each(places: Sequence[tuple[Path, Index, int]], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yields single segments of one store's or disk's files, in order; a store is asked for all of them at once."""
    extents = []
    for _, index, number in places:
        stop = int(index.length[: number + 1].sum())
        extents.append((stop - int(index.length[number]), stop))
    contents: list[bytes | None] = [None] * len(places)
    if places and is_remote(places[0][0]):
        files: list[Any] = [path for path, _, _ in places]
        contents = files[0].fs.cat_ranges([file.path for file in files], *zip(*extents, strict=True), on_error="raise")
    for (path, index, number), content in zip(places, contents, strict=True):
        if content is None:
            yield from read(path, index, np.array([number]), schema)
        else:
            yield from _segments(path, index, number, number + 1, memoryview(content), schema)


def _runs(numbers: npt.NDArray[np.int64], index: Index) -> list[tuple[int, int]]:
    """Returns half-open ranges of neighbouring segments, each of which is fetched at once."""
    runs: list[tuple[int, int]] = []
    size = 0
    for number in numbers.tolist():
        length = int(index.length[number])
        if runs and runs[-1][1] == number and size + length <= FETCH_BYTES:
            runs[-1], size = (runs[-1][0], number + 1), size + length
        else:
            runs.append((number, number + 1))
            size = length
    return runs


def _segments(
    path: Path, index: Index, start: int, stop: int, content: memoryview, schema: pa.Schema
) -> Iterator[pa.Table]:
    codec, offset = pa.Codec(CODEC), 0
    for number in range(start, stop):
        packed = content[offset : offset + int(index.length[number])]
        offset += len(packed)
        if len(packed) != index.length[number] or zlib.crc32(packed) != index.crc[number]:
            raise DamageError(f"{path}: its content is not what its index states; {MEND}")
        size = int.from_bytes(packed[:PREFIX], "little")
        batch = pa.ipc.read_record_batch(codec.decompress(pa.py_buffer(packed[PREFIX:]), size), schema)
        yield pa.Table.from_batches([batch], schema)


def _packed(values: Any, kind: str) -> str:
    return base64.b64encode(zlib.compress(np.array(values, kind).tobytes())).decode()


def _unpacked(text: str, kind: str) -> Column:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)
