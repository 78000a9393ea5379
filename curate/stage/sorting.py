"""Rows in order by way of sorted runs on disk, so that a part of any size is sorted in bounded memory."""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import storage
from curate.errors import writing

TABLE_BYTES = 96 << 20  # of tables held at a time
TABLE_ROWS = 4096  # of each run in memory while the runs are merged
FAN = 64  # runs that are merged at a time
PACKED = pa.ipc.IpcWriteOptions(compression="lz4")
Row = dict[str, Any]
RUN_BYTES = 64 << 20  # of rows held at a time
BATCH_ROWS = 64  # of each run in memory while the runs are merged
ROW_BYTES = 1000  # of a row in memory, its heavy column aside


def in_order(
    rows: Iterable[Row], schema: pa.Schema, key: Callable[[Row], Any], heavy: str, near: Path, limit: int = RUN_BYTES
) -> Iterator[Row]:
    """Yields the rows sorted by a key, equal ones as they came; heavy: the name of their large column.

    What does not fit in `limit` bytes lies in temporary files until the iteration ends: beside `near`, or among the
    machine's own where that is remote.
    """
    with ExitStack() as stack:
        runs: list[Path] = []
        held: list[Row] = []
        size = 0
        for row in rows:
            held.append(row)
            size += len(row[heavy]) + ROW_BYTES
            if size >= limit:
                runs.append(storage.draft(near))
                stack.callback(runs[-1].unlink, missing_ok=True)
                with writing(near, runs[-1]):
                    _write(runs[-1], sorted(held, key=key), schema)
                held, size = [], 0
        yield from heapq.merge(*map(_read, runs), sorted(held, key=key), key=key)


def _write(path: Path, rows: list[Row], schema: pa.Schema) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for start in range(0, len(rows), BATCH_ROWS):
            writer.write_batch(pa.RecordBatch.from_pylist(rows[start : start + BATCH_ROWS], schema=schema))


def _read(path: Path) -> Iterator[Row]:
    with closing(pa.OSFile(str(path))) as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            yield from batch.to_pylist()


def sorted_tables(tables: Iterable[pa.Table], key: str, near: Path, limit: int = TABLE_BYTES) -> Iterator[pa.Table]:
    """Yields the rows of tables sorted by a binary column of values that differ, in tables of at most about `limit`.

    What does not fit in `limit` bytes lies in temporary files until the iteration ends, as with `in_order`; at most
    FAN runs are merged at a time, so that work grows as N log N and memory stays the same.
    """
    with ExitStack() as stack:
        levels: list[list[Path]] = [[]]  # runs of one size each, the shortest first

        def keep(run: Iterable[pa.Table], level: int) -> None:
            if len(levels) == level:
                levels.append([])
            path = storage.draft(near)
            stack.callback(path.unlink, missing_ok=True)
            with writing(near, path):
                _write_tables(path, run)
            levels[level].append(path)
            if len(levels[level]) == FAN:
                full, levels[level] = levels[level], []
                keep(_merged([_read_tables(old) for old in full], key), level + 1)
                for old in full:
                    old.unlink()

        for run in held_at_most(tables, limit):
            if run.nbytes < limit and not any(levels):  # the last, and so all rows
                yield _by_key([run], key)
                return
            keep([_by_key([run], key)], 0)
        yield from _merged([_read_tables(path) for level in levels for path in level], key)


def held_at_most(tables: Iterable[pa.Table], limit: int) -> Iterator[pa.Table]:
    """Yields the rows joined into tables of about `limit` bytes."""
    held: list[pa.Table] = []
    size = 0
    for table in tables:
        held.append(table)
        size += table.nbytes
        if size >= limit:
            yield pa.concat_tables(held)
            held, size = [], 0
    if held and sum(map(len, held)):
        yield pa.concat_tables(held)


def _by_key(tables: list[pa.Table], key: str) -> pa.Table:
    table = pa.concat_tables(tables)
    return table.take(pc.sort_indices(table[key]))


def _merged(runs: list[Iterator[pa.Table]], key: str) -> Iterator[pa.Table]:
    """Yields the rows of sorted runs in their order: at a time those up to the least key that ends a run's table."""
    heads: dict[int, pa.Table] = {}
    while True:
        for number, run in enumerate(runs):
            if number not in heads and (table := next((table for table in run if len(table)), None)) is not None:
                heads[number] = table
        if not heads:
            return
        bound = min(head[key][len(head) - 1].as_py() for head in heads.values())
        taken: list[pa.Table] = []
        for number, head in [*heads.items()]:
            count = _up_to(head[key], bound)
            if count:
                taken.append(head.slice(0, count))
            if count == len(head):
                del heads[number]
            else:
                heads[number] = head.slice(count)
        yield _by_key(taken, key)


def _up_to(keys: pa.ChunkedArray, bound: bytes) -> int:
    """Returns how many of sorted keys are at most the bound."""
    return bisect_right(range(len(keys)), bound, key=lambda row: keys[row].as_py())


def _write_tables(path: Path, tables: Iterable[pa.Table]) -> None:
    writer = None
    with pa.OSFile(str(path), "wb") as file:
        for table in tables:
            writer = writer or pa.ipc.new_stream(file, table.schema, options=PACKED)
            writer.write_table(table.combine_chunks(), max_chunksize=TABLE_ROWS)
        if writer:
            writer.close()


def _read_tables(path: Path) -> Iterator[pa.Table]:
    with closing(pa.OSFile(str(path))) as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])
