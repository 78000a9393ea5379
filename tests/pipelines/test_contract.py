"""The contract of a finished run: schema, weights, order, and parts that come from one another."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.dataset import manifest
from curate.inspection.verify import faults
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.recipe import from_table
from curate.settings import Where

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "manifests" / "manifest.schema.json").read_text())
SENTENCE = "The keeper and the children of the village have been to the sea, and they said that it was cold to be there"


def recipe(sources: dict) -> dict:
    """Two sources, one rule, small shards."""
    return {
        "name": "contract",
        "sources": dict(sorted(sources.items())),
        "filter": {"rules": ["gopher_quality"]},
        "dedup": {"near": False},
        "pack": {"max_tokens": 500, "valid_fraction": 0.2},
        "mixture": {"tokens": 10_000},
    }


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
    run(from_table(recipe(sources), Where("test", "")), folder / "out", Engine(target=EngineOptions(workers=1)))
    return folder / "out"


def test_a_stage_made_from_other_parts_than_lie_beside_it_is_named(finished, tmp_path):
    """The same counts everywhere, every file as recorded, and yet another dataset's extract."""
    sources = {}
    for path in finished.parent.glob("*.jsonl"):
        (tmp_path / path.name).write_text(path.read_text().replace("cold", "warm"))
        sources[path.stem] = {"inputs": [str(tmp_path / path.name)], "weight": 3 if path.stem == "books" else 1}
    run(from_table(recipe(sources), Where("test", "")), tmp_path / "out", Engine(target=EngineOptions(workers=1)))
    shutil.rmtree(tmp_path / "out" / "extract")
    shutil.copytree(finished / "extract", tmp_path / "out" / "extract")
    assert any("made from other parts than those of" in fault for fault in faults(tmp_path / "out"))


def test_the_manifest_keeps_to_its_schema(finished):
    contract = manifest.read(finished)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(contract, SCHEMA)
    contract["sources"][0]["wieght"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(contract, SCHEMA)


def test_weights_shares_and_epochs_are_the_recipes(finished):
    books, web = manifest.read(finished)["sources"]
    assert (books["weight"], books["share"], web["share"]) == (3.0, 0.75, 0.25)
    for source in (books, web):
        tokens = source["splits"]["train"]["tokens"]
        assert source["epochs"] == pytest.approx(source["share"] * 10_000 / tokens, abs=1e-4)


def test_shards_hold_every_kept_document_once_in_the_global_order(finished):
    contract = manifest.read(finished)
    for source in contract["sources"]:
        seen = []
        for split in source["splits"].values():
            for shard in split["shards"]:
                meta = pq.read_table(finished / f"{shard['path']}.meta.parquet").to_pylist()
                ids = np.memmap(finished / f"{shard['path']}.bin", dtype=np.uint16, mode="r")
                assert len(ids) == shard["tokens"] <= 500
                assert [int(n) for n in np.flatnonzero(ids == 50256)] == [m["offset"] + m["tokens"] - 1 for m in meta]
                seen += [row["url"] for row in meta]
        assert len(seen) == len(set(seen)) == (30 if source["name"] == "books" else 20)
