"""Chains of near duplicates, through the dedup verb: one document of a chain is kept, and too few rounds lose none."""

import json

import pyarrow.parquet as pq
import pytest

from curate.dedup import minhash
from curate.dedup.config import Dedup
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions

pytestmark = pytest.mark.processes


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def rows_of(path):
    return pq.read_table(path).to_pylist()


def dedup(inputs, out, *settings):
    return verbs.run(
        "dedup", tuple(map(str, inputs)), out, None, settings, Engine(target=EngineOptions(workers=1)), "web"
    )


def chained():
    """Three texts, each like the next, the first and the last not alike; the same for every run."""
    words = [f"word{number}" for number in range(400)]
    for width in range(20, 100, 4):
        texts = [" ".join(words[start : start + 300]) for start in (0, width // 2, width)]
        one, two, three = (minhash.signature(text, Dedup()) for text in texts)
        near = minhash.similarity(one, two) >= 0.75 and minhash.similarity(two, three) >= 0.75
        meet = [set(minhash.band_keys(values, Dedup())) for values in (one, two, three)]
        if near and meet[0] & meet[1] and meet[1] & meet[2] and minhash.similarity(one, three) < 0.75:
            return texts
    raise AssertionError("no such chain")


def test_a_chain_of_near_duplicates_over_three_files_keeps_its_least_document(tmp_path):
    for number, text in enumerate(chained()):
        (tmp_path / f"{number}.jsonl").write_text(lines([{"text": text, "url": f"http://a/{number}"}]))
    record = dedup(sorted(tmp_path.glob("*.jsonl")), tmp_path / "out")
    rows = [row for number in range(3) for row in rows_of(tmp_path / "out" / f"part-{number:05d}.parquet")]
    assert record.counts.notes == {"clusters": 1, "clusters of 3 to 4": 1}
    (winner,) = [row for row in rows if row["kept"]]
    assert winner["id"] == winner["cluster"] == min(row["id"] for row in rows)
    assert {row["winner"] for row in rows if not row["kept"]} == {winner["id"]}
    assert {row["kind"] for row in rows if not row["kept"]} == {"near"}


def test_too_few_rounds_keep_a_duplicate_and_say_so_but_lose_none_unlike_its_winner(tmp_path):
    words = [f"word{number}" for number in range(900)]
    texts = [" ".join(words[start : start + 300]) for start in range(0, 600, 10)]
    (tmp_path / "in.jsonl").write_text(lines({"text": text, "url": f"http://a/{n}"} for n, text in enumerate(texts)))
    kept = {}
    for rounds in (1, 8):
        record = dedup([tmp_path / "in.jsonl"], tmp_path / f"out{rounds}", f"dedup.rounds={rounds}")
        rows = rows_of(tmp_path / f"out{rounds}" / "part-00000.parquet")
        kept[rounds] = {row["id"] for row in rows if row["kept"]}
        ids = {row["id"] for row in rows}
        assert {row["winner"] for row in rows if not row["kept"]} <= ids
        pieces = {row["cluster"] for row in rows if row["cluster"]}
        assert record.counts.notes.get("unconverged clusters", 0) <= len(pieces)
        assert ("unconverged clusters" in record.counts.notes) == (rounds == 1)
        assert min(row["similarity"] for row in rows if not row["kept"]) >= 0.75
    assert 1 < len(kept[8]) < len(kept[1])
