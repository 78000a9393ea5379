"""A run that is stopped at any moment goes on, to the bit; what is not its checkpoint is refused by name."""

import json
import os
import random
import resource
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")

from counting import spell, write  # noqa: E402
from killed import started  # noqa: E402

from curate.errors import SettingsError  # noqa: E402
from curate.gpt import checkpoint, hf  # noqa: E402
from curate.gpt.config import Train  # noqa: E402
from curate.gpt.logs import Progress  # noqa: E402
from curate.gpt.train import train  # noqa: E402

KILLS = int(os.environ.get("CURATE_TRAIN_KILLS", "10"))
SETTINGS = Train(
    layers=2,
    heads=2,
    width=16,
    context=16,
    batch=8,
    batch_start=2,
    ramp_tokens=2_000,
    micro_batch=3,
    steps=40,
    warmup_tokens=640,
    learning_rate=1e-2,
    attention="gpt-oss",
    band=4,
    checkpoint_tokens=100,  # at nearly every step
    valid_windows=4,
    log_every=7,
    sample_tokens=4,
)
SAME = ("loss.csv", "loss.png", "model.safetensors", "train.json", "vocabulary.json")


class Stop(Exception):
    """Ends a run between two steps, without a checkpoint of its own."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A dataset's manifest, and the folder of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("resume")
    manifest = write(folder / "data")
    train(manifest, folder / "out", SETTINGS, decode=spell)
    return manifest, folder / "out"


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in SAME}


def stop_at(last: int):
    """Returns a reporter that ends the run after a step."""

    def report(progress: Progress) -> None:
        if progress.step == last:
            raise Stop

    return report


def stopped(manifest: Path, out: Path, settings: Train = SETTINGS, step: int = 9, *, anew: bool = False) -> None:
    with pytest.raises(Stop):
        train(manifest, out, settings, stop_at(step), decode=spell, anew=anew)


@pytest.mark.processes
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(whole, tmp_path):
    manifest, expected = whole
    draw, out, killed = random.Random(5), tmp_path / "out", []
    while len(killed) < KILLS:
        before = checkpoint.paths(out)
        child = started(manifest, out, SETTINGS)
        while len(killed) % 2 and child.is_alive() and checkpoint.paths(out) == before:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.02 if len(killed) % 2 else 0.25))
        child.kill()
        child.join()
        if child.exitcode == 0:  # it was done before: the next one starts anew
            shutil.rmtree(out)
        else:
            killed.append(len(checkpoint.paths(out)))
    assert max(killed), "no kill came after a checkpoint"
    train(manifest, out, SETTINGS, decode=spell)
    assert contents(out) == contents(expected)
    assert not list(out.rglob("*.tmp"))


@pytest.mark.parametrize("step", [1, 2, 9, 39])
def test_a_run_that_ends_after_any_step_goes_on_to_the_same_bytes(whole, tmp_path, step):
    manifest, expected = whole
    stopped(manifest, tmp_path / "out", step=step)
    train(manifest, tmp_path / "out", SETTINGS, decode=spell)
    assert contents(tmp_path / "out") == contents(expected)


@pytest.mark.processes
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_kill_in_the_middle_of_a_write_leaves_the_checkpoint_before(whole, tmp_path, share):
    manifest, expected = whole
    out = tmp_path / "out"
    child = started(manifest, out, SETTINGS, share)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert list(out.rglob("*.curate.tmp"))
    assert checkpoint.newest(out).state["step"] <= 9
    train(manifest, out, SETTINGS, decode=spell)
    assert contents(out) == contents(expected)
    assert not list(out.rglob("*.tmp"))


def test_an_interrupt_writes_a_checkpoint_of_the_last_whole_step(whole, tmp_path):
    manifest, expected = whole
    settings = replace(SETTINGS, checkpoint_tokens=10**9)

    def report(progress: Progress) -> None:
        if progress.step == 17:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(manifest, tmp_path / "out", settings, report, decode=spell)
    assert checkpoint.newest(tmp_path / "out").state["step"] == 17
    steps: list[int] = []
    train(manifest, tmp_path / "out", settings, lambda progress: steps.append(progress.step), decode=spell)
    assert steps == [*range(18, 41)]
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()


def test_a_damaged_checkpoint_is_passed_over_and_named(whole, tmp_path):
    manifest, expected = whole
    stopped(manifest, tmp_path / "out", step=20)
    last = checkpoint.paths(tmp_path / "out")[-1]
    content = bytearray(last.read_bytes())
    content[-7] ^= 1
    last.write_bytes(content)
    lines: list[str] = []
    train(manifest, tmp_path / "out", SETTINGS, say=lines.append, decode=spell)
    assert f"{last}: damaged; passed over" in lines
    assert contents(tmp_path / "out") == contents(expected)


def test_the_newest_checkpoints_and_the_best_are_kept(whole, tmp_path):
    manifest, expected = whole
    stopped(manifest, tmp_path / "out", replace(SETTINGS, keep_checkpoints=9), step=39)
    assert steps_of(tmp_path / "out") == [*range(30, 39)]
    checkpoint.prune(tmp_path / "out", 3, {31: 2.0, 33: 1.0, 35: 1.0, 38: 1.5, 7: 0.5})
    assert steps_of(tmp_path / "out") == [33, 36, 37, 38]
    assert steps_of(expected) == [38, 39]


def steps_of(out: Path) -> list[int]:
    """Returns the steps after which the checkpoints in a folder were written."""
    return [int(path.stem.removeprefix("step-")) for path in checkpoint.paths(out)]


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        (replace(SETTINGS, learning_rate=2e-2), "learning_rate was 0.01 and is 0.02"),
        (replace(SETTINGS, clip=0.0), "clip was 1.0 and is 0.0"),
        (replace(SETTINGS, layers=1), "layers was 2 and is 1"),
        (replace(SETTINGS, seed=1), "seed was 0 and is 1"),
        (replace(SETTINGS, steps=41), "decay was"),
        (replace(SETTINGS, vocabulary="full"), "vocabulary was 41 and is 50257"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused_by_what_differs(whole, tmp_path, settings, change):
    manifest, _ = whole
    stopped(manifest, tmp_path / "out")
    with pytest.raises(ValueError, match=f"another run: .*{change}.*give --replace") as raised:
        train(manifest, tmp_path / "out", settings, decode=spell)
    assert "\n" not in str(raised.value)
    stopped(manifest, tmp_path / "out", settings, step=1, anew=True)


def test_settings_that_do_not_change_the_steps_may_be_others(whole, tmp_path):
    manifest, expected = whole
    stopped(manifest, tmp_path / "out")
    settings = replace(SETTINGS, checkpoint_tokens=5_000, keep_checkpoints=1, sample_tokens=9)
    train(manifest, tmp_path / "out", settings, decode=spell)
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()


def test_a_run_whose_decay_is_stated_can_be_made_longer(whole, tmp_path):
    manifest, _ = whole
    short, long = (replace(SETTINGS, decay_tokens=4_000, steps=steps) for steps in (20, 40))
    stopped(manifest, tmp_path / "out", short, step=19)
    train(manifest, tmp_path / "out", long, decode=spell)
    train(manifest, tmp_path / "whole", long, decode=spell)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("out", "whole")]
    assert weights[0] == weights[1]


def test_other_shards_and_a_missing_one_are_named(whole, tmp_path):
    manifest = write(tmp_path / "data")
    stopped(manifest, tmp_path / "out")
    table = json.loads(manifest.read_text())
    table["sources"][0]["weight"] = 0.5
    manifest.write_text(json.dumps(table))
    with pytest.raises(ValueError, match="source articles has weight '1/2', which was '7/10'; give --replace"):
        train(manifest, tmp_path / "out", SETTINGS, decode=spell)
    (tmp_path / "data" / "train-articles.bin").unlink()
    with pytest.raises(ValueError, match=r"train-articles\.bin"):
        train(manifest, tmp_path / "out", SETTINGS, decode=spell)


def test_a_file_in_the_place_of_a_checkpoint_is_not_touched(whole, tmp_path):
    manifest, _ = whole
    mine = tmp_path / "out" / "checkpoints" / "step-00000001.safetensors"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(SettingsError, match=r"step-00000001\.safetensors: not a checkpoint of curate's"):
        train(manifest, tmp_path / "out", SETTINGS, decode=spell)
    assert mine.read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_of_checkpoints_is_refused_before_any_work(whole, tmp_path):
    mine = tmp_path / "out" / "checkpoints"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(SettingsError, match=r"out/checkpoints: not a checkpoint of curate's"):
        train(whole[0], tmp_path / "out", SETTINGS, decode=spell)
    assert mine.read_text() == "mine"


def test_a_disk_that_takes_no_more_is_an_error_of_the_system_that_names_the_file(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: .*model\.safetensors"):
            checkpoint.write_tensors(tmp_path / "model.safetensors", {"a": torch.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_folder_of_the_user_s_beside_the_checkpoints_is_kept(whole, tmp_path):
    manifest, _ = whole
    notes = tmp_path / "out" / "checkpoints" / "step-mine.shards" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    stopped(manifest, tmp_path / "out", step=2)
    assert notes.read_text() == "mine"


def test_two_processes_do_not_train_in_one_folder(whole, tmp_path):
    manifest, _ = whole

    def report(progress: Progress) -> None:
        with pytest.raises(SettingsError, match="a model is trained there by another process"):
            train(manifest, tmp_path / "out", SETTINGS, decode=spell)
        raise Stop

    with pytest.raises(Stop):
        train(manifest, tmp_path / "out", SETTINGS, report, decode=spell)


def test_a_model_can_be_used_and_exported_before_its_run_is_finished(whole, tmp_path):
    manifest, _ = whole
    stopped(manifest, tmp_path / "out", replace(SETTINGS, attention="dense"))
    newest = checkpoint.newest(tmp_path / "out")
    assert hf.export(checkpoint.load(tmp_path / "out"), tmp_path / "hf").architecture == "GPT2LMHeadModel"
    assert f"on {newest.state['tokens']:,} tokens of counting" in (tmp_path / "hf" / "README.md").read_text()
    for place in (tmp_path / "out", newest.path):
        saved = checkpoint.load(place)
        assert saved.record["step"] == newest.state["step"]
        assert saved.vocabulary.ids.tolist() == [*range(0, 40000, 1000), 50256]
