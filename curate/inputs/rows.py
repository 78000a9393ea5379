"""The rows of a user's file, in each form that a file of documents may have."""

import gzip
import io
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 1024


def numbered_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Yields the number and the value of each row; the value of a line that is no JSON is the error."""
    if path.name.endswith(".parquet"):
        with pq.ParquetFile(path) as file:
            batches = (batch.to_pylist() for batch in file.iter_batches(BATCH_ROWS))
            yield from enumerate(chain.from_iterable(batches), start=1)
        return
    with _open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield number, error


def _open_text(path: Path) -> IO[str]:
    """Opens a file of lines; its name says how it is compressed."""
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace")
    if path.name.endswith(".zst"):
        return io.TextIOWrapper(pa.CompressedInputStream(str(path), "zstd"), encoding="utf-8-sig", errors="replace")
    return path.open(encoding="utf-8-sig", errors="replace")
