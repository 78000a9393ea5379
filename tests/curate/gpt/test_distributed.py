"""Two processes of `curate train` under torchrun, on gloo, train the model that one process trains.

The batch grows from one window, of which the second process has none, to seven, which no two processes share evenly; a
micro-batch is two windows. The learning rate is small, as AdamW makes steps of its size out of a gradient that is
nothing but rounding, such as that of the keys' biases.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")

from safetensors.torch import load_file  # noqa: E402

from curate.gpt import checkpoint  # noqa: E402

pytestmark = [
    pytest.mark.long,
    pytest.mark.processes,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed"),
]

SIZES = {
    **{"layers": 2, "heads": 2, "width": 32, "context": 16, "attention": "gpt-oss", "band": 4, "batch": 7},
    **{"micro_batch": 2, "steps": 8, "batch_start": 1, "ramp_tokens": 600, "warmup_tokens": 300},
    **{"learning_rate": 3e-4, "valid_windows": 8, "log_every": 1, "sample_tokens": 4, "device": "cpu"},
    **{"checkpoint_tokens": 40, "keep_checkpoints": 99},
}
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
LOSSES = ("first_loss", "last_loss", "valid_before", "valid_after")
NEAR = 1e-6


def words(data: Path, out: Path, processes: int = 1, **settings: object) -> list[str]:
    """The command that trains a model on a run's shards in so many processes."""
    starts = TORCHRUN if processes > 1 else []
    pairs = [word for name, value in {**SIZES, **settings}.items() for word in ("--set", f"{name}={value}")]
    return [sys.executable, *starts, "-m", "curate.cli", "train", str(data), "-o", str(out), *pairs]


def train(data: Path, out: Path, processes: int = 1, **settings: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words(data, out, processes, **settings), capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return done


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def assert_same(out: Path, other: Path) -> None:
    """Fails unless two models have the same losses and weights up to the order of sums."""
    record, expected = (json.loads((folder / "train.json").read_bytes()) for folder in (out, other))
    for name in LOSSES:
        assert record[name] == pytest.approx(expected[name], abs=NEAR), name
    weights, wanted = (load_file(folder / "model.safetensors") for folder in (out, other))
    assert weights.keys() == wanted.keys()
    for name, tensor in weights.items():
        assert torch.allclose(tensor, wanted[name], rtol=0, atol=NEAR), name
    rows, others = ((folder / "loss.csv").read_text().splitlines() for folder in (out, other))
    assert [row.split(",")[:2] for row in rows] == [row.split(",")[:2] for row in others]
    last, other_last = (json.loads((folder / "log.jsonl").read_text().splitlines()[-2]) for folder in (out, other))
    for name in ("train_by_source", "bits_by_source", "epochs"):
        assert last[name] == pytest.approx(other_last[name], abs=NEAR), name


def cut(out: Path, copy: Path, step: int) -> Path:
    """Returns a copy of a run that was killed after the checkpoint of a step."""
    shutil.copytree(out, copy)
    for path in copy.iterdir():
        if path.is_file():
            path.unlink()
    for path in checkpoint.paths(copy):
        if path > checkpoint.path_of(copy, step):
            path.unlink()
    assert checkpoint.newest(copy).state["step"] == step
    return copy


def own_lines(stderr: str) -> list[str]:
    """Returns what our processes have written to standard error, without torchrun's own report."""
    return [line for line in stderr.splitlines() if line.startswith("curate: ")]


@pytest.fixture(scope="module")
def alone(several_shards, tmp_path_factory) -> Path:
    """The run of one process."""
    out = tmp_path_factory.mktemp("alone") / "out"
    train(several_shards, out)
    return out


@pytest.fixture(scope="module")
def sharded(several_shards, tmp_path_factory) -> tuple[Path, str]:
    """The run of two processes by FSDP2, and what it printed."""
    out = tmp_path_factory.mktemp("sharded") / "out"
    return out, train(several_shards, out, 2, parallel="fsdp").stdout


def test_two_processes_by_ddp_equal_one(alone, several_shards, tmp_path):
    done = train(several_shards, tmp_path / "out", 2)
    assert_same(tmp_path / "out", alone)
    hardware = json.loads((tmp_path / "out/train.json").read_bytes())["hardware"]
    assert (hardware["processes"], hardware["parallel"]) == (2, "ddp")
    assert done.stdout.count(" step 1 of 8 ") == 1, "the first process prints for all"


def test_two_processes_by_fsdp_equal_one(alone, sharded):
    out, printed = sharded
    assert_same(out, alone)
    assert json.loads((out / "train.json").read_bytes())["hardware"]["parallel"] == "fsdp"
    assert printed.count("sample ") == 1


def test_each_process_writes_its_shards_and_the_checkpoint_reads_as_a_model(sharded, alone):
    path = checkpoint.path_of(sharded[0], 6)
    shards = checkpoint.shards_of(path)
    assert {file.name for file in shards.iterdir()} == {".metadata", "__0_0.distcp", "__1_0.distcp"}
    weights = checkpoint.load(path).model.state_dict()
    for name, tensor in checkpoint.load(checkpoint.path_of(alone, 6)).model.state_dict().items():
        assert torch.allclose(weights[name], tensor, rtol=0, atol=NEAR), name


def test_a_run_goes_on_in_one_process_and_again_in_two(sharded, alone, several_shards, tmp_path):
    once = cut(sharded[0], tmp_path / "once", 3)
    done = train(several_shards, once)
    assert "goes on from step 3" in done.stdout
    assert_same(once, alone)
    twice = cut(once, tmp_path / "twice", 6)
    assert "goes on from step 6" in train(several_shards, twice, 2, parallel="fsdp").stdout
    assert_same(twice, alone)


def test_a_damaged_shard_leaves_the_checkpoint_before(sharded, tmp_path):
    out = shutil.copytree(sharded[0], tmp_path / "out")
    file = checkpoint.shards_of(checkpoint.path_of(out, 6)) / "__1_0.distcp"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert checkpoint.newest(out).state["step"] == 3
    file.unlink()
    assert checkpoint.newest(out).state["step"] == 3


def test_shards_without_their_checkpoint_are_swept_and_pruned_with_it(sharded, tmp_path):
    out = shutil.copytree(sharded[0], tmp_path / "out")
    checkpoint.path_of(out, 6).unlink()
    checkpoint.sweep(out)
    assert [path.name for path in sorted((out / "checkpoints").iterdir())] == [
        "step-00000003.safetensors",
        "step-00000003.shards",
    ]
    checkpoint.remove_all(out)
    assert list((out / "checkpoints").iterdir()) == []


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_an_interrupt_stops_both_with_one_line_and_the_run_goes_on(parallel, several_shards, tmp_path):
    out = tmp_path / "out"
    slow = {"steps": 100_000, "decay_tokens": 10_000, "keep_checkpoints": 1, "checkpoint_tokens": 10**9}
    command = words(several_shards, out, 2, parallel=parallel, **slow)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment()}
    process = subprocess.Popen(command, start_new_session=True, **pipes)
    printed = [process.stdout.readline() for _ in range(12)]  # after two that say how it trains
    process.send_signal(signal.SIGTERM)
    assert " step 9 of 100,000 " in "".join(printed)
    printed = process.communicate()[1]
    assert own_lines(printed) == ["curate: interrupted; the same command resumes where it stopped"]
    step = checkpoint.newest(out).state["step"]
    assert step >= 9
    assert not (out / "train.json").exists()
    done = train(several_shards, out, **slow | {"steps": step + 1})
    assert f"goes on from step {step:,}," in done.stdout
    assert json.loads((out / "train.json").read_bytes())["hardware"]["processes"] == 1


def test_one_process_imports_nothing_of_several():
    names = ("curate.gpt.distributed", "torch.distributed.checkpoint", "torch.distributed.fsdp")
    code = f"import sys, curate.gpt.train; print([name for name in {names} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_setting_that_cannot_be_is_refused_in_one_line(several_shards, tmp_path):
    command = words(several_shards, tmp_path / "out", 2, micro_batch=-1)
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode != 0
    assert [line for line in own_lines(done.stderr) if "micro_batch is a number from 0 on, got -1" in line]
    assert len(own_lines(done.stderr)) == 1, done.stderr


def test_a_loss_that_is_no_number_ends_both_with_one_line(several_shards, tmp_path):
    command = words(several_shards, tmp_path / "out", 2, learning_rate=1e30, warmup_tokens=0, clip=0)
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode != 0
    lines = own_lines(done.stderr)
    assert len(lines) == 1, done.stderr
    assert lines[0].removeprefix("curate: ").removeprefix("process 1: ").startswith("the loss is nan at step 2; ")


def test_a_process_that_fails_ends_all_with_its_line(several_shards, tmp_path):
    """The second process reads a copy of the data set in which a shard is cut short, as on another machine."""
    copy = shutil.copytree(several_shards, tmp_path / "copy")
    shard = next(copy.rglob("train/**/*.bin"))
    shard.write_bytes(shard.read_bytes()[:-2])
    script = tmp_path / "start.py"
    script.write_text(
        "import os, sys\nfrom curate.cli import main\n"
        f"if os.environ['RANK'] == '1': sys.argv[2] = {str(copy)!r}\nmain()\n"
    )
    command = words(several_shards, tmp_path / "out", 2)
    at = command.index("curate.cli") - 1
    command[at : at + 2] = [str(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode != 0
    lines = own_lines(done.stderr)
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("curate: process 1: ")
    assert shard.name in lines[0]
    assert not (tmp_path / "out/train.json").exists()
