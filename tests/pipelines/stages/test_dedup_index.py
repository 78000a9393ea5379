"""Dedup against an index removes of new documents what a run over old and new ones together would, and no old one."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.inputs.digests import Digests
from curate.inputs.items import source_items, stage_items
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run_stage
from curate.pipelines.stages.given import Given
from curate.recipe import from_table
from curate.settings import Where

pytestmark = pytest.mark.processes
WORDS = [f"{first}{last}" for first in ("ba", "do", "ki", "lu", "me", "no", "ra", "su") for last in "bdfgklmnprst"]


def crawl(name: str, seed: int, count: int = 60) -> list[dict]:
    """Documents of which many are versions of texts that other crawls have too, some under an address of theirs."""
    draw, rows = random.Random(seed), []
    for number in range(count):
        text = random.Random(draw.randrange(25)).choices(WORDS, k=90)
        for _ in range(draw.choice((0, 0, 1, 2, 4, 8))):
            text[draw.randrange(len(text))] = f"edit{draw.randrange(40)}"
        address = f"http://shared.example/{draw.randrange(30)}" if draw.random() < 0.3 else f"http://{name}/{number}"
        rows.append({"url": address, "text": " ".join(text), "source": name})
    return rows


def decide(folder: Path, crawls: dict[str, list[list[dict]]], workers: int = 1, **rules) -> dict[str, list[dict]]:
    """The decisions over these crawls, each of some files, by source."""
    inputs = {}
    for name, files in crawls.items():
        inputs[name] = []
        for number, rows in enumerate(files):
            path = folder / "in" / name / f"{number}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            inputs[name].append(str(path))
    sources = {name: {"inputs": paths} for name, paths in inputs.items()}
    recipe = from_table({"name": "x", "sources": sources, "dedup": rules}, Where("", ""))
    with Engine(target=EngineOptions(workers=workers)).started() as engine:
        items = source_items({name: tuple(paths) for name, paths in inputs.items()}, Digests())
        out = folder / "documents"
        run_stage("extract", recipe, out, Given(items=items), engine)
        record = run_stage("dedup", recipe, folder / "out", Given(items=stage_items(out, folder / "out")), engine)
    parts = sorted((folder / "out").glob("part-*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
    return rows


def loss(row: dict) -> tuple:
    return row["kept"], row["kind"], row["winner"], row["similarity"]


def test_law(tmp_path):
    for seed in range(3):
        self = {}
        crawls = {name: crawl(name, 10 * seed + at) for at, name in enumerate("abc")}
        rules = {"url": True}
        full = decide(tmp_path / f"full{seed}", {n: [r] for n, r in crawls.items()}, **rules)
        for at, name in enumerate("abc"):
            mine = decide(
                tmp_path / f"{seed}{name}", {name: [crawls[name]]}, index=str(tmp_path / f"index{seed}"), **rules
            )
            part = full[60 * at : 60 * at + 60]
            bad = [(i, loss(a), loss(b)) for i, (a, b) in enumerate(zip(mine, part)) if loss(a) != loss(b)]
            print(
                seed,
                name,
                sum(r["kept"] for r in mine),
                sum(r["kept"] for r in part),
                len(bad),
                bad[:3],
                sum(bool(r["winner_generation"]) for r in mine),
            )
