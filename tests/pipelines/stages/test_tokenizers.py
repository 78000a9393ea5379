"""A tokenizer.json of more than 65,536 entries from the recipe to the loader: every reader follows the manifest."""

import json
import shutil
from importlib import resources

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
from own_tokenizers import LARGE, STORY, byte_level
from stage_files import reseal

from curate import recipe
from curate.dataset import manifest
from curate.dataset.manifest import remix
from curate.errors import SettingsError
from curate.gpt import config
from curate.gpt.heldout import held_out
from curate.gpt.train import of_manifest
from curate.gpt.vocabulary import occurring_ids
from curate.inspection import history
from curate.inspection.verify import faults
from curate.loader import Loader
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.stage.record import read_stage
from curate.tokens import load
from curate.tokens.shards import read_index

pytestmark = pytest.mark.processes

SCHEMA = json.loads((resources.files("curate.manifests") / "manifest.schema.json").read_text())
TEXTS = {f"http://a/{number}": f"{STORY[number % 3]} <|endoftext|> {number} 日本 " * 3 for number in range(30)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recipe with a tokenizer beside it, and what it came to."""
    folder = tmp_path_factory.mktemp("tokenizers")
    byte_level(folder / "large.json", entries=LARGE)
    rows = [json.dumps({"url": url, "text": text}) + "\n" for url, text in TEXTS.items()]
    (folder / "documents.jsonl").write_text("".join(rows))
    (folder / "own.toml").write_text(
        'name = "own"\n[sources.web]\ninputs = ["documents.jsonl"]\n[filter]\nrules = []\n[dedup]\nnear = false\n'
        '[tokenize]\nencoding = "large.json"\n[pack]\nvalid_fraction = 0.2\nmax_tokens = 2000\n'
    )
    run(recipe.load(str(folder / "own.toml")), folder / "out", Engine(target=EngineOptions(workers=1)))
    return folder


@pytest.fixture
def out(folder, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(folder / "out", tmp_path / "out")
    return tmp_path / "out"


def shards(out, split="train"):
    (source,) = manifest.read(out)["sources"]
    return source["splits"][split]["shards"]


def test_the_manifest_states_the_tokenizer_and_fits_its_schema(folder):
    contract = manifest.read(folder / "out")
    jsonschema.validate(contract, SCHEMA)
    stated = load.load(str(folder / "large.json"))
    assert contract["dtype"] == "<u4"
    assert contract["tokenizer"] == {
        "name": "tokenizer.json",
        "file": "tokenize/tokenizer.json",
        "vocabulary": LARGE + 2,
        "eot": LARGE,
        "eot_token": "<|endoftext|>",
        "eot_position": "suffix",
        "sha256": dict(stated.sha256),
    }
    assert (folder / "out/tokenize/tokenizer.json").read_bytes() == (folder / "large.json").read_bytes()
    assert "tokenizers" in contract["versions"]
    assert "tokenizers" in read_stage(folder / "out" / "tokenize").versions


def test_a_memory_map_of_the_stated_type_gives_back_every_text(folder):
    decode, texts = of_manifest(folder / "out" / "manifest.json").decode, {}
    assert len(shards(folder / "out")) > 1
    for split in ("train", "valid"):
        for shard in shards(folder / "out", split):
            stem = folder / "out" / shard["path"]
            ids = np.memmap(f"{stem}.bin", np.uint32, mode="r")
            assert len(ids) == shard["tokens"]
            assert read_index(stem.with_suffix(".idx")).dtype == "<u4"
            for row in pq.read_table(f"{stem}.meta.parquet").to_pylist():
                own = ids[row["offset"] : row["offset"] + row["tokens"]]
                assert own.tolist().index(LARGE) == row["tokens"] - 1
                texts[row["url"]] = decode(own[:-1].tolist())
    assert texts == TEXTS


def test_the_loader_the_lineage_and_the_held_out_windows_read_it(folder):
    path = folder / "out" / "manifest.json"
    loader = Loader(path, context=64, batch=4, seed=0)
    decode = of_manifest(path).decode
    for row, window in enumerate(loader.batch_at(0)):
        for place in loader.locate(0, row):
            ids = [token for token in window[place.start : place.stop].tolist() if token != LARGE]
            assert decode(ids).strip("\ufffd") in TEXTS[place.url]
    assert LARGE in occurring_ids(path)
    (source,) = held_out(path, 64, 4, of_manifest(path).byte_lengths())
    assert source.windows.max() == LARGE
    assert source.bytes


def test_a_model_is_trained_on_it(folder, tmp_path):
    pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
    pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")
    from curate.gpt.train import train
    from curate.gpt.vocabulary import read_vocabulary

    path = folder / "out" / "manifest.json"
    tiny = config.Train(layers=1, heads=1, width=8, context=32, batch=2, steps=2, sample_tokens=4)
    assert train(path, tmp_path, tiny).sample
    assert len(read_vocabulary(path, "full").ids) == LARGE + 2


def test_an_untouched_output_has_no_fault_and_another_end_of_text_is_one(out):
    assert list(faults(out)) == []
    path = out / "manifest.json"
    contract = json.loads(path.read_text())
    contract["tokenizer"]["eot"] += 1
    reseal(path, contract)
    assert list(faults(out)) == [f"{path}: 'tokenizer' is not what recipe.toml and the stages give"]


def test_a_lost_or_exchanged_tokenizer_is_named(out):
    path = out / "tokenize" / "tokenizer.json"
    byte_level(path)
    assert any(str(path) in fault for fault in faults(out))
    with pytest.raises(SettingsError, match="is stated"):
        of_manifest(out / "manifest.json")
    path.unlink()
    assert f"{path}: missing" in list(faults(out))
    with pytest.raises(SettingsError, match=r"tokenizer\.json: cannot read it"):
        of_manifest(out / "manifest.json")


def test_trace_shows_the_text_from_the_token_on_to_its_document_s_end(folder, call):
    shard = shards(folder / "out")[0]["path"]
    row = pq.read_table(folder / "out" / f"{shard}.meta.parquet").to_pylist()[1]
    done = call("trace", folder / "out", "--shard", shard, "--token", row["offset"])
    assert done.code == 0, done.err
    text = next(line for line in done.out.splitlines() if line.startswith("text "))
    assert TEXTS[row["url"]][:20] in text
    last = history.owner(folder / "out", shard, row["offset"]).stop - 1
    assert history.passage(folder / "out", shard, last, last + 1) == "<|endoftext|>"


def test_another_mixture_keeps_type_and_tokenizer(out):
    before = manifest.read(out)
    after = remix(out, ("mixture.tokens=1000",))
    assert (after["dtype"], after["tokenizer"]) == (before["dtype"], before["tokenizer"])


def test_the_same_again_makes_nothing_and_another_tokenizer_makes_all_tokens_anew(folder, out):
    own = recipe.load(str(folder / "own.toml"))
    before = (out / "tokenize" / "stage.json").read_bytes()
    run(own, out, Engine(target=EngineOptions(workers=1)))
    assert (out / "tokenize" / "stage.json").read_bytes() == before
    run(
        recipe.load(str(folder / "own.toml"), ("tokenize.encoding=gpt2",)), out, Engine(target=EngineOptions(workers=1))
    )
    contract = manifest.read(out)
    assert (contract["dtype"], contract["tokenizer"]["name"]) == ("<u2", "gpt2")
    assert not (out / "tokenize" / "tokenizer.json").exists()
    assert list(faults(out)) == []


@pytest.mark.parametrize("one_job", [False, True])
def test_a_missing_tokenizer_ends_the_run_before_any_work(one_job, folder, tmp_path, call):
    arguments = ["--set", f"tokenize.encoding={tmp_path}/none.json", *(["--one-job"] if one_job else [])]
    done = call("run", folder / "own.toml", "-o", tmp_path / "new", *arguments)
    assert done.code == 2
    assert done.error == f"tokenize.encoding: {tmp_path}/none.json: cannot read it: No such file or directory"
    assert not (tmp_path / "new").exists()


def test_as_one_job_the_bytes_are_the_same(folder, tmp_path, call):
    done = call("run", folder / "own.toml", "-o", tmp_path / "out", "--one-job")
    assert done.code == 0, done.err
    for path in sorted((folder / "out").rglob("*")):
        if path.suffix in (".bin", ".idx", ".parquet") or path.name == "tokenizer.json":
            assert (tmp_path / "out" / path.relative_to(folder / "out")).read_bytes() == path.read_bytes()


def test_the_stages_one_at_a_time_follow_the_tokenizer(folder, tmp_path, call):
    chosen = ("--set", f"tokenize.encoding={folder / 'large.json'}")
    done = call("tokenize", folder / "documents.jsonl", "-o", tmp_path / "tokens", *chosen)
    assert done.code == 0, done.err
    assert call("pack", tmp_path / "tokens", "-o", tmp_path / "shards").code == 0
    assert list(faults(tmp_path / "shards")) == []
    (shard,) = (tmp_path / "shards" / "train").rglob("*.bin")
    assert np.fromfile(shard, "<u4").max() == LARGE
    assert history.passage(tmp_path / "shards", str(shard.relative_to(tmp_path / "shards")), 0, 5)


def test_ranks_that_tiktoken_cannot_get_are_one_line_that_says_how_to_provide_them(folder, tmp_path, curate):
    (tmp_path / "empty").mkdir()
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    env = {"TIKTOKEN_CACHE_DIR": str(tmp_path / "empty"), "NO_PROXY": "", "no_proxy": "", **nowhere}
    chosen = ("--set", "tokenize.encoding=cl100k_base")
    done = curate("run", folder / "own.toml", "-o", tmp_path / "out", *chosen, env=env)
    assert done.code == 2
    assert done.error.startswith("tokenize.encoding: tiktoken cannot get the ranks of 'cl100k_base' (ProxyError); set")
    assert "TIKTOKEN_CACHE_DIR" in done.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["hf", "nanotron", "npy", "litdata", "croissant", "datacard"])
def test_an_export_keeps_the_ids_that_need_four_bytes(form, folder, tmp_path, call):
    done = call("export", form, folder / "out", "-o", tmp_path / form)
    assert done.code == 0, done.err
    own = np.concatenate(
        [np.fromfile(folder / "out" / f"{shard['path']}.bin", "<u4") for shard in shards(folder / "out")]
    )
    if form in ("nanotron", "npy"):
        paths = sorted((tmp_path / form).rglob("*.ds" if form == "nanotron" else "*.npy"))
        assert np.array_equal(np.concatenate([np.fromfile(path, "<u4") for path in paths if "train" in str(path)]), own)
    if form == "hf":
        column = [pq.read_table(path)["input_ids"] for path in sorted((tmp_path / form).rglob("*.parquet"))]
        assert max(part.combine_chunks().flatten().to_numpy().max() for part in column) == LARGE


def test_llm_c_has_no_shards_of_four_bytes(folder, tmp_path, call):
    done = call("export", "llmc", folder / "out", "-o", tmp_path / "llmc")
    assert done.code == 2
    assert "llm.c" in done.error
