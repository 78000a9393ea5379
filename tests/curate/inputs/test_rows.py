"""The rows of a file are the same in every form and packing; a bad value, row or group costs itself."""

import gzip
import json
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from own_rows import FORMS, PACKINGS, ROWS, arrow_file, json_lines, parquet, table, zipped

from curate.inputs import json_rows
from curate.inputs.forms import UnreadRows
from curate.inputs.rows import numbered_rows


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
        ("iso2022_jp", "灯台守は毎朝、港へ降りて船を見た"),
        ("big5", "守燈塔的人每天早晨走到港口，看著夜裡回來的船"),
        ("cp1250", "Az egyszerűen kezelhető fényképezők, hűtők: az összes értesítő itt"),
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
    rows = [{"id": str(number), "text": f"{number * 7919 % 104729}" * 20} for number in range(20_000)]
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


@given(st.binary(max_size=300), st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.txt", "a.xml", "a.zip", "a.parquet"]))
def test_no_bytes_break_a_reader(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(content)
    for number, row in numbered_rows(path):
        assert number >= 1
        assert row is not None or name.startswith("a.json")


def test_a_member_of_a_zip_archive_that_lost_its_name_is_a_dead_letter(tmp_path):
    content = bytearray(zipped({"a.jsonl": json_lines(ROWS)}))
    content[content.rindex(b"a.jsonl")] = 0  # in the directory; a name ends at a zero byte
    (tmp_path / "a.zip").write_bytes(content)
    ((number, row),) = numbered_rows(tmp_path / "a.zip")
    assert (number, type(row)) == (1, UnreadRows)
    assert "names no form of documents" in str(row)


def test_rows_of_parquet_that_end_too_soon_without_an_error_are_a_dead_letter(tmp_path):
    content = bytearray(parquet(ROWS * 40))
    content[36] = 1  # in the header of a page; pyarrow reads no row, and says nothing
    (tmp_path / "a.parquet").write_bytes(content)
    ((number, row),) = numbered_rows(tmp_path / "a.parquet")
    assert (number, row.rows) == (1, 120)
    assert "rows 1 to 120: damaged" in str(row)


@given(st.integers(0, 5000), st.integers(0, 255), st.sampled_from(["a.parquet", "a.arrow", "a.zip", "a.jsonl.gz"]))
@example(651, 128, "a.parquet")  # rows of a row group
@example(2238, 0, "a.arrow")  # batches in the directory
@example(249, 0, "a.zip")  # bytes of the directory
def test_a_wrong_byte_breaks_no_reader_and_rows_that_it_costs_are_a_dead_letter(tmp_path_factory, place, value, name):
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
    rows = [row for _, row in numbered_rows(path)]
    assert rows
    assert len(rows) >= 120 or any(isinstance(row, UnreadRows) for row in rows)
