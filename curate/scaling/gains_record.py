"""Writes the in-context gains of a ladder: incontext.json, incontext.csv and incontext.png."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.evaluate import bootstrap, evaluation
from curate.evaluate.bootstrap import Estimate
from curate.scaling import gains_plot
from curate.scaling.gains import Evaluated, Gain, Questions
from curate.storage.together import write_together

FORMAT, VERSION = "curate.scaling.incontext", 1
RECORD = "incontext.json"
FILES = ("incontext.csv", "incontext.png")
NUMBERS = ("loss", "gain", "accuracy")


def write(runs: Sequence[Evaluated], asked: Questions, dataset: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Writes the outputs of runs of one ladder that were asked the same, and returns the record."""
    if not any(run.gains for run in runs):
        raise SettingsError(runs[0].notes[0])
    notes = notes_of(runs)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "dataset": dict(dataset),
        "settings": asdict(asked.settings),
        "tasks": [evaluation.facts(task) for task in asked.tasks],
        "bootstrap": {"draws": bootstrap.DRAWS, "level": bootstrap.LEVEL},
        "runs": [
            {**_facts(run), "model": dict(run.facts), "gains": [asdict(gain) for gain in run.gains]} for run in runs
        ],
        "notes": notes,
        "versions": evaluation.versions(),
    }
    files = {"incontext.csv": as_csv(runs), "incontext.png": gains_plot.draw(runs, str(dataset["name"]), notes)}
    writes = {name: partial(_write, content=data) for name, data in files.items()}
    return write_together(out / RECORD, writes, lambda _: content)


def notes_of(runs: Sequence[Evaluated]) -> list[str]:
    """Returns what a reader must know of the numbers, each line once, with the runs that it is of if not of all."""
    owners: dict[str, list[str]] = {}
    for run in runs:
        for line in dict.fromkeys((*run.notes, *_lacks(run))):
            owners.setdefault(line, []).append(run.rung.name)
    return [line if len(names) == len(runs) else f"{line} ({', '.join(names)})" for line, names in owners.items()]


def _lacks(run: Evaluated) -> Iterator[str]:
    """Yields what the prompts of a run lack."""
    window = run.facts["shape"]["context"]
    for gain in run.gains:
        name, total = f"{gain.task}, {gain.condition}", gain.items + gain.left_out
        if gain.left_out:
            why = f"a token that the embedding has no row for, or an answer longer than the context of {window}"
            yield f"{name}: {gain.left_out:,} of {total:,} items left out: {why}"
        if gain.cut:
            yield f"{name}: {gain.cut:,} of {gain.items:,} prompts cut from the left to the context of {window} tokens"


def as_csv(runs: Sequence[Evaluated]) -> bytes:
    """Returns one row for each run, task and condition; no number stands where there is none."""
    text = io.StringIO()
    rows = [_facts(run) | _row(gain) for run in runs for gain in run.gains]
    writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _row(gain: Gain) -> dict[str, Any]:
    row = {name: value for name, value in asdict(gain).items() if name not in NUMBERS}
    for name in NUMBERS:
        number: Estimate | None = getattr(gain, name)
        row |= {
            name: number and number.value,
            f"{name}_low": number and number.low,
            f"{name}_high": number and number.high,
        }
    return row


def _facts(run: Evaluated) -> dict[str, Any]:
    rung = run.rung
    facts = {"name": rung.name, "parameters": rung.parameters, "tokens": rung.tokens, "seed": rung.seed}
    return facts | {"context": run.facts["shape"]["context"]}


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
