"""Names become items: the right files in order, with stable names and forms, or an error in one line."""

import json
import os
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from curate.errors import SettingsError
from curate.inputs.digests import Digests, stamp_of
from curate.inputs.items import files, named_items, rebase_items, source_items, stage_items
from curate.inputs.own import user_documents
from curate.records import EPOCH, Document, Failure
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.record import close_stage, open_stage
from curate.storage.blocks import Digest
from curate.storage.writing import sha256_of


@pytest.fixture
def folder(tmp_path):
    for name in ("b.warc.gz", "a.warc.gz", "docs/a.jsonl", "docs/b.parquet", "docs/.hidden", "docs/deep/c.jsonl.zst"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def finished(folder, *, stage="extract", items=None):
    items = items or (
        Item(number=0, name="a", uri="/in/a", form="documents", digest="ab", size=1, source="web"),
        Item(number=1, name="b", uri="/in/b", form="documents", digest="cd", size=1, source="books"),
    )
    plan = Plan(stage=stage, folder=folder, settings={}, items=items)
    open_stage(plan)
    for item in items:
        with PartWriter(folder, item.number, plan.part_key(item)) as part:
            part.keep(Document(id=b"i" * 16, url="", timestamp=EPOCH, source=item.source, text=item.name))
    return close_stage(plan)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.warc.gz", ["a.warc.gz", "b.warc.gz"]),
        ("b.warc.gz", ["b.warc.gz"]),
        ("docs", ["docs/a.jsonl", "docs/b.parquet", "docs/deep/c.jsonl.zst"]),
        ("docs/", ["docs/a.jsonl", "docs/b.parquet", "docs/deep/c.jsonl.zst"]),
        ("**/*.jsonl*", ["docs/a.jsonl", "docs/deep/c.jsonl.zst"]),
        ("[ab].warc.gz", ["a.warc.gz", "b.warc.gz"]),
    ],
)
def test_a_path_a_folder_or_a_glob_names_files_in_sorted_order(pattern, names, folder):
    assert [str(path.relative_to(folder)) for path in files(f"{folder}/{pattern}")] == names


def test_a_folder_names_no_hidden_files_and_follows_no_link_to_a_folder(folder):
    (folder / "docs" / ".inner").mkdir()
    (folder / "docs" / ".inner" / "x.jsonl").touch()
    (folder / "docs" / ".y.jsonl").touch()
    (folder / "docs" / "again").symlink_to(folder / "docs")
    assert [path.name for path in files(f"{folder}/docs")] == ["a.jsonl", "b.parquet", "c.jsonl.zst"]


@pytest.mark.parametrize("owner", ["stage", "run"])
def test_where_files_are_read_the_folder_of_a_stage_or_a_run_is_refused(owner, folder):
    if owner == "stage":
        finished(folder / "docs")
    for name in ("recipe.toml", "inputs.json") if owner == "run" else ():
        (folder / "docs" / name).write_text("{}")
    with pytest.raises(SettingsError, match=rf"docs: the folder of a {owner}, .*curate export jsonl .*docs -o DEST"):
        files(f"{folder}/docs")


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder):
    (folder / "[ab].warc.gz").touch()
    assert files(f"{folder}/[ab].warc.gz") == [folder / "[ab].warc.gz"]


@pytest.mark.parametrize("pattern", ["none.gz", "*.nothing", "docs/none/*"])
def test_a_pattern_without_a_file_is_named(pattern, folder):
    with pytest.raises(SettingsError, match="no such input file"):
        files(f"{folder}/{pattern}")


@pytest.mark.parametrize("pattern", ["https://127.0.0.1:1/a.warc.gz", "https://127.0.0.1:1/*.warc.gz"])
def test_a_store_that_cannot_be_asked_is_named_in_one_line(pattern):
    with pytest.raises(SettingsError, match=f"^{re.escape(pattern)}: ") as raised:
        source_items({"web": (pattern,)}, Digests())
    assert "\n" not in str(raised.value)


def test_a_protocol_that_nothing_reads_is_named():
    with pytest.raises(SettingsError, match=r"^nosuch://bucket/a\.gz: "):
        files("nosuch://bucket/a.gz")


def test_the_mini_web_is_refused_where_there_is_no_run_to_keep_it(folder):
    with pytest.raises(SettingsError, match="miniweb: inputs belong to `curate run`"):
        files("miniweb:web-*.warc.gz")


def test_sources_become_items_in_their_order_with_names_below_their_common_folder(folder):
    sources = {"web": (f"{folder}/*.gz",), "books": (f"{folder}/docs/**/*.jsonl*",)}
    items = source_items(sources, Digests())
    assert [(item.number, item.source, item.name, item.form) for item in items] == [
        (0, "web", "a.warc.gz", "warc"),
        (1, "web", "b.warc.gz", "warc"),
        (2, "books", "a.jsonl", "documents"),
        (3, "books", "deep/c.jsonl.zst", "documents"),
    ]
    for item in items:
        assert Path(item.uri).is_absolute()
        assert (item.digest, item.size) == (sha256_of(Path(item.uri)), Path(item.uri).stat().st_size)


def test_names_do_not_change_with_the_folder_that_all_inputs_lie_in(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "place"
    folder.rename(other)
    names = [item.name for item in source_items({"web": (f"{other}/**/*.*",)}, Digests())]
    assert names == ["a.warc.gz", "b.warc.gz", "docs/a.jsonl", "docs/b.parquet", "docs/deep/c.jsonl.zst"]


def test_a_file_named_twice_is_read_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    patterns = ("a.warc.gz", "*.gz", f"{folder}/a.warc.gz", "./a.warc.gz")
    assert [item.name for item in source_items({"web": patterns}, Digests())] == ["a.warc.gz", "b.warc.gz"]


def test_relative_and_absolute_names_may_be_mixed(folder, monkeypatch):
    monkeypatch.chdir(folder / "docs")
    items = source_items({"web": ("a.jsonl", f"{folder}/a.warc.gz")}, Digests())
    assert [item.name for item in items] == ["docs/a.jsonl", "a.warc.gz"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({}, "the recipe has no sources"),
        ({"web": ()}, r"sources\.web\.inputs: no inputs; name files with --set 'sources\.web\.inputs="),
        ({"../up": ("a",)}, "the source '../up' cannot name a folder"),
    ],
)
def test_a_source_without_inputs_or_with_a_hostile_name_is_refused(sources, message):
    with pytest.raises(SettingsError, match=message):
        source_items(sources, Digests())


def test_a_digest_is_remembered_until_the_file_changes(folder, monkeypatch):
    memory, path = folder / "inputs.json", folder / "a.warc.gz"
    digests = Digests(memory)
    before = digests.of(path)
    digests.save()
    monkeypatch.setattr("curate.inputs.digests.digest_of", lambda path, _advance: Digest(0, "read again", ""))
    assert Digests(memory).of(path) == before == sha256_of(path)
    path.write_bytes(b"longer than before")
    assert Digests(memory).of(path) == "read again"


def replace_in_place(path, content):
    path.write_bytes(content)


def replace_by_rename(path, content):
    other = path.with_name("other")
    other.write_bytes(content)
    shutil.copystat(path, other)
    other.replace(path)


@pytest.mark.parametrize("replace", [replace_in_place, replace_by_rename])
@pytest.mark.parametrize("place", [0, 50_000, 99_999])
def test_an_input_replaced_by_one_of_the_same_size_and_time_is_noticed(replace, place, tmp_path):
    memory, path = tmp_path / "inputs.json", tmp_path / "a.warc.gz"
    path.write_bytes(bytes(100_000))
    digests = Digests(memory)
    before, status = digests.of(path), path.stat()
    digests.save()
    replace(path, bytes(place) + b"x" + bytes(99_999 - place))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert Digests(memory).of(path) == sha256_of(path) != before


def test_where_a_file_system_has_no_time_of_change_the_sample_tells(tmp_path, monkeypatch):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(bytes(100_000))
    status = path.stat()
    monkeypatch.setattr("os.fstat", lambda _: status)
    before = stamp_of(path)
    for place in (0, 50_000, 99_999):
        path.write_bytes(bytes(place) + b"x" + bytes(99_999 - place))
        assert stamp_of(path) != before


def test_the_memory_of_an_older_version_is_read_anew(folder):
    memory, path = folder / "inputs.json", folder / "a.warc.gz"
    memory.write_text(json.dumps({str(path): [path.stat().st_size, path.stat().st_mtime_ns, "0" * 64]}))
    assert Digests(memory).of(path) == sha256_of(path)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_a_memory_that_cannot_be_read_is_forgotten(content, folder):
    memory = folder / "inputs.json"
    if content is not None:
        memory.write_bytes(content)
    assert Digests(memory).of(folder / "a.warc.gz") == sha256_of(folder / "a.warc.gz")


def test_an_input_that_is_gone_is_named(folder):
    with pytest.raises(SettingsError, match=r"none\.gz: cannot read this input: No such file"):
        Digests().of(folder / "none.gz")


def test_the_parts_of_a_stage_are_the_next_one_s_items(tmp_path):
    record = finished(tmp_path / "extract")
    items = stage_items(tmp_path / "extract", tmp_path / "filter")
    assert [(item.number, item.name, item.form, item.source) for item in items] == [
        (0, "extract/part-00000.parquet", "part", "web"),
        (1, "extract/part-00001.parquet", "part", "books"),
    ]
    assert [item.digest for item in items] == [record.outputs[f"part-0000{n}.parquet"].sha256 for n in (0, 1)]
    assert items[1].uri == "../extract/part-00001.parquet"


def test_a_dedup_s_items_join_the_decision_with_the_text_it_is_about(tmp_path):
    finished(tmp_path / "filter")
    decided = tuple(stage_items(tmp_path / "filter", tmp_path / "dedup"))
    record = finished(tmp_path / "dedup", stage="dedup", items=decided)
    item = stage_items(tmp_path / "dedup", tmp_path / "deep" / "score")[1]
    assert (item.form, item.source, item.uri) == ("decided", "books", "../../dedup/part-00001.parquet")
    assert (tmp_path / "deep" / "score" / item.base_uri).resolve() == tmp_path / "filter" / "part-00001.parquet"
    assert item.digest == json_digest([record.outputs["part-00001.parquet"].sha256, decided[1].digest])


@pytest.mark.parametrize("stage", ["sign", "tokenize", "pack"])
def test_the_output_of_a_stage_without_documents_is_refused(stage, tmp_path):
    finished(tmp_path / "done", stage=stage)
    with pytest.raises(SettingsError, match=f"done: the output of {stage} holds no documents"):
        stage_items(tmp_path / "done", tmp_path / "next")


def test_a_verb_takes_stage_folders_and_the_user_s_own_documents_together(folder):
    finished(folder / "extract")
    items = named_items((f"{folder}/docs", f"{folder}/extract"), folder / "out", Digests(), "own")
    assert [(item.number, item.form, item.source) for item in items] == [
        (0, "part", "web"),
        (1, "part", "books"),
        (2, "documents", "own"),
        (3, "documents", "own"),
        (4, "documents", "own"),
    ]


def test_two_files_of_one_name_in_two_folders_have_two_names(folder):
    (folder / "more").mkdir()
    (folder / "more" / "a.jsonl").touch()
    names = (f"{folder}/docs/a.jsonl", f"{folder}/more/a.jsonl")
    items = named_items(names, folder / "out", Digests(), "own")
    assert [item.name for item in items] == ["docs/a.jsonl", "more/a.jsonl"]


def test_a_verb_refuses_what_is_neither(folder):
    with pytest.raises(
        SettingsError, match=r"a\.warc\.gz: neither a stage folder nor .* \.jsonl .*\.zip, plain or in \.gz"
    ):
        named_items((f"{folder}/a.warc.gz",), folder / "out", Digests(), "own")


def test_items_seen_from_another_folder_lead_to_the_same_files(tmp_path):
    item = Item(number=0, name="a", uri="../x/a", form="decided", digest="", size=0, base_uri="../y/t")
    absolute = replace(item, uri=str(tmp_path / "x" / "a"), base_uri="")
    here, there = tmp_path / "dedup", tmp_path / "dedup" / "signatures"
    for before, after in zip([item, absolute], rebase_items([item, absolute], here, there), strict=True):
        assert os.path.normpath(there / after.uri) == str(tmp_path / "x" / "a")
        assert bool(after.base_uri) == bool(before.base_uri)
    assert os.path.normpath(there / rebase_items([item], here, there)[0].base_uri) == str(tmp_path / "y" / "t")


def test_many_small_texts_are_items_in_groups_and_documents_of_their_own(tmp_path):
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    names = [f"{number:03d}.txt" for number in range(300)] + [f"deep/{number}.md" for number in range(9)]
    for name in names:
        (tmp_path / "notes" / name).write_text(f"note {name}")
    (tmp_path / "notes" / "299.txt").write_text("")
    (tmp_path / "notes" / "large.txt").write_text("x" * (2 << 20))
    (tmp_path / "notes" / "rows.jsonl").write_text('{"text": "row"}')
    items = source_items({"web": (f"{tmp_path}/notes/**/*.*",)}, Digests())
    assert [(item.number, item.name, len(item.files)) for item in items] == [
        (0, "000.txt to 255.txt", 256),
        (1, "256.txt to deep/8.md", 53),
        (2, "large.txt", 0),
        (3, "rows.jsonl", 0),
    ]
    assert [uri.removeprefix(f"{tmp_path}/notes/") for item in items for uri in item.uris] == sorted(
        [*names, "large.txt", "rows.jsonl"]
    )
    documents = [document for item in items[:2] for document in user_documents(Path(item.uri), item, "filter")]
    assert [document.given_id for document in documents if isinstance(document, Document)] == [
        n for n in names if n != "299.txt"
    ]
    (lost,) = [document for document in documents if isinstance(document, Failure)]
    assert (lost.file, lost.offset, lost.length) == ("256.txt to deep/8.md", 44, 1)
    assert lost.message == "299.txt: the file is empty"
    assert Item(**json.loads(json.dumps(asdict(items[0])))) == items[0]


def test_few_texts_are_items_of_their_own_and_a_changed_one_changes_its_group(tmp_path):
    for number in range(64):
        (tmp_path / f"{number:03d}.txt").write_text("note")
    assert len(source_items({"web": (str(tmp_path),)}, Digests())) == 64
    (tmp_path / "064.txt").write_text("note")
    (before,) = source_items({"web": (str(tmp_path),)}, Digests())
    (tmp_path / "031.txt").write_text("nota")
    (after,) = source_items({"web": (str(tmp_path),)}, Digests())
    assert before.digest != after.digest
    assert replace(before, digest=after.digest, blocks=after.blocks) == after


@pytest.mark.parametrize("name", ["cdx-00000", "cdx-00000.gz", "part.cdxj", "part.cdx.gz"])
def test_an_index_in_lines_is_known_by_its_name_packed_or_not(name, tmp_path):
    (tmp_path / name).write_text("com,example)/ 2026 {}\n")
    (item,) = source_items({"web": (str(tmp_path / name),)}, Digests())
    assert item.form == "index"
