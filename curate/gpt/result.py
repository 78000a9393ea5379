"""What a training run has left, read without torch: is it the one that is asked for, and what came of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.gpt.config import Train
from curate.storage.writing import sha256_of

FILES = ("loss.csv", "loss.png", "model.pt", "vocabulary.json")


def read(out: Path) -> dict[str, Any]:
    """The content of train.json; OSError or ValueError where there is none."""
    found: dict[str, Any] = json.loads((out / "train.json").read_bytes())
    return found


def is_done(manifest: Path, out: Path, settings: Train) -> bool:
    """Does the folder hold the model of this manifest under these settings, with all its files?"""
    try:
        found = read(out)
    except (OSError, ValueError):
        return False
    same = found["manifest"]["sha256"] == sha256_of(manifest) and found["settings"] == asdict(settings)
    return same and all((out / name).is_file() for name in FILES)


def lines(out: Path) -> list[str]:
    """The outcome as lines: the loss before and after, the curve, the sample."""
    found = read(out)
    told = [f"loss      {found['first_loss']:.3f} before, {found['last_loss']:.3f} after"]
    if found["valid_before"] is not None:
        told.append(f"held out  {found['valid_before']:.3f} before, {found['valid_after']:.3f} after")
    return [*told, f"curve     {out / 'loss.png'}", f"sample    {' '.join(found['sample'].split())}"]
