"""Keeping the best share of all documents: exactly so many, whatever the runner, and as the printed threshold says."""

import json

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.processes

RECIPE = """
name = "best"
[sources.web]
inputs = ["{folder}/documents-*.jsonl"]
[score]
keep = "fraction"
fraction = 0.25
[dedup]
near = false
[pack]
valid_fraction = 0
"""
NEWS = "The council said on Tuesday that the bridge over the river, which was closed in March, would be open by spring."
SALE = "Buy now, best price, free shipping, click here to add to cart, save big on all top brands today only."


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in")
    for part in range(3):
        rows = [{"text": f"{NEWS if number % 3 else SALE} {part} {number} {number}."} for number in range(7)]
        text = "".join(json.dumps(row | {"url": f"http://{part}/{row['text'][-4:]}"}) + "\n" for row in rows)
        (folder / f"documents-{part}.jsonl").write_text(text + '{"no": "text"}\n')
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(folder=folder) + "[filter]\nrules = []\n")
    return path


def outcome(out):
    """Returns the counts of score, and its files' bytes."""
    folder = out / "score"
    files = {path.name: path.read_bytes() for path in folder.rglob("*.parquet")}
    return json.loads((folder / "stage.json").read_text())["counts"], files


@pytest.fixture(scope="module")
def first(call, recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    done = call("run", recipe, "-o", out, "--workers", 1)
    assert done.code in (0, 1), done.err
    return out


def test_exactly_the_share_is_kept_and_no_score_of_the_dropped_is_higher(first, call):
    counts, _ = outcome(first)
    assert counts["kept"] == -(-counts["read"] // 4)
    assert list(counts["reasons"]) == ["score.fraction"]
    rows = [pq.read_table(path).to_pylist() for path in sorted((first / "score").glob("*-0*.parquet"))]
    kept = [row["quality"] for part in rows for row in part if "quality" in row]
    gone = [row["value"] for part in rows for row in part if row.get("reason") == "score.fraction"]
    assert min(kept) >= max(gone)
    assert call("verify", first).code == 0


@pytest.mark.parametrize("options", [["--workers", 2], ["--one-job"]])
def test_every_way_to_run_keeps_the_same_bytes(first, recipe, curate, tmp_path, options):
    done = curate("run", recipe, "-o", tmp_path / "run", *options)
    assert done.code in (0, 1), done.err
    assert outcome(tmp_path / "run") == outcome(first)


def test_another_share_scores_nothing_anew(first, recipe, call):
    stamp = (first / "score" / "scores" / "part-00000.parquet").stat().st_mtime_ns
    done = call("run", recipe, "-o", first, "--set", "score.fraction=0.5")
    assert done.code in (0, 1), done.err
    counts, _ = outcome(first)
    assert counts["kept"] == -(-counts["read"] // 2)
    assert (first / "score" / "scores" / "part-00000.parquet").stat().st_mtime_ns == stamp
