"""The rows of a file are the same in every form and packing; a bad value, row or group costs itself."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import lz4.frame
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from backports import zstd
from faulty import Fault, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import storage
from curate.inputs import json_rows
from curate.inputs.forms import UnreadRows
from curate.inputs.rows import numbered_rows
from curate.inputs.values import as_moment
from curate.storage.patience import Patience, RemoteError

ROWS = [
    {"id": "a", "text": 'one, "two"\nthree;\ttab', "n": "1"},
    {"id": "b", "text": "zwei ü 漢字 🙂", "n": "2"},
    {"id": "c", "text": "plain", "n": "3"},
]


def json_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table(rows, delimiter=","):
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet(rows, **options):
    file = io.BytesIO()
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), file, **options)
    return file.getvalue()


def arrow_stream(rows):
    file = io.BytesIO()
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def arrow_file(rows):
    file = io.BytesIO()
    feather.write_feather(pa.Table.from_pylist(rows), file)
    return file.getvalue()


FORMS = {
    "a.jsonl": json_lines,
    "a.ndjson": json_lines,
    "lines.json": json_lines,
    "array.json": lambda rows: json.dumps(rows).encode(),
    "indented.json": lambda rows: json.dumps(rows, indent=2).encode(),
    "one after another.json": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows).encode(),
    "an array.jsonl": lambda rows: json.dumps(rows).encode(),
    "parquet.jsonl": parquet,
    "a.csv": table,
    "semicolon.csv": lambda rows: table(rows, ";"),
    "tab.csv": lambda rows: table(rows, "\t"),
    "a.tsv": lambda rows: table(rows, "\t"),
    "excel.csv": lambda rows: b"\xef\xbb\xbfsep=;\r\n" + table(rows, ";"),
    "a.parquet": parquet,
    "one row a group.parquet": lambda rows: parquet(rows, row_group_size=1),
    "stream.arrow": arrow_stream,
    "a.arrow": arrow_file,
    "a.feather": arrow_file,
    "bom.jsonl": lambda rows: b"\xef\xbb\xbf" + json_lines(rows),
    "utf-16.jsonl": lambda rows: json_lines(rows).decode().encode("utf-16"),
    "utf-32.json": lambda rows: json.dumps(rows).encode("utf-32"),
    "utf-16.csv": lambda rows: table(rows).decode().encode("utf-16"),
    "mac.jsonl": lambda rows: json_lines(rows).replace(b"\n", b"\r"),
}
PACKINGS = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
    ".zstd": zstd.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".lz4": lz4.frame.compress,
    ".GZ": lambda content: gzip.compress(content[:9]) + gzip.compress(content[9:]),
    "wide.zst": lambda content: wide(content[:9]) + wide(content[9:]),
}


def wide(content):
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 31})
    return packer.compress(content) + packer.flush()


def zipped(members, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **{"compression": zipfile.ZIP_DEFLATED} | options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def read(tmp_path):
    """Returns the rows of a file of this name and content."""

    def read_file(name, content, **options):
        path = tmp_path / name.replace("/", "_")
        path.write_bytes(content)
        return [*numbered_rows(path, name=name, **options)]

    return read_file


@pytest.mark.parametrize("name", FORMS)
def test_the_rows_are_the_same_in_every_form(name, read):
    assert [row for _, row in read(name, FORMS[name](ROWS))] == ROWS


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", ["a.jsonl", "array.json", "a.csv", "a.parquet", "stream.arrow"])
def test_the_rows_are_the_same_in_every_packing(name, packing, read):
    content = PACKINGS[packing](FORMS[name](ROWS))
    assert read(name + packing.removeprefix("wide"), content) == [*enumerate_rows(name)]


def enumerate_rows(name):
    lines = [2, 4, 5] if name.endswith(".csv") else [1, 2, 3]  # the first row of CSV has a line feed in a field
    return zip(lines, ROWS, strict=True)


@pytest.mark.parametrize("name", FORMS)
def test_the_members_of_a_zip_are_files(name, read):
    content = FORMS[name](ROWS)
    rows = read("a.zip", zipped({f"folder/{name}": content, "empty/": b"", "__MACOSX/._a": b"x", f"b/{name}": content}))
    assert [row for _, row in rows] == ROWS + ROWS
    assert len({number for number, _ in rows}) == 6


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("ending", ["txt", "md"])
def test_a_text_is_one_document_whose_id_is_its_name(packing, ending, read):
    name = f"deep/a.{ending}{packing.removeprefix('wide')}"
    rows = read(name, PACKINGS[packing]("\ufeff# Titel\r\n\r\n漢字 ü\n".encode()))
    assert rows == [(1, {"id": name, "text": "# Titel\n\n漢字 ü\n"})]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("windows-1252", "Ça fût déjà l'été: très élégant, n'est-ce pas? Où êtes-vous né?"),
        ("koi8-r", "Москва является столицей России, её политическим и культурным центром."),
        ("utf-16", "naïve ü"),
        ("utf-32", "naïve ü"),
    ],
)
def test_a_text_or_a_table_may_be_in_an_encoding_that_nothing_states(encoding, text, read):
    assert read("a.txt", text.encode(encoding))[0][1]["text"] == text
    assert read("a.csv", f'text,id\n"{text}",1\n'.encode(encoding))[0][1]["text"] == text


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"))
tables = st.lists(st.fixed_dictionaries({"id": cells, "text": cells, "x;y": cells}), min_size=1, max_size=5)


@settings(deadline=None)
@given(tables, st.sampled_from([",", ";", "\t", "|"]))
def test_what_csv_writes_is_read(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + table(rows, delimiter))
    assert [row for _, row in numbered_rows(path)] == rows


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(cells, inner, max_size=3))


@settings(deadline=None)
@given(st.lists(st.dictionaries(cells, values, max_size=3), min_size=1, max_size=5), st.integers(1, 9), st.booleans())
def test_an_array_is_read_however_it_is_cut_and_set(rows, size, indented):
    content = json.dumps(rows, ensure_ascii=False, indent=2 if indented else None).encode()
    pieces = (content[start : start + size] for start in range(0, len(content), size))
    assert [*json_rows.value_rows(pieces)] == [*enumerate(rows, start=1)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_json_means_the_same_on_lines_and_in_an_array(name, read):
    lines = [
        b'{"n": NaN, "n": 1}',
        b'{"big": 123456789012345678901234567890}',
        b'{"half": "\\ud83d"}',
        b'{"raw": "\xff"}',
    ]
    content = b"\n".join(lines) if name == "a.jsonl" else b"[" + b",".join(lines) + b"]"
    rows = [row for _, row in read(name, content)]
    assert rows == [{"n": 1}, {"big": 123456789012345678901234567890}, {"half": "\ud83d"}, {"raw": "\udcff"}]


@pytest.mark.parametrize("bad", ["{", "nul", '{"a": }', "[" * 100_000 + "]" * 100_000, '{"a": 1]', "9" * 5000])
def test_a_row_that_is_no_json_costs_itself(bad, read):
    before, lost, after = read("a.jsonl", f'{{"a": 1}}\n{bad}\n{{"a": 2}}\n'.encode())
    assert (before, after) == ((1, {"a": 1}), (3, {"a": 2}))
    assert lost[0] == 2
    assert isinstance(lost[1], (ValueError, RecursionError))
    if bad != "{":
        rows = read("a.json", f'[{{"a": 1}}, {bad}, {{"a": 2}}]'.encode())
        assert [row for _, row in rows if isinstance(row, dict)] == [{"a": 1}, {"a": 2}]
        assert len(rows) == 3


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt"])
def test_a_row_beyond_the_limit_is_not_held(name, read, monkeypatch):
    for module in ("curate.inputs.json_rows", "curate.inputs.rows", "curate.inputs.csv_rows"):
        monkeypatch.setattr(f"{module}.ROW_BYTES", 1 << 20)
    long = "x" * (8 << 20)
    content = {
        "a.jsonl": f'{{"a": "{long}"}}\n{{"a": "b"}}\n',
        "a.json": f'[{{"a": "{long}"}}]',
        "a.csv": f'a\n"{long}"\n',
        "a.txt": long,
    }[name]
    rows = read(name, content.encode())
    assert isinstance(rows[0][1], ValueError | UnreadRows)
    assert "1,048,576" in str(rows[0][1])
    assert rows[1:] == ([(2, {"a": "b"})] if name == "a.jsonl" else [])


CSV_FAULTS = {
    "too few fields": "id,text\n1,one\n2\n3,three\n",
    "too many fields": "id,text\n1,one\n2,two,more\n3,three\n",
    "a quote within": 'id,text\n1,one\n2,"two" more\n3,three\n',
    "an open quote": 'id,text\n1,one\n2,"two\n3,three\n',
    "an open quote and a later one": 'id,text\n1,one\n2,"two\n3,three\n4,"four"\n',
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_a_row_of_csv_that_does_not_fit_costs_itself(fault, read):
    first, lost, third, *rest = read("a.csv", CSV_FAULTS[fault].encode())
    assert (first, third) == ((2, {"id": "1", "text": "one"}), (4, {"id": "3", "text": "three"}))
    assert lost[0] == 3
    assert isinstance(lost[1], ValueError)
    assert rest == ([(5, {"id": "4", "text": "four"})] if "later" in fault else [])


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"text\none\n\ntwo\n", [{"text": "one"}, {"text": "two"}]),
        (b"id,text\n", []),
        (b"text,\na,b\n", [{"text": "a", "column_2": "b"}]),
        (b'text,id\r\n"a\r\nb",1\r\n', [{"text": "a\nb", "id": "1"}]),
        (b"text\n" + b"x" * 500_000, [{"text": "x" * 500_000}]),
    ],
)
def test_odd_tables_are_read(content, rows, read):
    assert [row for _, row in read("a.csv", content)] == rows


def test_columns_of_one_name_are_refused(read):
    ((_, row),) = read("a.csv", b"text,text\na,b\n")
    assert str(row) == "two columns are called 'text' in the first row; rename one"


UNREADABLE = {
    "a.jsonl": (b"", "the file is empty"),
    "a.txt": (b"", "the file is empty"),
    "a.txt.gz": (gzip.compress(b""), "the file is empty"),
    "zeros.txt": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "zero bytes"),
    "binary.csv": (b"\x7fELF\2\1\1\0\0", "zero bytes"),
    "binary.jsonl": (b"\x7fELF\2\1\1\0\0", "zero bytes"),
    "pdf.txt": (b"%PDF-1.7\n", "a PDF"),
    "warc.jsonl.gz": (gzip.compress(b"WARC/1.0\r\n"), "run curate extract"),
    "twice.jsonl.gz": (gzip.compress(gzip.compress(b"{}")), "packed twice"),
    "none.jsonl.gz": (b"no gzip", "not packed"),
    "none.parquet": (b"no parquet at all", "no parquet file"),
    "none.zip": (b"no zip at all", "no zip file"),
    "none.arrow": (b"no arrow at all", "no arrow file"),
    "cut.parquet": (parquet(ROWS)[:-9], ""),
    "encrypted.parquet": (b"PARE" + bytes(64) + b"PARE", "encrypted"),
    "cut.zip": (zipped({"a.jsonl": b"{}"})[:-9], ""),
    "page.xml": (b"<html><body/></html>", ""),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_dead_letter(name, read):
    content, words = UNREADABLE[name]
    ((number, row),) = read(name, content)
    assert number == 1
    assert isinstance(row, UnreadRows)
    assert words in str(row)
    assert "\n" not in str(row)


def test_json_lines_named_packed_are_read(read):
    assert [row for _, row in read("a.jsonl.gz", json_lines(ROWS))] == ROWS


@pytest.mark.parametrize("packing", [".gz", ".zst", ".xz", ".bz2", ".lz4"])
@pytest.mark.parametrize("name", ["a.jsonl", "array.json", "a.csv"])
def test_rows_before_a_cut_are_kept(name, packing, read):
    rows = [{"id": str(number), "text": f"{number * 7919 % 104729}" * 20} for number in range(60_000)]
    packed = PACKINGS[packing](FORMS[name](rows))
    *kept, (_, last) = read(name + packing, packed[: len(packed) * 3 // 4])
    assert isinstance(last, UnreadRows)
    whole = [row for _, row in kept if isinstance(row, dict)]
    assert len(whole) > 1000
    assert whole == rows[: len(whole)]
    assert len(kept) - len(whole) <= 1


def test_a_bad_member_of_a_zip_costs_itself(read):
    locked = bytearray(zipped({"a.jsonl": b'{"n": 1}', "locked.jsonl": b'{"n": 2}', "z.jsonl": b'{"n": 3}'}))
    for place in (locked.index(b"locked.jsonl") - 30 + 6, locked.rindex(b"locked.jsonl") - 46 + 8):
        locked[place] |= 1  # the flag of encryption, before the member and in the archive's list
    rows = read("a.zip", bytes(locked))
    assert [row for _, row in rows if isinstance(row, dict)] == [{"n": 1}, {"n": 3}]
    assert [str(row) for _, row in rows if isinstance(row, UnreadRows)] == [
        "locked.jsonl: needs a password; unpack it first"
    ]
    members = {"a.zip": zipped({"b.jsonl": b"{}"}), "photo.png": b"\x89PNG", "empty.txt": b"", "t.txt": b"text"}
    rows = read("b.zip", zipped(members))
    assert [str(row) for _, row in rows if isinstance(row, UnreadRows)] == [
        "a.zip: an archive within an archive; unpack it first",
        "photo.png: its ending names no form of documents",
        "empty.txt: the file is empty",
    ]
    assert rows[-1][1] == {"id": "b.zip/t.txt", "text": "text"}


def test_a_member_with_a_wrong_checksum_is_reported(read):
    content = bytearray(zipped({"a.jsonl": b'{"n": 1}\n', "b.jsonl": b'{"n": 2}\n'}, compression=zipfile.ZIP_STORED))
    content[content.index(b'{"n": 1}') + 6] = ord("7")
    rows = read("a.zip", bytes(content))
    assert {"n": 2} in [row for _, row in rows]
    (unread,) = [row for _, row in rows if isinstance(row, UnreadRows)]
    assert "CRC" in str(unread)


def test_a_zip_bomb_is_read_in_bounded_memory(read, monkeypatch):
    monkeypatch.setattr("curate.inputs.json_rows.ROW_BYTES", 1 << 20)
    rows = read("a.zip", zipped({"a.jsonl": b"0" * (64 << 20) + b'\n{"n": 1}\n'}))
    assert "67,108,864 bytes" in str(rows[0][1])
    assert rows[1][1] == {"n": 1}


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


@given(st.binary(max_size=300), st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.txt", "a.xml", "a.zip", "a.parquet"]))
def test_no_bytes_break_a_reader(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(content)
    for number, row in numbered_rows(path):
        assert number >= 1
        assert row is not None or name.startswith("a.json")


@given(st.integers(0, 5000), st.integers(0, 255), st.sampled_from(["a.parquet", "a.arrow", "a.zip", "a.jsonl.gz"]))
def test_no_wrong_byte_breaks_a_reader(tmp_path_factory, place, value, name):
    makers = {
        "a.parquet": parquet,
        "a.arrow": arrow_file,
        "a.zip": lambda rows: zipped({"a.jsonl": json_lines(rows)}),
        "a.jsonl.gz": lambda rows: gzip.compress(json_lines(rows)),
    }
    content = bytearray(makers[name](ROWS * 40))
    content[place % len(content)] = value
    path = tmp_path_factory.mktemp("flip") / name
    path.write_bytes(content)
    assert len([*numbered_rows(path)]) >= 1


@pytest.fixture
def quick(monkeypatch):
    """Retries that wait for a moment only."""
    patience = Patience(first_s=0.0005, longest_s=0.002, tries_later=4, tries_broken=3, timeout_s=5)
    monkeypatch.setattr("curate.storage.remote.Patience", lambda: patience)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.zst", "a.csv", "a.parquet", "a.arrow", "a.zip"])
def test_a_remote_file_is_read_through_broken_connections(name, quick):
    rows = [{"id": str(number), "text": f"{number * 7919 % 104729}" * 9} for number in range(3000)]
    makers = FORMS | {
        "a.jsonl.gz": lambda rows: gzip.compress(json_lines(rows)),
        "a.json.zst": lambda rows: zstd.compress(json.dumps(rows).encode()),
        "a.zip": lambda rows: zipped({"a.jsonl": json_lines(rows)}),
    }
    with serving() as server:
        url = server.put(name, makers[name](rows))
        server.faults.extend([Fault(), Fault(cut=1000), Fault(status=503), Fault(hang_up=True)])
        assert [row for _, row in numbered_rows(storage.path(url))] == rows


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_server_that_stays_broken_is_no_damage(name, quick):
    with serving() as server:
        url = server.put(name, FORMS[name](ROWS * 2000))
        server.faults.append(Fault(cut=1000))
        server.always = Fault(status=503)
        with pytest.raises(RemoteError):
            list(numbered_rows(storage.path(url)))
