"""A whole evaluation: several models on several tasks with several numbers of demonstrations, as one result."""

import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import Any

from curate import __version__
from curate.errors import SettingsError, UserError
from curate.evaluate import bootstrap, generated, incontext, perplexity, tasks
from curate.evaluate.config import NORMALISATIONS, Task
from curate.evaluate.encoding import joint
from curate.evaluate.examples import clean_items
from curate.evaluate.incontext import Induction, Positions
from curate.evaluate.measures import CleanSubset, Result, clean_subset, result
from curate.evaluate.models import Model
from curate.evaluate.perplexity import Perplexity
from curate.evaluate.score import Scores, score, with_answers
from curate.evaluate.tasks import Item
from curate.loader.streams import manifest_file
from curate.settings import check
from curate.storage.writing import sha256_of

FORMAT = "curate.evaluation/1"
FIT = "fit"  # in the place of a number of demonstrations: as many as the window holds
MOST_FIT = 100  # the most that GPT-3's paper fits into its window
INDUCTION = "induction"  # a task without items
ELSEWHERE = ("items", "demonstrations", "summary", "chance")  # of a task: in sha256, in each result, or no matter
LIBRARIES = ("torch", "numpy", "tokenizers", "tiktoken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an evaluation."""

    shots: tuple[int | str, ...] = (0,)
    seed: int = 0
    limit: int | None = None  # items of each task, documents of each source
    normalise: str | None = None  # in place of each task's own
    stride: int | None = None  # of perplexity

    def __post_init__(self) -> None:
        check(bool(self.shots), "--shots names no number of demonstrations")
        for shots in self.shots:
            check(shots == FIT or (isinstance(shots, int) and shots >= 0), f"--shots {shots}: not a number, nor {FIT}")
        ways = ", ".join(NORMALISATIONS[:-1])
        check(
            self.normalise in (None, *NORMALISATIONS),
            f"--normalise {self.normalise}: not {ways} or {NORMALISATIONS[-1]}",
        )
        check(self.seed >= 0, f"--seed {self.seed} is below 0")
        check(self.limit is None or self.limit >= 1, f"--limit {self.limit} is below 1")


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """The outcome of an evaluation."""

    settings: Settings
    models: Sequence[Mapping[str, Any]]  # the facts of each
    tasks: list[dict[str, Any]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    induction: list[Induction] = field(default_factory=list)
    positions: list[Positions] = field(default_factory=list)
    perplexity: list[Perplexity] = field(default_factory=list)
    clean: list[CleanSubset] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was asked for and cannot be measured


def parse_shots(text: str) -> tuple[int | str, ...]:
    """Returns the numbers of demonstrations that a list such as 0,1,8,fit names.

    >>> parse_shots("0,1,fit")
    (0, 1, 'fit')
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    return tuple(dict.fromkeys(int(word) if word.isascii() and word.isdigit() else word for word in words))


def read_tasks(names: Sequence[str], data: Path | None, settings: Settings) -> list[Task]:
    """Returns the tasks of these names, whose files it reads, so that a fault shows before a model is loaded.

    A folder of files is passed by where a task is made from a seed.
    """
    made = (*generated.PROBLEMS, *generated.SCRAMBLES)
    most = max([0, *(shots for shots in settings.shots if isinstance(shots, int))])
    chosen = []
    for name in tasks.expand(names):
        task = tasks.read_task(name, None if name in made and data is not None and data.is_dir() else data)
        check_normalisation(task, settings.normalise)
        tasks.prompt(task, 0, most, settings.seed)
        chosen.append(task)
    return chosen


def read_clean(path: Path, chosen: Sequence[Task], seed: int) -> dict[str, list[bool]]:
    """Returns of each task that a list of clean and dirty items names whether its items are clean.

    SettingsError where the list has another number of items than the task.
    """
    lists = clean_items(path, [task.name for task in chosen])
    for task in chosen:
        listed, count = len(lists.get(task.name, ())), len(tasks.examples(task, seed))
        if task.name in lists and listed != count:
            raise SettingsError(
                f"{path}: lists {listed:,} items of {task.name}, which has {count:,}; give it its files"
            )
    return lists


def evaluate(
    models: Sequence[Model],
    chosen: Sequence[Task],
    settings: Settings,
    *,
    induction: bool = False,
    text: Path | None = None,
    clean: Mapping[str, Sequence[bool]] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Returns the numbers of every model; report: called with a line for each of them.

    induction: with the loss on repeated random strings. text: an output or a file whose bits per byte are measured.
    clean: of tasks, by name, whether each item is clean; the accuracy on these is given beside that on all.
    """
    made = Evaluation(settings=settings, models=[model.facts for model in models])
    made.tasks = [facts(task) for task in chosen]
    for task, shots, model in product(chosen, settings.shots, models):
        scores, whole = scored(model, task, shots, settings)
        made.results.append(whole)
        if clean and task.name in clean:
            made.clean.append(clean_subset(scores, whole, clean[task.name], settings.seed))
        report(f"{task.name}, {demonstrations(shots)}: {model.name}")
    for model in models:
        if induction:
            made.induction.append(incontext.induction(model, seed=settings.seed, strings=settings.limit or 100))
        if text is not None:
            _measure_text(made, model, text)
            report(f"{text}: {model.name}")
    return made


def _measure_text(made: Evaluation, model: Model, text: Path) -> None:
    seed, limit = made.settings.seed, made.settings.limit
    made.perplexity.append(perplexity.measure(model, text, seed=seed, stride=made.settings.stride, limit=limit))
    if not perplexity.is_output(text):
        return
    manifest = manifest_file(text)
    try:
        windows = limit or incontext.WINDOWS
        made.positions.append(incontext.positions(model, manifest, seed=seed, windows=windows))
    except SettingsError as error:
        made.notes.append(str(error))


def check_normalisation(task: Task, normalise: str | None) -> None:
    """Raises SettingsError where a task has no neutral context, which a normalisation needs."""
    if normalise == "unconditional" and task.form == "choice" and not task.unconditional:
        mend = 'add unconditional = "Answer:" to its TOML, or choose another normalisation'
        raise SettingsError(f"task {task.name}: states no context for the normalisation unconditional; {mend}")


def run(model: Model, task: Task, shots: int | str, settings: Settings, only: Collection[int] | None = None) -> Result:
    """Returns the numbers of one model on one task; only: the numbers of the items that are measured; None: all."""
    return scored(model, task, shots, settings, only)[1]


def scored(
    model: Model, task: Task, shots: int | str, settings: Settings, only: Collection[int] | None = None
) -> tuple[Scores, Result]:
    """Returns the likelihoods that a model gives to the items of a task, and the numbers that follow from them."""
    if shots == FIT:
        items, used = _fitting(model, task, settings)
    else:
        items = tasks.items(task, int(shots), settings.seed, settings.limit)
        used = float(shots)
    items = [item for item in items if only is None or item.number in only]
    unconditional = task.form == "choice" and bool(task.unconditional)
    scores = score(model, items, unconditional=unconditional)
    if task.form == "generate":
        scores = with_answers(model, scores, items, task.stop)
    return scores, result(
        scores,
        model=model.name,
        task=task.name,
        form=task.form,
        shots=shots,
        demonstrations=used,
        normalise=settings.normalise or task.normalise,
        chance=tasks.chance(items, task.form),
        seed=settings.seed,
    )


def _fitting(model: Model, task: Task, settings: Settings) -> tuple[list[Item], float]:
    """Returns each item with as many demonstrations as the window holds, at most 100, and their mean number."""
    made, used = [], 0
    for item in tasks.items(task, 0, settings.seed, settings.limit):
        best, shots = fitting(model, task, item, settings.seed)
        made.append(best)
        used += shots
    return made, used / max(1, len(made))


def fitting(model: Model, task: Task, item: Item, seed: int) -> tuple[Item, int]:
    """Returns an item of a task with as many demonstrations as the window holds, and their number."""

    def tried(shots: int) -> Item | None:
        try:
            longer = tasks.prompt(task, item.number, shots, seed)
        except UserError:  # there are fewer
            return None
        sizes = [len(joint(model.tokenizer, *pair)[0]) for pair in longer.pairs]
        return longer if max(sizes) <= model.window else None

    best, low, high = item, 0, 1
    while high <= MOST_FIT and (longer := tried(high)):
        best, low, high = longer, high, high * 2
    high = min(high, MOST_FIT + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if longer := tried(middle):
            best, low = longer, middle
        else:
            high = middle
    return best, low


def demonstrations(shots: int | str) -> str:
    """Returns a number of demonstrations in words."""
    if shots == FIT:
        return "as many as fit"
    return f"{shots} demonstration" if shots == 1 else f"{shots} demonstrations"


def as_json(made: Evaluation) -> dict[str, Any]:
    """Returns an evaluation as plain values, with all that decides its numbers."""
    return {
        "format": FORMAT,
        "versions": versions(),
        "bootstrap": {"draws": bootstrap.DRAWS, "level": bootstrap.LEVEL},
        **asdict(made),
        "clean": [asdict(one) | {"clean_share": one.clean_share} for one in made.clean],
        "results": [asdict(one) | {"reported": one.reported and asdict(one.reported)} for one in made.results],
        "induction": [asdict(one) | {"at_chance": one.at_chance} for one in made.induction],
        "positions": [asdict(one) | {"at_chance": one.at_chance} for one in made.positions],
    }


def facts(task: Task) -> dict[str, Any]:
    """Returns what decides the items of a task, as plain values."""
    files = {name: sha256_of(Path(name)) for name in (*task.items, *task.demonstrations)}
    return {name: value for name, value in asdict(task).items() if name not in ELSEWHERE} | {"sha256": files}


def versions() -> dict[str, str]:
    """Returns the versions of what computes the numbers."""
    made = {"curate": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            made[name] = version(name)
    return made
