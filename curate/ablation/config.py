"""Ablation: arms, judges, seeds and the model, from a TOML file of the user's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate import settings
from curate.errors import SettingsError
from curate.gpt.config import LENGTHS, Train
from curate.recipe import absolute, bundled_names, is_source_name
from curate.settings import Table, check
from curate.tokens.config import is_tokenizer_file

# What an ablation sets itself in each run; the table [train] has the rest.
OWN = ("seed", "vocabulary", "init", *LENGTHS)
# Settings of [train] that the file leaves out. "auto" may choose another precision for each run.
DEFAULTS: Table = {"precision": "fp32", "sample_tokens": 0, "keep_checkpoints": 1, "log_every": 50}
BASELINE = "raw"
SPLITS = {"valid": ("valid",), "train": ("train",), "all": ("train", "valid")}
MEASURES = ("bits", "accuracy")
HOSTS = ("unseen", "any")
KINDS = ("manifest", "recipe", "documents")  # an arm is of one of these
JUDGES = (*KINDS, "arm", "task")  # and a judge of one of these


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way of making data: a dataset that is there, a recipe that makes one, or documents as they are."""

    manifest: str | None = None  # a finished run's folder, or a manifest.json
    recipe: str | None = None  # a bundled recipe or a .toml file, which is run
    inputs: tuple[str, ...] = ()  # of the recipe, as `curate run RECIPE FILES` takes them
    documents: tuple[str, ...] = ()  # files of documents, which are neither filtered nor deduplicated
    set: tuple[str, ...] = ()  # changes of the recipe's settings, PATH=VALUE

    def __post_init__(self) -> None:
        _check_kind(self, KINDS)
        check(not self.inputs or self.recipe is not None, "inputs are those of a recipe; name one")
        check(not self.set or self.manifest is None, "set changes a recipe; a manifest is finished")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Texts, or the items of a task, on which the models of all arms are measured."""

    manifest: str | None = None  # as in an arm
    split: str = "valid"  # of the manifest: valid, train or all
    recipe: str | None = None  # whose documents are the judge's, all of them
    arm: str | None = None  # whose recipe makes documents of `inputs`
    inputs: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    task: str | None = None  # a bundled task or a .toml file
    data: str | None = None  # the folder or the file of the task's items
    shots: int = 0  # demonstrations before each item
    measure: str = "bits"  # that the verdict goes by; of a task also accuracy
    stride: int = 0  # tokens by which the window slides over a long text; 0: half of the context
    hosts: str = "unseen"  # "unseen" leaves out the documents of hosts that an arm has, "any" does not
    common: int = 0  # 13-grams in more documents of an arm than so many are phrases, and no copy; 0: each is a copy
    limit: int = 0  # documents or items, drawn by their texts; 0: all
    limit_bytes: int = 0  # of text; 0: all
    least_documents: int = 10  # that are left, or items
    least_bytes: int = 10_000  # of text that are left

    def __post_init__(self) -> None:
        _check_kind(self, JUDGES)
        for name, value, possible in (
            ("split", self.split, [*SPLITS]),
            ("measure", self.measure, MEASURES),
            ("hosts", self.hosts, HOSTS),
        ):
            check(value in possible, f"{name} is {', '.join(possible[:-1])} or {possible[-1]}, got {value!r}")
        for name in ("shots", "stride", "common", "limit", "limit_bytes"):
            check(getattr(self, name) >= 0, f"{name} is a number from 0 on, got {getattr(self, name)}")
        for name in ("least_documents", "least_bytes"):
            check(getattr(self, name) >= 1, f"{name} is at least 1, got {getattr(self, name)}")
        made = self.recipe is not None or self.arm is not None
        check(not self.inputs or made, "inputs are those of a recipe, or of an arm's recipe; name one")
        check(self.arm is None or bool(self.inputs), "the recipe of an arm makes a judge of other inputs; name them")
        check(not self.set or self.recipe is not None, "set changes a recipe; name one")
        tasks = self.shots or self.data is not None or self.measure != "bits"
        check(self.task is not None or not tasks, "data, shots and measure are those of a task; name one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Arms of a corpus whose faults are known: without them, with them, and curated."""

    clean: str
    planted: str
    curated: str

    def __post_init__(self) -> None:
        check(len({self.clean, self.planted, self.curated}) == 3, "clean, planted and curated are three arms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """One model trained on the data of several arms, by several seeds, and measured by several judges."""

    name: str
    seeds: tuple[int, ...] = (0, 1, 2)
    tokens: int | None = None  # of every run; None: as many as the smallest arm has in `epochs`
    epochs: float = 1.0  # the most that a run sees a source of its arm
    baseline: str = BASELINE  # the arm that the others are compared with
    encoding: str | None = (
        None  # of all arms: tiktoken's name or a tokenizer.json; None: that of the manifests, or gpt2
    )
    processes: int = 2  # runs side by side
    train: Train = Train(**DEFAULTS)
    arms: Mapping[str, Arm] = field(default_factory=dict)
    judges: Mapping[str, Judge] = field(default_factory=dict)
    gap: Gap | None = None

    @property
    def entries(self) -> "tuple[Arm | Judge, ...]":
        """Returns all arms and all judges."""
        return (*self.arms.values(), *self.judges.values())

    def __post_init__(self) -> None:
        check(len(self.arms) >= 2, f"an ablation compares at least two arms, [arms.NAME]; got {len(self.arms)}")
        check(len(self.judges) >= 1, "an ablation has at least one judge, [judges.NAME]")
        for name in (*self.arms, *self.judges):
            check(is_source_name(name), f"{name!r} is not a plain name")
        arms = ", ".join(self.arms)
        check(self.baseline in self.arms, f"baseline {self.baseline!r} is no arm; there are {arms}")
        gap = (self.gap.clean, self.gap.planted, self.gap.curated) if self.gap else ()
        for name in gap:
            check(name in self.arms, f"gap: {name!r} is no arm; there are {arms}")
        for judge, made in self.judges.items():
            check(made.arm in (None, *self.arms), f"judges.{judge}: arm {made.arm!r} is none; there are {arms}")
            given = made.arm and self.arms[made.arm].recipe
            check(not made.arm or bool(given), f"judges.{judge}: arm {made.arm!r} has no recipe")
        check(bool(self.seeds), "an ablation has at least one seed")
        for seed in self.seeds:
            check(0 <= seed < 2**64, f"seeds lie in 0..2^64-1, got {seed}")
        check(len({*self.seeds}) == len(self.seeds), f"seeds differ from each other, got {[*self.seeds]}")
        check(self.tokens is None or self.tokens >= 1, f"tokens is at least 1, got {self.tokens}")
        check(0 < self.epochs <= 1000, f"epochs lie in (0, 1000], got {self.epochs}")
        check(self.processes >= 1, f"processes is at least 1, got {self.processes}")
        self._check_train()

    def _check_train(self) -> None:
        standard = Train()
        for name in OWN:
            value = getattr(self.train, name)
            check(value == getattr(standard, name), f"train.{name}: the ablation sets it, got {value!r}; leave it out")
        for judge, made in self.judges.items():
            most = self.train.context
            check(made.stride <= most, f"judges.{judge}: stride is at most {most}, the context, got {made.stride}")
        check(self.train.precision != "auto", 'train.precision "auto" may differ between runs; give fp32 or bf16')


def _check_kind(given: Any, kinds: tuple[str, ...]) -> None:
    """Raises ValueError unless the values name one kind of data."""
    chosen = [kind for kind in kinds if getattr(given, kind) not in (None, ())]
    names = f"{', '.join(kinds[:-1])} or {kinds[-1]}"
    check(len(chosen) == 1, f"needs one of {names}, got {' and '.join(chosen) or 'none'}")


def load(file: Path, assignments: tuple[str, ...] = ()) -> Ablation:
    """Returns the ablation of a TOML file, with PATH=VALUE assignments on top; relative paths are from its folder.

    Raises SettingsError at a setting that cannot be used.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{file}: cannot be read: {reason}") from None
    table = settings.parse_toml(text, str(file))
    for assignment in assignments:
        path, value = settings.parse_assignment(assignment)
        table = settings.assign(table, path, value)
    table.setdefault("name", file.stem)
    if isinstance(train := table.get("train", {}), dict):
        table["train"] = DEFAULTS | train
    return settings.build(Ablation, _absolute(table, file.parent.absolute()), where=settings.Where(str(file), text))


def _absolute(table: Table, folder: Path) -> Table:
    """Returns the tables with every path made absolute; a value of a wrong type stays as it is."""

    def path(value: Any) -> Any:
        return [path(one) for one in value] if isinstance(value, list) else absolute(value, folder)

    made = {**table}
    if not _is(made.get("encoding"), lambda name: not is_tokenizer_file(name)) and "encoding" in made:
        made["encoding"] = path(made["encoding"])
    for group in ("arms", "judges"):
        if isinstance(made.get(group), dict):
            made[group] = {name: _absolute_entry(entry, path) for name, entry in made[group].items()}
    return made


def _absolute_entry(entry: Any, path: Callable[[Any], Any]) -> Any:
    """Returns the table of an arm or of a judge with absolute paths."""
    if not isinstance(entry, dict):
        return entry
    made = {**entry}
    for key in ("manifest", "documents", "data"):
        if key in made:
            made[key] = path(made[key])
    if isinstance(inputs := made.get("inputs"), list):
        made["inputs"] = [_absolute_input(one, path) for one in inputs]
    if "recipe" in made and not _is(made["recipe"], lambda name: name in bundled_names()):
        made["recipe"] = path(made["recipe"])
    if _is(made.get("task"), lambda name: name.endswith(".toml")):
        made["task"] = path(made["task"])
    return made


def _absolute_input(value: Any, path: Callable[[Any], Any]) -> Any:
    """Returns an input of a recipe with an absolute path; one of several sources is NAME=FILE."""
    source, equals, file = value.partition("=") if isinstance(value, str) else ("", "", value)
    return f"{source}={path(file)}" if equals and is_source_name(source) else path(value)


def _is(value: Any, claim: Callable[[str], bool]) -> bool:
    return isinstance(value, str) and claim(value)
