"""The runs of a ladder: the settings of each, its folder, and whether it is done."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from curate.errors import SettingsError
from curate.gpt import result
from curate.gpt.config import Train
from curate.scaling.config import MEASURED, Ladder, Size, parameters
from curate.storage.writing import sha256_of

FOLDER = "runs"  # of all runs, in that of a ladder


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One run of a ladder."""

    name: str  # of its folder
    size: Size
    parameters: int  # without embeddings
    tokens: int  # of the run, a whole number of steps
    seed: int
    settings: Train

    def folder(self, out: Path) -> Path:
        """Returns the folder of the run in that of its ladder."""
        return out / FOLDER / self.name


def rungs(ladder: Ladder) -> tuple[Rung, ...]:
    """Returns the runs of a ladder, from the smallest to the largest."""
    made = [
        _rung(ladder, size, ratio, seed)
        for size in ladder.sizes
        for ratio in ladder.tokens_per_parameter
        for seed in size.seeds or ladder.seeds
    ]
    return tuple(sorted(made, key=lambda rung: (rung.parameters * rung.tokens, rung.name)))


def _rung(ladder: Ladder, size: Size, ratio: float, seed: int) -> Rung:
    base = replace(ladder.train, layers=size.layers, heads=size.heads, width=size.width)
    count = parameters(base.shape(1))
    step = base.batch * base.context
    tokens = math.ceil(ratio * count / step) * step
    run = replace(
        base,
        seed=seed,
        tokens=tokens,
        learning_rate=ladder.rate(size),
        warmup_tokens=int(ladder.warmup * tokens),
        checkpoint_tokens=math.ceil(tokens / MEASURED),
    )
    name = f"{size.name}-x{str(ratio).removesuffix('.0')}-seed{seed}"
    return Rung(name=name, size=size, parameters=count, tokens=tokens, seed=seed, settings=run)


def is_done(rung: Rung, manifest: Path, out: Path) -> bool:
    """Returns whether the run is finished, on this dataset and with these settings."""
    return result.is_done(manifest, rung.folder(out), rung.settings)


def check_finished(folder: Path, manifest: Path, settings: Train) -> None:
    """Raises SettingsError where the folder holds files of others, or a finished run of other data or settings."""
    result.check_place(folder)
    try:
        before = result.read(folder)
        then, now = before["settings"], asdict(settings)
        other = before["manifest"]["sha256"] != sha256_of(manifest)
    except (OSError, ValueError, KeyError, TypeError):
        return
    changed = [f"{name} was {then.get(name)!r} and is {now[name]!r}" for name in now if then.get(name) != now[name]]
    if other:
        changed.insert(0, "the dataset is another one")
    if changed:
        mend = "give --replace to train anew, or name another folder"
        raise SettingsError(f"{folder}: a finished run of something else: {changed[0]}; {mend}")
