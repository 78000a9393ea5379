"""Selected captures: from the rows of indexes to pointers on disk, sorted by file; and from pointers to records.

The pointers of a source are one Parquet file in the stage's folder, whose name and note hold the digest of what they
were selected from and by, so that a resume does not read the indexes again. An item is one row group of it. Records
that lie near each other are fetched by one request.
"""

import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.commoncrawl.selection import IndexRow
from curate.errors import SettingsError
from curate.records import Failure
from curate.stage.parts import TableWriter
from curate.stage.plan import Item, json_digest
from curate.stage.sorting import in_order
from curate.storage.remote import RangeReader

FOLDER = "pointers"
NOTE = b"curate.selection"
GAP = 64 << 10  # of bytes between two records that are fetched all the same
REQUEST = 16 << 20
PARALLEL = 4  # requests at a time, as Common Crawl bears them
AHEAD = 32 << 20  # of bytes that are fetched before they are read
LONGEST = 64 << 20  # of one record, compressed
STAGE = "extract"
SCHEMA = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("fault", pa.string(), nullable=False),
    ]
)
Content = memoryview | bytes | FileNotFoundError
Read = Callable[[BinaryIO, str, int], Iterator[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SelectedCapture:
    """Where a selected capture lies, and the URL that it must be of; fault: why its row cannot be used, or ''."""

    file: str
    offset: int
    length: int
    url: str
    fault: str = ""


def selected(folder: Path, source: str, key: str, rows: Callable[[], Iterator[IndexRow]]) -> Path:
    """The file of a source's pointers, made of the rows unless it is there; SettingsError where none is taken."""
    path = folder / FOLDER / f"{source}-{key[:12]}.parquet"
    if path.exists() and (pq.read_schema(storage.source(path)).metadata or {}).get(NOTE) == key.encode():
        return path
    storage.make_folder(path.parent)
    table = TableWriter(path, SCHEMA.with_metadata({NOTE: key.encode()}))
    try:
        last = None
        for row in in_order(map(_pointer, rows()), SCHEMA, _order, "url", path):
            if row != last:
                table.add(row)
            last = row
        table.close()
        if not table.rows:
            raise SettingsError(f"sources.{source}.select: takes no row of the indexes")
        table.publish()
    finally:
        table.abandon()
    return path


def _pointer(row: IndexRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SCHEMA.names}


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in SCHEMA.names)


def pointer_items(path: Path, folder: Path, source: str, base: str) -> Iterator[Item]:
    """One item per row group of a pointers file, known by what it holds and not by where the crawl lies."""
    start = 0
    with pq.ParquetFile(storage.source(path)) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group).to_pylist()
            stop = start + len(rows)
            yield Item(
                number=0,
                name=f"{source}/pointers",
                uri=storage.relative(path, folder),
                form="pointers",
                digest=json_digest([_order(row) for row in rows]),
                size=sum(row["length"] for row in rows),
                source=source,
                base_uri=base,
                start=start,
                stop=stop,
            )
            start = stop


def read_targets(path: Path, start: int, stop: int) -> list[SelectedCapture]:
    """The rows of a pointers file from one up to another."""
    found: list[SelectedCapture] = []
    first = 0
    with pq.ParquetFile(storage.source(path)) as file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if first < stop and first + size > start:
                rows = file.read_row_group(group).to_pylist()[max(0, start - first) : stop - first]
                found += [SelectedCapture(**row) for row in rows]
            first += size
    return found


def outcomes(targets: Iterable[SelectedCapture], base: str, read: Read) -> Iterator[Any]:
    """What becomes of each target: what `read` makes of its record alone, or a Failure; nothing is left out.

    read: from a file that holds one record, its name and its size to outcomes. Rows that cannot be used come first, the
    others in order.
    """
    usable: list[SelectedCapture] = []
    for target in targets:
        if message := target.fault or _refused(target):
            yield _failure(target, "malformed" if target.fault else "index_row", message)
        else:
            usable.append(target)
    groups = [batch for _, group in groupby(usable, lambda target: target.file) for batch in batches(group)]
    for group, content in fetched(groups, storage.path(base)):
        if isinstance(content, FileNotFoundError):
            yield from (_failure(target, "missing", f"no such file: {content.filename}") for target in group)
        else:
            yield from _outcomes(group, content, read)


def _refused(target: SelectedCapture) -> str:
    if target.length <= 0:
        return f"the index says {target.length} bytes"
    return f"the index says {target.length} bytes, at most {LONGEST} are read" if target.length > LONGEST else ""


def batches(targets: Iterable[SelectedCapture]) -> Iterator[list[SelectedCapture]]:
    """Targets of one file, in order, grouped so that each group is worth one request."""
    held: list[SelectedCapture] = []
    end = 0
    for target in targets:
        reach = max(end, target.offset + target.length)
        if held and (target.offset - end > GAP or reach - held[0].offset > REQUEST):
            yield held
            held, reach = [], target.offset + target.length
        held.append(target)
        end = reach
    if held:
        yield held


def fetched(groups: Iterable[list[SelectedCapture]], root: Path) -> Iterator[tuple[list[SelectedCapture], Content]]:
    """Each group with the bytes from its first record to its last, or the error that there is no such file.

    A few requests are under way at a time, as most of their time is waiting; what they hold is bounded.
    """
    readers: list[RangeReader] = []
    waiting: deque[tuple[list[SelectedCapture], Future[Content]]] = deque()
    pool = ThreadPoolExecutor(PARALLEL)
    held, rest = 0, iter(groups)
    group = next(rest, None)
    try:
        while waiting or group:
            while group and len(waiting) < 2 * PARALLEL and (not waiting or held + _span(group)[1] <= AHEAD):
                waiting.append((group, pool.submit(_fetch, group, root, readers)))
                held += _span(group)[1]
                group = next(rest, None)
            first, future = waiting.popleft()
            held -= _span(first)[1]
            yield first, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for reader in [*readers]:
            reader.close()
        pool.shutdown()


def _span(group: list[SelectedCapture]) -> tuple[int, int]:
    """Where a group begins, and how long it is."""
    begin = group[0].offset
    return begin, max(target.offset + target.length for target in group) - begin


def _fetch(group: list[SelectedCapture], root: Path, readers: list[RangeReader]) -> Content:
    path, (begin, size) = storage.join(root, group[0].file), _span(group)
    try:
        if not storage.is_remote(path):
            with path.open("rb") as file:
                return os.pread(file.fileno(), size, begin)
        with RangeReader(path) as reader:
            readers.append(reader)
            content = reader.fetch(begin, begin + size)
            readers.remove(reader)
            return content
    except FileNotFoundError as error:
        return error


def _outcomes(targets: list[SelectedCapture], content: memoryview | bytes, read: Read) -> Iterator[Any]:
    """The outcomes of targets that were fetched together."""
    begin = targets[0].offset
    for target in targets:
        record = memoryview(content)[target.offset - begin :][: target.length]
        if len(record) < target.length:
            told = f"the file ends at byte {begin + len(content)}, before the record does"
            yield _failure(target, "index_mismatch", told)
            continue
        yield _checked(next(read(io.BytesIO(record), target.file, len(record)), None), target)


def _checked(outcome: Any, target: SelectedCapture) -> Any:
    """What was read where the target points, moved to its place in the file; a Failure where it is another capture."""
    if outcome is None:
        return _failure(target, "index_mismatch", "no record begins there")
    if isinstance(outcome, Failure):
        url = outcome.url or target.url
        return replace(outcome, offset=target.offset, length=target.length, url=url, record=True)
    url = getattr(outcome, "url", target.url)
    if url != target.url:
        return _failure(target, "index_mismatch", f"the record is of {url[:300]}")
    place = getattr(outcome, "pointer", None)
    if place and place.offset >= 0:
        return replace(outcome, pointer=replace(place, offset=target.offset + place.offset))
    return outcome


def _failure(target: SelectedCapture, error: str, message: str) -> Failure:
    return Failure(
        file=target.file,
        offset=target.offset,
        length=target.length,
        stage=STAGE,
        error=error,
        message=message,
        url=target.url,
        record=True,
    )
