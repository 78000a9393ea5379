"""The verb plant: a corpus is planted, a recipe runs on it, and the table says what the run's own files say."""

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from curate.evaluate import generated
from curate.miniweb.texts import read_site
from curate.planting import files
from curate.storage.writing import sha256_of

RECIPE = """
name = "curated"
[sources.documents]
inputs = []
[filter]
rules = ["language", "gopher_quality", "gopher_repetition"]
[filter.language]
allowed = ["en"]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, call):
    """A planted corpus and a finished run over it."""
    folder = tmp_path_factory.mktemp("plant")
    rows = [{"id": text.slug, "text": text.prose} for site in generated.SITES for text in read_site(site)]
    (folder / "docs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "curated.toml").write_text(RECIPE)
    planted = call("plant", folder / "docs.jsonl", "-o", folder / "plant", "--held-out", 0.1, "--max-words", 200)
    assert planted.code == 0, planted.err
    names = sorted((folder / "plant").glob("planted-*.jsonl.gz"))
    ran = call("run", folder / "curated.toml", *names, "-o", folder / "run", "--no-train", "--workers", 1)
    assert ran.code == 0, ran.err
    return folder, planted.out


def test_the_counts_of_the_table_are_those_of_the_files_of_the_run(run, call):
    folder, _ = run
    truth = {one.row: one for one in files.read_truth(folder / "plant")}
    removed = Counter()
    for path in [*(folder / "run").glob("*/rejected-*.parquet")]:
        for row in pq.read_table(path).to_pylist():
            removed[truth[row["id"].hex()].defect, row["reason"]] += 1
    measured = json.loads(call("plant", folder / "plant", "--against", folder / "run", "--json").out)
    for one in measured["defects"]:
        if not one["kind"]:
            assert one["stages"] == {reason: n for (defect, reason), n in removed.items() if defect == one["defect"]}
            assert one["recall"]["of"] == sum(row.defect == one["defect"] for row in truth.values())
    for rule in measured["rules"]:
        by_defect = {defect: n for (defect, reason), n in removed.items() if reason == rule["reason"]}
        assert rule["precision"]["of"] == sum(by_defect.values())
        assert rule["clean"] + rule["replaced"] == by_defect.get("clean", 0)
    kept = sum(part["documents"]["number"] for part in measured["parts"])
    assert kept == len(truth) - removed.total()
    assert measured["others"] == 0
    assert measured["clean_lost"]["share"] < 0.1


def test_a_run_of_this_recipe_removes_exact_copies_and_other_languages_and_leaves_lines_of_furniture(run, call):
    folder, _ = run
    measured = json.loads(call("plant", folder / "plant", "--against", folder / "run", "--json").out)
    recall = {(one["defect"], one["kind"]): one["recall"]["share"] for one in measured["defects"]}
    assert recall["duplicate", "exact"] == recall["duplicate", "respelled"] == recall["other_language", ""] == 1
    assert measured["furniture_lines_left"]["share"] > 0.9


def test_a_stage_of_a_run_can_be_measured_too(run, call):
    folder, _ = run
    measured = json.loads(call("plant", folder / "plant", "--against", folder / "run" / "filter", "--json").out)
    recall = {one["defect"]: one["recall"]["share"] for one in measured["defects"] if not one["kind"]}
    assert recall["duplicate"] < recall["other_language"] == 1


def test_the_table_is_printed_and_written(run, call):
    folder, planted = run
    assert "duplicate" in planted
    assert "held out" in planted
    ran = call("plant", folder / "plant", "--against", folder / "run", "-o", folder / "table.json")
    assert "what was kept" in ran.out
    table = json.loads((folder / "table.json").read_text())
    assert table["stages"][0] == "extract"
    assert table["origin"]["run_sha256"] == sha256_of(folder / "run" / "manifest.json")
    assert (folder / "table.csv").read_text().startswith("table,name,kind,measure,number,of,share,low,high\n")
    again = call("plant", folder / "plant", "--against", folder / "run", "-o", folder / "table.json")
    assert "is there already" in again.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("docs.jsonl",), "-o DIR is missing"),
        (("docs.jsonl", "-o", "x", "--duplicates", "0.9"), "the rates add up to 1.35"),
        (("docs.jsonl", "--against", "run"), "docs.jsonl: holds no planted corpus"),
        (("plant", "docs.jsonl", "--against", "run"), "--against takes one folder"),
        (("plant", "--against", "run", "-o", "table.txt"), "name a .json file"),
        (("plant", "--against", "plant"), "plant: not a finished run"),
        (("plant", "-o", "x"), "no text column"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, call, arguments, message):
    folder, _ = run
    ran = call("plant", *arguments, cwd=folder)
    assert ran.code == 2
    assert message in ran.error


def test_a_run_over_other_documents_is_refused(run, call, tmp_path):
    folder, _ = run
    assert call("plant", folder / "docs.jsonl", "-o", tmp_path / "other", "--seed", 1, "--max-words", 60).code == 0
    ran = call("plant", tmp_path / "other", "--against", folder / "run")
    assert ran.code == 2
    assert "documents of this planted corpus" in ran.error
