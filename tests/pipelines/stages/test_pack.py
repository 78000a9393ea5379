"""The two halves of pack: the sorted documents are there as long as a shard is missing, and no longer."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from token_parts import contents, in_order, row, tokenized

from curate.inspection.verify import faults
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run_stage
from curate.pipelines.stages import pack, sort
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.stage.parts import FileRecord
from curate.stage.plan import load_plan
from curate.stage.ranges import Passes, grouped
from curate.tokens.bpe import named
from curate.tokens.config import Pack

ENGINE = Engine(target=EngineOptions(workers=1))
ROWS = [row(number, order=number * 0x9E3779B97F4A7C15 % 2**64) for number in range(18)]
PARTS = [in_order(ROWS[:9]), in_order(ROWS[9:])]
SHARD = "train/web/part-00001-of-00003.bin"


def run(out, source, max_tokens=20):
    with ENGINE.started() as engine:
        return run_stage(
            "pack", Recipe(name="own", pack=Pack(max_tokens=max_tokens)), out, Given(previous=source), engine
        )


@pytest.fixture
def source(tmp_path):
    return tokenized(tmp_path / "tokenize", PARTS)


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_sorted_documents_go_with_the_last_shard_and_come_again_for_one_that_is_missing(tmp_path, source):
    out = tmp_path / "shards"
    run(out, source)
    assert names(out) == {"plan.json", "stage.json", "receipts.json", "train"}
    first, written = contents(load_plan(out)), (out / "stage.json").stat().st_mtime_ns
    run(out, source)
    assert (out / "stage.json").stat().st_mtime_ns == written
    (out / SHARD).unlink()
    run(out, source)
    assert names(out) == {"plan.json", "stage.json", "receipts.json", "train"}
    assert contents(load_plan(out)) == first
    assert len(run(out, source, 10**6).items) == 1


def test_shards_of_tokens_that_moved_or_of_another_tokenizer_are_planned_anew(tmp_path, source):
    out = tmp_path / "shards"
    run(out, source)
    moved = source.rename(tmp_path / "moved")
    assert run(out, moved).settings["parts"] == ["../moved/part-00000.parquet", "../moved/part-00001.parquet"]
    tokenizer = named("gpt2").stated() | {"vocabulary": 60_000}
    tokenized(moved, PARTS, {"tokenizer": tokenizer})
    assert run(out, moved).settings["tokenizer"] == tokenizer


def test_a_run_that_was_killed_before_the_sorted_documents_went_lets_them_go(tmp_path, source, monkeypatch):
    out = tmp_path / "shards"
    with monkeypatch.context() as patch:
        patch.setattr(pack, "finish", lambda plan, record: None)
        run(out, source)
    assert "sorted" in names(out)
    assert list(faults(out)) == []
    (out / "sorted" / "mine.txt").write_text("of the user's")
    run(out, source)
    assert [path.name for path in (out / "sorted").iterdir()] == ["mine.txt"]


def test_shards_that_a_killed_run_has_left_stay_and_the_others_are_made(tmp_path, source, monkeypatch):
    out = tmp_path / "shards"
    made = pack.pack_shard

    def failing(plan, item):
        if item.number == 2:
            raise RuntimeError("killed")
        made(plan, item)

    with monkeypatch.context() as patch:
        patch.setattr(pack, "pack_shard", failing)
        with pytest.raises(RuntimeError, match="killed"):
            run(out, source)
    sorted_rows = (out / "sorted" / "part-00000.rows").stat().st_ino
    shard = (out / SHARD).stat().st_ino
    monkeypatch.setattr(pack, "finish", lambda plan, record: None)
    run(out, source)
    assert (out / "sorted" / "part-00000.rows").stat().st_ino == sorted_rows
    assert (out / SHARD).stat().st_ino == shard


def test_a_plan_looks_at_each_part_a_few_times_however_many_there_are():
    parts = Counted({f"part-{number:05d}.parquet": FileRecord(rows=9, bytes=9, sha256="") for number in range(300)})
    record = SimpleNamespace(outputs=parts, settings={})
    tokens = sort.Tokenized(folder=Path("/a/tokenize"), record=record, names=[*parts])
    groups = grouped([9] * 300, [9] * 300, 18)
    items = [*sort._items(tokens, Path("/a/shards/sorted"), groups, Passes.over(len(groups), 4))]
    assert len(items) > 300
    assert parts.looked_at <= 3 * len(parts)


class Counted(dict):
    looked_at = 0

    def __getitem__(self, name):
        self.looked_at += 1
        return super().__getitem__(name)
