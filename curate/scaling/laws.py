"""Points of a scaling curve, the laws that are fitted to them, and what these say of another amount of compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import SettingsError
from curate.scaling.fit import Curve, Line, check_reach, envelope, fit_chinchilla, fit_floor, fit_line
from curate.scaling.solve import Floats
from curate.storage import together

FORMAT, VERSION = "curate.scaling", 1
RECORD = "scaling.json"
SEED = 0  # of the bootstrap
DEFINITIONS = {  # N: parameters without embeddings, D: tokens, V: vocabulary, d: width
    "kaplan": "6 N D, without embeddings and head",
    "all": "6 (N + V d) D, with the head",
    "counted": "matrices, head and attention",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The ends of the runs of one size and length."""

    name: str
    layers: int
    heads: int
    width: int
    parameters: int  # without embeddings
    tokens: int
    seeds: int
    compute: Mapping[str, float]  # FLOPs by definition
    loss: float  # of held-out text, in nats per token, the mean over seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The laws of loss against compute by one definition; a reason stands for a law that cannot be fitted."""

    definition: str
    compute: Floats  # of all points
    lowest: tuple[bool, ...]  # which points lie on the lower envelope; only they are fitted
    power: Line | str
    floor: Curve | str

    def record(self) -> dict[str, Any]:
        """Returns the laws as plain values."""
        laws = {"power": as_record(self.power), "floor": as_record(self.floor)}
        return {"definition": DEFINITIONS[self.definition], "lowest": [*self.lowest]} | laws


def law(points: Sequence[Point], definition: str) -> Law:
    """Returns the laws of these points by a definition of compute."""
    compute = np.array([point.compute[definition] for point in points])
    loss = np.array([point.loss for point in points])
    lowest = envelope(compute, loss)
    power: Line | str
    floor: Curve | str
    try:
        power = fit_line(compute[lowest], loss[lowest], SEED)
    except ValueError as error:
        power = str(error)
    try:
        floor = fit_floor(compute[lowest], loss[lowest], SEED)
    except ValueError as error:
        floor = str(error)
    return Law(definition=definition, compute=compute, lowest=tuple(lowest.tolist()), power=power, floor=floor)


def chinchilla(points: Sequence[Point]) -> Curve | str:
    """Returns Chinchilla's form of all points, or the reason why they do not determine it."""
    parameters = np.array([float(point.parameters) for point in points])
    tokens = np.array([float(point.tokens) for point in points])
    try:
        return fit_chinchilla(parameters, tokens, np.array([point.loss for point in points]), SEED)
    except ValueError as error:
        return str(error)


def read(out: Path) -> dict[str, Any]:
    """Returns the record of a finished ladder; SettingsError where there is none."""
    record = together.read(out / RECORD)
    if record.get("format") != FORMAT:
        raise SettingsError(f"{out}: holds no {RECORD} of curate's; name the folder that curate scale has written")
    return record


def predict(out: Path, compute: float, definition: str) -> dict[str, Any]:
    """Returns the loss that the laws in a ladder's folder give for these FLOPs, with intervals.

    Raises SettingsError beyond ten times the compute of the runs, and where no law was fitted.
    """
    if not 0 < compute < np.inf:
        raise SettingsError(f"--predict {compute}: a number of FLOPs above 0, such as 1e16")
    record = read(out)
    laws = law([Point(**point) for point in record["points"]], definition)
    if isinstance(laws.power, str):
        raise SettingsError(f"{out}: no law was fitted: {laws.power}")
    check_reach(compute, float(laws.compute.min()), float(laws.compute.max()))
    answer: dict[str, Any] = {"compute": compute, "definition": definition}
    for name, fitted in (("power", laws.power), ("floor", laws.floor)):
        if not isinstance(fitted, str):
            answer[name] = _prediction(fitted, compute, record["bits_per_nat"])
    return answer


def _prediction(fitted: Line | Curve, compute: float, bits: float | None) -> dict[str, Any]:
    at = np.array([compute])
    nats, interval = float(fitted.loss(at)[0]), [float(end[0]) for end in fitted.loss_interval(at)]
    answer: dict[str, Any] = {"nats_per_token": nats, "interval": interval}
    if bits:
        answer |= {"bits_per_byte": nats * bits, "bits_interval": [value * bits for value in interval]}
    return answer


def as_record(fitted: Line | Curve | str) -> dict[str, Any]:
    """Returns a law as plain values, or the reason why there is none."""
    return {"refused": fitted} if isinstance(fitted, str) else fitted.record()
