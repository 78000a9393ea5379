"""`curate mix` on a finished run: the manifest and the recipe change together, the shards not at all."""

import json
from importlib import resources

import jsonschema
import pyarrow.parquet as pq
import pytest

from curate import recipe
from curate.dataset import manifest
from curate.inspection.verify import faults
from curate.loader import Loader
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.storage.writing import sha256_of

pytestmark = pytest.mark.processes

SCHEMA = json.loads((resources.files("curate.manifests") / "manifest.schema.json").read_text(encoding="utf-8"))
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of a small source and a larger one; their documents have no scores."""
    folder = tmp_path_factory.mktemp("run")
    for source, number in (("books", 4), ("web", 16)):
        rows = [{"text": f"{STORY} {source} {k} " * 4, "url": f"http://{source}/{k}"} for k in range(number)]
        (folder / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "own.toml").write_text(
        'name = "own"\n[sources.books]\ninputs = ["books.jsonl"]\nweight = 3\n[sources.web]\ninputs = ["web.jsonl"]\n'
        '[filter]\nrules = ["gopher_quality"]\n[dedup]\nnear = false\n'
    )
    run(recipe.load(str(folder / "own.toml")), folder / "out", Engine(target=EngineOptions(workers=1)))
    return folder / "out"


def test_a_mixture_by_stated_quality_is_printed_written_verified_and_read(finished, call):
    before = {path: sha256_of(path) for path in sorted((finished / "shards").rglob("*")) if path.is_file()}
    stated = ("--set", "mixture.quality.books=0.9", "--set", "mixture.quality.web=0.3")
    done = call("mix", finished, "--tokens", "2K", "--preset", "quality", *stated, "--json")
    mixture, contract = json.loads(done.out), manifest.read(finished)
    assert (mixture["tokens"], mixture["preset"], mixture["max_epochs"]) == (2000, "quality", 4)
    books, web = mixture["sources"]
    assert books["epochs"] == pytest.approx(min(4, 9 * web["epochs"]), abs=1e-3)
    assert [source["quality"] for source in mixture["sources"]] == [0.9, 0.3]
    assert books["weight"] + web["weight"] == 10**9
    jsonschema.validate(contract, SCHEMA)
    assert [source["weight"] for source in contract["sources"]] == [books["weight"], web["weight"]]
    assert contract["recipe"] == (finished / "recipe.toml").read_text()
    assert list(faults(finished)) == []
    assert {path: sha256_of(path) for path in before} == before
    loader = Loader(finished / "manifest.json", context=20, seed=0)
    assert loader.seen(10_000)[0].samples == pytest.approx(10_000 * books["share"], abs=2)


def test_the_table_has_a_line_for_every_source(finished, call):
    done = call("mix", finished, "--preset", "size", "--max-epochs", "2")
    assert "mixture size" in done.out
    assert all(any(name in line and " no " in line for line in done.out.splitlines()) for name in ("books", "web"))
    assert manifest.read(finished)["mixture"]["max_epochs"] == 2


def test_a_preset_starts_anew_and_other_settings_go_on(finished, call):
    call("mix", finished, "--preset", "uniform", "--max-epochs", "3", "--tokens", "1K")
    call("mix", finished, "--set", "sources.web.weight=7")
    assert manifest.read(finished)["mixture"] == {"tokens": 1000, "preset": "uniform", "max_epochs": 3}
    call("mix", finished, "--preset", "recipe")
    assert manifest.read(finished)["mixture"] == {"tokens": 1000, "preset": "recipe", "max_epochs": None}
    assert [source["weight"] for source in manifest.read(finished)["sources"]] == [3, 7]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--preset", "best"], "preset is one of recipe, size"),
        (["--tokens", "many"], "many: not a number of tokens"),
        (["--set", "train.steps=3"], "a mixture changes mixture.* and sources.NAME.weight, nothing else"),
        (["--set", "sources.radio.weight=3"], "has no source 'radio'"),
        (["--preset", "gpt3"], "the preset gpt3 has no source 'books'"),
        (["--set", "mixture.quality.radio=0.5"], "mixture.quality names 'radio'"),
        (["--preset", "uniform", "--tokens", "1T", "--max-epochs", "4"], "more than 4 epochs of every source"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused_in_one_line_and_nothing_is_written(words, why, finished, call):
    files = [finished / "manifest.json", finished / "recipe.toml"]
    before = [path.read_bytes() for path in files]
    done = call("mix", finished, *words)
    assert (done.code, why in done.error) == (2, True), done.err
    assert [path.read_bytes() for path in files] == before


def test_buckets_of_quality_are_sources_of_their_own(tmp_path, call):
    rows = [{"text": f"{STORY} {k} " * 4, "url": f"http://web/{k}", "quality": k / 20} for k in range(20)]
    (tmp_path / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[sources.web]\ninputs = ["web.jsonl"]\n[filter]\nrules = []\n[dedup]\nnear = false\n'
        '[pack]\nbuckets = [0.5]\nvalid_fraction = 0\n[mixture]\npreset = "quality"\n'
    )
    run(recipe.load(str(tmp_path / "own.toml")), tmp_path / "out", Engine(target=EngineOptions(workers=1)))
    contract = manifest.read(tmp_path / "out")
    jsonschema.validate(contract, SCHEMA)
    low, high = contract["sources"]
    assert [(source["name"], source["of"], source["bucket"]) for source in (low, high)] == [
        ("web.q0", "web", 0),
        ("web.q1", "web", 1),
    ]
    assert [source["splits"]["train"]["documents"] for source in (low, high)] == [10, 10]
    assert [source["quality"] for source in (low, high)] == pytest.approx([0.225, 0.725], abs=0.01)
    assert high["epochs"] > 2 * low["epochs"]
    assert list(faults(tmp_path / "out")) == []
    assert [progress.source for progress in Loader(tmp_path / "out" / "manifest.json", context=9, seed=0).seen(1)] == [
        "web.q0",
        "web.q1",
    ]


def test_a_folder_without_a_manifest_is_named(tmp_path, call):
    assert "no such manifest" in call("mix", tmp_path).error
    assert not list(tmp_path.iterdir())


def test_the_quality_of_documents_without_scores_must_be_stated(finished, call):
    done = call("mix", finished, "--preset", "quality", "--set", "mixture.quality={}")
    assert "source 'books' has no quality scores" in done.error


def test_documents_of_larger_clusters_are_seen_more_often(tmp_path, call):
    stories = [f"{STORY} {number} " * 4 for number in range(6)]
    texts = [*stories, *stories[2:], *stories[4:]]  # two once, two twice, two three times
    rows = [{"text": text, "url": f"http://web/{number}"} for number, text in enumerate(texts)]
    (tmp_path / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[sources.web]\ninputs = ["web.jsonl"]\n[filter]\nrules = ["gopher_quality"]\n'
        "[dedup]\nnear = false\n[pack]\nclusters = [2, 3]\nvalid_fraction = 0\n[mixture]\nrehydrate = true\n"
    )
    out = tmp_path / "out"
    run(recipe.load(str(tmp_path / "own.toml")), out, Engine(target=EngineOptions(workers=1)))
    contract = manifest.read(out)
    sources = {source["name"]: source for source in contract["sources"]}
    assert [source["of"] for source in sources.values()] == ["web"] * 3
    for name, size in {"web.c0": 1, "web.c1": 2, "web.c2": 3}.items():
        [shard] = sources[name]["splits"]["train"]["shards"]
        assert pq.read_table(out / f"{shard['path']}.meta.parquet")["cluster_size"].to_pylist() == [size] * 2
        assert sources[name]["epochs"] == pytest.approx(size * sources["web.c0"]["epochs"], abs=1e-3)
    assert contract["mixture"]["rehydrate"] is True
    assert list(faults(out)) == []
    call("mix", out, "--set", "mixture.rehydrate=false")
    assert [source["epochs"] for source in manifest.read(out)["sources"]] == [1, 1, 1]
    call("mix", out, "--preset", "size", "--set", "mixture.rehydrate=true", "--set", "mixture.repetitions={1=1,2=10}")
    assert [source["weight"] for source in manifest.read(out)["sources"]][1:] == pytest.approx(
        [10 * manifest.read(out)["sources"][0]["weight"]] * 2, rel=0.05
    )
