"""Every way to tamper with an output is found, in a line that names the file; an untouched output has no fault."""

import json
import shutil
from contextlib import contextmanager

import pytest
from stage_files import relist, stored_in

from curate import recipe
from curate.inspection.verify import faults
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.storage.listing import Listing
from curate.storage.writing import sealed

STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
STAGES = ("extract", "filter", "dedup", "dedup/signatures", "tokenize", "shards")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A run of two sources with a rejection, a failure, a duplicate and two splits in it."""
    folder = tmp_path_factory.mktemp("run")
    for source in ("books", "web"):
        rows = [{"text": f"{STORY} {source} {number} " * 4, "url": f"http://{source}/{number}"} for number in range(6)]
        rows += [{"text": "too short"}, {"no": "text"}, rows[0] | {"url": f"http://{source}/copy"}]
        (folder / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "own.toml").write_text(
        'name = "own"\n[sources.books]\ninputs = ["books.jsonl"]\nweight = 3\n[sources.web]\ninputs = ["web.jsonl"]\n'
        '[filter]\nrules = ["gopher_quality"]\n[dedup]\nrounds = 1\n[pack]\nvalid_fraction = 0.4\n'
    )
    run(recipe.load(str(folder / "own.toml")), folder / "out", Engine(target=EngineOptions(workers=1)))
    return folder / "out"


def files(out, *suffixes):
    chosen = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name != ".lock"]
    return [path for path in chosen if not suffixes or path.name.endswith(suffixes)]


@contextmanager
def changed(path, content):
    """The file with this content, or without the file where it is None, until the block ends."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(content) if content is not None else path.unlink()
    try:
        yield
    finally:
        path.write_bytes(before) if before is not None else path.unlink()


@contextmanager
def edited(path, *keys, value):
    """Returns the record with one value changed and a seal that fits; `value` is called with the old one."""
    content = stored_in(path)
    table = content
    for key in keys[:-1]:
        table = table[key]
    table[keys[-1]] = value(table[keys[-1]])
    with changed(path, sealed(content)):
        yield


def only(out, path):
    """Assert that the one fault is a line that begins with the file's path."""
    lines = list(faults(out))
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{path}: ")
    assert "\n" not in lines[0]
    return lines[0]


def test_an_untouched_output_has_no_fault_wherever_it_lies(out, tmp_path):
    assert list(faults(out)) == []
    assert list(faults(shutil.copytree(out, tmp_path / "elsewhere"))) == []


@pytest.mark.parametrize("stage", STAGES)
def test_an_untouched_stage_has_no_fault_by_itself(stage, out):
    assert list(faults(out / stage)) == []


def test_there_is_something_of_every_kind_to_tamper_with(out):
    names = {path.name.split("-")[0] for path in files(out, ".parquet")}
    assert {"part", "rejected", "failed"} <= names
    assert len(files(out, ".bin")) == 4
    assert {path.parent.relative_to(out).as_posix() for path in files(out, "stage.json")} == set(STAGES)


def test_a_flipped_byte_in_any_file_of_data_is_named(out):
    for path in files(out, ".parquet", ".bin", ".idx"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        with changed(path, bytes(content)):
            assert "sha256" in only(out, path)


@pytest.mark.parametrize("cut", [1, 10**9])
def test_a_truncated_file_of_data_is_named_with_both_sizes(cut, out):
    for path in files(out, ".parquet", ".bin", ".idx"):
        content = path.read_bytes()
        with changed(path, content[: max(0, len(content) - cut)]):
            assert only(out, path).endswith(f"bytes, recorded are {len(content)}")


def test_any_missing_file_is_named(out):
    for path in files(out):
        with changed(path, None):
            only(out, path if path.name != "manifest.json" else out)


def test_a_file_that_no_record_owns_is_named_in_every_folder(out):
    folders = {path.parent for path in files(out)}
    assert out in folders
    assert out / "dedup" / "signatures" in folders
    for folder in folders:
        for name in ("notes.txt", ".part-00000.parquet.1.0123456789abcdef.curate.tmp", "part-00099.parquet"):
            with changed(folder / name, b"x"):
                assert only(out, folder / name).endswith("no record owns this file")


COUNTS = ("read", "kept", "rejected", "failed", "bytes_read", "bytes_kept")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("count", COUNTS)
def test_a_changed_count_is_named_and_at_most_the_next_stage_disagrees(stage, count, out):
    path = out / stage / "stage.json"
    with edited(path, "counts", count, value=lambda number: number + 1):
        first, *more = faults(out)
    assert first.startswith(f"{path}: ")
    assert len(more) <= 1
    assert all(f"but {stage} kept" in fault for fault in more)


@pytest.mark.parametrize(
    ("stage", "table"), [("extract", "reasons"), ("filter", "by_source"), ("dedup", "reasons"), ("dedup", "notes")]
)
def test_a_changed_table_of_counts_is_named(stage, table, out):
    path = out / stage / "stage.json"
    with edited(path, "counts", table, value=lambda counts: {f"x{name}": count for name, count in counts.items()}):
        only(out, path)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("key",), lambda key: "0" * 64),
        (("settings",), lambda settings: {**settings, "more": 1}),
        (("versions", "curate"), lambda version: "99"),
    ],
    ids=["key", "settings", "version"],
)
def test_a_record_that_claims_another_origin_is_named(stage, keys, value, out):
    path = out / stage / "stage.json"
    with edited(path, *keys, value=value):
        assert "its key is not that of its settings, items and versions" in only(out, path)


@pytest.mark.parametrize("stage", STAGES)
def test_a_plan_of_other_items_than_the_recorded_ones_is_named(stage, out):
    path = out / stage / "plan.json"
    before = path.read_bytes()
    with changed(path, before):
        first, *others = stored_in(path)["items"]
        for name, value in (("digest", "0" * 64), ("source", "other")):
            relist(path, items=[first | {name: value}, *others])
            assert "not the plan that stage.json records" in only(out, path)


@pytest.mark.parametrize("stage", STAGES)
def test_a_receipt_that_says_otherwise_is_named(stage, out):
    path, record = out / stage / "receipts.json", out / stage / "stage.json"
    before = path.read_bytes()
    first, *others = stored_in(path)["receipts"]
    with changed(path, before):
        relist(path, receipts=[first | {"key": "0" * 64}, *others])
        assert "not the receipts that stage.json records" in only(out, path)
        for name, value in (("key", "0" * 64), ("number", 1), ("files", {"part-00001.parquet": {}})):
            relist(path, receipts=[first | {name: value}, *others])
            with edited(record, "receipts", value=lambda _: Listing(path).seal):
                only(out, path)
        relist(path, receipts=[first | {"counts": first["counts"] | {"bytes_read": 1}}, *others])
        with edited(record, "receipts", value=lambda _: Listing(path).seal):
            assert "the receipts add up to" in only(out, record)
    with changed(path, b"{}"):
        only(out, path)


@pytest.mark.parametrize("stage", STAGES)
def test_a_record_that_cannot_be_read_is_named(stage, out):
    for content in (b"", b"[]", b"{}"):
        with changed(out / stage / "stage.json", content):
            only(out, out / stage / "stage.json")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("name",), lambda name: "other"),
        (("seed",), lambda seed: 1),
        (("dtype",), lambda dtype: "<u4"),
        (("order",), lambda order: "none"),
        (("tokenizer", "eot"), lambda eot: 0),
        (("mixture", "tokens"), lambda tokens: tokens + 1),
        (("sources", 0, "weight"), lambda weight: 2),
        (("sources", 0, "share"), lambda share: 0.5),
        (("sources", 1, "epochs"), lambda epochs: 9),
        (("sources",), lambda sources: sources[::-1]),
        (("sources",), lambda sources: sources[:1]),
        (("sources", 0, "splits", "train", "documents"), lambda documents: documents + 1),
        (("sources", 0, "splits", "train", "shards", 0, "tokens"), lambda tokens: tokens + 1),
        (("sources", 0, "splits", "train", "shards", 0, "path"), lambda path: path + "x"),
        (("sources", 0, "splits", "train", "shards", 0, "files", "bin", "sha256"), lambda sha256: "0" * 64),
        (("stages", 1, "kept"), lambda kept: kept + 1),
        (("stages", 2, "key"), lambda key: "0" * 64),
        (("stages",), lambda stages: stages[1:]),
        (("recipe",), lambda text: text + "# more\n"),
        (("versions", "trafilatura"), lambda version: "0"),
        (("versions", "curate"), lambda version: "0"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_changed_value_in_the_manifest_is_named(keys, value, out):
    with edited(out / "manifest.json", *keys, value=value):
        only(out, out / ("recipe.toml" if keys == ("recipe",) else "manifest.json"))


def test_a_field_added_to_the_manifest_is_named(out):
    content = stored_in(out / "manifest.json") | {"licence": "mine"}
    with changed(out / "manifest.json", sealed(content)):
        assert "'licence'" in only(out, out / "manifest.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": "curate.manifest", "version": 2}'])
def test_a_manifest_that_is_none_is_named(content, out):
    with changed(out / "manifest.json", content):
        only(out, out / "manifest.json")


def test_a_changed_or_broken_recipe_is_named(out):
    content = (out / "recipe.toml").read_bytes()
    with changed(out / "recipe.toml", content.replace(b"weight = 3.0", b"weight = 4.0")):
        assert "not the recipe that manifest.json holds" in only(out, out / "recipe.toml")
    with changed(out / "recipe.toml", b"name = "):
        only(out, out / "recipe.toml")


def test_the_folder_of_a_stage_that_the_recipe_no_longer_has_is_no_fault(out, tmp_path):
    copied = shutil.copytree(out, tmp_path / "out")
    shutil.copytree(out / "filter", copied / "score")
    assert list(faults(copied)) == []


def test_two_faults_are_two_lines(out):
    one, other = files(out, ".bin")[:2]
    with changed(one, b""), changed(other, None):
        assert sorted(fault.split(": ")[0] for fault in faults(out)) == sorted([str(one), str(other)])
