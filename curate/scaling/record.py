"""Writes what a ladder has shown: scaling.json, scaling.csv and scaling.png, with the ladder's settings beside them."""

import csv
import io
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from curate import __version__, settings
from curate.scaling import laws, plot
from curate.scaling.config import Ladder
from curate.scaling.laws import DEFINITIONS, FORMAT, RECORD, SEED, VERSION, Law, Point
from curate.scaling.rungs import Rung
from curate.scaling.runs import Run, bits_per_nat, read
from curate.storage.together import write_together

FILES = ("ladder.toml", "scaling.csv", "scaling.png")


def points_of(runs: Sequence[Run]) -> list[Point]:
    """Returns the points of runs, those of several seeds as one."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.rung.name.rpartition("-seed")[0], []).append(run)
    return [_point(name, group) for name, group in groups.items()]


def _point(name: str, group: Sequence[Run]) -> Point:
    rung = group[0].rung
    return Point(
        name=name,
        layers=rung.size.layers,
        heads=rung.size.heads,
        width=rung.size.width,
        parameters=rung.parameters,
        tokens=group[0].tokens,
        seeds=len(group),
        compute=group[0].compute,
        loss=statistics.fmean(run.loss for run in group),
    )


def write(
    ladder: Ladder, rungs: Sequence[Rung], out: Path, plotted: str, failures: Mapping[str, str]
) -> dict[str, Any]:
    """Writes the outputs of a ladder whose runs are done, but for those that failed; returns the record.

    plotted: the definition of compute in the figure. Raises OSError or ValueError where a run cannot be read.
    """
    runs = [read(rung, out) for rung in rungs if rung.name not in failures]
    points = points_of(runs)
    fitted = {name: laws.law(points, name) for name in DEFINITIONS}
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "ladder": settings.to_table(ladder),
        "dataset": runs[0].record["manifest"],
        "points": [asdict(point) for point in points],
        "runs": [_facts(run) for run in runs],
        "bits_per_nat": bits_per_nat(runs),
        "laws": {name: law.record() for name, law in fitted.items()},
        "chinchilla": laws.as_record(laws.chinchilla(points)),
        "plotted": plotted,
        "bootstrap_seed": SEED,
        "failed": dict(failures),
        "versions": _versions(runs),
        "hardware": _different([run.record["hardware"] for run in runs]),
    }
    name = str(content["dataset"]["name"])
    figure = plot.draw(runs, points, fitted[plotted], name)
    files = {
        "ladder.toml": settings.to_toml(ladder).encode(),
        "scaling.csv": as_csv(runs, points, fitted),
        "scaling.png": figure,
    }
    writes = {name: partial(_write, content=data) for name, data in files.items()}
    return write_together(out / RECORD, writes, lambda _: content)


def as_csv(runs: Sequence[Run], points: Sequence[Point], fitted: Mapping[str, Law]) -> bytes:
    """Returns one row for each run: sizes, tokens, FLOPs, losses, and where its point lies against the power law."""
    place = {point.name: number for number, point in enumerate(points)}
    rows = []
    for run in runs:
        number = place[run.rung.name.rpartition("-seed")[0]]
        row = _facts(run)
        compute = row.pop("compute")
        for name in DEFINITIONS:
            row[f"c_{name}"] = compute[name]
        for name, law in fitted.items():
            row[f"lowest_{name}"] = int(law.lowest[number])
            power = law.power
            off = "" if isinstance(power, str) else run.loss / float(power.loss(np.array([compute[name]]))[0]) - 1
            row[f"residual_{name}"] = off
        rows.append(row)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _facts(run: Run) -> dict[str, Any]:
    size = run.rung.size
    return {
        "name": run.rung.name,
        "layers": size.layers,
        "heads": size.heads,
        "width": size.width,
        "seed": run.rung.seed,
        "parameters": run.rung.parameters,
        "vocabulary": run.vocabulary,
        "tokens": run.tokens,
        "learning_rate": run.rung.settings.learning_rate,
        "nats_per_token": run.loss,
        "bits_per_byte": run.bits,
        "compute": run.compute,
    }


def _versions(runs: Sequence[Run]) -> dict[str, str]:
    torch = ", ".join(sorted({str(run.record["torch"]) for run in runs}))
    return {"curate": __version__, "numpy": np.__version__, "python": platform.python_version(), "torch": torch}


def _different(values: Sequence[Any]) -> list[Any]:
    """Returns the values without repeats, in their order."""
    return [value for number, value in enumerate(values) if value not in values[:number]]


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
