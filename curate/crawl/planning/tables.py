"""URLs to crawl as tables, with what they are sorted by: id, host, registrable domain and the order of the input."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.crawl.lots import Target, politeness_key, request_host
from curate.crawl.targets import TARGETS
from curate.stage.schemas import ID

BATCH = 8192  # rows of a table
KEY = "key"  # the column to sort by; a table is given another for each order
PLANNED = pa.schema(
    [
        *TARGETS,
        pa.field("id", ID, nullable=False),
        pa.field("host", pa.string(), nullable=False),  # "" of a URL that is never requested
        pa.field("domain", pa.string(), nullable=False),  # "" where the host is
        pa.field("position", pa.uint64(), nullable=False),  # in the order of the input
    ]
)


def as_tables(targets: Iterable[Target]) -> Iterator[pa.Table]:
    """Yields targets as tables."""
    position, source = 0, iter(targets)
    while rows := [*islice(source, BATCH)]:
        hosts = ["" if row.verdict else request_host(row.url) for row in rows]
        columns = {name: [getattr(row, name) for row in rows] for name in TARGETS.names}
        columns["id"] = [row.id for row in rows]
        columns["host"], columns["domain"] = hosts, [politeness_key(host) if host else "" for host in hosts]
        positions = np.arange(position, position + len(rows), dtype=np.uint64)
        arrays = [pa.array(columns[name], PLANNED.field(name).type) for name in PLANNED.names[:-1]]
        yield pa.Table.from_arrays([*arrays, pa.array(positions)], schema=PLANNED)
        position += len(rows)


def keyed(table: pa.Table, *parts: pa.ChunkedArray | pa.Array) -> pa.Table:
    """Returns the table with a column to sort by: strings, bytes and numbers, one after another."""
    columns = [_as_bytes(part) for part in parts]
    return table.drop_columns([KEY] if KEY in table.column_names else []).append_column(KEY, joined(columns))


def joined(columns: Sequence[pa.Array]) -> pa.Array:
    """Returns columns of bytes as one, with a zero byte between them."""
    if len(columns) == 1:
        return columns[0]
    return pc.binary_join_element_wise(*columns, pa.scalar(b"\0", pa.binary()))


def numbers(values: npt.NDArray[np.uint64]) -> pa.Array:
    """Returns numbers as bytes in whose order they are."""
    content = pa.py_buffer(np.ascontiguousarray(values, dtype=">u8").tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(8), len(values), [None, content]).cast(pa.binary())


def downwards(column: pa.ChunkedArray) -> pa.Array:
    """Returns numbers in whose order the largest of a column come first."""
    return pa.array(np.uint64(1 << 63) - column.to_numpy().astype(np.uint64), pa.uint64())


def _as_bytes(part: pa.ChunkedArray | pa.Array) -> pa.Array:
    array = part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part
    if pa.types.is_uint64(array.type):
        return numbers(array.to_numpy(zero_copy_only=False))
    return array.cast(pa.binary())


def runs(column: pa.ChunkedArray | pa.Array) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Returns the values of a sorted column, each once, and how many rows each has."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = pc.run_end_encode(array)
    ends = encoded.run_ends.to_numpy().astype(np.int64)
    return encoded.values.to_pylist(), np.diff(ends, prepend=0)


def ids(table: pa.Table) -> npt.NDArray[np.void]:
    """Returns the ids of a table's rows as values that numpy compares."""
    array = table["id"].combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    start, content = array.offset * 16, array.buffers()[1]
    return np.frombuffer(content, np.dtype("V16"), len(array), start) if len(array) else np.empty(0, "V16")
