"""A part is all or nothing, and a receipt is believed only while its files are whole."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage_files import reseal

from curate import storage
from curate.records import EPOCH, Document, Failure, Rejection, Skipped, document_id
from curate.stage import parts
from curate.stage.parts import PartWriter, TableWriter, read_receipt, receipt_path
from curate.stage.receipts import Counts
from curate.storage.writing import replacing, sha256_of, write_bytes, write_json

SMALL = pa.schema([pa.field("id", pa.binary(2)), pa.field("n", pa.int64())])

numbers = st.integers(0, 10**12)
tallies = st.dictionaries(st.sampled_from("abc"), st.integers(1, 99), max_size=3)
counts = st.builds(
    Counts,
    read=numbers,
    kept=numbers,
    rejected=numbers,
    failed=numbers,
    bytes_read=numbers,
    bytes_kept=numbers,
    reasons=tallies,
    skipped=tallies,
    notes=tallies,
    by_source=st.dictionaries(st.sampled_from("xyz"), st.lists(numbers, min_size=2, max_size=2), max_size=3),
)


def document(text="some text", source="web"):
    return Document(id=document_id(text, EPOCH, b""), url="u", timestamp=EPOCH, source=source, text=text)


def rejection(reason="a.b", source="web", size=5):
    return Rejection(
        id=b"r" * 16, url="u", source=source, stage="s", reason=reason, value=1, threshold=2, bytes=size, detail=""
    )


def failure(*, record):
    return Failure(file="f", offset=1, length=2, stage="s", error="broken", message="m", record=record)


def added(*all_counts):
    total = Counts()
    for part in all_counts:
        total.add(part)
    return total


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "receipts").mkdir()
    return tmp_path


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def written(folder, *, key="k"):
    with PartWriter(folder, 7, key) as part:
        part.keep(document())
        part.reject(rejection())
        part.fail(failure(record=False), "web")
    return part.receipt


def test_a_part_is_up_to_three_files_and_a_receipt_that_describes_them(folder):
    receipt = written(folder)
    names = ["failed-00007.parquet", "part-00007.parquet", "rejected-00007.parquet"]
    assert files(folder) == sorted([*names, "receipts/00007.json"])
    assert list(receipt.files) == names
    for name in names:
        path, record = folder / name, receipt.files[name]
        assert (record.rows, record.bytes, record.sha256) == (1, path.stat().st_size, sha256_of(path))
        assert pq.read_metadata(path).num_rows == 1
    assert read_receipt(folder, 7, "k") == receipt


def test_a_part_without_records_is_one_file_without_rows(folder):
    with PartWriter(folder, 0, "k"):
        pass
    assert files(folder) == ["part-00000.parquet", "receipts/00000.json"]
    assert pq.read_metadata(folder / "part-00000.parquet").num_rows == 0


def test_the_same_records_give_the_same_bytes(tmp_path):
    digests = []
    for name in ("a", "b"):
        (tmp_path / name / "receipts").mkdir(parents=True)
        digests.append(written(tmp_path / name).files)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_an_exception_inside_the_context_leaves_no_file(rows, folder):
    with pytest.raises(RuntimeError, match="half way"), PartWriter(folder, 0, "k") as part:  # noqa: PT012
        for number in range(rows):
            part.keep(document(str(number)))
            part.reject(rejection())
        raise RuntimeError("half way")
    assert files(folder) == []


@pytest.mark.parametrize(
    ("name", "value"), [("id", b"too short"), ("text", None), ("text", 3), ("url", "\ud800"), ("quality", "x")]
)
def test_a_row_that_does_not_fit_the_schema_leaves_no_file(name, value, folder):
    wrong = {name_: getattr(document(), name_) for name_ in Document.__slots__} | {name: value}
    with pytest.raises((ValueError, TypeError)), PartWriter(folder, 0, "k") as part:  # noqa: PT012
        part.reject(rejection())
        part.keep_row(wrong, "web", 1)
    assert files(folder) == []


def test_a_remade_part_replaces_the_old_one_whole(folder):
    written(folder)
    with PartWriter(folder, 7, "other") as part:
        part.keep(document("another text"))
    assert read_receipt(folder, 7, "k") is None
    assert read_receipt(folder, 7, "other") == part.receipt
    assert pq.read_table(folder / "part-00007.parquet")["text"].to_pylist() == ["another text"]


def test_a_receipt_with_another_key_or_number_is_none(folder):
    written(folder)
    assert read_receipt(folder, 7, "other") is None
    assert read_receipt(folder, 8, "k") is None


@pytest.mark.parametrize("name", ["part", "rejected", "failed"])
def test_a_receipt_is_none_once_a_file_of_it_is_cut_or_gone(name, folder):
    written(folder)
    path = folder / f"{name}-00007.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert read_receipt(folder, 7, "k") is None
    path.unlink()
    assert read_receipt(folder, 7, "k") is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"files": []}', '{"files": {}, "counts": 3}'])
def test_a_receipt_that_is_no_receipt_is_none(content, folder):
    receipt_path(folder, 7).write_text(content)
    assert read_receipt(folder, 7, "k") is None


def test_a_receipt_with_an_unknown_field_is_none(folder):
    written(folder)
    path = receipt_path(folder, 7)
    reseal(path, json.loads(path.read_text()) | {"colour": "red"})
    assert read_receipt(folder, 7, "k") is None


def test_a_lost_record_is_a_dead_letter_and_a_rejection_and_a_lost_rest_of_a_file_only_the_first(folder):
    with PartWriter(folder, 0, "k") as part:
        part.fail(failure(record=True), "web")
        part.fail(failure(record=False), "web")
    assert (part.counts.failed, part.counts.read, part.counts.rejected) == (2, 1, 1)
    assert part.counts.reasons == {"s.broken": 1}
    assert pq.read_table(folder / "failed-00000.parquet")["record"].to_pylist() == [True, False]


def test_lost_records_of_one_place_have_ids_of_their_own(folder):
    with PartWriter(folder, 0, "k") as part:
        for _ in range(3):
            part.fail(failure(record=True), "web")
        part.fail(failure(record=True), "books")
    ids = pq.read_table(folder / "rejected-00000.parquet")["id"].to_pylist()
    assert len(set(ids)) == 4


def test_what_is_no_document_is_rejected_or_skipped_or_a_dead_letter(folder):
    with PartWriter(folder, 0, "k") as part:
        for record in (rejection(), failure(record=True), Skipped("redirect")):
            part.refuse(record, "web")
    assert (part.counts.read, part.counts.rejected, part.counts.failed) == (2, 2, 1)
    assert part.counts.skipped == {"redirect": 1}


def counts_after(actions):
    with TemporaryDirectory() as name:
        (Path(name) / "receipts").mkdir()
        with PartWriter(Path(name), 0, "k") as part:
            act = {
                "keep": lambda: part.keep(document("née")),
                "reject": lambda: part.reject(rejection()),
                "fail": lambda: part.fail(failure(record=True), "books"),
                "rest": lambda: part.fail(failure(record=False), "web"),
                "skip": lambda: part.skip("request"),
                "note": lambda: part.note("clusters", 1),
            }
            for action in actions:
                act[action]()
    return part.counts


@given(st.lists(st.sampled_from(["keep", "reject", "fail", "rest", "skip", "note"]), max_size=30))
def test_what_is_read_is_kept_or_rejected(actions):
    total = counts_after(actions)
    assert total.read == total.kept + total.rejected == sum(read for read, _ in total.by_source.values())
    assert total.kept == sum(kept for _, kept in total.by_source.values()) == actions.count("keep")
    assert total.rejected == sum(total.reasons.values())
    assert total.failed == actions.count("fail") + actions.count("rest")
    assert total.bytes_kept == 4 * total.kept
    assert total.bytes_read == 4 * total.kept + 5 * actions.count("reject") + 2 * actions.count("fail")
    assert total.skipped == ({"request": actions.count("skip")} if "skip" in actions else {})


@given(counts, counts, counts)
def test_counts_add_up_in_any_order_and_grouping(one, two, three):
    assert added(one, two, three) == added(three, added(two, one))
    assert added(one) == one


@given(counts, counts)
def test_adding_changes_neither_what_is_added_nor_what_was_added_before(one, two):
    before = asdict(one), asdict(two)
    added(one, two, one)
    assert (asdict(one), asdict(two)) == before


@given(counts, counts)
def test_what_holds_for_two_parts_holds_for_their_sum(one, two):
    total = added(one, two)
    assert total.read == one.read + two.read
    assert total.reasons == {
        name: one.reasons.get(name, 0) + two.reasons.get(name, 0) for name in {*one.reasons, *two.reasons}
    }
    assert sum(read for read, _ in total.by_source.values()) == sum(
        read for part in (one, two) for read, _ in part.by_source.values()
    )


def test_row_groups_are_bounded_in_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 10)
    table = TableWriter(tmp_path / "t.parquet", SMALL)
    for number in range(25):
        table.add({"id": b"ab", "n": number})
    assert table.close().rows == 25
    table.publish()
    metadata = pq.read_metadata(tmp_path / "t.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [10, 10, 5]
    assert pq.read_table(tmp_path / "t.parquet")["n"].to_pylist() == list(range(25))


def test_row_groups_are_bounded_in_bytes_of_text(folder, monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP_BYTES", 1000)
    with PartWriter(folder, 0, "k") as part:
        for number in range(10):
            part.keep(document(f"{number}" * 400))
    metadata = pq.read_metadata(folder / "part-00000.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [3, 3, 3, 1]


def test_a_temporary_name_is_hidden_beside_its_path_and_never_the_same(tmp_path):
    names = {storage.draft(tmp_path / "a.bin") for _ in range(100)}
    assert len(names) == 100
    assert all(name.parent == tmp_path and name.name.startswith(".a.bin.") for name in names)
    assert all(name.suffix == ".tmp" for name in names)


def test_replacing_shows_nothing_until_it_is_whole(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with replacing(path) as draft:
        draft.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert files(tmp_path) == ["a.bin"]


def test_replacing_leaves_the_old_file_when_it_fails(tmp_path):
    write_bytes(tmp_path / "a.bin", b"old")
    with pytest.raises(OSError, match="disk"), replacing(tmp_path / "a.bin") as draft:  # noqa: PT012
        draft.write_bytes(b"half")
        raise OSError("disk")
    assert files(tmp_path) == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_json_is_sorted_so_that_equal_values_are_equal_files(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert '"é"' in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_receipt_survives_its_file(folder):
    receipt = replace(written(folder), counts=Counts(read=1, kept=1, by_source={"web": [1, 1]}))
    with parts.receipted(folder, receipt):
        assert read_receipt(folder, 7, "k") != receipt
    assert read_receipt(folder, 7, "k") == receipt
