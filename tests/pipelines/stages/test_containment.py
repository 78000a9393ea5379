"""Documents that lie inside longer ones go, each for a kept one that holds it, however documents lie in files."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.dedup import minhash
from curate.inspection import verify
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions

pytestmark = pytest.mark.processes

LIMIT = 0.9


def prose(seed: object, words: int) -> list[str]:
    draws = random.Random(f"prose {seed}")
    return [f"{draws.choice('abcdefgh')}{draws.randrange(2000)}" for _ in range(words)]


def corpus() -> list[dict]:
    """Of each of eight long texts an excerpt, an excerpt of that in other case, a half in another text, a near copy."""
    rows = []
    for number in range(8):
        whole = prose(number, 900)
        half = prose(("other", number), 300) + whole[:300]
        forms = {
            "whole": whole,
            "excerpt": whole[200:600],
            "inner": [word.upper() for word in whole[300:500]],
            "twice": [word.upper() for word in whole[300:500]],
            "half": half,
            "near": [*whole[:880], *prose(("end", number), 18)],
        }
        rows += [{"url": f"http://{name}.example/{number}", "text": " ".join(words)} for name, words in forms.items()]
    return rows


def dedup(folder: Path, files: list[list[dict]]) -> list[dict]:
    folder.mkdir()
    for number, own in enumerate(files):
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))
    names = tuple(str(path) for path in sorted(folder.glob("*.jsonl")))
    settings = (f"dedup.containment={LIMIT}", 'dedup.keep=["longest"]')
    verbs.run("dedup", names, folder / "out", None, settings, Engine(target=EngineOptions(workers=1)), "web")
    assert [*verify.faults(folder / "out")] == []
    parts = sorted((folder / "out").glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def test_what_lies_inside_a_longer_document_goes_for_a_kept_one_that_holds_it(tmp_path):
    rows = corpus()
    decisions = dedup(tmp_path / "one", [rows])
    kind_of = {row["url"]: "kept" if row["kept"] else row["kind"] for row in decisions}
    for number in range(8):
        kinds = [kind_of[f"http://{name}.example/{number}"] for name in ("excerpt", "inner", "twice", "half", "near")]
        assert kinds == ["contained", "contained", "contained", "kept", "near"]
    shingles = {row["url"]: {*minhash.shingles(row["text"], 5).tolist()} for row in rows}
    kept = {row["id"]: row for row in decisions if row["kept"]}
    for row in decisions:
        if row["kind"] == "contained":
            winner = kept[row["winner"]]
            share = len(shingles[row["url"]] & shingles[winner["url"]]) / len(shingles[row["url"]])
            assert share >= LIMIT
            assert row["similarity"] == pytest.approx(share)
    assert sum(row["cluster_size"] for row in kept.values()) == len(rows)
    random.Random(1).shuffle(rows)
    again = dedup(tmp_path / "other", [rows[:5], rows[5:30], rows[30:]])
    assert {row["url"]: row for row in again} == {row["url"]: row for row in decisions}
