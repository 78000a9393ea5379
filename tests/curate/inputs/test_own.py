"""Rows of the user's own: one bad value costs one value, every column travels, and every id is one document's."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.inputs.columns import Columns, Taken
from curate.inputs.own import user_documents
from curate.records import Document, Failure, Rejection
from curate.stage.plan import Item

ALL = Taken()
CASES = json.loads((Path(__file__).parents[2] / "cases" / "rows.json").read_text())

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(["text", "id", "url", "timestamp", "source", "quality", "title", "metadata", "lang"])
rows = st.dictionaries(names | st.text(max_size=2), values, max_size=6) | values
rows_with_text = st.builds(lambda row, text: {**row, "text": text}, st.dictionaries(names, values), st.text(min_size=1))
others = st.dictionaries(st.text(min_size=1, max_size=3).filter(lambda name: name not in ("id", "url")), values)


def outcomes(path, rows, *, taken=ALL, form="documents", note=None, **options):
    """Returns what becomes of rows of JSON."""
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return read(path, taken=taken, form=form, note=note, **options)


def read(path, *, taken=ALL, form="documents", note=None, **options):
    item = Item(
        number=0, name=path.name, uri=str(path), form=form, digest="d", size=0, source="web", columns=taken.written()
    )
    counts = {} if note is None else note
    add = lambda name, number: counts.update({name: counts.get(name, 0) + number})  # noqa: E731
    return list(user_documents(path, item, "filter", add, **options))


def as_plain(value):
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("case", CASES)
def test_a_row_becomes(case, tmp_path):
    row, expected, notes = CASES[case]
    counted = {}
    (outcome,) = outcomes(tmp_path / "a.jsonl", [row], note=counted)
    assert counted == notes
    if isinstance(expected, str):
        reason, _, message = expected.partition(": ")
        assert (outcome.error if isinstance(outcome, Failure) else outcome.reason) == reason
        assert (outcome.message if isinstance(outcome, Failure) else outcome.detail) == message
        return
    for name, value in expected.items():
        stored = getattr(outcome, name)
        assert (json.loads(stored) if name == "metadata" and stored else as_plain(stored)) == value


@given(st.lists(rows, min_size=1, max_size=5))
def test_every_row_is_one_document_or_one_loss_and_no_two_documents_have_one_id(tmp_path_factory, rows):
    rows = [{"text": "first"}, *rows]  # so that a list of objects is no array of rows
    done = outcomes(tmp_path_factory.mktemp("rows") / "a.jsonl", rows)
    assert len(done) == len(rows)
    ids = [outcome.id for outcome in done if isinstance(outcome, Document | Rejection)]
    assert len(set(ids)) == len(ids)
    again = outcomes(tmp_path_factory.mktemp("rows") / "a.jsonl", rows)
    assert again == done


@given(rows_with_text)
def test_a_row_with_a_text_is_a_document_whatever_else_it_holds(tmp_path_factory, row):
    (document,) = outcomes(tmp_path_factory.mktemp("rows") / "a.jsonl", [row])
    assert isinstance(document, Document)


@given(others)
def test_other_columns_come_back_out_of_metadata_as_they_were(tmp_path_factory, others):
    others = {f"_{name}": value for name, value in others.items()}  # no name of ours
    (document,) = outcomes(tmp_path_factory.mktemp("rows") / "a.jsonl", [{"text": "a"} | others])
    expected = json.loads(json.dumps(finite(others)).encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    assert (json.loads(document.metadata) if document.metadata else {}) == expected


def finite(value):
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and value - value != 0 else value


def test_values_of_parquet_become_json(tmp_path):
    row = {
        "text": "a",
        "day": date(2024, 4, 2),
        "moment": datetime(2024, 4, 2, 10, 20, tzinfo=UTC),
        "span": timedelta(seconds=1.5),
        "price": Decimal("1.10"),
        "word": b"caf\xc3\xa9",
        "image": b"\xff\xd8",
        "nested": {"tags": ["a", None], "score": float("nan")},
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    (document,) = read(tmp_path / "a.parquet")
    assert json.loads(document.metadata) == {
        "day": "2024-04-02",
        "moment": "2024-04-02T10:20:00+00:00",
        "span": 1.5,
        "price": "1.10",
        "word": "café",
        "image": {"base64": "/9g="},
        "nested": {"tags": ["a", None], "score": None},
    }


def test_metadata_is_the_same_whatever_the_order_of_the_columns(tmp_path):
    first, second = outcomes(
        tmp_path / "a.jsonl", [b'{"text": "a", "x": 1, "y": 2}\n', b'{"y": 2, "x": 1, "text": "a"}\n']
    )
    assert first.metadata == second.metadata == '{"x":1,"y":2}'


def test_bytes_that_are_not_utf_8_cost_a_character_in_any_column_and_are_counted(tmp_path):
    counted = {}
    row = b'{"text": "caf\xe9", "title": "\xff", "x": "\xfe", "id": "\xe9"}\n'
    (document,) = outcomes(tmp_path / "a.jsonl", [row], note=counted)
    assert (document.text, document.title, document.given_id) == ("caf\ufffd", "\ufffd", "\ufffd")
    assert document.metadata == '{"x":"\ufffd"}'
    assert counted == {"replaced_characters": 4}


@pytest.mark.parametrize("quality", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_quality_that_is_no_finite_number_is_blank_and_counted(quality, tmp_path):
    counted = {}
    (document,) = outcomes(tmp_path / "a.jsonl", [f'{{"text": "a", "quality": {quality}}}\n'.encode()], note=counted)
    assert (document.text, document.quality) == ("a", None)
    assert counted == {"unreadable_values": 1}


def test_a_text_of_bytes_is_utf_8_and_an_id_of_16_bytes_is_hex(tmp_path):
    rows = [{"text": b"caf\xc3\xa9", "id": b"i" * 16}, {"text": b"caf\xe9", "id": b"doc-2"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    counted = {}
    first, second = read(tmp_path / "a.parquet", note=counted)
    assert (first.text, first.given_id) == ("café", "69" * 16)
    assert (second.text, second.given_id) == ("caf\ufffd", "doc-2")
    assert counted == {"replaced_characters": 1}


def test_the_sources_of_a_recipe_are_its_own_and_a_row_s_is_metadata(tmp_path):
    (document,) = outcomes(tmp_path / "a.jsonl", [{"text": "a", "source": "books"}], form="owned")
    assert (document.source, document.metadata) == ("web", '{"source":"books"}')


def test_mapped_columns_are_fields_and_reach_into_objects(tmp_path):
    columns = Columns(text="meta.body", id="blob_id", url="link", timestamp="meta.made.at")
    row = {"meta": {"body": "a", "made": {"at": "2024-04-02"}, "lang": "en"}, "blob_id": 7, "link": "u", "url": "other"}
    (document,) = outcomes(tmp_path / "a.jsonl", [row], taken=Taken(columns=columns))
    assert (document.text, document.given_id, document.url) == ("a", "7", "u")
    assert document.timestamp == datetime(2024, 4, 2, tzinfo=UTC)
    assert json.loads(document.metadata) == {"meta": {"lang": "en"}, "url": "other"}


def test_a_column_with_a_dot_in_its_name_comes_before_an_object(tmp_path):
    row = {"meta.body": "a", "meta": {"body": "b"}}
    (document,) = outcomes(tmp_path / "a.jsonl", [row], taken=Taken(columns=Columns(text="meta.body")))
    assert (document.text, document.metadata) == ("a", '{"meta":{"body":"b"}}')


@pytest.mark.parametrize(
    ("keep", "metadata"),
    [
        (None, {"lang": "en", "x": 1, "license": "cc", "n": 2}),
        (("lang", "license", "none"), {"lang": "en", "license": "cc"}),
        (("metadata",), {"license": "cc", "n": 2}),
        ((), None),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_keep_columns_limits_metadata(name, keep, metadata, tmp_path):
    row = {"text": "a", "lang": "en", "x": 1, "metadata": {"license": "cc", "n": 2}}
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / name)
        (document,) = read(tmp_path / name, taken=Taken(keep=keep))
    else:
        (document,) = outcomes(tmp_path / name, [row], taken=Taken(keep=keep))
    assert (json.loads(document.metadata) if document.metadata else None) == metadata


def test_a_reader_that_wants_no_metadata_gets_the_same_ids(tmp_path):
    rows = [{"text": "a", "timestamp": 5, "x": 1}, {"text": "a", "id": "b", "url": "u"}, {"text": "a", "x": 2}]
    with_others = outcomes(tmp_path / "a.jsonl", rows)
    without = outcomes(tmp_path / "a.jsonl", rows, others=False)
    assert [document.id for document in without] == [document.id for document in with_others]
    assert {document.metadata for document in without} == {None}


@pytest.mark.parametrize("id_", ["doc-2", "0123456789abcdef" * 2, 7])
def test_rows_that_look_like_exported_ones_keep_their_ids(id_, tmp_path):
    row = {
        "id": id_,
        "text": "a",
        "url": "u",
        "source": "s",
        "created": "2024-04-02T00:00:00.000Z",
        "metadata": {"x": 1},
    }
    (document,) = outcomes(tmp_path / "a.jsonl", [row])
    assert (document.given_id, document.source) == (str(id_), "s")
    assert json.loads(document.metadata) == {"x": 1, "created": "2024-04-02T00:00:00.000Z"}


def test_repeated_ids_and_given_ids_of_other_texts_are_counted(tmp_path):
    rows = [
        {"id": "a", "text": "one"},
        {"id": "a", "text": "two"},
        {"id": "a", "text": "one"},
        {"id": "b", "text": "one"},
        {"url": "u", "text": "one"},
        {"url": "u", "text": "one"},
    ]
    counted = {}
    documents = outcomes(tmp_path / "a.jsonl", rows, note=counted)
    assert len({document.id for document in documents}) == 6
    assert counted == {"given_ids_of_other_texts": 1, "repeated_ids": 2}


def test_an_id_does_not_depend_on_the_file_that_holds_the_row_nor_on_the_rows_before_it(tmp_path):
    row = {"url": "u", "text": "one", "timestamp": "2024"}
    (alone,) = outcomes(tmp_path / "a.jsonl", [row])
    *_, behind = outcomes(tmp_path / "b.jsonl", [{"text": "two"}, {"text": ""}, row])
    assert alone.id == behind.id
