"""Rows of Parquet and Arrow: columns of every type, and a bad value or row group costs itself."""

import io
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_rows import ROWS, arrow_stream, parquet

from curate.inputs.forms import UnreadRows
from curate.inputs.rows import numbered_rows
from curate.inputs.values import as_moment


def not_utf_8(values):
    return pa.array(values, pa.binary()).view(pa.string())


COLUMNS = {  # a column of two values, what they become, and the first of them is what nothing reads
    "a string": (not_utf_8([b"a\xff", b"b"]), ["a\udcff", "b"]),
    "a large string": (
        not_utf_8([b"a\xff", b"b"]).cast(pa.binary()).cast(pa.large_binary()).view(pa.large_string()),
        ["a\udcff", "b"],
    ),
    "a list": (pa.ListArray.from_arrays([0, 1, 2], not_utf_8([b"a\xff", b"b"])), [["a\udcff"], ["b"]]),
    "a struct": (pa.StructArray.from_arrays([not_utf_8([b"a\xff", b"b"])], ["x"]), [{"x": "a\udcff"}, {"x": "b"}]),
    "a map": (
        pa.MapArray.from_arrays([0, 1, 2], pa.array(["k", "k"]), not_utf_8([b"a\xff", b"b"])),
        [{"k": "a\udcff"}, {"k": "b"}],
    ),
    "a year beyond 9999": (
        pa.array([10**15, 0], pa.timestamp("s")),
        ["1000000000000000 seconds since 1970", datetime(1970, 1, 1)],
    ),
    "nanoseconds": (
        pa.array([1712010112123456789, None], pa.timestamp("ns", tz="Asia/Tokyo")),
        [datetime(2024, 4, 1, 22, 21, 52, 123456, tzinfo=UTC), None],
    ),
    "a day beyond the calendar": (
        pa.array([2**31 - 1, 0], pa.date32()),
        ["2147483647 days since 1970", date(1970, 1, 1)],
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_bad_value_of_a_column_costs_no_other(name, read):
    column, expected = COLUMNS[name]
    table = pa.table({"text": ["one", "two"], "other": column})
    for file, content in (("a.parquet", parquet(table)), ("a.arrow", arrow_stream(table))):
        if file == "a.parquet" or name in ("a string", "nanoseconds"):
            rows = [row for _, row in read(file, content)]
            assert [row["text"] for row in rows] == ["one", "two"]
            assert [row["other"] for row in rows] == expected


@pytest.mark.parametrize("name", ["a year beyond 9999", "a day beyond the calendar"])
def test_a_time_that_cannot_be_is_none_of_another_unit(name):
    with pytest.raises(ValueError, match=r"\w"):
        as_moment(COLUMNS[name][1][0])


TYPES = {
    "large_string": (pa.large_string(), "a"),
    "string_view": (pa.string_view(), "a"),
    "binary": (pa.binary(), b"a"),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), "a"),
    "null": (pa.null(), None),
    "decimal": (pa.decimal128(9, 2), Decimal("1.25")),
    "half": (pa.float16(), 1.5),
    "time": (pa.time64("ns"), time(1, 2, 3)),
    "duration": (pa.duration("ns"), timedelta(seconds=5)),
    "fixed": (pa.binary(2), b"ab"),
    "bool": (pa.bool_(), True),
    "nested": (pa.list_(pa.struct([("x", pa.timestamp("ms"))])), [{"x": datetime(2024, 1, 2)}]),
}


@pytest.mark.parametrize("name", TYPES)
def test_columns_of_every_type_are_read(name, read):
    kind, value = TYPES[name]
    table = pa.table({"x": pa.array([value, None], kind if name != "dictionary" else pa.string()).cast(kind)})
    assert [row["x"] for _, row in read("a.parquet", parquet(table))] == [value, None]


def test_labels_of_the_hub_become_their_names(read):
    label = {"names": ["no", "yes"], "_type": "ClassLabel"}
    features = {
        "a": label,
        "list": {"feature": label, "_type": "List"},
        "old list": [label],
        "struct": {"b": label, "n": {"dtype": "int64", "_type": "Value"}},
        "lists": {"feature": {"b": label}, "_type": "Sequence"},
        "n": {"dtype": "int64", "_type": "Value"},
    }
    rows = [
        {"a": 1, "list": [0, 1], "old list": [1], "struct": {"b": 1, "n": 1}, "lists": {"b": [1, 0]}, "n": 1},
        {"a": -1, "list": [], "old list": None, "struct": {"b": None, "n": 0}, "lists": {"b": [7]}, "n": 0},
    ]
    table = pa.Table.from_pylist(rows).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    named = [
        {
            "a": "yes",
            "list": ["no", "yes"],
            "old list": ["yes"],
            "struct": {"b": "yes", "n": 1},
            "lists": {"b": ["yes", "no"]},
            "n": 1,
        },
        {"a": None, "list": [], "old list": None, "struct": {"b": None, "n": 0}, "lists": {"b": [7]}, "n": 0},
    ]
    assert [row for _, row in read("a.parquet", parquet(table))] == named
    assert [row for _, row in read("a.arrow", arrow_stream(table))] == named


def test_only_the_columns_that_are_asked_for_are_read(read):
    content = bytearray(parquet(ROWS, compression="none", use_dictionary=False, write_statistics=False))
    place = content.index(b"zwei")  # the column of the texts does not even have to be readable
    start = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(1).data_page_offset
    content[start:place] = bytes(place - start)
    assert [row for _, row in read("a.parquet", bytes(content), columns=("id", "none"))] == [
        {"id": row["id"]} for row in ROWS
    ]
    assert [row for _, row in read("b.parquet", parquet(ROWS), columns=())] == [{}, {}, {}]


def test_a_damaged_row_group_costs_its_rows_and_reading_goes_on(read):
    rows = [{"text": f"text {number}"} for number in range(3000)]
    content = bytearray(parquet(rows, row_group_size=1000, compression="zstd"))
    chunk = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(1).column(0)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start + 20 : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size - 20)
    outcomes = read("a.parquet", bytes(content))
    ((number, unread),) = [(number, row) for number, row in outcomes if isinstance(row, UnreadRows)]
    assert [row for _, row in outcomes if isinstance(row, dict)] == rows[: number - 1] + rows[2000:]
    assert 1001 <= number <= 2000
    assert unread.rows == 2001 - number
    assert str(unread).startswith(f"row group 1, rows {number} to 2000: ")
    assert outcomes[-1] == (3000, rows[-1])


cell = st.none() | st.text() | st.binary().map(lambda value: value.decode("utf-8", "surrogateescape"))


@given(st.lists(st.fixed_dictionaries({"text": cell, "id": cell}), min_size=1, max_size=6), st.integers(1, 3))
def test_what_parquet_holds_is_read_whatever_its_bytes(tmp_path_factory, rows, size):
    columns = {
        name: not_utf_8([row[name] if row[name] is None else encoded(row[name]) for row in rows])
        for name in ("text", "id")
    }
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=size)
    assert [row for _, row in numbered_rows(path)] == rows


def encoded(text):
    return text.encode("utf-8", "surrogateescape")
