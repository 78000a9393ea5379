"""Writes what an ablation has shown: ablation.json, ablation.csv and ablation.png, with the settings beside them."""

import csv
import io
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from curate import __version__, settings
from curate.ablation import outcome
from curate.ablation.arms import Data
from curate.ablation.config import Ablation
from curate.ablation.intervals import LEVEL
from curate.ablation.judges import Fixed
from curate.ablation.outcome import Comparison, Numbers
from curate.ablation.runs import Run, judgements
from curate.gpt import result
from curate.storage.together import write_together

RECORD = "ablation.json"
FILES = ("arms.toml", "ablation.csv", "ablation.png")
FORMAT, VERSION = "curate.ablation", 1
INTERVAL = "Student's t over paired seeds"
SHARE = "Fieller's over paired seeds"


def write(
    ablation: Ablation,
    data: Mapping[str, Data],
    judges: Mapping[str, Fixed],
    runs: Sequence[Run],
    out: Path,
    failures: Mapping[str, str],
) -> dict[str, Any]:
    """Writes the outputs of the runs that are trained and judged; returns the record."""
    rows = [_run(run, judges, out) for run in runs]
    compared = outcome.comparisons(ablation, numbers_of(rows))
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "ablation": settings.to_table(ablation),
        "arms": {name: _arm(own) for name, own in data.items()},
        "judges": {name: fixed.record() for name, fixed in judges.items()},
        "runs": rows,
        "failed": dict(failures),
        **_circumstances([result.read(run.folder(out)) for run in runs]),
        **_shown(ablation, numbers_of(rows), compared),
    }
    from curate.ablation import plot

    files = {
        "arms.toml": settings.to_toml(ablation).encode(),
        "ablation.csv": as_csv(compared, content["means"]),
        "ablation.png": plot.draw(ablation, compared, content),
    }
    writes = {name: partial(_write, content=data) for name, data in files.items()}
    return write_together(out / RECORD, writes, lambda _: content)


def _shown(ablation: Ablation, numbers: Numbers, compared: Sequence[Comparison]) -> dict[str, Any]:
    """Returns means, comparisons and verdicts, and the shares of a gap where one is asked for."""
    others = [arm for arm in ablation.arms if arm != ablation.baseline]
    content: dict[str, Any] = {
        "means": outcome.arm_means(ablation, numbers),
        "interval": {"level": LEVEL, "of": INTERVAL},
        "comparisons": [one.record() for one in compared],
        "verdicts": [outcome.verdict(ablation, compared, arm, ablation.baseline) for arm in others],
    }
    if ablation.gap:
        shares = outcome.recovered(ablation.gap, ablation, numbers)
        content["gap"] = {"interval": SHARE, "judges": [asdict(one) for one in shares]}
    return content


def _circumstances(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the model that all runs have, and what they ran on."""
    torch = ", ".join(sorted({str(one["torch"]) for one in records}))
    libraries = {"numpy": np.__version__, "scipy": scipy.__version__, "torch": torch}
    hardware = [one["hardware"] for one in records]
    return {
        "model": {name: records[0][name] for name in ("shape", "parameters", "tokens")},
        "versions": {"curate": __version__, "python": platform.python_version(), **libraries},
        "hardware": [value for number, value in enumerate(hardware) if value not in hardware[:number]],
    }


def numbers_of(rows: Sequence[Mapping[str, Any]]) -> Numbers:
    """Returns the numbers of runs by arm, seed, judge and measure."""
    numbers: dict[str, dict[int, dict[str, dict[str, float]]]] = {}
    for row in rows:
        numbers.setdefault(row["arm"], {})[row["seed"]] = row["judges"]
    return numbers


def as_csv(compared: Sequence[Comparison], means: Sequence[Mapping[str, Any]]) -> bytes:
    """Returns a row for each mean of an arm on a judge, and one for each comparison of two arms."""
    rows: list[dict[str, Any]] = [{"kind": "mean", **row} for row in means]
    for one in compared:
        facts = one.record()
        for name in ("differences", "pairs"):
            del facts[name]
        rows.append({"kind": "difference", **facts, "seeds": len(one.seeds)})
    columns = ("kind", "judge", "measure", "arm", "other", "seeds", "mean", "sd", "low", "high", "outcome")
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _arm(data: Data) -> dict[str, Any]:
    facts = {name: getattr(data, name) for name in ("sha256", "documents", "tokens", "bytes")}
    return {**facts, "tokenizer": data.tokenizer}


def _run(run: Run, judges: Mapping[str, Fixed], out: Path) -> dict[str, Any]:
    """Returns the numbers of a run."""
    trained, judged = result.read(run.folder(out)), judgements(run, judges, out)
    facts = {name: trained[name] for name in ("tokens", "first_loss", "last_loss", "valid_after", "fingerprint")}
    numbers = {name: {key: row[key] for key in ("bits", "accuracy") if key in row} for name, row in judged.items()}
    weights = trained["files"][result.WEIGHTS]["sha256"]
    return {"name": run.name, "arm": run.arm, "seed": run.seed, **facts, "weights_sha256": weights, "judges": numbers}


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
