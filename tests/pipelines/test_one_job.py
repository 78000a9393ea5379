"""A recipe as one job: the same bytes as stage by stage, whatever is tried again, and resumed like it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from curate import recipe as recipes
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.pipelines import one_job
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run, run_as_one_job
from curate.pipelines.stages import extract
from curate.stage import plan

pytestmark = pytest.mark.processes

ENGINE = Engine(target=EngineOptions(workers=1))
RUN = ("run", "quickstart", "--no-train", "--workers", 1)
TEXT = "The council said that the bridge and the road would be open to all of the village in the spring of {} again."


def contents(out: Path) -> dict[str, bytes]:
    """Every file that decides or records the dataset; plans and receipts hold times of their own."""
    chosen = [path for path in sorted(out.rglob("*")) if path.suffix in (".parquet", ".bin", ".idx")]
    return {str(path.relative_to(out)): path.read_bytes() for path in [*chosen, out / "manifest.json"]}


@pytest.fixture
def expected(quickstart) -> dict[str, bytes]:
    return contents(quickstart)


@pytest.mark.parametrize("beam", [(), ("--direct_runner_bundle_repeat=1",)], ids=["once", "every-bundle-repeated"])
def test_one_job_writes_the_bytes_of_the_staged_run(call, expected, tmp_path, beam):
    done = call(*RUN, "-o", tmp_path / "out", "--one-job", *(("--", *beam) if beam else ()))
    assert done.code == 0, done.err
    assert contents(tmp_path / "out") == expected
    assert call("verify", tmp_path / "out").code == 0
    again = call(*RUN, "-o", tmp_path / "out")
    assert again.out.count("done before") == 6


def test_one_job_that_was_killed_in_dedup_is_resumed_to_the_same_bytes(call, command, expected, tmp_path):
    out = tmp_path / "out"
    again = command(*RUN, "-o", out, "--one-job")
    process = subprocess.Popen(again, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and not (out / "dedup" / "plan.json").exists():
        time.sleep(0.001)
    assert process.poll() is None, "the run was too quick to be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    made = {path: path.stat().st_mtime_ns for path in (out / "extract").rglob("*.parquet")}
    done = call(*again[3:])
    assert done.code == 0, done.err
    assert contents(out) == expected
    assert {path: path.stat().st_mtime_ns for path in (out / "extract").rglob("*.parquet")} == made
    verified = call("verify", out)
    assert verified.code == 0, verified.out


@pytest.fixture
def small(tmp_path):
    """A recipe over three small files of documents, without a classifier."""
    for number in range(3):
        rows = [
            {"text": TEXT.format(1900 + 10 * number + row), "url": f"http://x.example/{number}/{row}"}
            for row in range(1, 4)
        ]
        (tmp_path / f"in-{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assignments = (
        f'sources.own.inputs=["{tmp_path}/in-*.jsonl"]',
        'filter.rules=["gopher_quality"]',
        "filter.gopher_quality.min_words=10",
        "dedup.near=false",
    )
    (tmp_path / "own.toml").write_text('name = "own"\n[sources.own]\n')

    def make(*more: str) -> recipes.Recipe:
        return recipes.load(str(tmp_path / "own.toml"), (*assignments, *more))

    return make


def test_a_done_job_is_not_done_again_and_a_changed_setting_redoes_its_stage_and_the_later_ones(small, tmp_path):
    out = tmp_path / "out"
    run_as_one_job(small(), out, ENGINE)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    run_as_one_job(small(), out, ENGINE)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    assert {path for path in after if after[path] != before.get(path)} <= {out / "manifest.json", out / "inputs.json"}
    run_as_one_job(small("pack.max_tokens=30"), out, ENGINE)
    changed = {path for path in out.rglob("*.*") if path.stat().st_mtime_ns != before.get(path)}
    names = {path.relative_to(out).parts[0] for path in changed}
    assert names == {"shards", "manifest.json", "inputs.json", "recipe.toml"}
    run(small("pack.max_tokens=30"), tmp_path / "staged", ENGINE)
    assert contents(out) == contents(tmp_path / "staged")


def test_an_opening_that_is_tried_again_leaves_finished_parts_drafts_and_the_plan_alone(small, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    one_job.begin(recipes.to_toml(small()), str(out))
    assert list(one_job.open_stage(str(out), "extract")) == [str(out / "extract")]
    opened = plan.load_plan(out / "extract")
    extract.make_part(opened, opened.items[0])
    draft = out / "extract" / ".part-00001.parquet.1.0123456789abcdef.curate.tmp"
    draft.write_bytes(b"another attempt writes here")
    before = {path: path.stat().st_mtime_ns for path in (out / "extract").rglob("*.*")}
    assert list(one_job.open_stage(str(out), "extract")) == [str(out / "extract")]
    assert {path: path.stat().st_mtime_ns for path in (out / "extract").rglob("*.*")} == before


def test_a_closing_that_is_tried_again_changes_nothing_and_one_without_its_parts_fails(small, tmp_path):
    out = tmp_path / "out"
    run_as_one_job(small(), out, ENGINE)
    before = (out / "filter" / "stage.json").stat().st_mtime_ns
    assert one_job.close((b"all", []), str(out), "filter") == str(out)
    assert (out / "filter" / "stage.json").stat().st_mtime_ns == before
    (out / "filter" / "part-00001.parquet").unlink()
    with pytest.raises(RuntimeError, match=r"no part was made of extract/part-00001\.parquet \(1 missing"):
        one_job.close((b"all", []), str(out), "filter")


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_a_stage_that_keeps_nothing_ends_the_job_in_one_line(small, tmp_path, mode):
    engine = Engine(target=EngineOptions(workers=1, beam=(f"--direct_running_mode={mode}",)))
    with pytest.raises(SettingsError, match=r"^filter kept none of 9 documents; curate inspect \S+ tells why$"):
        run_as_one_job(small("filter.gopher_quality.min_words=1000"), tmp_path / "out", engine)


@pytest.mark.parametrize("make", [run, run_as_one_job])
def test_a_column_that_rows_lack_is_a_warning_and_by_strict_an_error_before_any_work(make, small, tmp_path):
    (tmp_path / "in-0.jsonl").write_text(json.dumps({"content": TEXT.format(1900)}) + "\n")
    engine = Engine(target=EngineOptions(workers=1), progress=Progress(strict=True))
    with pytest.raises(SettingsError, match=r"in-0\.jsonl has no column text, so its column content is taken"):
        make(small(), tmp_path / "out", engine)
    assert not [*(tmp_path / "out").rglob("*.parquet")]


def test_a_missing_input_is_told_before_any_work(small, tmp_path):
    with pytest.raises(SettingsError, match=r"gone\.jsonl: no such input file"):
        run_as_one_job(small(f'sources.own.inputs=["{tmp_path}/gone.jsonl"]'), tmp_path / "out", ENGINE)
    assert not (tmp_path / "out").exists()


def test_the_graph_holds_the_recipe_but_no_input(small, tmp_path):
    import apache_beam as beam

    pipeline = beam.Pipeline(runner="FnApiRunner")
    one_job.build(pipeline, small(), tmp_path / "out")
    assert b"in-0.jsonl" not in pipeline.to_runner_api().SerializeToString()
    assert Digests().facts([tmp_path / "in-0.jsonl"])[0].size > 0
