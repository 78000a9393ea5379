"""Measures the in-context gain of the models of a ladder, against their size, as in GPT-3's Figures 1.2 and 3.8.

Each finished run is evaluated without training. Its numbers are kept in a file of its own by the sha256 of its weights
and by all settings, so the same command computes only what is not there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError
from curate.evaluate import evaluation, incontext, measures, models
from curate.evaluate.bootstrap import Estimate
from curate.evaluate.config import Task
from curate.evaluate.evaluation import INDUCTION, Settings
from curate.evaluate.incontext import LATE, STRINGS, TENTH, WINDOWS, Induction, Positions
from curate.evaluate.models import Model
from curate.evaluate.score import Scores
from curate.scaling.ladder import Say
from curate.scaling.rungs import Rung
from curate.storage.locks import locked
from curate.storage.writing import as_json, sha256_of, unsealed, write_record

POSITIONS = "positions"  # the loss late in a window less that early in it
FOLDER = "incontext"  # of the numbers of each run
FORMAT, VERSION = "curate.scaling.incontext.run", 1
NATS, BITS = "nats per token", "bits per byte"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The loss of a model under one condition, and how much lower it is than under the first one of its task."""

    task: str
    condition: str  # such as "K = 8", "second copy" or "token 128"
    unit: str  # of loss and gain: bits per byte of the right answers, or nats per token
    items: int
    left_out: int  # items without a likelihood
    cut: int  # items whose context did not fit and was cut from the left
    demonstrations: float | None  # before an item, on the mean; None without items
    loss: Estimate | None
    gain: Estimate | None  # None under the first condition
    accuracy: Estimate | None
    measure: str  # of the accuracy
    chance: float

    @property
    def is_shown(self) -> bool:
        """Returns whether the interval of the gain does not cover 0."""
        return self.gain is not None and not self.gain.covers(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A run of a ladder with its gains."""

    rung: Rung
    facts: Mapping[str, Any]  # of the model
    gains: tuple[Gain, ...]
    notes: tuple[str, ...]  # what was asked for and cannot be measured, or is measured otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The tasks and settings by which every model of a ladder is evaluated."""

    names: tuple[str, ...]  # of tasks, INDUCTION and POSITIONS among them, in the order of the output
    tasks: tuple[Task, ...]
    settings: Settings
    device: str


def questions(names: Sequence[str], data: Path | None, settings: Settings, device: str) -> Questions:
    """Returns the questions of these names of tasks; SettingsError where one cannot be asked."""
    if not names:
        raise SettingsError("--evaluate names no task: give some, such as induction,positions,copy")
    own = (INDUCTION, POSITIONS)
    tasks = evaluation.read_tasks([name for name in names if name not in own], data, settings)
    by_name: dict[str, Task] = {}
    for task in tasks:
        if by_name.setdefault(task.name, task) is not task:
            raise SettingsError(f"--evaluate names two tasks that are called {task.name!r}; name one of them otherwise")
    order = (*(name for name in own if name in names), *by_name)
    return Questions(names=order, tasks=tuple(tasks), settings=settings, device=device)


def evaluate(rungs: Sequence[Rung], manifest: Path, out: Path, asked: Questions, say: Say) -> list[Evaluated]:
    """Returns the gains of these finished runs, of which only those are computed that are not kept from before."""
    with locked(out, "a ladder is evaluated"):
        return [_evaluated(rung, manifest, out, asked, say) for rung in rungs]


def check_kept(rungs: Sequence[Rung], out: Path) -> None:
    """Raises SettingsError where a file of another lies in the place of a run's numbers."""
    for rung in rungs:
        _kept(_path(rung, out))


def _path(rung: Rung, out: Path) -> Path:
    return out / FOLDER / f"{rung.name}.json"


def _kept(path: Path) -> dict[str, Any]:
    """Returns the numbers of each task that are kept of a run; {} where there are none."""
    try:
        stored = unsealed(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        stored = {}
    if stored.get("format") != FORMAT:
        raise SettingsError(f"{path}: not written by curate, or changed since; move it, or name another place")
    return dict(stored["tasks"]) if stored["version"] == VERSION else {}


def _evaluated(rung: Rung, manifest: Path, out: Path, asked: Questions, say: Say) -> Evaluated:
    """Returns the gains of a run, and keeps those of each task as soon as they are there."""
    path = _path(rung, out)
    kept = _kept(path)
    model = models.load(rung.folder(out), rung.name, device=asked.device)
    tasks = {task.name: task for task in asked.tasks}
    gains: list[Gain] = []
    notes: list[str] = []
    for name in asked.names:
        key = _key(model, tasks.get(name), manifest, asked.settings)
        if kept.get(name, {}).get("key") != key:
            made, lines = _measured(model, tasks.get(name, name), manifest, asked.settings)
            kept[name] = {"key": key, "gains": [asdict(gain) for gain in made], "notes": lines}
            storage.make_folder(path.parent)
            write_record(path, {"format": FORMAT, "version": VERSION, "tasks": kept})
            say(f"{rung.name}: {name}")
        gains += map(_gain, kept[name]["gains"])
        notes += kept[name]["notes"]
    return Evaluated(rung=rung, facts=model.facts, gains=tuple(gains), notes=tuple(notes))


def _key(model: Model, task: Task | None, manifest: Path, settings: Settings) -> str:
    """Returns the digest of all that decides the numbers of a model on a task, or on the held-out text."""
    facts = {
        "model": model.facts,
        "task": evaluation.facts(task) if task else None,
        "dataset": None if task else sha256_of(manifest),
        "settings": asdict(settings),
        "versions": evaluation.versions(),
    }
    return sha256(as_json(facts)).hexdigest()


def _gain(row: Mapping[str, Any]) -> Gain:
    """Returns a gain as it was kept."""
    estimates = {name: row[name] and Estimate(**row[name]) for name in ("loss", "gain", "accuracy")}
    return Gain(**{**row, **estimates})


def _measured(model: Model, task: Task | str, manifest: Path, settings: Settings) -> tuple[list[Gain], list[str]]:
    """Returns the gains of a model on one task, and what cannot be measured of it or is measured otherwise."""
    if isinstance(task, Task):
        return [*_of_task(model, task, settings)], []
    seed, limit = settings.seed, settings.limit
    try:
        if task == INDUCTION:
            return _of_strings(incontext.induction(model, seed=seed, strings=limit or STRINGS)), []
        places = incontext.positions(model, manifest, seed=seed, windows=limit or WINDOWS)
    except SettingsError as error:  # a context that is too short, or no held-out window that the model can read
        return [], [f"{task}: not measured: {error}"]
    short = f"{POSITIONS}: no token {LATE} in a context of {places.late} tokens; its last one stands in the place of it"
    notes = [f"{short}, and token {places.early}, a tenth of it, in that of token {LATE // TENTH}"]
    return _of_places(places), notes if places.late < LATE else []


def _of_task(model: Model, task: Task, settings: Settings) -> Iterator[Gain]:
    """Yields the gains of a model on a task, one for each number of demonstrations; the first is compared with."""
    base: Scores | None = None
    for shots in settings.shots:
        scores, result = evaluation.scored(model, task, shots, settings)
        key = f"{task.name}/{shots}/gain"
        yield Gain(
            task=task.name,
            condition=f"K = {shots}",
            unit=BITS,
            items=result.items,
            left_out=sum(result.left_out.values()),
            cut=result.cut,
            demonstrations=result.demonstrations,
            loss=result.gold_bits_per_byte,
            gain=None if base is None else measures.gain(scores, base, settings.seed, key),
            accuracy=result.reported,
            measure=result.normalise,
            chance=result.chance,
        )
        base = base or scores


def _of_strings(made: Induction) -> list[Gain]:
    losses = {"first copy": made.first, "second copy": made.second}
    return _of_text(INDUCTION, losses, made.difference)


def _of_places(made: Positions) -> list[Gain]:
    losses = {f"token {made.early}": made.early_loss, f"token {made.late}": made.late_loss}
    return _of_text(POSITIONS, losses, made.difference)


def _of_text(name: str, losses: Mapping[str, Estimate], difference: Estimate) -> list[Gain]:
    """Returns two losses in nats per token as gains, of which the second is less the first by the difference."""
    gains = (None, difference.negated())
    return [
        Gain(
            task=name,
            condition=condition,
            unit=NATS,
            items=loss.items,
            left_out=0,
            cut=0,
            demonstrations=None,
            loss=loss,
            gain=gain,
            accuracy=None,
            measure="",
            chance=0.0,
        )
        for (condition, loss), gain in zip(losses.items(), gains, strict=True)
    ]
