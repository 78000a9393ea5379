"""An export holds the right documents as text, and its record states its files. Readers: tests/readers."""

import gzip
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate import storage
from curate.dataset.export import TextOptions, export_texts
from curate.dataset.text_files import FORMS, write_jsonl, write_parquet
from curate.dataset.texts import Cuts
from curate.errors import UserError
from curate.inputs.own import user_documents
from curate.inspection.verify import faults
from curate.records import Document
from curate.stage.plan import Item
from curate.stage.record import read_stage

OPENERS = {"zst": zstd.open, "gz": gzip.open, "jsonl": open}
FIXED = ["id", "text", "source", "url", "created", "metadata"]


@pytest.fixture
def out(several_shards, tmp_path) -> Path:
    return shutil.copytree(several_shards, tmp_path / "out")


def rows(folder: Path) -> dict[str, list[dict]]:
    """Returns the rows of an export, by file."""
    read = {}
    for path in sorted(path for path in folder.rglob("part-*") if path.is_file()):
        name = str(path.relative_to(folder))
        if path.suffix == ".parquet":
            read[name] = pq.read_table(path).to_pylist()
            for row in read[name]:
                row["metadata"] = json.loads(row["metadata"])
        else:
            with OPENERS[path.suffix[1:]](path, "rt", encoding="utf-8") as file:
                read[name] = [json.loads(line) for line in file]
    return read


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kept(folder: Path) -> list[dict]:
    """Returns the documents that a stage of documents left, in order."""
    return [row for part in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]


def in_shards(out: Path, split: str) -> dict[str, str]:
    """Returns the ids in hex of the documents of a split's shards, with their source."""
    tables = [pq.read_table(path) for path in (out / "shards" / split).rglob("*.meta.parquet")]
    pairs = [
        pair for table in tables for pair in zip(*(table[name].to_pylist() for name in ("id", "source")), strict=True)
    ]
    return {document_id.hex(): source for document_id, source in pairs}


@pytest.mark.parametrize("form", FORMS)
def test_the_documents_of_each_split_are_those_of_its_shards_with_their_text(form, out, tmp_path):
    done = export_texts(form, out, tmp_path / "x", TextOptions())
    texts = {row["id"].hex(): row["text"] for row in kept(out / "filter")}
    files = rows(tmp_path / "x")
    for split in ("train", "valid"):
        own = [row for name, read in files.items() if name.startswith(f"{split}/") for row in read]
        assert {row["id"]: row["source"] for row in own} == in_shards(out, split)
        assert len({row["id"] for row in own}) == len(own) > 0
        assert all(row["text"] == texts[row["id"]] for row in own)
    assert done.documents == sum(map(len, files.values())) == read_stage(out / "shards").counts.kept
    assert list(faults(out)) == []


@pytest.mark.processes
def test_what_dedup_rejected_and_score_did_not_draw_is_left_out(quickstart, tmp_path):
    assert read_stage(quickstart / "dedup").counts.rejected
    assert read_stage(quickstart / "score").counts.rejected
    for split in ("train", "valid"):
        export_texts("jsonl", quickstart, tmp_path / split, TextOptions(split=split))
        own = [row for read in rows(tmp_path / split).values() for row in read]
        assert {row["id"]: row["source"] for row in own} == in_shards(quickstart, split)
        assert all(0 <= row["metadata"]["quality"] <= 1 for row in own if row["source"] == "web")
    left = export_texts("jsonl", quickstart, tmp_path / "dedup", TextOptions(stage="dedup"))
    assert left.documents == read_stage(quickstart / "dedup").counts.kept


def test_an_earlier_stage_has_what_it_left(out, tmp_path):
    for stage in ("extract", "filter", "dedup"):
        export_texts("jsonl", out, tmp_path / stage, TextOptions(stage=stage))
        read = [row["id"] for own in rows(tmp_path / stage).values() for row in own]
        decided = [row["id"].hex() for row in kept(out / stage) if row.get("kept", True)]
        assert read == decided
        assert not {"train", "valid"} & set(content(tmp_path / stage))


@pytest.mark.parametrize(("compression", "suffix"), [("zst", ".zst"), ("gz", ".gz"), ("none", "")])
def test_each_compression_has_the_same_rows_and_the_same_bytes_again(compression, suffix, out, tmp_path):
    export_texts("jsonl", out, tmp_path / "plain", TextOptions(compression="none"))
    for name in ("a", "b", "a"):
        export_texts("jsonl", out, tmp_path / name, TextOptions(compression=compression))
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert {f"{name}{suffix}": own for name, own in rows(tmp_path / "plain").items()} == rows(tmp_path / "a")


@pytest.mark.parametrize("form", FORMS)
def test_files_are_numbered_of_their_number_and_hold_no_more_than_they_may(form, out, tmp_path):
    whole = export_texts(form, out, tmp_path / "whole", TextOptions())
    done = export_texts(form, out, tmp_path / "x", TextOptions(max_bytes=1000, max_rows=2))
    files = rows(tmp_path / "x")
    for split in ("train", "valid"):
        names = [name.partition("/")[2] for name in files if name.startswith(split)]
        suffix = ".parquet" if form == "parquet" else ".jsonl.zst"
        assert names == [f"part-{number:05d}-of-{len(names):05d}{suffix}" for number in range(len(names))]
    assert all(len(own) <= 2 for own in files.values())
    assert all(len(own) == 1 or sum(len(row["text"].encode()) for row in own) <= 1000 for own in files.values())
    joined = [row["id"] for own in files.values() for row in own]
    assert joined == [row["id"] for own in rows(tmp_path / "whole").values() for row in own]
    assert (done.documents, done.bytes) == (whole.documents, whole.bytes)


def test_the_record_states_counts_and_digests_and_files_of_an_export_before_go(out, tmp_path):
    dest = tmp_path / "x"
    export_texts("jsonl", out, dest, TextOptions(max_rows=1))
    done = export_texts("jsonl", out, dest, TextOptions(split="valid"))
    files = rows(dest)
    record = json.loads((dest / ".curate-export-jsonl.json").read_text())
    assert record["documents_of"] == {name: len(own) for name, own in files.items()}
    assert record["files"] == {name: len(raw) for name, raw in content(dest).items() if name in files}
    with (dest / next(iter(files))).open("rb") as file:
        from hashlib import file_digest

        assert record["sha256"] == {next(iter(files)): file_digest(file, "sha256").hexdigest()}
    assert (record["stage"], record["key"]) == ("tokenize", read_stage(out / "tokenize").key)
    assert (record["documents"], record["bytes"], record["splits"]) == (done.documents, done.bytes, ["valid"])


def test_the_folder_of_a_verb_is_exported_alone_and_tokens_and_shards_as_what_they_were_made_of(out, tmp_path):
    export_texts("jsonl", out, tmp_path / "run", TextOptions())
    for stage in ("tokenize", "shards"):
        export_texts("jsonl", out / stage, tmp_path / stage, TextOptions())
        assert rows(tmp_path / stage) == rows(tmp_path / "run")
    for stage in ("filter", "dedup"):
        export_texts("jsonl", out / stage, tmp_path / stage, TextOptions())
        export_texts("jsonl", out, tmp_path / f"run-{stage}", TextOptions(stage=stage))
        assert rows(tmp_path / stage) == rows(tmp_path / f"run-{stage}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stage": "pack"}, "--stage pack: documents are left by extract, filter, dedup, lines, score, decontaminate"),
        ({"stage": "score"}, "--stage score: .* has no such stage; it has extract, filter, dedup"),
        ({"split": "dev"}, "--split dev: .* has train and valid"),
        ({"stage": "filter", "split": "train"}, "--split train: .* has no splits"),
        ({"compression": "br"}, "--compression br: known are zst, gz, none"),
        ({"max_rows": 0}, "--max-rows 0: a file has at least 1"),
    ],
)
def test_what_will_not_do_is_refused_before_any_work(options, message, out, tmp_path):
    with pytest.raises(UserError, match=message):
        export_texts("jsonl", out, tmp_path / "x", TextOptions(**options))
    assert not (tmp_path / "x").exists()


def test_a_run_that_is_not_finished_is_refused_and_says_what_can_be_had(out, tmp_path):
    (out / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"not a finished run .* with --stage \(extract, filter, dedup\)"):
        export_texts("jsonl", out, tmp_path / "x", TextOptions())
    assert export_texts("jsonl", out, tmp_path / "x", TextOptions(stage="dedup")).documents == 18


def test_inputs_that_have_changed_since_are_refused(out, tmp_path):
    part = out / "filter" / "part-00000.parquet"
    table = pq.read_table(part)
    pq.write_table(table.set_column(table.schema.get_field_index("text"), "text", pa.array(["x"] * len(table))), part)
    with pytest.raises(UserError, match="not what its receipt states"):
        export_texts("jsonl", out, tmp_path / "x", TextOptions())
    assert not (tmp_path / "x").exists()


def test_an_export_goes_to_a_store_and_comes_from_one(out, tmp_path):
    store = storage.path("memory://texts")
    for name, raw in content(out).items():
        (store / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (store / "out" / name).write_bytes(raw)
    for form in FORMS:
        export_texts(form, out, tmp_path / form, TextOptions())
        export_texts(form, store / "out", store / form, TextOptions())
        assert {name: (store / form / name).read_bytes() for name in storage.sizes(store / form)} == content(
            tmp_path / form
        )


moments = st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
)
documents = st.builds(
    Document,
    id=st.binary(min_size=16, max_size=16),
    url=st.text(),
    timestamp=moments.map(lambda moment: moment and moment.replace(microsecond=0)),
    source=st.just("web"),
    text=st.text(),
    given_id=st.none() | st.text(min_size=1),
    metadata=st.none() | st.dictionaries(st.text(), values, max_size=3).map(json.dumps),
    title=st.none() | st.text(min_size=1),
    quality=st.none() | st.floats(0, 1, width=32),
    warc_offset=st.none() | st.integers(0, 2**63 - 1),
    cluster_size=st.none() | st.integers(1, 2**40),
)


@given(st.lists(documents, min_size=1, max_size=4))
@limited(max_examples=60)
def test_rows_of_json_lines_have_the_same_columns_and_the_user_s_own_values(own):
    file = Draft()
    write_jsonl(own, "none", file)
    lines = file.content.decode().split("\n")
    assert lines.pop() == ""
    for number, (document, row) in enumerate(zip(own, map(json.loads, lines), strict=True)):
        assert list(row) == FIXED
        assert (row["id"], row["text"], row["url"]) == (document.id.hex(), document.text, document.url)
        assert (
            datetime.fromisoformat(row["created"]) == document.timestamp if document.timestamp else not row["created"]
        )
        mine = json.loads(document.metadata or "{}")
        assert {name: row["metadata"][name] for name in mine} == mine
        theirs = {name: value for name, value in row["metadata"].items() if name not in mine}
        assert all(getattr(document, name) == value for name, value in theirs.items())
        assert number == 0 or None not in theirs.values()


class Draft:
    """A file in memory."""

    def open(self, _mode):
        self.raw = BytesIO()
        self.raw.close = lambda: None
        return self.raw

    @property
    def content(self) -> bytes:
        return self.raw.getvalue()


@given(st.lists(documents, min_size=1, max_size=4))
@limited(max_examples=30)
def test_a_table_holds_what_json_lines_hold(own):
    table, file = pa.BufferOutputStream(), Draft()
    write_parquet(own, "zst", table)
    write_jsonl(own, "none", file)
    read = pq.read_table(pa.BufferReader(table.getvalue())).to_pylist()
    for row, line in zip(read, file.content.decode().split("\n"), strict=False):
        other = json.loads(line)
        assert (row["id"], row["text"], row["source"], row["url"]) == tuple(other[name] for name in FIXED[:4])
        columns = {name: row[name] for name in ("given_id", "title", "language", "quality")}
        merged = {name: value for name, value in columns.items() if value is not None} | json.loads(row["metadata"])
        blank = {name for name, value in other["metadata"].items() if value is None} - merged.keys()
        assert merged == {name: value for name, value in other["metadata"].items() if name not in blank}


def parsed(path: Path) -> list[dict]:
    """Returns the rows of one file of an export."""
    if path.suffix == ".parquet":
        return [row | {"metadata": json.loads(row["metadata"])} for row in pq.read_table(path).to_pylist()]
    return [json.loads(line) for line in path.read_text().split("\n") if line]


rows_of_users = st.builds(replace, documents, warc_offset=st.none(), text=st.text(min_size=1))


@pytest.mark.parametrize("form", FORMS)
@given(own=st.lists(rows_of_users, min_size=1, max_size=4, unique_by=lambda document: document.text))
@limited(max_examples=60)
def test_what_was_exported_is_read_back_as_it_was(form, own, tmp_path_factory):
    path = tmp_path_factory.mktemp("back") / f"part.{form}"
    FORMS[form](own, "none", path)
    item = Item(number=0, name=path.name, uri=str(path), form="documents", digest="d", size=0, source="other")
    back = list(user_documents(path, item, "filter"))
    for before, after in zip(own, back, strict=True):
        for name in ("text", "source", "url", "timestamp", "given_id", "title", "quality", "cluster_size"):
            assert (name, getattr(after, name)) == (name, getattr(before, name))
        assert json.loads(after.metadata or "{}") == json.loads(before.metadata or "{}")
    again = path.with_name(f"again.{form}")
    FORMS[form]([replace(after, id=before.id) for before, after in zip(own, back, strict=True)], "none", again)
    assert parsed(again) == parsed(path)
    ids = [document.id for document in user_documents(path, item, "tokenize", others=False)]
    assert ids == [document.id for document in back]


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(1, 40), st.integers(1, 5))
def test_cuts_hold_every_document_in_order_and_are_as_full_as_they_may_be(sizes, max_bytes, max_rows):
    cuts = Cuts(max_bytes, max_rows)
    for size in sizes:
        cuts.add(size)
    assert sum(cut.documents for cut in cuts.files) == len(sizes)
    start = 0
    for cut in cuts.files:
        own, start = sizes[start : start + cut.documents], start + cut.documents
        assert (sum(own), len(own) <= max_rows) == (cut.bytes, True)
        assert cut.bytes <= max_bytes or cut.documents == 1
        full = (
            cut.documents == max_rows or cut.bytes + (sizes[start] if start < len(sizes) else max_bytes + 1) > max_bytes
        )
        assert full


def test_the_command_tells_what_it_wrote_and_refuses_options_of_other_forms(call, out, tmp_path):
    done = json.loads(call("export", "jsonl", out, "-o", tmp_path / "x", "--json").out)
    assert done == {"folder": str(tmp_path / "x"), "files": 2, "documents": 18, "bytes": done["bytes"]}
    command = call("export", "parquet", out, "-o", tmp_path / "y", "--stage", "filter", "--max-rows", 5)
    assert (
        command.out.strip()
        == f"export: parquet in {tmp_path / 'y'} (4 files, 18 documents, {done['bytes']:,} bytes of text)"
    )
    for arguments, message in (
        (("npy", "--stage", "filter"), "--stage goes with jsonl and parquet, not with npy"),
        (("hf", "--max-bytes", 0), "--max-bytes goes with jsonl and parquet, not with hf"),
        (("jsonl", "--license", "mit"), "--license goes with croissant and datacard, not with jsonl"),
        (("jsonl", "--max-bytes", 0), "--max-bytes 0: a file has at least 1"),
    ):
        form, *options = arguments
        refused = call("export", form, out, "-o", tmp_path / "z", *options)
        assert (refused.code, refused.error) == (2, message)
    assert not (tmp_path / "z").exists()
