"""The command scale: its plan, a ladder end to end, stopped and resumed as a user would; what is refused."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the figure needs vl-convert: pip install '.[train]'")

from curate.gpt.devices import flops_per_token
from curate.gpt.shapes import Shape
from curate.gpt.train import train
from curate.scaling.config import load
from curate.scaling.rungs import rungs
from curate.storage.writing import unsealed

TINY = ("--ladder", "tiny")
RUNS = ("L1-H1-d8-x20-seed0", "L1-H2-d16-x20-seed0", "L1-H3-d24-x20-seed0")
SAME = ("scaling.csv", "scaling.json", "scaling.png", "ladder.toml")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def whole(call, quickstart, tmp_path_factory) -> Path:
    """A finished tiny ladder, whose runs this process has trained and nothing stopped; nobody changes it."""
    out = tmp_path_factory.mktemp("scale") / "ladder"
    for rung in rungs(load("tiny")):
        train(quickstart / "manifest.json", rung.folder(out), rung.settings, lambda *_: None)
    done = call("scale", quickstart, "-o", out, *TINY)
    assert done.code == 0, done.err
    return out


def record(out: Path) -> dict:
    return unsealed((out / "scaling.json").read_bytes())


@pytest.mark.processes
def test_a_ladder_ends_with_a_record_a_table_and_a_figure_of_its_runs(whole, quickstart):
    stated = record(whole)
    assert [run["name"] for run in stated["runs"]] == list(RUNS)
    for run, row in zip(stated["runs"], csv.DictReader((whole / "scaling.csv").open()), strict=True):
        trained = unsealed((whole / "runs" / run["name"] / "train.json").read_bytes())
        shape = Shape(**trained["shape"])
        assert run["nats_per_token"] == trained["valid_after"] == float(row["nats_per_token"])
        assert run["bits_per_byte"] == trained["bits_per_byte"]
        matrices = run["parameters"] + shape.vocabulary * shape.width
        flops = (6 * run["parameters"], 6 * matrices, flops_per_token(shape, shape.context))
        assert [run["compute"][name] for name in ("kaplan", "all", "counted")] == [n * run["tokens"] for n in flops]
        assert trained["valid_after"] < 0.9 * np.log(shape.vocabulary)
    assert stated["dataset"]["sha256"]
    assert stated["ladder"]["sizes"][0]["seeds"] == [0]
    assert {"curate", "numpy", "python", "torch"} == set(stated["versions"])
    assert load(str(whole / "ladder.toml")) == load("tiny")
    assert (whole / "scaling.png").read_bytes().startswith(PNG)


@pytest.mark.processes
def test_a_finished_ladder_is_not_trained_again_and_gives_the_same_bytes(whole, call, quickstart):
    before = {name: (whole / name).read_bytes() for name in SAME}
    times = [path.stat().st_mtime_ns for path in sorted(whole.glob("runs/*/*"))]
    done = call("scale", quickstart, "-o", whole, *TINY)
    assert done.code == 0, done.err
    assert "step" not in done.out.replace("steps", "")
    assert {name: (whole / name).read_bytes() for name in SAME} == before
    assert [path.stat().st_mtime_ns for path in sorted(whole.glob("runs/*/*"))] == times


@pytest.mark.processes
def test_a_fit_answers_for_other_flops_or_refuses(whole, call):
    law = record(whole)["laws"]["counted"]["power"]
    largest = max(point["compute"]["counted"] for point in record(whole)["points"])
    inside, outside = (
        call("scale", whole, "--predict", times * largest, "--compute", "counted", "--json") for times in (9, 11)
    )
    assert outside.code == 2
    if "refused" in law:
        assert inside.error == outside.error == f"{whole}: no law was fitted: {law['refused']}"
        return
    assert "a fit says nothing beyond 10 times" in outside.error
    expected = law["parameters"]["A"] * (9 * largest) ** -law["parameters"]["alpha"]
    answer = json.loads(inside.out)["power"]
    assert answer["nats_per_token"] == pytest.approx(expected)
    assert answer["interval"][0] <= expected <= answer["interval"][1]


@pytest.mark.processes
def test_runs_of_other_settings_are_refused_before_any_work(whole, call, quickstart):
    done = call("scale", quickstart, "-o", whole, *TINY, "--set", "train.clip=2")
    assert done.code == 2
    assert "a finished run of something else: clip was 1.0 and is 2.0; give --replace to train anew" in done.error


@pytest.mark.processes
def test_a_finished_ladder_is_evaluated_with_demonstrations_in_the_context(whole, call, quickstart, tmp_path):
    out = tmp_path / "ladder"
    shutil.copytree(whole, out)
    options = ("--evaluate", "induction, positions,copy", "--shots", "0,1", "--limit", 20)
    done = call("scale", quickstart, "-o", out, *TINY, *options)
    assert done.code == 0, done.err
    made = unsealed((out / "incontext.json").read_bytes())
    assert [run["name"] for run in made["runs"]] == list(RUNS)
    for run in made["runs"]:
        places = [(gain["task"], gain["condition"]) for gain in run["gains"]]
        assert [condition for task, condition in places if task == "copy"] == ["K = 0", "K = 1"]
        assert ("positions", "token 32") in places
        for gain in run["gains"]:
            assert f"{gain['loss']['value']:.3f} [" in done.out
    assert made["dataset"] == record(out)["dataset"]
    assert "note      positions: no token 500 in a context of 32 tokens" in done.out
    assert re.search(r"note +copy, K = 1: \d+ of 20 items left out: a token that the embedding has no row", done.out)
    assert (out / "incontext.png").read_bytes().startswith(PNG)
    (out / "incontext.csv").write_text("mine")
    done = call("scale", quickstart, "-o", out, *TINY, *options)
    assert (done.code, (out / "incontext.csv").read_text()) == (2, "mine")
    assert "incontext.csv: not written by curate, or changed since; move it" in done.error


def start(command, dataset: Path, out: Path, ready) -> subprocess.Popen:
    """Starts the command, and returns it once `ready` holds."""
    process = subprocess.Popen(
        command("scale", dataset, "-o", out, *TINY), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while not ready():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    return process


def workers(out: Path) -> list[int]:
    """The processes that train a run of this ladder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"curate.scaling.worker" in words and str(out).encode() in words:
            found.append(int(folder.name))
    return found


@pytest.mark.long
@pytest.mark.processes
def test_a_killed_and_an_interrupted_ladder_end_like_one_that_was_not(whole, command, call, quickstart, tmp_path):
    """Its last run, without which it is begun, is killed, and then interrupted."""
    out = tmp_path / "ladder"
    shutil.copytree(whole, out)
    for name in SAME:
        (out / name).unlink()
    shutil.rmtree(out / "runs" / RUNS[-1])
    checkpoints = f"runs/{RUNS[-1]}/checkpoints/step-*"
    process = start(command, quickstart, out, lambda: any(out.glob(checkpoints)))
    process.kill()
    process.wait()
    process.stderr.close()
    while workers(out):  # they end with the command, within a second
        time.sleep(0.05)
    assert not (out / "scaling.json").exists()
    there = {path.name for path in out.glob(checkpoints)}
    process = start(command, quickstart, out, lambda: {path.name for path in out.glob(checkpoints)} - there)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert process.stderr.read() == "curate: interrupted; the same command resumes where it stopped\n"
    process.stderr.close()
    assert workers(out) == []
    done = call("scale", quickstart, "-o", out, *TINY)
    assert done.code == 0, done.err
    assert {name: (out / name).read_bytes() for name in SAME} == {name: (whole / name).read_bytes() for name in SAME}


@pytest.mark.processes
def test_a_run_that_fails_is_named_and_the_others_go_on(call, quickstart, tmp_path):
    """The narrower size has a learning rate with which its numbers leave the range of floats."""
    own = tmp_path / "own.toml"
    own.write_text(
        "tokens_per_parameter = [2.0]\nrate_width = 16\nrate_power = 60.0\n"
        "[[sizes]]\nlayers = 1\nheads = 1\nwidth = 8\n[[sizes]]\nlayers = 1\nheads = 2\nwidth = 16\n"
        "[train]\ncontext = 32\nbatch = 16\nvalid_windows = 64\nsample_tokens = 0\n"
    )
    done = call("scale", quickstart, "-o", tmp_path / "ladder", "--ladder", own)
    assert done.code == 1
    failed = "L1-H1-d8-x2-seed0"
    assert f"{failed}: failed: the loss is nan" in done.out
    assert done.error.startswith(f"1 of 2 runs failed: {failed}; the same command tries them again")
    stated = record(tmp_path / "ladder")
    assert [run["name"] for run in stated["runs"]] == ["L1-H2-d16-x2-seed0"]
    assert list(stated["failed"]) == [failed]
    assert stated["laws"]["all"]["power"]["refused"].endswith("a power law needs 3")
    assert (tmp_path / "ladder" / "scaling.png").read_bytes().startswith(PNG)


def test_a_plan_prices_every_run_and_writes_nothing(call, quickstart, tmp_path):
    out = tmp_path / "ladder"
    done = call("scale", quickstart, "-o", out, *TINY, "--plan", "--json")
    assert done.code == 0, done.err
    assert not out.exists()
    planned = json.loads(done.out)
    total = sum(source["tokens"] for source in tokens_of(quickstart))
    for run, rung in zip(planned["runs"], rungs(load("tiny")), strict=True):
        assert (run["name"], run["tokens"]) == (rung.name, rung.tokens)
        assert run["epochs"] == pytest.approx(rung.tokens / total)
        assert run["compute"]["kaplan"] == 6 * rung.parameters * rung.tokens
        assert run["seconds"] > 0
    longest = max(run["seconds"] for run in planned["runs"])
    assert longest <= planned["seconds"] <= sum(run["seconds"] for run in planned["runs"])
    often, head = planned["warnings"]
    assert "2 of 3 runs see a source more than 4 times" in often
    assert "the head is 94% of the FLOPs of L1-H3-d24, the largest run" in head
    words = call("scale", quickstart, "-o", out, *TINY, "--plan").out
    assert all(name in words for name in RUNS)


def tokens_of(dataset: Path) -> list[dict]:
    """The training tokens of each source of a manifest."""
    sources = json.loads((dataset / "manifest.json").read_bytes())["sources"]
    return [
        {"name": source["name"], "tokens": sum(shard["tokens"] for shard in source["splits"]["train"]["shards"])}
        for source in sources
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "-o DIR is missing"),
        (("-o", "out", "--ladder", "desktop"), "no ladder is called 'desktop'; there are laptop, tiny"),
        (("-o", "out", "--compute", "most"), "--compute most: there are kaplan, all, counted"),
        (("-o", "out", "--processes", "0"), "processes is at least 1, got 0"),
        (("-o", "out", "--set", "train.width=64"), "train.width: the ladder sets it, got 64"),
        (("-o", "out", "--set", "train.device=tpu"), "device is auto, cpu, cuda or mps, got 'tpu'"),
        (("-o", "out", "--shots", "1"), "--shots belongs to --evaluate TASK,…, which is not given"),
        (("-o", "out", "--evaluate", ","), "--evaluate names no task: give some, such as induction,positions,copy"),
        (("-o", "out", "--evaluate", "lambda"), "no task is called 'lambda': did you mean 'lambada'?"),
        (("-o", "out", "--evaluate", "copy", "--shots", "two"), "--shots two: not a number, nor fit"),
        (("-o", "out", "--evaluate", "copy", "--shots", "9999"), "copy: 9999 demonstrations are more than the 1999"),
        (("-o", "out", "--evaluate", "copy", "--limit", "0"), "--limit 0 is below 1"),
        (("--predict", "-1"), "--predict -1.0: a number of FLOPs above 0"),
        (("--predict", "1e15"), "holds no scaling.json of curate's"),
    ],
)
def test_what_no_ladder_can_have_is_refused_before_any_work(call, quickstart, tmp_path, options, message):
    done = call("scale", quickstart, *options, cwd=tmp_path)
    assert done.code == 2
    assert message in done.error
    assert list(tmp_path.iterdir()) == []


def test_a_ladder_goes_neither_into_a_run_nor_over_the_files_of_others(call, quickstart, tmp_path):
    done = call("scale", quickstart, "-o", quickstart, *TINY)
    assert done.code == 2
    assert "holds a run, a stage or a model; name another folder for the ladder" in done.error
    own = tmp_path / "scaling.csv"
    own.write_text("mine")
    done = call("scale", quickstart, "-o", tmp_path, *TINY)
    assert done.code == 2
    assert f"{own}: not written by curate, or changed since" in done.error
    assert [path.name for path in tmp_path.iterdir()] == [own.name]
    assert own.read_text() == "mine"
    assert os.path.exists(quickstart / "manifest.json")
