"""Rows in order by way of sorted runs on disk, so that a part of any size is sorted in bounded memory."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate import storage
from curate.errors import writing

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
