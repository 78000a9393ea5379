"""In-context gain of the models of a ladder: its numbers, what is kept of them, what a short context has not."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the figure needs vl-convert: pip install '.[train]'")

from small_runs import write_task

from curate.errors import SettingsError
from curate.evaluate import evaluation, incontext, models
from curate.evaluate.evaluation import Settings
from curate.gpt.config import Train
from curate.gpt.train import train
from curate.scaling import gains, gains_record
from curate.scaling.config import Ladder, Size
from curate.scaling.rungs import rungs
from curate.storage.writing import unsealed

LADDER = Ladder(
    sizes=(Size(layers=1, heads=1, width=8), Size(layers=1, heads=2, width=16, seeds=(0, 1))),
    tokens_per_parameter=(0.5,),
    train=Train(context=24, batch=4, sample_tokens=0, threads=1, valid_windows=4),
)
RUNGS = rungs(LADDER)
OLD = Settings(shots=(0, 1, 2), seed=3)


@pytest.fixture(scope="module")
def place(once, several_shards) -> Path:
    """A folder with the trained runs of a ladder, and the task `boats.toml`; nobody changes it."""

    def fill(folder: Path) -> None:
        for rung in RUNGS:
            train(several_shards / "manifest.json", rung.folder(folder), rung.settings, lambda *_: None)
        write_task(folder)

    return once("gains", fill)


@pytest.fixture
def own(place, tmp_path) -> Path:
    """A copy of that folder."""
    shutil.copytree(place, tmp_path / "ladder")
    return tmp_path / "ladder"


def ask(own: Path, *names: str, settings: Settings = OLD) -> gains.Questions:
    return gains.questions([*names, str(own / "boats.toml")], None, settings, "cpu")


def test_gains_are_the_numbers_of_an_evaluation_of_each_run(own, several_shards):
    manifest = several_shards / "manifest.json"
    made = gains.evaluate(RUNGS, manifest, own, ask(own, "induction", "positions"), lambda _: None)
    assert [run.rung for run in made] == [*RUNGS]
    for run in made:
        model = models.load(run.rung.folder(own), run.rung.name)
        by_place = {(gain.task, gain.condition): gain for gain in run.gains}
        assert list(by_place) == [
            *(("induction", "first copy"), ("induction", "second copy")),
            *(("positions", "token 10"), ("positions", "token 24")),
            *(("boats", "K = 0"), ("boats", "K = 1"), ("boats", "K = 2")),
        ]
        strings = incontext.induction(model, seed=3)
        assert by_place["induction", "second copy"].gain.value == -strings.difference.value
        assert by_place["induction", "second copy"].gain.high == -strings.difference.low
        windows = incontext.positions(model, manifest, seed=3)
        assert by_place["positions", "token 24"].gain.value == -windows.difference.value
        assert by_place["positions", "token 24"].loss == windows.late_loss
        [task] = evaluation.read_tasks([str(own / "boats.toml")], None, OLD)
        results = [evaluation.run(model, task, shots, OLD) for shots in OLD.shots]
        boats = [by_place["boats", f"K = {shots}"] for shots in OLD.shots]
        assert [gain.loss for gain in boats] == [one.gold_bits_per_byte for one in results]
        assert [gain.accuracy for gain in boats] == [one.reported for one in results]
        assert boats[0].gain is None
        assert boats[2].gain.value == pytest.approx(boats[0].loss.value - boats[2].loss.value)
        assert run.notes == (
            "positions: no token 500 in a context of 24 tokens; its last one stands in the place of it, "
            "and token 10, a tenth of it, in that of token 50",
        )


def test_only_what_is_not_kept_is_measured_and_the_numbers_stay_the_same(own, several_shards):
    said: list[str] = []

    def measured(asked: gains.Questions) -> bytes:
        said.clear()
        return gains_record.as_csv(gains.evaluate(RUNGS, several_shards / "manifest.json", own, asked, said.append))

    before = measured(ask(own, "induction"))
    assert said == [f"{rung.name}: {task}" for rung in RUNGS for task in ("induction", "boats")]
    assert measured(ask(own, "induction")) == before
    assert said == []
    (own / gains.FOLDER / f"{RUNGS[1].name}.json").unlink()
    assert measured(ask(own, "induction")) == before
    assert said == [f"{RUNGS[1].name}: {task}" for task in ("induction", "boats")]
    shutil.copytree(RUNGS[2].folder(own), RUNGS[1].folder(own), dirs_exist_ok=True)  # other weights
    assert measured(ask(own, "induction")) != before
    assert said == [f"{RUNGS[1].name}: {task}" for task in ("induction", "boats")]
    measured(ask(own, "induction", settings=replace(OLD, shots=(0, 1))))
    assert len(said) == 6


def test_the_outputs_hold_every_number_with_its_interval(own, several_shards):
    asked = ask(own)
    made = gains.evaluate(RUNGS, several_shards / "manifest.json", own, asked, lambda _: None)
    stated = gains_record.write(made, asked, {"name": "web", "sha256": "f"}, own)
    assert unsealed((own / "incontext.json").read_bytes()) == json.loads(json.dumps(stated))
    rows = list(csv.DictReader((own / "incontext.csv").open()))
    assert [(row["name"], row["condition"]) for row in rows] == [
        (rung.name, f"K = {shots}") for rung in RUNGS for shots in (0, 1, 2)
    ]
    for row, gain in zip(rows, (gain for run in made for gain in run.gains), strict=True):
        assert float(row["loss_low"]) <= float(row["loss"]) == gain.loss.value <= float(row["loss_high"])
        assert row["gain"] == ("" if gain.gain is None else str(gain.gain.value))
    assert [run["model"]["weights_sha256"] for run in stated["runs"]] == [run.facts["weights_sha256"] for run in made]
    assert (stated["settings"]["seed"], stated["dataset"]["sha256"]) == (3, "f")
    assert (own / "incontext.png").read_bytes().startswith(b"\x89PNG")


def test_prompts_that_a_context_does_not_hold_are_counted_in_one_line_for_all_runs(own, several_shards):
    asked = gains.questions([str(own / "boats.toml")], None, replace(OLD, shots=(0, 3)), "cpu")
    made = gains.evaluate(RUNGS, several_shards / "manifest.json", own, asked, lambda _: None)
    assert gains_record.notes_of(made) == ["boats, K = 3: 4 of 4 prompts cut from the left to the context of 24 tokens"]
    assert gains_record.notes_of(made[:1]) == gains_record.notes_of(made)
    lone = [replace(made[0], gains=()), made[1]]
    assert gains_record.notes_of(lone)[0].endswith(f"tokens ({RUNGS[1].name})")


def test_a_context_too_short_for_positions_is_stated_and_alone_an_error(several_shards, tmp_path):
    train_ = replace(LADDER.train, context=8, batch=8)
    [rung] = rungs(replace(LADDER, sizes=LADDER.sizes[:1], train=train_))
    manifest = several_shards / "manifest.json"
    train(manifest, rung.folder(tmp_path), rung.settings, lambda *_: None)
    asked = gains.questions(["positions", "induction"], None, OLD, "cpu")
    [made] = gains.evaluate([rung], manifest, tmp_path, asked, lambda _: None)
    assert [gain.task for gain in made.gains] == ["induction"] * 2
    reason = f"positions: not measured: {rung.name}: a context of 8 tokens is too short to compare two places in it"
    assert made.notes == (reason,)
    asked = gains.questions(["positions"], None, OLD, "cpu")
    made = gains.evaluate([rung], manifest, tmp_path, asked, lambda _: None)
    with pytest.raises(SettingsError, match="a context of 8 tokens is too short"):
        gains_record.write(made, asked, {"name": "web"}, tmp_path)


@pytest.mark.parametrize("content", [b"mine", b'{"format": "curate.scaling"}'])
def test_a_file_of_the_user_s_in_the_place_of_kept_numbers_is_named(tmp_path, content):
    path = tmp_path / gains.FOLDER / f"{RUNGS[0].name}.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"{path}: not written by curate, or changed since"):
        gains.check_kept(RUNGS, tmp_path)


def test_two_tasks_of_one_name_are_refused(place, tmp_path):
    write_task(tmp_path)
    with pytest.raises(SettingsError, match="--evaluate names two tasks that are called 'boats'"):
        gains.questions([str(place / "boats.toml"), str(tmp_path / "boats.toml")], None, OLD, "cpu")
