"""Writes pointers to selected captures on disk, sorted by file, and fetches the records that they point to.

The pointers of a source are one Parquet file in the stage's folder, whose name and note hold the digest of the indexes
and the selection, so that a resume does not read the indexes again. An item is one row group of it. Records that lie
near each other are fetched by one request.
"""

import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.commoncrawl.selection import IndexRow
from curate.errors import DamageError, SettingsError
from curate.records import Failure, Pointer
from curate.stage.parts import TableWriter
from curate.stage.plan import Item, json_digest
from curate.stage.sorting import in_order
from curate.stage.traces import is_marked, not_ours
from curate.storage.remote import RangeReader

FOLDER = "pointers"
NOTE = b"curate.selection"  # the key of the digest in the file's metadata
GAP = 64 << 10  # bytes between two records up to which one request fetches both
REQUEST = 16 << 20  # bytes of the longest request for more than one record
PARALLEL = 4  # requests at a time; Common Crawl serves four without throttling
AHEAD = 32 << 20  # bytes that are fetched before they are read
LONGEST = 64 << 20  # bytes of one record, compressed
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
    """The place of a selected capture, and the URL that it must have."""

    file: str  # its name below the crawl's folder
    offset: int  # bytes
    length: int  # bytes
    url: str
    fault: str = ""  # the reason for which its row cannot be used, or ''


def pointers_file(folder: Path, source: str, key: str, rows: Callable[[], Iterator[IndexRow]]) -> Path:
    """Returns the file of a source's pointers; writes it from the rows unless it is there.

    key: the digest of indexes and selection. Raises SettingsError where there is no row.
    """
    path = folder / FOLDER / f"{source}-{key[:12]}.parquet"
    if path.exists():
        if not is_marked(path):
            raise not_ours(path)
        if (pq.read_schema(storage.source(path)).metadata or {}).get(NOTE) == key.encode():
            return path
    storage.make_folder(path.parent)
    table = TableWriter(path, SCHEMA.with_metadata({NOTE: key.encode()}))
    try:
        last = None
        for row in in_order(map(_row, rows()), SCHEMA, _values, "url", path):
            if row != last:
                table.add(row)
            last = row
        table.close()
        if not table.rows:
            raise SettingsError(f"sources.{source}.select: takes no row of the indexes; select more")
        table.publish()
    finally:
        table.abandon()
    return path


def pointer_items(path: Path, folder: Path, source: str, base: str) -> Iterator[Item]:
    """Yields one item per row group of a pointers file; its digest is that of its rows, wherever the crawl lies."""
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
                digest=json_digest([_values(row) for row in rows]),
                size=sum(row["length"] for row in rows),
                source=source,
                base_uri=base,
                start=start,
                stop=stop,
            )
            start = stop


def planned_targets(path: Path, item: Item) -> list[SelectedCapture]:
    """Returns the pointers of an item; DamageError where they are not those that it was planned with."""
    fault = f"{path}: its content is not what was selected; remove it, and the same command makes it anew"
    try:
        targets = read_targets(path, item.start, item.stop or 0)
    except (pa.ArrowException, ValueError, TypeError, OSError) as error:
        raise DamageError(fault) from error
    if json_digest([_values(asdict(target)) for target in targets]) != item.digest:
        raise DamageError(fault)
    return targets


def part_of(item: Item, path: Path, start: int, stop: int) -> Item:
    """Returns the item of the rows [start, stop) of a pointers file, which another item holds."""
    targets = read_targets(path, start, stop)
    digest = json_digest([_values(asdict(target)) for target in targets])
    size = sum(target.length for target in targets)
    return replace(item, start=start, stop=stop, digest=digest, size=size)


def read_targets(path: Path, start: int, stop: int) -> list[SelectedCapture]:
    """Returns the rows [start, stop) of a pointers file."""
    targets: list[SelectedCapture] = []
    first = 0
    with pq.ParquetFile(storage.source(path)) as file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if first < stop and first + size > start:
                rows = file.read_row_group(group).to_pylist()[max(0, start - first) : stop - first]
                targets += [SelectedCapture(**row) for row in rows]
            first += size
    return targets


def outcomes(targets: Iterable[SelectedCapture], base: str, read: Read) -> Iterator[Any]:
    """Yields one outcome of each target: the first that `read` makes of its record, or a Failure.

    read: takes a file that holds one record, its name and its size. Rows that cannot be used come first, the others in
    order.
    """
    usable: list[SelectedCapture] = []
    for target in targets:
        message = target.fault or _length_fault(target)
        if message:
            yield _failure(target, "malformed" if target.fault else "index_row", message)
        else:
            usable.append(target)
    groups = [group for _, of_file in groupby(usable, lambda target: target.file) for group in batches(of_file)]
    for group, content in fetch_groups(groups, storage.path(base)):
        if isinstance(content, FileNotFoundError):
            yield from (_failure(target, "missing", f"no such file: {content.filename}") for target in group)
        else:
            yield from _outcomes(group, content, read)


def batches(targets: Iterable[SelectedCapture]) -> Iterator[list[SelectedCapture]]:
    """Groups targets of one file, which come in order, so that each group is worth one request."""
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


def fetch_groups(
    groups: Iterable[list[SelectedCapture]], root: Path
) -> Iterator[tuple[list[SelectedCapture], Content]]:
    """Yields each group with the bytes from its first record to its last, or with the error of a missing file.

    At most PARALLEL requests are under way at a time, and AHEAD bytes are held unless one group alone is larger.
    """
    readers: list[RangeReader] = []
    waiting: deque[tuple[list[SelectedCapture], Future[Content]]] = deque()
    pool = ThreadPoolExecutor(PARALLEL)
    held = 0  # bytes of the waiting groups
    rest = iter(groups)
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


def _row(row: IndexRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SCHEMA.names}


def _values(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in SCHEMA.names)


def _length_fault(target: SelectedCapture) -> str:
    """Returns what is wrong with the length that the index states, or ''."""
    if target.length <= 0:
        return f"the index says {target.length} bytes"
    return f"the index says {target.length} bytes, at most {LONGEST} are read" if target.length > LONGEST else ""


def _span(group: list[SelectedCapture]) -> tuple[int, int]:
    """Returns the offset and the length in bytes of the range that holds a group."""
    begin = group[0].offset
    return begin, max(target.offset + target.length for target in group) - begin


def _fetch(group: list[SelectedCapture], root: Path, readers: list[RangeReader]) -> Content:
    """Returns the bytes of a group; a remote reader is among `readers` while it reads, so that it can be closed."""
    path = storage.join(root, group[0].file)
    begin, size = _span(group)
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
    """Yields the outcomes of targets that were fetched together."""
    begin = targets[0].offset
    for target in targets:
        record = memoryview(content)[target.offset - begin :][: target.length]
        if len(record) < target.length:
            message = f"the file ends at byte {begin + len(content)}, before the record does"
            yield _failure(target, "index_mismatch", message)
            continue
        yield _placed(next(read(io.BytesIO(record), target.file, len(record)), None), target)


def _placed(outcome: Any, target: SelectedCapture) -> Any:
    """Returns the outcome of a record with its offset in the whole file; a Failure where it is of another capture."""
    if outcome is None:
        return _failure(target, "index_mismatch", "no record begins there")
    if isinstance(outcome, Failure):
        url = outcome.url or target.url
        return replace(outcome, offset=target.offset, length=target.length, url=url, record=True)
    url = getattr(outcome, "url", target.url)
    if url != target.url:
        return _failure(target, "index_mismatch", f"the record is of {url[:300]}")
    pointer = getattr(outcome, "pointer", None)
    if pointer and pointer.offset >= 0:
        return replace(outcome, pointer=replace(pointer, offset=target.offset + pointer.offset))
    return outcome


def _failure(target: SelectedCapture, error: str, message: str) -> Failure:
    pointer = Pointer(file=target.file, offset=target.offset, length=target.length)
    return Failure.at(pointer, error, message, stage=STAGE, url=target.url)
