"""Verify names each fault of an output in a line of its own, and the manifest keeps to its published schema."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

from curate import manifest, shards
from curate.pipelines.run import Engine, run
from curate.recipe import from_table
from curate.settings import Where
from curate.verify import faults

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "manifests" / "manifest.schema.json").read_text())
SENTENCE = "The keeper and the children of the village have been to the sea, and they said that it was cold to be there"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run over two sources of the user's own documents, with small shards."""
    folder = tmp_path_factory.mktemp("finished")
    sources = {}
    for source, number in (("books", 30), ("web", 20)):
        rows = [
            {"url": f"http://{source}.example/{n}", "text": f"{SENTENCE} {source} {n}. " * 3} for n in range(number)
        ]
        rows.append({"url": f"http://{source}.example/short", "text": "short"})
        (folder / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources[source] = {"inputs": [str(folder / f"{source}.jsonl")], "weight": 3 if source == "books" else 1}
    table = {
        "name": "verified",
        "sources": sources,
        "filter": {"rules": ["gopher_quality"]},
        "dedup": {"near": False},
        "pack": {"max_tokens": 500, "valid_fraction": 0.2},
        "mixture": {"tokens": 10_000},
    }
    run(from_table(table, Where("test", "")), folder / "out", Engine(workers=1))
    return folder / "out"


@pytest.fixture
def out(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def first(out: Path, pattern: str) -> Path:
    return sorted(out.glob(pattern))[0]


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_an_untouched_output_has_no_fault_even_after_it_was_moved(out):
    assert list(faults(out)) == []


def test_a_changed_byte_of_a_shard_is_named(out):
    path = first(out, "shards/train/*/*.bin")
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    found = list(faults(out))
    assert all(str(path) in fault for fault in found)
    assert any("sha256" in fault for fault in found)


@pytest.mark.parametrize("pattern", ["shards/train/*/*.idx", "filter/part-*.parquet", "tokenize/part-*.parquet"])
def test_a_truncated_or_missing_file_is_named(pattern, out):
    path = first(out, pattern)
    path.write_bytes(path.read_bytes()[:-1])
    assert any(str(path) in fault and "bytes, recorded are" in fault for fault in faults(out))
    path.unlink()
    assert any(fault == f"{path}: missing" for fault in faults(out))


def test_a_count_that_does_not_add_up_is_named(out):
    edit(out / "filter" / "stage.json", lambda record: record["counts"].update(kept=record["counts"]["kept"] - 1))
    found = list(faults(out))
    assert any(
        fault.startswith(f"{out / 'filter' / 'stage.json'}: read ") and "is not kept" in fault for fault in found
    )
    assert any(fault.startswith(str(out / "dedup")) and "but filter kept" in fault for fault in found)


def test_a_reason_that_the_files_do_not_hold_is_named(out):
    def swap(record):
        record["counts"]["reasons"] = {"gopher_quality.stop_words": sum(record["counts"]["reasons"].values())}

    edit(out / "filter" / "stage.json", swap)
    assert list(faults(out)) == [f"{out / 'filter' / 'stage.json'}: the reasons in the files are not those recorded"]


def test_a_stray_file_is_named(out):
    (out / "extract" / ".part-00000.parquet.7.ab.tmp").write_bytes(b"half")
    (out / "shards" / "train" / "web" / "extra.bin").write_bytes(b"00")
    found = list(faults(out))
    assert len(found) == 2
    assert all("no record owns this file" in fault for fault in found)


def test_an_index_that_disagrees_with_the_documents_is_named_though_its_digest_was_made_to_fit(out):
    path = first(out, "shards/train/books/*.idx")
    lengths = shards.read_index(path).lengths.copy()
    lengths[0], lengths[1] = lengths[0] + 1, lengths[1] - 1
    shards.write_index(path, lengths)
    from curate.parts import sha256_of

    name = str(path.relative_to(out / "shards"))
    edit(out / "shards" / "stage.json", lambda record: record["outputs"][name].update(sha256=sha256_of(path)))
    assert any("does not agree with .meta.parquet" in fault for fault in faults(out))


def test_an_edited_manifest_is_named(out):
    edit(out / "manifest.json", lambda found: found["sources"][0]["splits"]["train"]["shards"].pop())
    found = list(faults(out))
    assert found
    assert all("manifest.json" in fault for fault in found)


def test_an_unfinished_output_says_so(out):
    (out / "manifest.json").unlink()
    assert list(faults(out)) == [f"{out}: not finished, it has no manifest.json; run the same command again"]


def test_the_manifest_keeps_to_its_schema(finished):
    found = manifest.read(finished)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(found, SCHEMA)
    found["sources"][0]["wieght"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_weights_shares_and_epochs_are_the_recipes(finished):
    books, web = manifest.read(finished)["sources"]
    assert (books["weight"], books["share"], web["share"]) == (3.0, 0.75, 0.25)
    for source in (books, web):
        tokens = source["splits"]["train"]["tokens"]
        assert source["epochs"] == pytest.approx(source["share"] * 10_000 / tokens, abs=1e-4)


def test_shards_hold_every_kept_document_once_in_the_global_order(finished):
    found = manifest.read(finished)
    for source in found["sources"]:
        seen = []
        for split in source["splits"].values():
            for shard in split["shards"]:
                meta = pq.read_table(finished / f"{shard['path']}.meta.parquet").to_pylist()
                ids = np.memmap(finished / f"{shard['path']}.bin", dtype=np.uint16, mode="r")
                assert len(ids) == shard["tokens"] <= 500
                assert [int(n) for n in np.flatnonzero(ids == 50256)] == [m["offset"] + m["tokens"] - 1 for m in meta]
                seen += [row["url"] for row in meta]
        assert len(seen) == len(set(seen)) == (30 if source["name"] == "books" else 20)
