"""Trains one small GPT-2-shaped model on a manifest's shards and writes its loss, its weights and a record of the run.

Runs on the CPU; two runs with the same settings, threads and torch write the same bytes to loss.csv.
"""

import io
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import altair
import numpy as np
import torch
import vl_convert
from torch import Tensor, nn

from curate.gpt.config import Train
from curate.gpt.heldout import NO_TOKEN, held_out, occurring_ids
from curate.gpt.model import GPT
from curate.gpt.result import RECORD, check_place
from curate.gpt.shapes import Shape
from curate.loader import Loader
from curate.loader.streams import Tokens, read_manifest
from curate.storage.together import write_together
from curate.storage.writing import sha256_of
from curate.tokens import load
from curate.tokens.tokenizer import FOLDER, Tokenizer

BETAS = (0.9, 0.95)  # GPT-3, appendix B
FINAL_SHARE = 0.1  # of the learning rate, at the end of the cosine; GPT-3, appendix B
VALIDATIONS = 8  # in a run, besides the one before the first step
TEMPERATURE, TOP_K = 0.8, 40  # of the sample

Report = Callable[[int, float], None]  # is called with each step and its loss
Decode = Callable[[list[int]], str]  # token ids to text


class Row(NamedTuple):
    """One line of loss.csv; None where nothing was measured."""

    step: int
    tokens: int  # seen so far
    train_loss: float | None  # in nats per token
    valid_loss: float | None  # in nats per token
    learning_rate: float | None


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
    bits_per_byte: float | None  # of held-out text in UTF-8; None where its bytes are not stated
    sample: str  # a text that the model wrote
    fingerprint: str  # the loader's
    seconds: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The ids of a model: row i of its embedding is token ids[i]."""

    ids: Tokens  # sorted
    eot: int  # the id of end-of-text

    def encode(self, tokens: Tokens) -> Tensor:
        """Returns the rows of the embedding for dataset ids, in any shape; NO_TOKEN stays."""
        rows = np.searchsorted(self.ids, tokens)
        return torch.from_numpy(np.where(tokens == NO_TOKEN, NO_TOKEN, rows))

    def decode(self, rows: Tensor) -> list[int]:
        """Returns the dataset ids of rows (T,) of the embedding."""
        return [int(self.ids[row]) for row in rows.tolist()]


@dataclass(frozen=True, slots=True)
class Validation:
    """The held-out windows, the same at every validation."""

    windows: Tensor  # (N, T + 1)
    bytes: float | None  # of the text in UTF-8 that the targets stand for; None where the manifest states none

    @property
    def targets(self) -> int:
        """Returns the number of tokens that are predicted."""
        return int((self.windows[:, 1:] != NO_TOKEN).sum())

    def bits_per_byte(self, loss: float | None) -> float | None:
        """Returns nats per token as bits per byte, which do not depend on the tokenizer."""
        return loss * self.targets / (self.bytes * math.log(2)) if loss is not None and self.bytes else None


def train(
    manifest: Path, out: Path, settings: Train, report: Report | None = None, *, decode: Decode | None = None
) -> Trained:
    """Trains, writes the five files to `out` (see `_save`) and returns the outcome; `report` is called after each step.

    decode: by default that of the manifest's tokenizer. Raises ValueError where the manifest or a shard is unusable,
    and SettingsError, before any work, where a file in the folder would be replaced that is not ours.
    """
    check_place(out)
    started = time.perf_counter()
    decode = decode or of_manifest(manifest).decode
    loader = Loader(manifest, context=settings.context, batch=settings.batch, seed=settings.seed)
    vocabulary = read_vocabulary(manifest, settings.vocabulary)
    windows, size = held_out(manifest, settings.context, settings.valid_batches * settings.batch)
    validation = Validation(vocabulary.encode(windows), size)
    shape = settings.shape(len(vocabulary.ids))
    with repeatable(settings):
        model = GPT(shape)
        rows = list(_fit(model, loader, vocabulary, validation, settings, report or (lambda step, loss: None)))
        sample = _sample(model, vocabulary, settings, decode)
    losses = [row.train_loss for row in rows if row.train_loss is not None]
    valid: list[float | None] = [row.valid_loss for row in rows if row.valid_loss is not None] or [None]
    trained = Trained(
        shape=shape,
        parameters=shape.parameters,
        tokens=rows[-1].tokens,
        first_loss=losses[0],
        last_loss=losses[-1],
        valid_before=valid[0],
        valid_after=valid[-1],
        bits_per_byte=validation.bits_per_byte(valid[-1]),
        sample=sample,
        fingerprint=loader.fingerprint(),
        seconds=time.perf_counter() - started,
    )
    _save(out, model, rows, vocabulary, _describe(trained, manifest, loader, settings))
    return trained


def read_vocabulary(manifest: Path, kind: str) -> Vocabulary:
    """Returns all ids of the tokenizer ("full"), or those that occur in training or held-out shards ("compact")."""
    tokenizer = read_manifest(manifest)["tokenizer"]
    if kind == "full":
        return Vocabulary(np.arange(tokenizer["vocabulary"]), tokenizer["eot"])
    return Vocabulary(np.union1d(occurring_ids(manifest), tokenizer["eot"]), tokenizer["eot"])


@contextmanager
def repeatable(settings: Train) -> Iterator[None]:
    """Seeds torch and sets deterministic algorithms and the threads of the settings until the block ends."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(settings.threads or threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)


def learning_rate(step: int, settings: Train) -> float:
    """Returns the rate of step 1 .. steps: linear warm-up, then a cosine down to a tenth at the last step."""
    if step <= settings.warmup:
        return settings.learning_rate * step / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * done)) / 2)


def validate(model: GPT, validation: Validation, batch: int) -> float | None:
    """Returns the mean loss in nats over every held-out target, None where there are none."""
    if not validation.targets:
        return None
    total = 0.0
    for start in range(0, len(validation.windows), batch):
        windows = validation.windows[start : start + batch]
        targets = windows[:, 1:]
        with torch.no_grad():
            loss = model(windows[:, :-1].clamp(min=0), targets)[1]
        total += loss.item() * int((targets != NO_TOKEN).sum())
    return total / validation.targets


def draw(rows: Sequence[Row], title: str) -> bytes:
    """Returns the loss of training and held-out text against the step as PNG, drawn without a browser."""
    names = {"train_loss": "training batch", "valid_loss": "held-out text"}
    values = []
    for row in rows:
        for field, name in names.items():
            loss = getattr(row, field)
            if loss is not None:
                values.append({"step": row.step, "loss": loss, "of": name})
    chart = (
        altair.Chart(altair.InlineData(values), title=title)
        .mark_line(point=altair.OverlayMarkDef(size=24))
        .encode(
            x=altair.X("step:Q", title="step"),
            y=altair.Y("loss:Q", title="loss (nats per token)", scale=altair.Scale(zero=False)),
            color=altair.Color("of:N", title=None, sort=list(names.values()), legend=altair.Legend(orient="top-right")),
        )
        .properties(width=560, height=320)
    )
    return vl_convert.vegalite_to_png(chart.to_dict(), scale=2)


def of_manifest(manifest: Path) -> Tokenizer:
    """Returns the tokenizer that a manifest states."""
    return load.of(load.stated_in(read_manifest(manifest)), manifest.parent / FOLDER)


def _fit(
    model: GPT, loader: Loader, vocabulary: Vocabulary, validation: Validation, settings: Train, report: Report
) -> Iterator[Row]:
    """Trains the model in place and yields a row for each step that is logged."""
    optimizer = _optimizer(model, settings)
    every = math.ceil(settings.steps / VALIDATIONS)
    yield Row(0, 0, None, validate(model, validation, settings.batch), None)
    for step in range(1, settings.steps + 1):
        rate = learning_rate(step, settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = vocabulary.encode(loader.batch_at(step - 1))
        measured = _backward(model, batch, settings.micro_batch or len(batch))
        if settings.clip:
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
        optimizer.zero_grad()
        if not math.isfinite(measured):
            raise ValueError(f"the loss is {measured} at step {step}; lower learning_rate {settings.learning_rate}")
        report(step, measured)
        last = step == settings.steps
        valid = validate(model, validation, settings.batch) if last or step % every == 0 else None
        if last or step == 1 or step % settings.log_every == 0 or valid is not None:
            yield Row(step, step * settings.batch * settings.context, measured, valid, rate)


def _backward(model: GPT, batch: Tensor, size: int) -> float:
    """Adds the gradients of a batch (B, T + 1), `size` windows at a time; returns its mean loss in nats."""
    total = 0.0
    for windows in batch.split(size):
        loss = model(windows[:, :-1], windows[:, 1:])[1] * (len(windows) / len(batch))
        loss.backward()
        total += loss.item()
    return total


def _optimizer(model: GPT, settings: Train) -> torch.optim.AdamW:
    """Returns AdamW in which weights and embeddings decay, and biases and norms do not."""
    decayed = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, fused=True)


def _sample(model: GPT, vocabulary: Vocabulary, settings: Train, decode: Decode) -> str:
    """Returns a text that the model writes from the start of a document."""
    generator = torch.Generator().manual_seed(settings.seed)
    start = vocabulary.encode(np.array([[vocabulary.eot]]))
    rows = model.generate(start, settings.sample_tokens, generator=generator, temperature=TEMPERATURE, top_k=TOP_K)
    return decode(vocabulary.decode(rows[0, 1:]))


def _describe(trained: Trained, manifest: Path, loader: Loader, settings: Train) -> dict[str, Any]:
    """Returns the content of train.json: the same for the same run, so without its seconds."""
    outcome = {name: value for name, value in asdict(trained).items() if name != "seconds"}
    return outcome | {
        "manifest": {"name": read_manifest(manifest).get("name"), "sha256": sha256_of(manifest)},
        "settings": asdict(settings),
        "left_out": loader.left_out,
        "seen": [asdict(progress) for progress in loader.seen(settings.steps * settings.batch)],
        "torch": torch.__version__,
    }


def _save(out: Path, model: GPT, rows: list[Row], vocabulary: Vocabulary, description: dict[str, Any]) -> None:
    """Writes all files or none; vocabulary.json holds the dataset's id of every row of the embedding.

    train.json is removed before another file is replaced, and is written last.
    """
    title = f"{description['manifest']['name']}: loss of {model.shape.parameters:,} parameters"
    lines = [Row._fields, *([_cell(value) for value in row] for row in rows)]
    weights = io.BytesIO()
    torch.save(model.state_dict(), weights)
    contents = {
        "loss.csv": "".join(",".join(line) + "\n" for line in lines).encode(),
        "loss.png": draw(rows, title),
        "model.pt": weights.getvalue(),
        "vocabulary.json": json.dumps(vocabulary.ids.tolist()).encode(),
    }
    writes = {name: partial(_write, content=content) for name, content in contents.items()}
    write_together(out / RECORD, writes, lambda _: description)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
