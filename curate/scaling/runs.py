"""Reads the finished runs of a ladder: loss, compute by three definitions, and the curve of each."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.gpt import result
from curate.gpt.devices import flops_per_token
from curate.gpt.shapes import Shape
from curate.scaling.config import parameters
from curate.scaling.rungs import Rung

Compute = dict[str, float]  # FLOPs by the name of their definition, one of DEFINITIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run; losses are of held-out text, in nats per token."""

    rung: Rung
    vocabulary: int
    tokens: int  # seen
    per_token: Compute
    loss: float
    bits: float | None  # per byte; None where the manifest states no bytes
    curve: tuple[tuple[int, float], ...]  # (tokens seen, loss), without the loss before the first step
    record: dict[str, Any]  # the content of train.json

    @property
    def compute(self) -> Compute:
        """Returns the FLOPs of the whole run."""
        return {name: flops * self.tokens for name, flops in self.per_token.items()}


def compute_per_token(shape: Shape) -> Compute:
    """Returns the FLOPs of training per token, by each definition.

    kaplan: 6 N, without embeddings and head (Kaplan et al. 2020, arXiv:2001.08361). all: 6 (N + V d), with the head.
    counted: matrices, head and attention.
    """
    count = parameters(shape)
    return {
        "kaplan": 6.0 * count,
        "all": 6.0 * (count + shape.vocabulary * shape.width),
        "counted": flops_per_token(shape, shape.context),
    }


def read(rung: Rung, out: Path) -> Run:
    """Returns a finished run; raises OSError or ValueError where its record or its log cannot be read."""
    folder = rung.folder(out)
    record = result.read(folder)
    shape = Shape(**record["shape"])
    loss = record["valid_after"]
    if loss is None or not math.isfinite(loss):
        raise ValueError(f"{folder}: its held-out loss is {loss}")
    return Run(
        rung=rung,
        vocabulary=shape.vocabulary,
        tokens=record["tokens"],
        per_token=compute_per_token(shape),
        loss=loss,
        bits=record["bits_per_byte"],
        curve=tuple(_curve(folder / "loss.csv")),
        record=record,
    )


def _curve(path: Path) -> Iterable[tuple[int, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["valid_loss"] and int(row["tokens"]):
                yield int(row["tokens"]), float(row["valid_loss"])


def bits_per_nat(runs: Sequence[Run]) -> float | None:
    """Returns bits per byte of one nat per token on the held-out text; None where its bytes are not stated."""
    return runs[0].bits / runs[0].loss if runs and runs[0].bits else None
