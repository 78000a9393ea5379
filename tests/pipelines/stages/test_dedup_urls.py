"""Dedup by address: the newest capture stays, older ones are compared with nothing, in any files, on any workers."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.inspection import history, report, verify
from curate.pipelines import run, verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.recipe import from_table
from curate.settings import Where

pytestmark = pytest.mark.processes
WORDS = [f"{first}{last}" for first in ("ba", "do", "ki", "lu", "me", "no", "ra", "su") for last in "bdfgklmnprst"]


def prose(seed: object, words: int = 80) -> str:
    return " ".join(random.Random(f"prose {seed}").choices(WORDS, k=words))


def corpus() -> list[dict]:
    """Pages captured in some years, with changed texts; a copy of an old text elsewhere; rows without an address."""
    rows = [
        {"url": f"{scheme}site.example/{page}{query}", "timestamp": f"20{10 + year}-03-01", "text": prose((page, year))}
        for page in range(9)
        for year, (scheme, query) in enumerate(
            [("http://www.", "?utm_source=feed"), ("https://", ""), ("http://", "/index.html")][: 1 + page % 3]
        )
    ]
    copied = [{"url": "http://copy.example/2", "timestamp": "2001-01-01", "text": prose((2, 0))}]
    newest = [{"url": "http://copy.example/5", "timestamp": "2001-01-01", "text": prose((5, 2))}]
    undated = [{"url": "http://site.example/8", "text": prose((8, "undated"))}]
    return [*rows, *copied, *newest, *undated, *({"text": prose(("no address", row))} for row in range(4))]


def write(folder: Path, files: list[list[dict]]) -> tuple[str, ...]:
    folder.mkdir(parents=True)
    for number, rows in enumerate(files):
        (folder / f"in-{number:02d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tuple(str(path) for path in sorted(folder.glob("*.jsonl")))


def dedup(folder: Path, files: list[list[dict]], *settings: str, workers: int = 1) -> list[dict]:
    engine = Engine(target=EngineOptions(workers=workers))
    record = verbs.run("dedup", write(folder / "in", files), folder / "out", None, settings, engine, "web")
    assert record.counts.read == record.counts.kept + record.counts.rejected
    assert [*verify.faults(folder / "out")] == []
    parts = sorted((folder / "out").glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> list[dict]:
    return dedup(tmp_path_factory.mktemp("reference"), [corpus()], "dedup.url=true")


def test_the_newest_capture_of_each_address_stays(reference):
    decisions = zip(corpus(), reference, strict=True)
    by_text = {row["text"]: decision for row, decision in decisions if "copy" not in row.get("url", "")}
    for page in range(9):
        captures = [by_text[prose((page, year))] for year in range(1 + page % 3)]
        newest = captures.pop()
        assert newest["kept"] or newest["kind"] == "exact"
        for capture in captures:
            assert (capture["kept"], capture["kind"], capture["similarity"]) == (False, "url", None)
            assert capture["winner"] == newest["id"]
    assert by_text[prose((8, "undated"))]["kind"] == "url"
    assert all(row["kept"] for row in reference if not row["url"])


def test_an_older_capture_is_no_reason_to_lose_a_copy_of_it_and_the_newest_is(reference):
    rows = {row["url"]: row for row in reference}
    assert rows["http://copy.example/2"]["kept"]
    copies = [row for text, row in zip(corpus(), reference, strict=True) if text["text"] == prose((5, 2))]
    assert sorted(row["kept"] for row in copies) == [False, True]


def test_addresses_count_for_nothing_by_default(tmp_path):
    decisions = dedup(tmp_path, [corpus()])
    assert {row["kind"] for row in decisions if not row["kept"]} == {"exact"}


@pytest.mark.parametrize("seed", range(2))
def test_who_is_kept_depends_neither_on_files_nor_on_workers(seed, reference, tmp_path):
    rows = corpus()
    random.Random(seed).shuffle(rows)
    files = [rows[start :: 2 + seed] for start in range(2 + seed)]
    decisions = dedup(tmp_path, files, "dedup.url=true", workers=1 + seed)
    columns = ("id", "kept", "kind", "winner", "cluster")
    assert {tuple(row[name] for name in columns) for row in decisions} == {
        tuple(row[name] for name in columns) for row in reference
    }


def test_the_earlier_source_wins_over_the_newer_capture_and_why_and_the_report_name_the_rule(tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text(json.dumps({"url": "https://site.example/a", "timestamp": "2011-01-01", "text": prose(1)}) + "\n")
    second.write_text(json.dumps({"url": "http://site.example/a", "timestamp": "2020-01-01", "text": prose(2)}) + "\n")
    table = {
        "name": "sources",
        "filter": {"rules": []},
        "dedup": {"url": True},
        "sources": {"webtext": {"inputs": [str(first)]}, "crawl": {"inputs": [str(second)]}},
    }
    out = tmp_path / "out"
    run.run(from_table(table, Where("test", "")), out, Engine(target=EngineOptions(workers=1)))
    (kept,) = (row for row in history.of(out, "https://site.example/a") if row["stage"] == "dedup")
    (lost,) = (row for row in history.of(out, "http://site.example/a") if row["stage"] == "dedup")
    assert (kept["verdict"], lost["verdict"], lost["reason"]) == ("kept", "rejected", "dedup.url")
    assert kept["id"] in history.line(lost)
    report.write(out)
    assert "dedup.url" in (out / "report.html").read_text()
    assert [*verify.faults(out)] == []
