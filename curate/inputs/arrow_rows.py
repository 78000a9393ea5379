"""Rows of Parquet and of Arrow's own files: a bad value costs itself, a damaged row group or batch costs its rows."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curate.inputs.arrow_values import Feature, features_of, values_of
from curate.inputs.forms import UnreadRows
from curate.stage import heartbeat

BATCH_ROWS = 1024
BATCH_BYTES = 64 << 20  # of a batch, roughly, where rows are long
DAMAGE = (pa.ArrowException, OSError, ValueError, MemoryError)
Columns = tuple[str, ...] | None  # the names of those that are read; None: all


def parquet_rows(source: Path | BinaryIO, columns: Columns, *, whole: bool = False) -> Iterator[tuple[int, Any]]:
    """Yields the number and the value of each row; a row group that cannot be read on as one UnreadRows.

    whole: the file is all that the item holds, so that its rows tell how far the work is.
    """
    with pq.ParquetFile(source, page_checksum_verification=True) as file:
        features = features_of(file.schema_arrow)
        names = _chosen(file.schema_arrow, columns)
        first = 1
        for group in range(file.num_row_groups):
            facts = file.metadata.row_group(group)
            number, rows = first, facts.num_rows
            size = min(BATCH_ROWS, math.ceil(BATCH_BYTES * rows / max(facts.total_byte_size, 1)) or 1)
            try:
                for batch in file.iter_batches(size, row_groups=[group], columns=names):
                    for row in _rows(batch, features):
                        yield number, row
                        number += 1
                    if whole:
                        heartbeat.advance(number - 1, file.metadata.num_rows)
                problem = "" if number - first >= rows >= 0 else "damaged, they end here"  # pyarrow says nothing
            except DAMAGE as error:
                problem = str(error)
            last = first + rows - 1
            if problem:
                lost = max(last + 1 - number, 0)  # a damaged file states a negative number of rows
                yield number, UnreadRows(f"row group {group}, rows {number} to {last}: {problem}", lost)
            first += rows
        if first <= (stated := file.metadata.num_rows):
            yield first, UnreadRows(f"rows {first} to {stated}: damaged, no row group has them", stated + 1 - first)


def arrow_rows(file: BinaryIO, columns: Columns, *, whole: bool = False) -> Iterator[tuple[int, Any]]:
    """Yields the number and the value of each row of an Arrow file or stream; damage in a stream ends it.

    whole: the file is all that the item holds, so that reading it tells how far the work is.
    """
    is_file = file.read(6) == b"ARROW1"
    file.seek(0)
    number = 1
    if not is_file:
        if whole:
            heartbeat.follow_whole(file)
        with pa.ipc.open_stream(file) as stream:
            for batch in stream:
                for row in _checked_rows(batch, columns):
                    yield number, row
                    number += 1
        return
    with pa.ipc.open_file(file) as reader:
        if not reader.num_record_batches and _has_batches(file):
            raise ValueError("damaged: it holds batches, and its directory names none")
        for index in range(reader.num_record_batches):
            try:
                for row in _checked_rows(reader.get_batch(index), columns):
                    yield number, row
                    number += 1
            except DAMAGE as error:
                yield number, UnreadRows(f"batch {index}: {error}")
            if whole:
                heartbeat.advance(index + 1, reader.num_record_batches)


def _has_batches(file: BinaryIO) -> bool:
    """Returns whether the stream that an Arrow file holds before its directory has a batch."""
    file.seek(len(b"ARROW1\0\0"))
    with pa.ipc.open_stream(file) as stream:
        return next(iter(stream), None) is not None


def _chosen(schema: pa.Schema, columns: Columns) -> list[str] | None:
    return None if columns is None else [name for name in schema.names if name in columns]


def _checked_rows(batch: pa.RecordBatch, columns: Columns) -> Iterator[dict[str, Any]]:
    """Yields the rows of a batch as it lies in a file; raises ArrowInvalid where its offsets are not valid."""
    names = _chosen(batch.schema, columns)
    batch = batch if names is None else batch.select(names)
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            kinds = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
            if column.type not in kinds:
                raise
            column.view(kinds[column.type]).validate(full=True)  # so only some string is not UTF-8
    return _rows(batch, features_of(batch.schema))


def _rows(batch: pa.RecordBatch, features: dict[str, Feature]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a batch, converted a column at a time."""
    names = batch.schema.names
    if not names:
        yield from ({} for _ in range(batch.num_rows))
        return
    columns = [values_of(column, features.get(name)) for name, column in zip(names, batch.columns, strict=True)]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))
