"""A lookup in a sorted file gives the rows that have one of the keys, and reads only row groups that may hold one."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.index import tables
from curate.errors import DamageError

KEYS = st.lists(st.binary(min_size=8, max_size=8), unique=True, min_size=1, max_size=40)


@given(keys=KEYS, others=KEYS, share=st.integers(0, 3))
def test_a_lookup_gives_the_rows_that_a_dictionary_would(keys, others, share, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "table.parquet"
    packed = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 8)
    places = np.arange(2 * len(keys), dtype=">u4").view(np.uint8).reshape(-1, 8)
    record = tables.write(path, tables.keyed(8, *tables.PLACED), [tables.least_places(packed, places)], group=4)
    assert (record.rows, record.bytes) == (len(keys), path.stat().st_size)
    chosen = {*keys[:: share + 1], *others}
    rows = list(tables.lookup(path, chosen))
    assert [row["key"] for row in rows] == sorted(chosen & {*keys})
    assert all(
        (row["part"], row["row"]) == (2 * keys.index(row["key"]), 2 * keys.index(row["key"]) + 1) for row in rows
    )


def test_a_lookup_reads_one_row_group_for_each_key(tmp_path, monkeypatch):
    path, numbers = tmp_path / "table.parquet", []
    rows = pa.table(
        {"key": [number.to_bytes(8) for number in range(0, 2000, 2)], "part": [0] * 1000, "row": range(1000)}
    )
    tables.write(path, tables.keyed(8, *tables.PLACED), [rows], group=100)
    read = pq.ParquetFile.read_row_group

    def noted(file, number, **options):
        numbers.append(number)
        return read(file, number, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noted)
    keys = [number.to_bytes(8) for number in (0, 2, 600, 1998, 5000)]
    assert [row["row"] for row in tables.lookup(path, keys)] == [0, 1, 300, 999]
    assert numbers == [0, 3, 9]


def test_a_lookup_notices_a_changed_byte_of_what_it_reads(tmp_path):
    path = tmp_path / "table.parquet"
    rows = pa.table({"key": [number.to_bytes(8) for number in range(100)], "part": [0] * 100, "row": range(100)})
    tables.write(path, tables.keyed(8, *tables.PLACED), [rows], group=50)
    content = path.read_bytes()
    second = pq.read_metadata(path).row_group(1).column(0)
    path.write_bytes(flipped(content, second.data_page_offset + second.total_compressed_size - 3))
    assert [row["row"] for row in tables.lookup(path, [(7).to_bytes(8)])] == [7]
    with pytest.raises(DamageError, match=r"table.parquet: damaged: .*; restore it"):
        list(tables.lookup(path, [(77).to_bytes(8)]))


def flipped(content: bytes, place: int) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)
