"""A record with a long list is read in part, and a changed byte of what is read is found."""

import hashlib
import json

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import storage
from curate.storage import listing
from curate.storage.listing import Listing, whole_seal, write_listing
from curate.storage.writing import BLANK

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ROWS = st.lists(
    st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.lists(TEXT, max_size=2)), max_size=3), max_size=9
)
FIELDS = st.dictionaries(st.sampled_from(["stage", "settings", "format"]), st.one_of(TEXT, st.lists(TEXT, max_size=3)))


def numbered(rows, step):
    return [row | {"number": step * place} for place, row in enumerate(rows)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Makes blocks, pieces and the end that is read first so small that a list of a few entries has several."""
    for name, value in {"ROWS": 2, "SMALL": 64, "PIECE": 100}.items():
        monkeypatch.setattr(listing, name, value)


@settings(max_examples=60)
@given(FIELDS, ROWS, st.integers(1, 3))
def test_what_is_written_is_read_back_whole_by_place_and_by_number(tmp_path_factory, fields, rows, step):
    path, rows = tmp_path_factory.mktemp("list") / "x.json", numbered(rows, step)
    seal = write_listing(path, fields, "entries", iter(rows))
    opened = Listing(path)
    assert (opened.fields, opened.seal, len(opened)) == (fields, seal, len(rows))
    assert list(opened) == list(opened.sound()) == [opened.at(place) for place in range(len(rows))] == rows
    for number in range(-1, step * len(rows) + 1):
        assert opened.numbered(number) == next((row for row in rows if row["number"] == number), None)
    stored = json.loads(path.read_bytes())
    assert stored["entries"] == rows
    assert stored.items() >= fields.items()


@settings(max_examples=60)
@given(st.data(), ROWS.filter(len))
def test_a_changed_byte_is_found_in_all_that_is_read_and_in_nothing_else(tmp_path_factory, data, rows):
    path, rows = tmp_path_factory.mktemp("list") / "x.json", numbered(rows, 1)
    write_listing(path, {"stage": "filter"}, "entries", rows)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    assert whole_seal(path) == ""
    try:
        opened = Listing(path)
    except ValueError:
        return
    with pytest.raises(ValueError, match=r"changed since it was written, at the entries from \d+ on"):
        list(opened)
    assert all(row in rows for row in opened.sound())
    assert len(list(opened.sound())) >= len(rows) - listing.ROWS


def test_an_entry_is_read_without_the_others(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_listing(path, {"stage": "filter"}, "entries", numbered([{"name": "n" * 50}] * 200, 1))
    ranges = []
    read = listing._range
    monkeypatch.setattr(
        listing, "_range", lambda path, start, stop: ranges.append(stop - start) or read(path, start, stop)
    )
    opened = Listing(path)
    ranges.clear()
    assert opened.at(101)["number"] == opened.numbered(101)["number"] == 101
    assert len(ranges) == 1
    assert ranges[0] < 200


def test_a_list_is_read_once_though_its_end_is_read_first(tmp_path, monkeypatch):
    path, ranges, read = tmp_path / "x.json", [], listing._range
    write_listing(path, {}, "entries", numbered([{"name": "n" * 50}] * 200, 1))
    monkeypatch.setattr(
        listing, "_range", lambda path, start, stop: ranges.append(stop - start) or read(path, start, stop)
    )
    assert len([*Listing(path)]) == 200
    assert sum(ranges) + listing.SMALL == path.stat().st_size


@settings(max_examples=60)
@given(ROWS, st.sampled_from([1, 100, 1000, 10_000]))
def test_a_list_in_a_store_is_read_as_on_disk_and_a_small_one_by_one_request(rows, first):
    path, rows, ranges, read = storage.path("memory://lists/x.json"), numbered(rows, 1), [], listing._range
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "FIRST", first)
        seal = write_listing(path, {"stage": "filter"}, "entries", rows)
        patch.setattr(listing, "_range", lambda *place: ranges.append(place) or read(*place))
        opened = Listing(path)
        assert (opened.seal, list(opened), whole_seal(path)) == (seal, rows, seal)
        if path.stat().st_size < first:
            assert len(ranges) == 2
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ValueError, match="changed since it was written"):
            Listing(path)


def test_an_empty_list_in_a_store_is_damaged_and_not_missing(monkeypatch):
    path = storage.path("memory://lists/none.json")
    with pytest.raises(FileNotFoundError):
        Listing(path)
    path.write_bytes(b"")
    read = MemoryFileSystem.cat_file

    def refuse_empty(system, path, start=None, end=None):
        if not system.info(path)["size"]:
            raise OSError("the range cannot be satisfied")
        return read(system, path, start, end)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", refuse_empty)
    with pytest.raises(ValueError, match="changed since it was written"):
        Listing(path)


@pytest.mark.parametrize("of_block", [1, 3, 256])
def test_a_list_in_blocks_of_another_size_is_read_too(tmp_path, monkeypatch, of_block):
    path, rows = tmp_path / "x.json", numbered([{}] * 300, 2)
    with monkeypatch.context() as patch:
        patch.setattr(listing, "ROWS", of_block)
        write_listing(path, {}, "entries", rows)
    assert [Listing(path).at(place) for place in (0, 255, 256, 299)] == [rows[place] for place in (0, 255, 256, 299)]


def test_a_list_that_does_not_state_the_size_of_its_blocks_is_of_an_earlier_version(tmp_path, monkeypatch):
    path, rows = tmp_path / "x.json", numbered([{}] * 300, 1)
    with monkeypatch.context() as patch:
        patch.setattr(listing, "ROWS", 256)
        write_listing(path, {}, "entries", rows)
    stored = json.loads(path.read_bytes())
    start, stop, *_ = stored["list"]
    content = path.read_bytes().replace(b",300,256]\n}", b",300]\n}").replace(stored["seal"].encode(), BLANK)
    seal = hashlib.sha256(content[:start] + content[stop:]).hexdigest()
    path.write_bytes(content.replace(BLANK, seal.encode()))
    assert [Listing(path).at(place) for place in (0, 255, 256, 299)] == [rows[place] for place in (0, 255, 256, 299)]


def test_a_record_that_is_written_again_as_it_is_keeps_its_file_and_a_damaged_one_is_written_anew(tmp_path):
    path = tmp_path / "x.json"
    rows = numbered([{}] * 5, 1)
    write_listing(path, {}, "entries", rows)
    before = path.stat().st_ino
    write_listing(path, {}, "entries", rows)
    assert path.stat().st_ino == before
    path.write_bytes(path.read_bytes().replace(b'"number":3', b'"number":7'))
    write_listing(path, {}, "entries", rows)
    assert list(Listing(path)) == rows
    assert list(tmp_path.iterdir()) == [path]
