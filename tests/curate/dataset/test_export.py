"""Exports: which files, whose they are, that their bytes are those of the shards. Readers of others: tests/readers."""

import json
import os
import shutil
from pathlib import Path
from string import ascii_letters

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from small_sets import write

from curate import storage
from curate.dataset import trainers
from curate.dataset.datacard import config_names, quoted
from curate.dataset.export import export
from curate.dataset.forms import Dataset
from curate.errors import UserError
from curate.inspection.verify import faults
from curate.records import SOURCE
from curate.tokens.shards import read_index

FORMATS = ("croissant", "datacard", "hf", "llmc", "litdata", "nanotron", "npy")
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."


@pytest.fixture
def out(several_shards, tmp_path) -> Path:
    return shutil.copytree(several_shards, tmp_path / "out")


def shards(out: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name: its tokens, and the end of each document."""
    tokens_and_ends = {}
    for path in sorted((out / "shards").rglob("*.bin")):
        name = str(path.relative_to(out / "shards").with_suffix(""))
        tokens_and_ends[name] = np.memmap(path, "<u2"), np.cumsum(read_index(path.with_suffix(".idx")).lengths)
    assert len(tokens_and_ends) > 4
    return tokens_and_ends


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nanogpt_s_memmap_reads_the_shards_end_to_end(out):
    joined = out.parent / "train.bin"
    parts = sorted((out / "shards" / "train" / "web").glob("*.bin"))
    joined.write_bytes(b"".join(path.read_bytes() for path in parts))
    data = np.memmap(joined, dtype=np.uint16, mode="r")
    own = [tokens for name, (tokens, _) in shards(out).items() if name.startswith("train/web/")]
    assert np.array_equal(data, np.concatenate(own))


def test_llm_c_s_check_of_a_header_holds_and_end_of_text_stands_before_each_document(out, tmp_path):
    export("llmc", out, tmp_path / "x")
    for name, (tokens, ends) in shards(out).items():
        raw = (tmp_path / "x" / f"{name}.bin").read_bytes()
        header, exported = np.frombuffer(raw[:1024], "<i4"), np.frombuffer(raw[1024:], "<u2")
        assert header[:3].tolist() == [20240520, 1, len(tokens)]
        assert not header[3:].any()
        assert len(raw) == 256 * 4 + 2 * header[2]
        assert np.array_equal(exported, np.concatenate([tokens[-1:], tokens[:-1]]))
        starts = np.concatenate([[0], ends[:-1]])
        assert np.flatnonzero(exported == 50256).tolist() == starts.tolist()


def test_nanotron_and_npy_are_other_names_of_the_shards_and_the_index_holds_the_ends(out, tmp_path):
    for form, suffix in (("nanotron", "ds"), ("npy", "npy")):
        export(form, out, tmp_path / form)
        for name, (_, ends) in shards(out).items():
            made = tmp_path / form / f"{name}.{suffix}"
            assert made.samefile(out / "shards" / f"{name}.bin")
            if form == "nanotron":
                assert np.fromfile(f"{made}.index", "<u8").tolist() == ends.tolist()


def test_on_another_device_they_are_copies(out):
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or not os.access(elsewhere, os.W_OK) or elsewhere.stat().st_dev == out.stat().st_dev:
        pytest.skip("no second device here")
    dest = elsewhere / f"curate-test-{os.getpid()}"
    try:
        export("npy", out, dest)
        for name, (tokens, _) in shards(out).items():
            assert np.array_equal(np.memmap(dest / f"{name}.npy", np.uint16), tokens)
    finally:
        shutil.rmtree(dest)


@pytest.mark.parametrize("rows", [1, 2, 1024])
def test_parquet_has_a_row_per_document_in_groups_of_bounded_size(rows, out, tmp_path, monkeypatch):
    monkeypatch.setattr(trainers, "ROWS", rows)
    export("hf", out, tmp_path / "x")
    for name, (tokens, ends) in shards(out).items():
        file = pq.ParquetFile(tmp_path / "x" / f"{name}.parquet")
        groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        assert max(groups) <= rows
        exported, meta = file.read(), pq.read_table(out / "shards" / f"{name}.meta.parquet")
        assert str(exported.schema.field("input_ids").type) == "list<element: uint16>"
        assert exported["input_ids"].to_pylist() == [part.tolist() for part in np.split(tokens, ends[:-1])]
        assert [bytes.fromhex(document_id) for document_id in exported["id"].to_pylist()] == meta["id"].to_pylist()
        assert exported.select(["url", "source", "quality"]).equals(meta.select(["url", "source", "quality"]))


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_gives_the_same_bytes_again_and_anew(form, out, tmp_path):
    export(form, out, tmp_path / "a")
    first = content(tmp_path / "a")
    export(form, out, tmp_path / "a")
    export(form, out, tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b") == first
    assert list(faults(out)) == []


def test_one_split_is_that_split_and_files_of_the_export_before_go(out, tmp_path):
    export("npy", out, tmp_path / "x")
    (tmp_path / "x" / "mine.txt").write_text("mine")
    done = export("npy", out, tmp_path / "x", split="train")
    names = {name for name in content(tmp_path / "x") if not name.startswith(".")}
    assert names == {"mine.txt"} | {f"{name}.npy" for name in shards(out) if name.startswith("train/")}
    assert done.files == done.shards == len(names) - 1


def test_several_exports_share_a_folder(out, tmp_path):
    for form in FORMATS[:3]:
        export(form, out, tmp_path / "hub")
    export("hf", out, tmp_path / "hub")
    shard = next(name for name in shards(out) if name.startswith("train/web/"))
    assert {"README.md", "croissant.json", f"{shard}.parquet"} <= content(tmp_path / "hub").keys()


def test_a_file_that_is_not_of_the_export_or_was_changed_is_not_overwritten(out, tmp_path):
    dest = tmp_path / "x"
    dest.mkdir()
    (dest / "README.md").write_text("mine")
    with pytest.raises(UserError, match=r"x/README.md: not of an export to datacard"):
        export("datacard", out, dest)
    assert content(dest) == {"README.md": b"mine"}
    (dest / "README.md").unlink()
    export("datacard", out, dest)
    (dest / "README.md").write_text("mine now")
    before = content(dest)
    with pytest.raises(UserError, match=r"x/README.md: changed since it was exported"):
        export("datacard", out, dest)
    assert content(dest) == before


def test_a_record_that_names_files_elsewhere_is_refused_and_nothing_is_removed(out, tmp_path):
    (tmp_path / "victim").write_text("keep")
    (tmp_path / "x").mkdir()
    for text in ('{"files": {"../victim": 4}}', '{"files": {"/victim": 4}}', '{"files": [1]}', "{"):
        (tmp_path / "x" / ".curate-export-npy.json").write_text(text)
        with pytest.raises(UserError, match=r"record of an export|names no files"):
            export("npy", out, tmp_path / "x")
    assert (tmp_path / "victim").read_text() == "keep"


def test_croissant_may_lie_in_the_output_and_verify_tells_when_it_is_of_another_manifest(out):
    export("croissant", out, out)
    assert list(faults(out)) == []
    described = json.loads((out / "croissant.json").read_text())
    files = {entry["contentUrl"]: entry for entry in described["distribution"] if "contentUrl" in entry}
    stated = json.loads((out / "manifest.json").read_text())["sources"][0]["splits"]["train"]["shards"][0]
    assert files[f"{stated['path']}.bin"]["sha256"] == stated["files"]["bin"]["sha256"]
    assert set(files) == {f"shards/{name}.{s}" for name in shards(out) for s in ("bin", "idx", "meta.parquet")}
    (out / "manifest.json").write_text((out / "manifest.json").read_text() + " ")
    assert [fault for fault in faults(out) if "describes an earlier manifest" in fault]


def test_croissant_may_lie_above_the_output_and_no_other_form_may(out):
    export("croissant", out, out.parent)
    described = json.loads((out.parent / "croissant.json").read_text())
    assert {entry["contentUrl"] for entry in described["distribution"] if "contentUrl" in entry} >= {
        f"out/shards/{name}.bin" for name in shards(out)
    }
    with pytest.raises(UserError, match="lies in the output"):
        export("npy", out, out.parent)


def test_the_card_states_the_funnel_the_mixture_and_the_licence(out, tmp_path):
    export("datacard", out, tmp_path / "x", license="odc-by")
    card = (tmp_path / "x" / "README.md").read_text()
    assert 'license: "odc-by"' in card
    contract = json.loads((out / "manifest.json").read_text())
    held_out = [source["name"] for source in contract["sources"] if "valid" in source["splits"]]
    assert (
        "  - split: validation\n    path:\n" + "".join(f'    - "valid/{name}/*.parquet"\n' for name in held_out) in card
    )
    for stage in contract["stages"]:
        assert f"| {stage['name']} | {stage['read']} | {stage['kept']} | {stage['rejected']} |" in card
    train = contract["sources"][0]["splits"]["train"]
    assert f"| books | train | {train['documents']} | {train['tokens']:,} | {train['bytes']:,} | 75.0 % |" in card


names = st.lists(st.text(min_size=1, max_size=8).filter(SOURCE.fullmatch), unique=True, max_size=6)


@given(names)
def test_configurations_of_a_card_differ_where_case_is_ignored_and_none_is_called_default_or_all(sources):
    configs = config_names(sources)
    assert len({name.casefold() for name in configs} | {"default", "all"}) == len(sources) + 2
    assert not any(set(name) & set('<>:/\\|?*"') for name in configs)
    assert sources[:1] == configs[:1] or set(sources[0]) - {*ascii_letters} or sources[0].lower() in ("default", "all")


@given(st.text())
def test_a_string_of_the_card_is_read_back_from_its_yaml(text):
    assert yaml.safe_load(quoted(text.encode("utf-8", "replace").decode())) == text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("form", "dest", "more", "message"),
    [
        ("zip", "x", {}, "zip: no such format; known are croissant, datacard, hf"),
        ("npy", "x", {"split": "dev"}, "--split dev: .* has train and valid"),
        ("npy", "x", {"license": "mit"}, "--license goes with croissant and datacard, not with npy"),
        ("npy", "out", {}, "lies in the output itself"),
        ("datacard", "out", {}, "lies in the output itself"),
        ("croissant", "out/filter", {}, "lies in the output itself"),
    ],
)
def test_what_will_not_do_is_refused_before_any_work(form, dest, more, message, out, tmp_path):
    before = content(tmp_path)
    with pytest.raises(UserError, match=message):
        export(form, out, tmp_path / dest, **more)
    assert content(tmp_path) == before


def test_a_damaged_or_missing_shard_is_named(out, tmp_path):
    shard = next((out / "shards" / "train" / "web").glob("*.bin"))
    raw = shard.read_bytes()
    shard.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(ValueError, match=f"{shard.name}: damaged"):
        export("npy", out, tmp_path / "x")
    shard.unlink()
    with pytest.raises(ValueError, match=f"{shard.name}: no such shard"):
        export("npy", out, tmp_path / "y")
    assert not (tmp_path / "y").exists()


def test_an_export_goes_to_a_store_and_comes_from_one(out, tmp_path):
    store = storage.path("memory://exports")
    for name, raw in content(out).items():
        (store / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (store / "out" / name).write_bytes(raw)
    export("nanotron", out, tmp_path / "x")
    export("nanotron", store / "out", store / "x")
    assert {name: (store / "x" / name).read_bytes() for name in storage.sizes(store / "x")} == content(tmp_path / "x")


def wide(folder: Path) -> Dataset:
    """A dataset of uint32 ids."""
    path = write(folder, {"web": (1, {"train": [[70000, 1, 50256]]})}, dtype="<u4")
    return Dataset(out=folder, contract=json.loads(path.read_text()), dest=folder, splits=("train",))


def test_ids_of_four_bytes_go_where_a_reader_takes_them(tmp_path):
    dataset = wide(tmp_path)
    with pytest.raises(UserError, match=r"llm\.c's loader reads uint16"):
        dict(trainers.llmc(dataset))
    files = dict(trainers.litdata(dataset))
    for name, write_file in files.items():
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(tmp_path / "x" / name)
    folder = tmp_path / "x" / "train" / "web"
    assert json.loads((folder / "index.json").read_text())["config"]["data_format"] == ["no_header_numpy:6"]
    assert np.fromfile(folder / "part-00000-of-00001.bin", "<u4").tolist() == [1, 12, 24, 70000, 1, 50256]


def test_the_command_tells_what_it_wrote_and_refuses_in_one_line(call, out, tmp_path):
    done = json.loads(call("export", "npy", out, "-o", tmp_path / "x", "--json").out)
    tokens = sum(len(ids) for ids, _ in shards(out).values())
    assert done == {"folder": str(tmp_path / "x"), "files": len(shards(out)), "shards": done["files"], "tokens": tokens}
    refused = call("export", "zip", out, "-o", tmp_path / "y")
    assert (refused.code, refused.error.split(";")[0]) == (2, "zip: no such format")
    assert not (tmp_path / "y").exists()
