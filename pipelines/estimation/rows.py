"""Draws rows of the user's own documents, and writes them as small files of the sample.

Of Parquet, the rows of a place are cut out of their row group, where they are not too far behind its start, else they
are its first. Of a group of small texts, some are named. Of any other form the head of a file is read, and rows are
taken at places of that.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.inputs.forms import form_of
from curate.inputs.rows import head_rows
from curate.pipelines.estimation.listing import UNREAD
from curate.stage.plan import Item

FAR = 4096  # rows that are read to reach a place in a row group
HEAD = 8 << 20  # bytes that are read of a file of any other form


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """The position of a place of the sample in an item."""

    share: float  # of the item's bytes, which lie before it
    span: float  # bytes
    short: bool  # whether it is one of the short ones


Taken = Iterator[tuple[Spot, Item, float]]  # also an item of the sample, and the bytes of input that it stands for


def count(item: Item) -> int:
    """Returns how many rows an item holds, about; 0 where none can be read."""
    if item.files:
        return len(item.files)
    with suppress(pa.ArrowException, OSError, ValueError):
        if form_of(item.name) == "parquet":
            return int(pq.read_metadata(storage.source(storage.path(item.uri))).num_rows)
    rows, size = head_rows(storage.path(item.uri), item, HEAD)
    return round(len(rows) * item.size / size) if size else 0


def taken(item: Item, spots: list[Spot], folder: Path) -> Taken:
    """Yields the rows of a span of bytes, on the average, at each of the places of an item."""
    if item.files:
        yield from _texts(item, spots)
    elif form_of(item.name) == "parquet":
        with suppress(pa.ArrowException, OSError, ValueError):  # a run makes a dead letter of such a file
            yield from _parquet(item, spots, folder)
    else:
        yield from _others(item, spots, folder)


def _texts(item: Item, spots: list[Spot]) -> Taken:
    """Yields some texts of a group at each place."""
    above = item.uri.removesuffix(item.files[0])
    last = 0
    for spot in spots:
        count = max(1, round(spot.span * len(item.files) / max(1, item.size)))
        begin = max(last, int(spot.share * len(item.files)))
        names = item.files[begin : begin + count]
        last = begin + len(names)
        if names:
            size = sum(storage.sizes_of([storage.path(above + name) for name in names]))
            yield spot, replace(item, name=names[0], uri=above + names[0], files=names, size=size, blocks=""), size


def _parquet(item: Item, spots: list[Spot], folder: Path) -> Taken:
    """Yields the rows of each place as a file of its own, packed as the first column is."""
    with pq.ParquetFile(storage.source(storage.path(item.uri))) as file:
        facts = file.metadata
        if not facts.num_rows:
            return
        last = 0
        for spot in spots:
            count = max(1, round(spot.span * facts.num_rows / item.size))
            begin = max(last, min(int(spot.share * facts.num_rows), facts.num_rows - count))
            table = _slice(file, begin, count)
            last = begin + len(table)
            if len(table):
                path = folder / f"{item.number}-{begin}.parquet"
                packing = facts.row_group(0).column(0).compression
                pq.write_table(table, path, compression=packing if packing != "UNCOMPRESSED" else "none")
                yield spot, _written(item, path), item.size * len(table) / facts.num_rows


def _slice(file: pq.ParquetFile, begin: int, count: int) -> pa.Table:
    """Returns rows from a number on, or the first of its row group where they lie far behind its start."""
    group = first = 0
    while group < file.num_row_groups and first + file.metadata.row_group(group).num_rows <= begin:
        first += file.metadata.row_group(group).num_rows
        group += 1
    if group == file.num_row_groups:
        return file.schema_arrow.empty_table()
    skip = begin - first if begin - first <= FAR else 0
    held: list[pa.RecordBatch] = []
    read = 0
    for batch in file.iter_batches(1024, row_groups=[group]):
        held.append(batch.slice(min(len(batch), max(0, skip - read))))
        read += len(batch)
        if read >= skip + count:
            break
    return pa.Table.from_batches(held).slice(0, count)


def _others(item: Item, spots: list[Spot], folder: Path) -> Taken:
    """Yields rows of the head of a file as JSON lines, at places of that head."""
    rows, size = head_rows(storage.path(item.uri), item, HEAD)
    last = 0
    for spot in spots:
        count = max(1, round(spot.span * len(rows) / max(1, size)))
        begin = max(last, min(int(spot.share * len(rows)), len(rows) - count))
        chosen = rows[begin : begin + count]
        last = begin + len(chosen)
        if chosen:
            path = folder / f"{item.number}-{begin}.jsonl"
            path.write_text("".join(json.dumps(row, default=str) + "\n" for row in chosen), encoding="utf-8")
            yield spot, _written(item, path), size * len(chosen) / len(rows)


def _written(item: Item, path: Path) -> Item:
    """Returns the item of a file of the sample."""
    return replace(
        item, name=path.name, uri=storage.uri(path), digest=UNREAD, size=path.stat().st_size, blocks="", columns=""
    )
