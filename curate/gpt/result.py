"""The result of a training run: its outcome, and the record and the files that it leaves; without torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.gpt.config import Train
from curate.gpt.shapes import Shape
from curate.storage import together
from curate.storage.writing import sha256_of, unsealed

RECORD = "train.json"  # is removed before another file is replaced, and written last
WEIGHTS = "model.safetensors"
FILES = ("loss.csv", "loss.png", WEIGHTS, "tokenizer.json", "vocabulary.json")
SHOWN = 5  # sources that the lines of an outcome name
CHECKPOINTS = "checkpoints"  # the folder of those of a run
FOLDER = "train"  # of the model in the output of a recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The outcome of a run; losses are in nats per token."""

    shape: Shape
    parameters: int
    tokens: int  # seen
    first_loss: float  # of the first step's batch
    last_loss: float
    valid_before: float | None  # None without held-out text
    valid_after: float | None
    bits_by_source: Mapping[str, float]  # bits per byte of the held-out text of each source
    bits_per_byte: float | None  # of all held-out text in UTF-8; None where the tokenizer's ids have no bytes
    sample: str  # a text that the model wrote
    fingerprint: str  # the loader's
    seconds: float


def read(out: Path) -> dict[str, Any]:
    """Returns the content of train.json; raises OSError or ValueError where it cannot be read."""
    return unsealed((out / RECORD).read_bytes())


def folder_of(place: Path) -> Path:
    """Returns the folder of a training run: the place, or the one in the output of a recipe that trained a model."""
    inner = place / FOLDER
    return inner if inner.is_dir() and not (place / RECORD).exists() else place


def is_done(manifest: Path, out: Path, settings: Train) -> bool:
    """Returns True where the folder holds the model of this manifest and these settings, with all its files."""
    try:
        result = read(out)
    except (OSError, ValueError):
        return False
    same = result["manifest"]["sha256"] == sha256_of(manifest) and result["settings"] == asdict(settings)
    same = same and result.get("init", {}) == init_digests(settings)
    return same and together.whole(out / RECORD, result)


def init_digests(settings: Train) -> dict[str, str]:
    """Returns the sha256 of the files whose weights training begins with, by name; {} where weights are drawn."""
    if not settings.init:
        return {}
    folder = Path(settings.init)
    return {path.name: sha256_of(path) for path in (folder / "config.json", *sorted(folder.glob("*.safetensors")))}


def check_place(out: Path) -> None:
    """Raises SettingsError, which names the file, where one in the folder would be replaced that is not ours."""
    together.check_free(out / RECORD, FILES)


def check_dataset(manifest: Path, out: Path) -> None:
    """Raises SettingsError where the folder holds the finished model of a dataset of another name."""
    try:
        before = read(out)["manifest"]["name"]
        name = json.loads(manifest.read_bytes()).get("name")
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != name:
        mend = "give --replace to train anew, or name another folder"
        raise SettingsError(f"{out}: holds a model of the dataset {before!r}, not of {name!r}; {mend}")


def lines(out: Path) -> list[str]:
    """Returns the outcome as lines: the loss before and after, the curve, the sample."""
    result = read(out)
    summary = [f"loss      {result['first_loss']:.3f} before, {result['last_loss']:.3f} after"]
    if result["valid_before"] is not None:
        summary.append(f"held out  {result['valid_before']:.3f} before, {result['valid_after']:.3f} after")
        bits = [f"{name} {value:.3f}" for name, value in result.get("bits_by_source", {}).items()]
        if result.get("bits_per_byte") is not None:
            more = f" and {len(bits) - SHOWN} more" if len(bits) > SHOWN else ""
            summary.append(f"per byte  {result['bits_per_byte']:.3f} bits: {', '.join(bits[:SHOWN])}{more}")
    return [*summary, f"curve     {out / 'loss.png'}", f"sample    {' '.join(result['sample'].split())}"]
