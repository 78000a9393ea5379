"""The same bytes from one worker, from two processes, when every bundle is replayed, and after kill -9 in any stage."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from curate.stage.ownership import is_held

pytestmark = pytest.mark.processes

RUN = ("run", "quickstart", "--no-train", "-o")
KILLED = {  # every stage, in one of the two ways to run it
    "in_memory": ("extract", "dedup/signatures", "score", "shards"),
    "multi_processing": ("filter", "dedup", "tokenize"),
}


def contents(out: Path) -> dict[str, bytes]:
    """Every file that decides or records the dataset; plans and receipts hold times of their own."""
    chosen = [path for path in sorted(out.rglob("*")) if path.suffix in (".parquet", ".bin", ".idx")]
    return {str(path.relative_to(out)): path.read_bytes() for path in [*chosen, out / "manifest.json"]}


@pytest.fixture
def reference(quickstart, tmp_path) -> Path:
    return shutil.copytree(quickstart, tmp_path / "reference")


@pytest.fixture
def expected(reference) -> dict[str, bytes]:
    return contents(reference)


def test_one_worker_and_two_processes_write_the_same_bytes(curate, expected, tmp_path):
    done = curate(*RUN, tmp_path / "out", "--workers", 2, "--", "--direct_running_mode=multi_processing")
    assert done.code == 0, done.err
    assert contents(tmp_path / "out") == expected


def test_a_replayed_bundle_writes_the_same_bytes(call, expected, tmp_path):
    done = call(*RUN, tmp_path / "out", "--", "--direct_runner_bundle_repeat=1")
    assert done.code == 0, done.err
    assert contents(tmp_path / "out") == expected


def test_another_hash_seed_time_zone_and_locale_write_the_same_bytes(curate, expected, tmp_path):
    odd = {"PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland", "LC_ALL": "C", "LANG": "C"}
    done = curate(*RUN, tmp_path / "out", env=odd)
    assert done.code == 0, done.err
    assert contents(tmp_path / "out") == expected


def killed_in(stage: str, command: list[str], out: Path) -> bool:
    """Start the command and kill -9 it as soon as the stage has planned its work; did it die inside the stage?"""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    plan, record = out / stage / "plan.json", out / stage / "stage.json"
    while process.poll() is None and not plan.exists():
        time.sleep(0.001)
    time.sleep(0.02)
    inside = not record.exists() and process.poll() is None
    os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    process.wait()
    while out.exists() and is_held(out):  # the command's other processes end a moment later
        time.sleep(0.01)
    return inside


@pytest.mark.parametrize("mode", KILLED)
def test_kill_9_in_the_middle_of_every_stage_then_the_same_command_ends_in_the_same_bytes(
    mode, call, command, expected, tmp_path
):
    out = tmp_path / "out"
    again = command(*RUN, out, "--", f"--direct_running_mode={mode}", "--direct_num_workers=1")
    inside = [stage for stage in KILLED[mode] if killed_in(stage, again, out)]
    assert len(inside) >= len(KILLED[mode]) - 1, f"the run was too quick to be killed in more than {inside}"
    done = call(*again[3:])
    assert done.code == 0, done.err
    assert contents(out) == expected
    verified = call("verify", out)
    assert verified.code == 0, verified.out  # names every stray file too


def test_a_finished_run_is_not_run_again(call, reference):
    before = {path: path.stat().st_mtime_ns for path in reference.rglob("*.parquet")}
    done = call(*RUN, reference)
    assert done.code == 0
    assert done.out.count("done before") == 6
    assert {path: path.stat().st_mtime_ns for path in reference.rglob("*.parquet")} == before


def test_a_changed_setting_runs_its_stage_and_those_after_it_and_none_before(call, reference, expected):
    done = call(*RUN, reference, "--set", "score.threshold=0.95")
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines() if "done before" in line] == [
        "extract",
        "filter",
        "dedup",
    ]
    done = call(*RUN, reference)
    assert done.code == 0, done.err
    assert contents(reference) == expected


def test_the_manifest_names_no_time_path_or_worker(expected, reference):
    manifest = json.loads(expected["manifest.json"])
    assert str(reference) not in manifest["recipe"]
    assert not {"created", "workers", "runner", "host"} & manifest.keys()
