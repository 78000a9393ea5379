"""The log of a training run: the rows of its log, its progress, and the curve of its loss.

`loss.csv` holds what repeats to the bit in a run of the same settings; `log.jsonl`, which is written while the run goes
on, has the rest too: speeds, times, and the training loss of each source.
"""

import importlib.util
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import altair
import numpy as np
import vl_convert

from curate import storage
from curate.errors import SettingsError, install
from curate.gpt.devices import Group, flops_per_token, peak_flops
from curate.gpt.schedule import Schedule
from curate.gpt.shapes import Shape
from curate.loader import Loader
from curate.storage.writing import drafted, seal_of_lines

LOG = "log.jsonl"
BOARD = "tensorboard"  # the folder of its event files
PACE = 50  # steps over which the speed is taken
STEADY_S = 1.0  # of training, from which on a speed is held against the device's
CURVES = 10  # sources that the curve shows in colours of their own
POINTS = 1000  # of a line of the curve, at most
WIDTH, HEIGHT = 620, 240  # of a panel
COLOURS = ("#9ecae1", "#e6550d")  # of training and of held-out text
PALETTE = (
    *("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2"),
    *("#b279a2", "#eeca3b", "#9d755d", "#ff9da6", "#3d3d3d"),
)

Losses = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the log; it repeats to the bit. None and {} where nothing was measured; losses in nats per token."""

    step: int
    tokens: int  # seen so far
    windows: int  # of the step's batch
    train_loss: float | None = None
    valid_loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None  # before clipping
    bits_per_byte: float | None = None  # of held-out text
    train_by_source: Losses = field(default_factory=dict)
    valid_by_source: Losses = field(default_factory=dict)
    bits_by_source: Losses = field(default_factory=dict)
    epochs: Mapping[str, float] = field(default_factory=dict)  # of each source in training, so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a run, reported after each step."""

    step: int
    steps: int
    tokens: int  # seen so far
    of_tokens: int  # that the run will see
    loss: float  # of the step's batch, in nats per token
    bits_per_byte: float | None  # of held-out text, as measured last
    tokens_per_second: float | None
    mfu: float | None  # share of the device's peak; None where that is not known
    left_s: float | None
    seconds: float  # since this process began to train
    row: Row | None  # of the log, if the step is logged


Report = Callable[[Progress], None]
Say = Callable[[str], None]  # is called with what a person should know, as one line


class Meter:
    """Measures the speed of a run."""

    def __init__(self, schedule: Schedule, model: Shape, group: Group, windows: int) -> None:
        """Begins behind the first windows of a run, as many as it has seen."""
        self.steps, self.of_tokens = schedule.count, schedule.tokens
        self.began, self.first = time.monotonic(), windows * schedule.context
        self.tokens = self.first
        self._flops, self._group = flops_per_token(model, model.context), group
        self._spent = 0.0  # in steps, and not in validations or checkpoints
        self._marks: deque[tuple[float, int]] = deque([(0.0, self.first)], PACE + 1)

    @contextmanager
    def step(self, tokens: int) -> Iterator[None]:
        """Measures the block, which trains on these tokens."""
        began = time.monotonic()
        yield
        self._spent += time.monotonic() - began
        self.tokens += tokens
        self._marks.append((self._spent, self.tokens))

    @property
    def seconds(self) -> float:
        """Returns the time since the beginning."""
        return time.monotonic() - self.began

    @property
    def tokens_per_second(self) -> float | None:
        """Returns the speed of the last steps."""
        (before, first), (now, last) = self._marks[0], self._marks[-1]
        return (last - first) / (now - before) if now > before else None

    @property
    def mfu(self) -> float | None:
        """Returns the share of the devices' peak that the last steps reached; None in the first steps."""
        rate, peak = self.tokens_per_second, self._peak if self._spent > STEADY_S else None
        return rate * self._flops / peak if rate and peak else None

    @cached_property
    def _peak(self) -> float | None:
        peak = peak_flops(self._group.hardware)  # of a CPU it is measured, which takes a moment
        return peak and peak * self._group.size

    @property
    def left_s(self) -> float | None:
        """Returns the time that is left at the mean speed so far, validations and checkpoints included."""
        done = self.tokens - self.first
        return self.seconds * (self.of_tokens - self.tokens) / done if done else None

    def progress(self, step: int, loss: float, log: "Log", row: Row | None) -> Progress:
        """Returns the progress after a step; log: up to the steps before, row: that of this step, if it is logged."""
        return Progress(
            step=step,
            steps=self.steps,
            tokens=self.tokens,
            of_tokens=self.of_tokens,
            loss=loss,
            bits_per_byte=row.bits_per_byte if row and row.bits_per_byte is not None else log.bits_per_byte,
            tokens_per_second=self.tokens_per_second,
            mfu=self.mfu,
            left_s=self.left_s,
            seconds=self.seconds,
            row=row,
        )


class Log:
    """Writes `log.jsonl` while a run goes on, and TensorBoard's events if they are asked for."""

    def __init__(
        self, out: Path | None, header: Mapping[str, Any], rows: Sequence[Row] = (), *, tensorboard: bool = False
    ) -> None:
        """Begins a log, or goes on behind these rows, each of which is kept with its speed where it stands there.

        header: what the run is, as plain values. out: None writes nothing, but keeps the rows.
        """
        self.rows = [*rows]  # all of the run so far
        self._file: TextIO | None = None
        self._path = out and out / LOG
        self._board: Any = None
        if out is None:
            return
        storage.make_folder(out)
        lines = {line.get("step"): line for line in _parsed(out / LOG)}
        with drafted(out / LOG) as draft:
            kept = [{"header": header}, *(_kept(lines.get(row.step, {}), plain(row)) for row in rows)]
            draft.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
            storage.rename(draft, out / LOG)
        self._file = (out / LOG).open("a", encoding="utf-8")
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / BOARD), purge_step=rows[-1].step + 1 if rows else None)

    @property
    def bits_per_byte(self) -> float | None:
        """Returns those of held-out text as they were measured last."""
        return next((row.bits_per_byte for row in reversed(self.rows) if row.bits_per_byte is not None), None)

    def add(self, row: Row, progress: Progress | None = None) -> None:
        """Writes a row, with the progress of its step if there was one."""
        self.rows.append(row)
        line = plain(row)
        if progress:
            line |= {
                "seconds": round(progress.seconds, 3),
                "tokens_per_second": _short(progress.tokens_per_second),
                "mfu": _short(progress.mfu),
                "left_s": _short(progress.left_s),
            }
        if self._file:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        if self._board:
            for name, value in _scalars(line):
                self._board.add_scalar(name, value, row.step)
            self._board.flush()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.close(whole=error is None)

    def close(self, *, whole: bool) -> None:
        """Closes the files; whole: the run is at its end, and the log gets its seal."""
        if self._file and self._path and whole:
            self._file.write(seal_of_lines(self._path.read_bytes()).decode())
        if self._file:
            self._file.close()
        if self._board:
            self._board.close()


def check_log(out: Path, *, tensorboard: bool) -> None:
    """Raises SettingsError where a file of another origin lies in the place of the log, or TensorBoard is missing."""
    path = out / LOG
    if path.exists() and "header" not in next(_parsed(path), {}):
        raise SettingsError(f"{path}: not written by curate, or changed since; move it, or name another place")
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise SettingsError(f"train.tensorboard: tensorboard is not installed: {install(['tensorboard'])}")


def losses_by_source(
    loader: Loader, first: int, count: int, by_window: Sequence[float], group: Group
) -> dict[str, float]:
    """Returns the mean loss of each source in samples first .. first + count - 1; by_window: those of this process."""
    number = len(loader.sources)
    own = loader.sources_of(first, count, group.rank, group.size)
    sums = group.total(*np.bincount(own, by_window, number).tolist(), *np.bincount(own, minlength=number).tolist())
    pairs = zip(loader.sources, sums[:number], sums[number:], strict=True)
    return {source.name: total / windows for source, total, windows in pairs if windows}


def as_csv(rows: Sequence[Row], sources: Sequence[str] = ()) -> bytes:
    """Returns the content of loss.csv; sources: those that have held-out text."""
    names = ["step", "tokens", "train_loss", "valid_loss", "learning_rate", "windows", "gradient_norm", "bits_per_byte"]
    by_source = [(name, source) for source in sources for name in ("valid", "bits")]
    heads = [
        *names,
        *(f"{'valid_loss' if name == 'valid' else 'bits_per_byte'}/{source}" for name, source in by_source),
    ]
    lines = [heads]
    for row in rows:
        values = [getattr(row, name) for name in names]
        values += [getattr(row, f"{name}_by_source").get(source) for name, source in by_source]
        lines.append([_cell(value) for value in values])
    return "".join(",".join(line) + "\n" for line in lines).encode()


def draw(rows: Sequence[Row], title: str, sources: Sequence[str] = ()) -> bytes:
    """Returns the curves of a run as PNG: above the loss, below the bits per byte of held-out text by source.

    Without bits per byte the held-out loss of each source stands below; without held-out text nothing does.
    """
    panels = [_losses(rows)]
    if any(row.bits_by_source for row in rows):
        panels.append(_by_source(rows, "bits_by_source", "held-out text (bits per byte)", sources))
    elif any(row.valid_by_source for row in rows):
        panels.append(_by_source(rows, "valid_by_source", "held-out loss (nats per token)", sources))
    chart = altair.vconcat(*panels, title=altair.Title(title, anchor="start"), spacing=24).resolve_scale(
        color="independent"
    )
    return vl_convert.vegalite_to_png(chart.configure_view(stroke=None).to_dict(), scale=2)


def _losses(rows: Sequence[Row]) -> altair.LayerChart:
    """Returns the panel of the loss of training batches and of all held-out text."""
    train, held = "training batches", "held-out text"
    values = [{"tokens": tokens, "loss": loss, "of": train} for tokens, loss in _thinned(rows)]
    values += [{"tokens": row.tokens, "loss": row.valid_loss, "of": held} for row in rows if row.valid_loss is not None]
    names = [name for name in (train, held) if any(value["of"] == name for value in values)]
    colours = altair.Scale(domain=names, range=COLOURS[: len(names)])
    base = altair.Chart(altair.InlineData(values)).encode(
        x=_x(""),
        y=altair.Y("loss:Q", title="loss (nats per token)", scale=altair.Scale(zero=False)),
        color=altair.Color("of:N", title=None, sort=names, scale=colours),
    )
    line = base.mark_line(strokeWidth=1.5)
    points = base.transform_filter(altair.datum.of == held).mark_point(filled=True, size=30, opacity=1)
    return (line + points).properties(width=WIDTH, height=HEIGHT)


def _by_source(rows: Sequence[Row], name: str, title: str, sources: Sequence[str]) -> altair.Chart:
    """Returns the panel of a measure of each source; sources beyond the first CURVES are grey together."""
    last = {source: value for row in rows for source, value in getattr(row, name).items()}
    names, others = [source for source in sources or last if source in last], f"{len(last) - CURVES} others"
    labels = {source: f"{source} {last[source]:.3f}" for source in names[:CURVES]}  # the last value beside the name
    values = [
        {"tokens": row.tokens, "value": value, "source": source, "of": labels.get(source, others)}
        for row in rows
        for source, value in getattr(row, name).items()
    ]
    domain = [*labels.values(), *([others] if len(names) > CURVES else [])]
    colours = [*PALETTE[: len(labels)], "#bbbbbb"][: len(domain)]
    return (
        altair.Chart(altair.InlineData(values))
        .mark_line(strokeWidth=1.5, point=altair.OverlayMarkDef(size=20))
        .encode(
            x=_x("tokens seen"),
            y=altair.Y("value:Q", title=title, scale=altair.Scale(zero=False)),
            detail="source:N",
            color=altair.Color("of:N", title=None, sort=domain, scale=altair.Scale(domain=domain, range=colours)),
        )
        .properties(width=WIDTH, height=HEIGHT)
    )


def _x(title: str) -> altair.X:
    return altair.X("tokens:Q", title=title or None, axis=altair.Axis(format="~s"))


def _thinned(rows: Sequence[Row]) -> list[tuple[int, float]]:
    """Returns tokens and training loss of at most POINTS rows, each the last and the mean of several."""
    measured = [(row.tokens, row.train_loss) for row in rows if row.train_loss is not None]
    size = math.ceil(len(measured) / POINTS) or 1
    groups = [measured[start : start + size] for start in range(0, len(measured), size)]
    return [(group[-1][0], sum(loss for _, loss in group) / len(group)) for group in groups]


def plain(row: Row) -> dict[str, Any]:
    """Returns what was measured in a row, as JSON holds it exactly; Row(**values) makes the same row of it."""
    return {name: value for name, value in asdict(row).items() if value is not None and value != {}}


def _kept(line: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Returns a line of a log where it has these values of its row, else the values alone."""
    return line if values.items() <= line.items() else values


def _parsed(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the lines of a log up to one that was not written to its end."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                return
            if not isinstance(line, dict):
                return
            yield line


def _scalars(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yields the numbers of a line of the log under TensorBoard's names: those of sources as NAME/SOURCE."""
    for name, value in line.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{source}", number) for source, number in value.items() if number is not None)
        elif name not in ("step", "header") and value is not None:
            yield name, value


def _short(value: float | None) -> float | None:
    """Returns a measured value in six digits."""
    return None if value is None else float(f"{value:.6g}")


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
