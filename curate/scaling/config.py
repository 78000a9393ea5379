"""Ladder: the sizes, lengths and seeds of a scaling curve, from a preset or from a TOML file of the user's."""

import math
from dataclasses import dataclass
from pathlib import Path

from curate import settings
from curate.errors import SettingsError
from curate.gpt.config import LENGTHS, Train
from curate.gpt.shapes import Shape
from curate.settings import Table, check

# What a ladder sets itself in each run; the table [train] has the rest.
OWN = ("layers", "heads", "width", "seed", *LENGTHS, "learning_rate", "warmup_tokens", "checkpoint_tokens")
COURSE = ("decay_tokens", "ramp_tokens", "batch_start", "recipe_tokens", "horizon", "init")  # of one run only
MEASURED = 16  # times that a run measures its held-out loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a model."""

    layers: int
    heads: int
    width: int
    seeds: tuple[int, ...] = ()  # of its runs; none: those of the ladder

    def __post_init__(self) -> None:
        sizes = (self.layers, self.heads, self.width)
        check(min(sizes) >= 1, f"layers, heads and width are at least 1, got {', '.join(map(str, sizes))}")
        check(self.width % self.heads == 0, f"width {self.width} / heads {self.heads} is not whole")
        _check_seeds(self.seeds)

    @property
    def name(self) -> str:
        """Returns the size as a part of a file's name, such as L2-H4-d64."""
        return f"L{self.layers}-H{self.heads}-d{self.width}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Sizes of models, each trained on tokens in proportion to its parameters without embeddings."""

    name: str = "own"
    sizes: tuple[Size, ...]
    tokens_per_parameter: tuple[float, ...] = (20.0,)  # every size is trained on each of these; Hoffmann et al. 2022
    seeds: tuple[int, ...] = (0,)
    learning_rate: float = 3e-3  # the highest, at the width `rate_width`
    rate_width: int = 64
    rate_power: float = 0.5  # the rate of width d is learning_rate * (rate_width / d) ** rate_power
    warmup: float = 0.05  # the share of a run in which the learning rate rises
    processes: int = 2  # runs side by side
    train: Train = Train()  # every other setting of the runs

    def __post_init__(self) -> None:
        check(bool(self.sizes), "a ladder has at least one size")
        shapes = [(size.layers, size.heads, size.width) for size in self.sizes]
        twice = next((size.name for size, shape in zip(self.sizes, shapes, strict=True) if shapes.count(shape) > 1), "")
        check(not twice, f"every size stands once, got {twice} twice; give a size several seeds")
        ratios = self.tokens_per_parameter
        for ratio in ratios:
            check(0 < ratio < math.inf, f"tokens_per_parameter are numbers above 0, got {ratio}")
        check(bool(ratios) and len({*ratios}) == len(ratios), f"tokens_per_parameter differ, got {[*ratios]}")
        check(bool(self.seeds), "a ladder has at least one seed")
        _check_seeds(self.seeds)
        check(0 < self.learning_rate < math.inf, f"learning_rate is a number above 0, got {self.learning_rate}")
        check(self.rate_width >= 1, f"rate_width is at least 1, got {self.rate_width}")
        check(0 <= self.rate_power < math.inf, f"rate_power is a number from 0 on, got {self.rate_power}")
        check(0 <= self.warmup < 1, f"warmup is a share from 0 to below 1, got {self.warmup}")
        check(self.processes >= 1, f"processes is at least 1, got {self.processes}")
        for size in self.sizes:
            check(0 < self.rate(size) < math.inf, f"the learning rate of {size.name} is {self.rate(size)}")
        self._check_train()

    def _check_train(self) -> None:
        standard = Train()
        for name in (*OWN, *COURSE):
            value = getattr(self.train, name)
            reason = "the ladder sets it" if name in OWN else "runs of several sizes cannot share it"
            check(value == getattr(standard, name), f"train.{name}: {reason}, got {value!r}; leave it out")

    def rate(self, size: Size) -> float:
        """Returns the highest learning rate of a size."""
        try:
            return float(self.learning_rate * (self.rate_width / size.width) ** self.rate_power)
        except OverflowError:
            return math.inf


def parameters(shape: Shape) -> int:
    """Returns the parameters of a model without its embeddings of tokens and positions."""
    return shape.parameters - (shape.vocabulary + shape.context) * shape.width


def _check_seeds(seeds: tuple[int, ...]) -> None:
    for seed in seeds:
        check(0 <= seed < 2**64, f"seeds lie in 0..2^64-1, got {seed}")
    check(len({*seeds}) == len(seeds), f"seeds differ from each other, got {[*seeds]}")


def _sizes(*sizes: tuple[int, int, int, int]) -> tuple[Size, ...]:
    """Returns sizes of (layers, heads, width, number of seeds)."""
    return tuple(
        Size(layers=layers, heads=heads, width=width, seeds=tuple(range(count)))
        for layers, heads, width, count in sizes
    )


PRESETS = {
    # 57k to 793k parameters and 1M to 16M tokens: about 40 minutes on two cores, with a vocabulary of 2k to 4k ids.
    "laptop": Ladder(
        name="laptop",
        sizes=_sizes((2, 3, 48, 2), (2, 4, 64, 2), (3, 5, 80, 2), (4, 6, 96, 1), (4, 8, 128, 1)),
        train=Train(context=128, batch=16, valid_windows=256, log_every=50, keep_checkpoints=1, sample_tokens=0),
    ),
    # Seconds; it shows that the parts work, and nothing else.
    "tiny": Ladder(
        name="tiny",
        sizes=_sizes((1, 1, 8, 1), (1, 2, 16, 1), (1, 3, 24, 1)),
        train=Train(context=32, batch=16, valid_windows=64, log_every=50, keep_checkpoints=1, sample_tokens=0),
    ),
}


def load(name: str, assignments: tuple[str, ...] = ()) -> Ladder:
    """Returns a ladder by the name of a preset or of a TOML file, with PATH=VALUE assignments on top.

    Raises SettingsError at an unknown name, and at a setting that cannot be used.
    """
    if name in PRESETS:
        table: Table = settings.to_table(PRESETS[name])
        where = settings.Where("--set", "")
    elif name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise SettingsError(f"{name}: cannot be read: {reason}") from None
        table, where = settings.parse_toml(text, name), settings.Where(name, text)
    else:
        raise SettingsError(f"no ladder is called {name!r}; there are {', '.join(PRESETS)}, or name a .toml file")
    for assignment in assignments:
        path, value = settings.parse_assignment(assignment)
        table = settings.assign(table, path, value)
    return settings.build(Ladder, table, where=where)
