"""The user's own documents: every row is a document or a failure."""

import gzip
import json
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.inputs.own import user_documents
from curate.records import Document, Failure, document_id, row_id
from curate.stage.parts import PartWriter
from curate.stage.plan import Item

NOON = datetime(2020, 1, 2, 12, 0, 0, tzinfo=UTC)
ROWS = [
    {"text": "one", "url": "http://a/", "timestamp": "2020-01-02T12:00:00Z", "source": "books", "language": "en"},
    {"text": "zwei ü", "id": "doc-2", "quality": 0.5},
    {"text": "3", "url": None, "title": ""},
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=2), scalars, max_size=2)
fields = st.sampled_from(["text", "id", "url", "timestamp", "source", "quality", "language", "title", "x"])
texts = st.fixed_dictionaries({"text": st.text()}, optional={"url": st.text(), "id": scalars, "timestamp": scalars})
rows = texts | st.dictionaries(fields, values, max_size=5) | values


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def zstd(content):
    return pa.compress(content, codec="zstd", asbytes=True)


def own(path, source="web", form="documents"):
    return Item(number=0, name=path.name, uri=str(path), form=form, digest="digest", size=0, source=source)


def read(path, **changes):
    return list(user_documents(path, own(path, **changes), "filter"))


@pytest.fixture
def outcome_of(tmp_path):
    """Returns the outcome of a file with one row."""

    def read_row(row):
        path = tmp_path / "a.jsonl"
        path.write_bytes(row if isinstance(row, bytes) else lines([row]))
        (outcome,) = read(path)
        return outcome

    return read_row


def parquet(path, rows):
    names = {name for row in rows for name in row}
    pq.write_table(pa.Table.from_pylist([dict.fromkeys(names) | row for row in rows]), path)


WRITERS = {
    "a.jsonl": lambda path: path.write_bytes(lines(ROWS)),
    "a.ndjson": lambda path: path.write_bytes(lines(ROWS)),
    "a.jsonl.gz": lambda path: path.write_bytes(gzip.compress(lines(ROWS))),
    "b.jsonl.gz": lambda path: path.write_bytes(b"".join(gzip.compress(lines([row])) for row in ROWS)),
    "a.jsonl.zst": lambda path: path.write_bytes(zstd(lines(ROWS))),
    "b.jsonl.zst": lambda path: path.write_bytes(b"".join(zstd(lines([row])) for row in ROWS)),
    "bom.jsonl": lambda path: path.write_bytes(b"\xef\xbb\xbf" + lines(ROWS)),
    "crlf.jsonl": lambda path: path.write_bytes(lines(ROWS).replace(b"\n", b"\r\n\r\n")),
    "a.parquet": lambda path: parquet(path, ROWS),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_are_the_same_documents_in_every_format(name, tmp_path):
    WRITERS[name](tmp_path / name)
    first, second, third = read(tmp_path / name)
    assert (first.text, first.url, first.timestamp, first.source) == ("one", "http://a/", NOON, "books")
    assert (first.id, first.given_id) == (document_id("http://a/", NOON, b"one"), None)
    assert (first.language, first.title, first.quality, first.warc_file) == ("en", None, None, None)
    assert (second.text, second.url, second.timestamp) == ("zwei ü", "", None)
    assert (second.source, second.quality) == ("web", 0.5)
    assert (second.id, second.given_id) == (row_id("doc-2", "zwei ü"), "doc-2")
    assert (third.text, third.source, third.title) == ("3", "web", None)


def test_an_id_of_bytes_is_spelt_in_hex(tmp_path):
    parquet(tmp_path / "a.parquet", [{"text": "a", "id": b"\xff" * 16}, {"text": "b", "id": b"\xfe"}])
    assert [document.given_id for document in read(tmp_path / "a.parquet")] == ["ff" * 16, "fe"]


@pytest.mark.parametrize("given_id", ["doc-2", 7, 7.5, "0" * 32])
def test_equal_ids_of_equal_texts_are_equal_and_others_are_not(given_id, outcome_of):
    document = outcome_of({"text": "a", "id": given_id})
    assert document.given_id == str(given_id)
    assert document.id == outcome_of({"text": "a", "id": given_id, "url": "http://a/"}).id
    assert document.id != outcome_of({"text": "b", "id": given_id}).id
    assert document.id != outcome_of({"text": "a", "id": "other"}).id


@pytest.mark.parametrize("nothing", [{}, {"id": None}, {"id": ""}])
def test_without_an_id_the_url_and_the_time_and_the_text_decide(nothing, outcome_of):
    assert outcome_of({"text": "a", "url": "u", **nothing}).id == document_id("u", None, b"a")
    assert outcome_of({"text": "a", **nothing}).id == document_id("", None, b"a")


def test_rows_of_one_id_or_of_one_constant_url_have_different_ids(tmp_path):
    same_id = [{"text": f"text {number}", "id": "same"} for number in range(9)]
    same_url = [{"text": f"text {number}", "url": "http://a/"} for number in range(9)]
    repeated = [{"text": "text 0", "id": "same"}, {"text": "text 0", "id": "same"}, {"text": "text 0"}]
    (tmp_path / "a.jsonl").write_bytes(lines(same_id + same_url + repeated))
    documents = read(tmp_path / "a.jsonl")
    assert len({document.id for document in documents}) == len(documents) == 21


def test_a_row_says_its_source_unless_the_recipe_does(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines([{"text": "a", "source": "theirs"}, {"text": "b"}]))
    assert [document.source for document in read(tmp_path / "a.jsonl")] == ["theirs", "web"]
    assert [document.source for document in read(tmp_path / "a.jsonl", form="owned")] == ["web", "web"]


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        ("2020-01-02T12:00:00Z", NOON),
        ("2020-01-02T12:00:00", NOON),
        ("2020-01-02 12:00:00.75", NOON.replace(microsecond=750_000)),
        ("2020-01-02T14:00:00+02:00", NOON),
        ("2020-01-02", NOON.replace(hour=0)),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(timestamp, moment, outcome_of):
    document = outcome_of({"text": "a", "url": "u", "timestamp": timestamp})
    assert document.timestamp == moment
    assert document.timestamp.utcoffset() == timedelta(0)
    assert document.id == document_id("u", moment, b"a")


def test_a_parquet_time_of_another_zone_is_utc(tmp_path):
    local = NOON.astimezone(timezone(timedelta(hours=9)))
    parquet(tmp_path / "a.parquet", [{"text": "a", "timestamp": local}])
    assert read(tmp_path / "a.parquet")[0].timestamp == NOON


@pytest.mark.parametrize(
    "row",
    [
        {"text": 3},
        {"text": ["a"]},
        [],
        "text",
        7,
        None,
        b'{"text": "a"\n',
        b"text\n",
        b'{"text": "a"} {"text": "b"}\n',
        b"[" * 100_000 + b"\n",
    ],
    ids=lambda row: str(row)[:40],
)
def test_a_row_that_is_no_document_is_a_lost_record(row, outcome_of):
    failure = outcome_of(row)
    assert isinstance(failure, Failure)
    assert (failure.file, failure.offset, failure.stage) == ("a.jsonl", 1, "filter")
    assert (failure.error, failure.record) == ("malformed", True)
    assert failure.message


def test_a_malformed_row_costs_no_other_and_is_named_by_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\n{"text": "one"}\n\n{broken\n  \n{"text": "two"}')
    first, failure, second = read(path)
    assert (first.text, failure.offset, second.text) == ("one", 4, "two")


def test_bytes_that_are_not_utf_8_become_replacement_characters(outcome_of):
    assert outcome_of(b'{"text": "caf\xe9"}\n').text == "caf\ufffd"


DAMAGED = {
    "cut.jsonl.gz": lambda content: gzip.compress(content)[:-20],
    "holed.jsonl.gz": lambda content: holed(gzip.compress(content)),
    "none.jsonl.gz": lambda content: b"no gzip at all",
    "tail.jsonl.gz": lambda content: gzip.compress(content) + b"garbage",
    "cut.jsonl.zst": lambda content: zstd(content)[:-20],
    "none.jsonl.zst": lambda content: b"no zstd at all",
    "none.parquet": lambda content: b"no parquet at all",
    "empty.parquet": lambda content: b"",
}


def holed(content):
    return content[:1000] + b"\xff" * 64 + content[1064:]  # no valid deflate, so zlib.error and not a wrong checksum


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_keeps_what_was_read_and_ends_in_one_dead_letter(name, tmp_path):
    rows = [{"text": f"document {number} {document_id(str(number), None, b'').hex()}"} for number in range(3000)]
    (tmp_path / name).write_bytes(DAMAGED[name](lines(rows)))
    *documents, last = read(tmp_path / name)
    assert isinstance(last, Failure)
    assert (last.error, last.record, last.length) == ("unreadable", False, 0)
    assert last.offset == len(documents) + 1
    assert last.message
    whole = [document for document in documents if isinstance(document, Document)]
    assert [document.text for document in whole] == [row["text"] for row in rows[: len(whole)]]
    assert len(documents) - len(whole) <= 1  # a row cut in two


def test_a_missing_file_is_a_dead_letter(tmp_path):
    (failure,) = read(tmp_path / "none.jsonl")
    assert (failure.error, failure.record, failure.offset) == ("unreadable", False, 1)


@given(st.lists(rows, min_size=1, max_size=5))
def test_whatever_the_rows_every_one_is_a_document_that_parquet_can_hold_or_a_rejection_or_a_failure(
    tmp_path_factory, rows
):
    folder = tmp_path_factory.mktemp("rows")
    (folder / "receipts").mkdir()
    (folder / "a.jsonl").write_bytes(lines(rows))
    outcomes = read(folder / "a.jsonl")
    assert len(outcomes) == len(rows)
    with PartWriter(folder, 0, "k") as part:
        for outcome in outcomes:
            part.keep(outcome) if isinstance(outcome, Document) else part.refuse(outcome, "web")
    assert part.counts.read == part.counts.kept + part.counts.rejected == len(rows)
