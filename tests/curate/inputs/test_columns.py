"""The columns of the user's files are settled before any work, by settings, by usual names, or by an error."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import SettingsError
from curate.inputs.columns import Columns, Taken, resolved, value_of
from curate.stage.plan import Item


def item(path, form="documents", source="web"):
    return Item(number=0, name=path.name, uri=str(path), form=form, digest="d", size=0, source=source)


def write(path, rows):
    if path.name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def settled(path, taken=None):
    """Returns what is taken of a file, and the warnings."""
    warned = []
    (done,) = resolved([item(path)], {"web": taken} if taken else {}, lambda *warning: warned.append(warning))
    return Taken.of(done), warned


NAMES = ["a.jsonl", "a.parquet"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_a_text_is_left_as_it_is(name, tmp_path):
    write(tmp_path / name, [{"content": "no", "text": "a"}])
    assert settled(tmp_path / name) == (Taken(), [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("usual", ["content", "raw_content", "body", "document"])
def test_without_a_text_the_usual_names_are_taken_with_a_warning(usual, name, tmp_path):
    write(tmp_path / name, [{"other": "no", usual: "a"}])
    taken, warned = settled(tmp_path / name)
    assert taken.columns == Columns(text=usual)
    assert warned == [
        (
            f"source web: a.{name[2:]} has no column text, so its column {usual} is taken",
            "sources.web.columns.text names another",
        )
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_any_text_column_ends_the_plan_and_names_its_columns(name, tmp_path):
    write(tmp_path / name, [{"a": "x", "b": 1, "c": None}] * 26)
    with pytest.raises(SettingsError) as raised:
        settled(tmp_path / name)
    message = "no text column; its columns are a, b, c; give --set sources.web.columns.text=NAME"
    assert str(raised.value) == f"{tmp_path / name}: {message}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", ["text", "id", "url", "timestamp"])
def test_a_named_column_that_is_missing_ends_the_plan(field, name, tmp_path):
    write(tmp_path / name, [{"text": "a", "meta": {"x": "b"}}])
    for column in ("blob", "meta.y", "meta.x.z", "text.x"):
        with pytest.raises(
            SettingsError, match=rf"no column {column}, .*its columns are text, meta.*columns\.{field}=NAME"
        ):
            settled(tmp_path / name, Taken(columns=Columns(**{field: column})))
    assert settled(tmp_path / name, Taken(columns=Columns(**{field: "meta.x"})))[1] == []


def test_a_column_that_a_later_row_has_is_there(tmp_path):
    write(tmp_path / "a.jsonl", [{"x": 1}] * 50 + [{"text": "a", "link": "u"}])
    assert settled(tmp_path / "a.jsonl", Taken(columns=Columns(url="link")))[1] == []


def test_files_of_text_and_dumps_have_columns_of_their_own(tmp_path):
    (tmp_path / "a.txt").write_text("a text")
    write(tmp_path / "a.jsonl", [{"content": "a"}])
    chosen = {"web": Taken(columns=Columns(text="content"), keep=())}
    own, mapped = resolved([item(tmp_path / "a.txt"), item(tmp_path / "a.jsonl")], chosen, lambda *_: None)
    assert Taken.of(own) == Taken(keep=())
    assert Taken.of(mapped) == chosen["web"]


def test_a_file_whose_rows_cannot_be_read_is_left_to_its_dead_letter(tmp_path):
    for name in ("none.jsonl", "empty.jsonl", "broken.jsonl", "strings.jsonl", "broken.parquet"):
        (tmp_path / name).write_bytes({"b": b"{broken\n", "s": b'"text"\n'}.get(name[0], b""))
        assert settled(tmp_path / name) == (Taken(), [])


def test_several_files_give_one_warning(tmp_path):
    files = [write(tmp_path / f"{number}.jsonl", [{"body": "a"}]) for number in range(3)]
    warned = []
    resolved([item(path) for path in files], {}, lambda *warning: warned.append(warning[0]))
    assert warned == ["source web: 0.jsonl and 2 more files have no column text, so their column body is taken"]


def test_a_column_to_keep_that_no_file_has_is_a_warning(tmp_path):
    write(tmp_path / "a.jsonl", [{"text": "a", "lang": "en", "metadata": {"license": "cc"}}])
    _, warned = settled(tmp_path / "a.jsonl", Taken(keep=("lang", "license", "licence")))
    assert warned == [
        (
            "source web: the first rows of its files have no column licence, which metadata was to keep",
            "sources.web.keep_columns names such columns",
        )
    ]


def test_other_items_pass_and_other_sources_have_their_own(tmp_path):
    write(tmp_path / "a.jsonl", [{"content": "a"}])
    warc, own = resolved(
        [item(tmp_path / "a.warc", form="warc"), item(tmp_path / "a.jsonl", source="books")],
        {"web": Taken(columns=Columns(text="no")), "books": Taken(columns=Columns(text="content"))},
        lambda *_: pytest.fail("a warning"),
    )
    assert warc.columns == ""
    assert Taken.of(own).columns.text == "content"


def test_what_is_taken_is_part_of_an_item_s_key(tmp_path):
    write(tmp_path / "a.jsonl", [{"text": "a", "b": "c"}])
    keys = []
    for taken in (Taken(), Taken(columns=Columns(text="b")), Taken(keep=()), Taken(keep=("b",))):
        (done,) = resolved([item(tmp_path / "a.jsonl")], {"web": taken}, lambda *_: None)
        assert Taken.of(done) == taken
        keys.append(json.dumps(done.key_fields))
    assert len(set(keys)) == 4
    assert json.loads(keys[0]) == item(tmp_path / "a.jsonl").key_fields


def test_a_column_without_a_name_is_refused():
    with pytest.raises(ValueError, match="text names no column"):
        Columns(text="")


def test_a_name_with_dots_is_first_a_name():
    row = {"a.b": 1, "a": {"b": 2, "c.d": 3, "c": {"e": 4}}}
    assert [value_of(row, name) for name in ("a.b", "a.c.d", "a.c.e", "a.x", "a.b.c", "x")] == [
        1,
        3,
        4,
        None,
        None,
        None,
    ]
