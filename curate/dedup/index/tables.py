"""Sorted Parquet files of an index: written whole, and looked up by the row groups that may hold a key."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.errors import DamageError, one_line, writing
from curate.stage.parts import MARK
from curate.stage.receipts import FileRecord
from curate.storage.blocks import digest_of
from curate.storage.writing import drafted

KEY = "key"  # the first column of each file, by which its rows are sorted
RECORDS, DOCUMENTS = 2048, 512  # rows of a row group: a lookup of one key reads one


def keyed(width: int, *others: pa.Field) -> pa.Schema:
    """Returns the columns of a file with keys of `width` bytes."""
    return pa.schema([pa.field(KEY, pa.binary(width), nullable=False), *others])


PLACED = (pa.field("part", pa.uint32(), nullable=False), pa.field("row", pa.uint32(), nullable=False))


def write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table], group: int = RECORDS) -> FileRecord:
    """Writes tables, whose keys rise from row to row, as one file, and returns its record."""
    storage.make_folder(path.parent)
    rows = 0
    with drafted(path) as draft:
        marked = schema.with_metadata({MARK: b""})
        with pq.ParquetWriter(draft, marked, compression="zstd", use_dictionary=False, write_page_checksum=True) as out:
            for table in tables:
                out.write_table(table.cast(marked), row_group_size=group)
                rows += table.num_rows
        digest = digest_of(draft)
        with writing(path):
            storage.publish(draft, path)
    return FileRecord(rows=rows, bytes=digest.size, sha256=digest.sha256)


def lookup(path: Path, keys: Collection[Any], columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file that have one of these keys, in order; it reads no row group that cannot hold one.

    DamageError where what is read is not as it was written, by the checksums of its pages.
    """
    try:
        yield from _lookup(path, sorted({*keys}), columns)
    except (pa.ArrowException, OSError) as error:
        raise DamageError(f"{path}: damaged: {one_line(error)}; restore it") from None


def _lookup(path: Path, ordered: Sequence[Any], columns: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(storage.source(path), page_checksum_verification=True) as file:
        chosen = None if columns is None else [KEY, *columns]
        for number in range(file.num_row_groups):
            extent = file.metadata.row_group(number).column(0).statistics
            inside = ordered[bisect_left(ordered, extent.min) : bisect_right(ordered, extent.max)]
            if inside:
                table = file.read_row_group(number, columns=chosen, use_threads=False)
                among = pc.is_in(table[KEY], pa.array(inside, table.schema.field(KEY).type))
                yield from table.filter(among).to_pylist()


def least_places(keys: npt.NDArray[np.uint8], places: npt.NDArray[np.uint8]) -> pa.Table:
    """Returns distinct keys, one a row, as a table sorted by them; places: part(4) row(4) of each, big-endian."""
    order = np.lexsort(keys.T[::-1]) if len(keys) else np.empty(0, np.intp)
    width, numbers = keys.shape[1], np.ascontiguousarray(places[order]).view(">u4").astype(np.uint32)
    packed = pa.py_buffer(np.ascontiguousarray(keys[order]).tobytes())
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(order), [None, packed])
    return pa.table({KEY: column, "part": numbers[:, 0], "row": numbers[:, 1]})
