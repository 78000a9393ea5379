"""Trains one small GPT-2-shaped model on a manifest's shards and writes its loss, its weights and a record of the run.

Runs on the CPU; two runs with the same settings, threads and torch write the same bytes to loss.csv.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from curate.gpt import devices
from curate.gpt.checkpoint import WEIGHTS
from curate.gpt.config import Train
from curate.gpt.devices import Alone, Hardware
from curate.gpt.heldout import Validation, held_out, validate
from curate.gpt.logs import Row, as_csv, draw
from curate.gpt.model import GPT
from curate.gpt.result import RECORD, check_place
from curate.gpt.schedule import learning_rate
from curate.gpt.shapes import Shape
from curate.gpt.step import backward, make_optimizer, update
from curate.gpt.vocabulary import Vocabulary, read_vocabulary
from curate.loader import Loader
from curate.loader.streams import read_manifest
from curate.storage.together import write_together
from curate.storage.writing import sha256_of
from curate.tokens import load
from curate.tokens.tokenizer import FILE, FOLDER, Tokenizer

VALIDATIONS = 8  # in a run, besides the one before the first step
TEMPERATURE, TOP_K = 0.8, 40  # of the sample

Report = Callable[[int, float], None]  # is called with each step and its loss
Decode = Callable[[list[int]], str]  # token ids to text


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


def train(
    manifest: Path, out: Path, settings: Train, report: Report | None = None, *, decode: Decode | None = None
) -> Trained:
    """Trains, writes the files of the model to `out` (see `_save`) and returns the outcome.

    report: called after each step with its number and its loss. decode: by default that of the manifest's tokenizer.
    Raises ValueError where the manifest or a shard is unusable, and SettingsError, before any work, where a file in the
    folder would be replaced that is not ours.
    """
    check_place(out)
    started = time.perf_counter()
    decode = decode or of_manifest(manifest).decode
    loader = Loader(manifest, context=settings.context, batch=settings.batch, seed=settings.seed)
    vocabulary = read_vocabulary(manifest, settings.vocabulary)
    windows, size = held_out(manifest, settings.context, settings.valid_batches * settings.batch)
    shape = settings.shape(len(vocabulary.ids))
    with _processes(settings, shape) as group, repeatable(settings, group.hardware):
        validation = Validation(torch.from_numpy(vocabulary.encode(windows)).to(group.hardware.device), size)
        model = GPT(shape)
        rows = list(_fit(model, loader, vocabulary, validation, settings, group, report or (lambda step, loss: None)))
        final = group.whole(model)
        sample = group.agreed(_sample(final, vocabulary, settings, decode) if final else "")
        trained = _outcome(shape, rows, validation, loader, sample, time.perf_counter() - started)
        if final:
            record = _describe(trained, manifest, loader, settings) | {"hardware": group.record()}
            _save(out, manifest, final, rows, vocabulary, record)
    return trained


def _outcome(
    shape: Shape, rows: list[Row], validation: Validation, loader: Loader, sample: str, seconds: float
) -> Trained:
    losses = [row.train_loss for row in rows if row.train_loss is not None]
    valid: list[float | None] = [row.valid_loss for row in rows if row.valid_loss is not None] or [None]
    return Trained(
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
        seconds=seconds,
    )


def of_manifest(manifest: Path) -> Tokenizer:
    """Returns the tokenizer that a manifest states."""
    return load.of(load.stated_in(read_manifest(manifest)), manifest.parent / FOLDER)


@contextmanager
def _processes(settings: Train, shape: Shape) -> Iterator[Alone]:
    """Yields this process, alone or among those that torchrun has started, until the block ends."""
    here = devices.place()
    hardware = devices.choose(
        shape,
        device=settings.device,
        precision=settings.precision,
        compile=settings.compile,
        rows=settings.micro_batch or settings.batch,
        threads=settings.threads,
        local_rank=here.local_rank,
    )
    devices.prepare(hardware)
    if here.size == 1:
        yield Alone(hardware)
    else:
        from curate.gpt.distributed import joined

        with joined(here, hardware, sharded=settings.parallel == "fsdp") as group:
            yield group


@contextmanager
def repeatable(settings: Train, hardware: Hardware) -> Iterator[None]:
    """Seeds torch and sets its threads, and on a CPU deterministic algorithms, until the block ends.

    On a GPU runs begin with the same weights and read the same tokens, and their sums differ in the last digits.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        torch.use_deterministic_algorithms(hardware.device.type == "cpu")
        torch.utils.deterministic.fill_uninitialized_memory = False  # costs 2 % of a step, and no result is read there
        torch.set_num_threads(settings.threads or threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            torch.utils.deterministic.fill_uninitialized_memory = filled


def _fit(
    model: GPT,
    loader: Loader,
    vocabulary: Vocabulary,
    validation: Validation,
    settings: Train,
    group: Alone,
    report: Report,
) -> Iterator[Row]:
    """Trains the model in place and yields a row for each step that is logged."""
    shared = group.wrap(model)
    optimizer = make_optimizer(model, settings)
    every = math.ceil(settings.steps / VALIDATIONS)
    yield Row(0, 0, None, validate(model, validation, settings.batch, group), None)
    for step in range(1, settings.steps + 1):
        rate = learning_rate(step, settings)
        read = group.part(loader, (step - 1) * settings.batch, settings.batch)
        windows = torch.from_numpy(vocabulary.encode(read)).to(group.hardware.device)
        measured = backward(shared, windows, settings.batch, settings.micro_batch or settings.batch, group)
        if not math.isfinite(measured):
            raise ValueError(f"the loss is {measured} at step {step}; lower learning_rate {settings.learning_rate}")
        update(model, optimizer, rate, settings.clip)
        if group.rank == 0:
            report(step, measured)
        last = step == settings.steps
        valid = validate(model, validation, settings.batch, group) if last or step % every == 0 else None
        if last or step == 1 or step % settings.log_every == 0 or valid is not None:
            yield Row(step, step * settings.batch * settings.context, measured, valid, rate)


def _sample(model: GPT, vocabulary: Vocabulary, settings: Train, decode: Decode) -> str:
    """Returns a text that the model writes from the start of a document."""
    generator = torch.Generator().manual_seed(settings.seed)
    start = torch.from_numpy(vocabulary.encode(np.array([[vocabulary.eot]])))
    rows = model.generate(start, settings.sample_tokens, generator=generator, temperature=TEMPERATURE, top_k=TOP_K)
    return decode(vocabulary.decode(rows[0, 1:].tolist()))


def _describe(trained: Trained, manifest: Path, loader: Loader, settings: Train) -> dict[str, Any]:
    """Returns the content of train.json: the same for the same run, so without its seconds."""
    outcome = {name: value for name, value in asdict(trained).items() if name != "seconds"}
    return outcome | {
        "manifest": {
            "name": read_manifest(manifest).get("name"),
            "sha256": sha256_of(manifest),
            "tokenizer": load.stated_in(read_manifest(manifest)),
        },
        "settings": asdict(settings),
        "left_out": loader.left_out,
        "seen": [asdict(progress) for progress in loader.seen(settings.steps * settings.batch)],
        "torch": torch.__version__,
    }


def _save(
    out: Path, manifest: Path, model: GPT, rows: list[Row], vocabulary: Vocabulary, description: dict[str, Any]
) -> None:
    """Writes all files or none; vocabulary.json holds the dataset's id of every row of the embedding.

    train.json is removed before another file is replaced, and is written last.
    """
    title = f"{description['manifest']['name']}: loss of {model.shape.parameters:,} parameters"
    contents = {
        "loss.csv": as_csv(rows),
        "loss.png": draw(rows, title),
        "vocabulary.json": json.dumps(vocabulary.ids.tolist()).encode(),
    }
    if description["manifest"]["tokenizer"]["name"] == FILE:
        contents[FILE] = (manifest.parent / FOLDER / FILE).read_bytes()
    writes: dict[str, Callable[[Path], object]] = {
        WEIGHTS: lambda path: save_file(model.state_dict(), path, metadata={"format": "pt"}),
        **{name: partial(_write, content=content) for name, content in contents.items()},
    }
    write_together(out / RECORD, writes, lambda _: description)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
