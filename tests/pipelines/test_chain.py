"""The chain of verbs ends in a manifest, which every reader takes and a second run leaves as it is."""

import json
import shutil
from pathlib import Path

import pytest

from curate.dataset import manifest
from curate.dataset.export import TextOptions, export, export_texts
from curate.errors import SettingsError
from curate.inspection import funnel
from curate.inspection.verify import faults
from curate.loader.loader import Loader
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.stage.ownership import owners
from curate.stage.record import read_stage
from curate.storage.writing import write_record

pytestmark = pytest.mark.processes

ENGINE = Engine(target=EngineOptions(workers=1))
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
RULES = ('filter.rules=["gopher_quality"]', "filter.gopher_quality.min_words=10")


def verb(stage: str, inputs: Path, out: Path, *settings: str, recipe: str | None = None) -> None:
    verbs.run(stage, (str(inputs),), out, recipe, settings, ENGINE, "web")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Returns shards that the verbs made of documents of two sources; no test may change them."""
    folder = tmp_path_factory.mktemp("chain")
    rows = [
        {"text": f"{STORY} {source} {number}", "source": source, "url": f"http://{source}/{number}"}
        for source, size in (("books", 30), ("a b", 10))
        for number in range(size)
    ]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    verb("filter", folder / "own.jsonl", folder / "filtered", *RULES)
    verb("dedup", folder / "filtered", folder / "unique", "dedup.near=false", "dedup.similarity=0.8")
    verb("tokenize", folder / "unique", folder / "tokens", "pack.valid_fraction=0.3", "seed=7")
    verb("pack", folder / "tokens", folder / "shards", "pack.max_tokens=300")
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "chain")


def test_it_states_the_sources_the_stages_behind_and_their_settings(made):
    contract = manifest.read(made / "shards")
    assert [(stage["name"], stage["path"]) for stage in contract["stages"]] == [
        ("filter", "../filtered/stage.json"),
        ("dedup", "../unique/stage.json"),
        ("tokenize", "../tokens/stage.json"),
        ("pack", "stage.json"),
    ]
    for stage in contract["stages"]:
        assert stage["key"] == read_stage((made / "shards" / stage["path"]).parent).key
    shares = {source["name"]: source["share"] for source in contract["sources"]}
    train = {source["name"]: source["splits"]["train"]["tokens"] for source in contract["sources"]}
    assert shares == pytest.approx({name: tokens / sum(train.values()) for name, tokens in train.items()})
    assert set(shares) == {"books", "a b"}
    stated = manifest.recipe_of(contract)
    assert (stated.seed, stated.pack.valid_fraction, stated.dedup.similarity) == (7, 0.3, 0.8)
    assert (stated.filter.rules, stated.filter.gopher_quality.min_words) == (("gopher_quality",), 10)


def test_every_shard_lies_where_it_says_and_verify_and_ownership_know_the_file(made):
    contract = manifest.read(made / "shards")
    shards = [
        shard for source in contract["sources"] for split in source["splits"].values() for shard in split["shards"]
    ]
    assert len(shards) > 3
    assert all((made / "shards" / f"{shard['path']}.bin").is_file() for shard in shards)
    assert list(faults(made / "shards")) == []
    assert owners(made / "shards")[made / "shards" / "manifest.json"] == "pack"


def test_the_loader_mix_train_s_reader_inspect_and_exports_read_it(folder):
    shards = folder / "shards"
    assert len(Loader(str(shards), context=8, batch=2, seed=1).batch_at(0)) == 2
    summary = funnel.summary(shards)
    assert {source["name"] for source in summary["sources"]} == {"books", "a b"}
    contract = manifest.remix(shards, ("mixture.preset=uniform", "mixture.tokens=1000"))
    assert {source["share"] for source in contract["sources"]} == {0.5}
    weighed = manifest.remix(shards, ("mixture.preset=recipe", "sources.books.weight=3"))
    assert {source["name"]: source["weight"] for source in weighed["sources"]} == {"books": 3, "a b": 1}
    assert list(faults(shards)) == []
    for form in ("npy", "hf", "datacard"):
        export(form, shards, folder / form)
    export("croissant", shards, shards)
    described = json.loads((shards / "croissant.json").read_text())
    assert described["distribution"][-1]["includes"] == ["train/*/*.meta.parquet", "valid/*/*.meta.parquet"]
    assert list(faults(shards)) == []
    texts = export_texts("jsonl", shards, folder / "texts", TextOptions())
    assert texts.documents == read_stage(shards).counts.kept


def test_a_second_run_leaves_it_byte_for_byte_and_a_changed_setting_writes_it_anew(folder):
    path = folder / "shards" / "manifest.json"
    before = path.read_bytes()
    verb("pack", folder / "tokens", folder / "shards", "pack.max_tokens=300")
    assert path.read_bytes() == before
    verb("pack", folder / "tokens", folder / "shards", "pack.max_tokens=600")
    assert path.read_bytes() != before
    assert list(faults(folder / "shards")) == []


def test_a_named_recipe_gives_weights_and_mixture(folder):
    (folder / "own.toml").write_text('name = "mine"\n[sources.books]\nweight = 3\n[mixture]\ntokens = 5000\n')
    verb("pack", folder / "tokens", folder / "other", recipe=str(folder / "own.toml"))
    contract = manifest.read(folder / "other")
    assert {source["name"]: source["share"] for source in contract["sources"]} == {"books": 0.75, "a b": 0.25}
    assert (contract["name"], contract["mixture"]["tokens"]) == ("mine", 5000)
    assert list(faults(folder / "other")) == []


def test_the_shards_stand_alone_where_the_folders_behind_them_are_gone(folder):
    for name in ("filtered", "unique", "tokens", "own.jsonl"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert list(faults(folder / "shards")) == []
    assert len(Loader(folder / "shards", context=8, batch=2, seed=1).batch_at(0)) == 2
    with pytest.raises(SettingsError, match="tokens"):
        export_texts("jsonl", folder / "shards", folder / "texts", TextOptions())


@pytest.mark.parametrize(
    ("field", "value"),
    [(("seed",), 8), (("sources", 0, "weight"), 7), (("stages", 0, "kept"), 1), (("dtype",), "<u4"), (("name",), "x")],
)
def test_verify_names_a_field_that_was_changed(field, value, folder):
    path = folder / "shards" / "manifest.json"
    contract = json.loads(path.read_text())
    table = contract
    for key in field[:-1]:
        table = table[key]
    table[field[-1]] = value
    path.write_text(json.dumps(contract))
    assert [fault for fault in faults(folder / "shards") if "changed since it was written" in fault]
    write_record(path, contract)  # as one who changes the seal too
    assert [fault for fault in faults(folder / "shards") if repr(field[0]) in fault]


def test_the_command_inspects_reports_and_verifies_it(call, folder):
    shards = folder / "shards"
    assert "books" in call("inspect", shards).out
    assert call("report", shards).code == 0
    assert call("mix", shards, "--tokens", "1K").code == 0
    assert call("verify", shards).code == 0
    packed = call("pack", folder / "tokens", "-o", shards, "--set", "pack.max_tokens=300", "--workers", 1)
    assert packed.code == 0, packed.err
    assert call("verify", shards).code == 0
