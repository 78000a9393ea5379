"""Checks what a run keeps beside its stages: digests of inputs, the mini-web, the trained model, the report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate.inputs import digests
from curate.inspection.stages import file_faults
from curate.storage.tensors import is_sealed
from curate.storage.writing import CHANGED, is_sealed_lines, is_sealed_page, unsealed

REMADE = "the same command writes it anew"


def faults(out: Path, *, finished: bool) -> Iterator[str]:
    """Yields what is wrong with them; finished: the run has a manifest."""
    inputs = out / "inputs.json"
    if inputs.exists():
        try:
            digests.remembered(inputs.read_bytes())
        except (OSError, ValueError) as error:
            yield f"{inputs}: {error}; {REMADE}"
    elif finished:
        yield f"{inputs}: missing; {REMADE}"
    if (out / "miniweb").exists():
        yield from listed(out / "miniweb", "miniweb.json")
    if (out / "train").exists():
        yield from listed(out / "train", "train.json")
        yield from checkpoint_faults(out / "train" / "checkpoints")
        yield from log_faults(out / "train" / "log.jsonl")
    yield from report_faults(out)


def checkpoint_faults(folder: Path) -> Iterator[str]:
    """Yields a line for each checkpoint of a model that is not as it was written."""
    for path in sorted(folder.glob("step-*.safetensors")):
        if not is_sealed(path):
            yield f"{path}: {CHANGED}; remove it"


def log_faults(log: Path) -> Iterator[str]:
    """Yields a line where the log of a model is not as it was written; one without its seal is of an unfinished run."""
    if not log.exists():
        yield f"{log}: missing"
    elif not is_sealed_lines(log.read_bytes()):
        yield f"{log}: {CHANGED}, or the run is not at its end"


def report_faults(out: Path) -> Iterator[str]:
    """Yields a line where report.html is not as it was written."""
    report = out / "report.html"
    if report.exists() and not is_sealed_page(report.read_bytes()):
        yield f"{report}: changed since it was written; curate report {out} writes it anew"


def listed(folder: Path, name: str) -> Iterator[str]:
    """Yields what is wrong with a folder whose files a sealed record names with their sizes and digests."""
    record = folder / name
    try:
        files: dict[str, dict[str, Any]] = unsealed(record.read_bytes())["files"]
    except FileNotFoundError:
        yield f"{record}: missing"
    except (OSError, ValueError, KeyError) as error:
        yield f"{record}: {error}"
    else:
        for file, stated in files.items():
            yield from file_faults(folder / file, stated["bytes"], stated["sha256"])
