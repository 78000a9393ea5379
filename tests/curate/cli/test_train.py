"""The command `train`: interrupted, killed and resumed as a user would; what is refused."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")

SMALL = ("--set", "layers=1", "--set", "width=32", "--set", "context=32", "--set", "batch=4", "--set", "log_every=100")
RUN = (*SMALL, "--steps", "250", "--set", "checkpoint_tokens=3000")
SAME = ("loss.csv", "model.safetensors")


def started(command, dataset: Path, out: Path, *options: str) -> subprocess.Popen:
    """Starts the command, and returns it once it has written a checkpoint."""
    process = subprocess.Popen(command("train", dataset, "-o", out, *options), stderr=subprocess.PIPE, text=True)
    while not list(out.glob("checkpoints/step-*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    return process


@pytest.fixture(scope="module")
def interrupted(command, several_shards, tmp_path_factory) -> tuple[Path, int, str]:
    """The folder of an interrupted run, which nobody changes, the exit code of its command, and what that said."""
    out = tmp_path_factory.mktemp("interrupted") / "out"
    process = started(command, several_shards, out, *RUN)
    process.send_signal(signal.SIGINT)
    message = process.communicate()[1]
    return out, process.returncode, message


@pytest.mark.processes
def test_an_interrupted_and_a_killed_run_end_like_one_that_was_not(
    interrupted, command, call, several_shards, tmp_path
):
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert interrupted[1:] == (130, "curate: interrupted; the same command resumes where it stopped\n")
    shutil.copytree(interrupted[0], out)
    there = sorted(path.name for path in out.glob("checkpoints/step-*"))
    process = started(command, several_shards, out, *RUN)
    while sorted(path.name for path in out.glob("checkpoints/step-*")) == there and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    process.stderr.close()
    for folder in (whole, out):
        assert call("train", several_shards, "-o", folder, *RUN).code == 0
    assert all((out / name).read_bytes() == (whole / name).read_bytes() for name in SAME)


def test_a_run_of_other_settings_is_refused_unless_it_may_be_replaced(interrupted, call, several_shards, tmp_path):
    out = shutil.copytree(interrupted[0], tmp_path / "out")
    done = call("train", several_shards, "-o", out, *RUN, "--set", "clip=2")
    assert done.code == 2
    assert "a checkpoint of another run: clip was 1.0 and is 2.0; give --replace to train anew" in done.err
    assert done.err.count("\n") == 1
    few = (*SMALL, "--tokens", "1k")
    assert call("train", several_shards, "-o", out, *few, "--replace").code == 0


def test_the_paper_s_course_is_scaled_by_a_factor_that_is_printed(call, quickstart, tmp_path):
    tiny = ("--set", "layers=1", "--set", "heads=1", "--set", "width=8", "--set", "context=16", "--set", "batch=4")
    tiny = (*tiny, "--set", "batch_start=1")
    done = call("train", quickstart, "-o", tmp_path / "out", "--model", "gpt3-small", "--tokens", "3k", *tiny)
    assert done.code == 0, done.err
    assert "horizon 1e-08: the paper's lengths times this" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tokens", "1M", "--steps", "3"), "a run has one length, got steps and tokens"),
        (("--epochs", "0"), "epochs is a number above 0, got 0.0"),
        (("--tokens", "many"), "many"),
        (("--model", "gpt4"), "no model is called 'gpt4'"),
        (("--set", "warmup=50"), "unknown setting 'warmup'; did you mean 'warmup_tokens'?"),
        (("--horizon", "-1"), "horizon is a number from 0 on, got -1.0"),
    ],
)
def test_a_course_that_no_run_can_have_is_refused_before_any_work(call, quickstart, tmp_path, options, message):
    done = call("train", quickstart, "-o", tmp_path / "out", *options)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()
