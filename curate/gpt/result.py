"""Reads the result of a training run, without torch."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.gpt.config import Train
from curate.storage.writing import sha256_of

FILES = ("loss.csv", "loss.png", "model.pt", "vocabulary.json")


def read(out: Path) -> dict[str, Any]:
    """Returns the content of train.json; raises OSError or ValueError where it cannot be read."""
    result: dict[str, Any] = json.loads((out / "train.json").read_bytes())
    return result


def is_done(manifest: Path, out: Path, settings: Train) -> bool:
    """Returns True where the folder holds the model of this manifest and these settings, with all its files."""
    try:
        result = read(out)
    except (OSError, ValueError):
        return False
    same = result["manifest"]["sha256"] == sha256_of(manifest) and result["settings"] == asdict(settings)
    return same and all((out / name).is_file() for name in FILES)


def lines(out: Path) -> list[str]:
    """Returns the outcome as lines: the loss before and after, the curve, the sample."""
    result = read(out)
    summary = [f"loss      {result['first_loss']:.3f} before, {result['last_loss']:.3f} after"]
    if result["valid_before"] is not None:
        summary.append(f"held out  {result['valid_before']:.3f} before, {result['valid_after']:.3f} after")
    return [*summary, f"curve     {out / 'loss.png'}", f"sample    {' '.join(result['sample'].split())}"]
