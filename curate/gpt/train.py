"""Trains a model on a manifest's shards; a run that was stopped goes on from its newest checkpoint, to the bit.

On a CPU two runs with the same settings, threads and torch write the same bytes to loss.csv and model.safetensors,
whether they were stopped or not.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from curate.errors import SettingsError
from curate.gpt import checkpoint, devices, hf, result
from curate.gpt.checkpoint import Checkpoint
from curate.gpt.config import Train
from curate.gpt.devices import Group, Hardware
from curate.gpt.heldout import Validation, held_out, measured
from curate.gpt.logs import Log, Meter, Report, Row, Say, as_csv, check_log, draw, losses_by_source, plain
from curate.gpt.model import GPT
from curate.gpt.result import RECORD, WEIGHTS, Trained, check_place
from curate.gpt.sampling import Sampling, write
from curate.gpt.schedule import Schedule, schedule_of
from curate.gpt.shapes import Shape
from curate.gpt.step import Interrupted, backward, make_optimizer, update
from curate.gpt.vocabulary import Vocabulary, read_vocabulary
from curate.loader import Loader
from curate.loader.streams import read_manifest
from curate.processes import announced
from curate.storage.locks import locked
from curate.storage.together import Write, write_together
from curate.storage.writing import sha256_of
from curate.tokens import load
from curate.tokens.tokenizer import FILE, FOLDER, Tokenizer

CHECKPOINTS_OF_RUN = 8  # in a run whose settings do not say
INTERRUPT_S = 60  # for the step and the checkpoint that an interrupt waits for
# What may be another when a run goes on. The schedule has the lengths, as far as the steps until then depend on them.
MAY_CHANGE = {
    *("windows", "steps", "tokens", "epochs", "log_every", "checkpoint_tokens", "keep_checkpoints", "sample_tokens"),
    *("threads", "micro_batch", "device", "precision", "compile", "parallel", "tensorboard"),
}

Decode = Callable[[list[int]], str]  # token ids to text


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that a run is made of and that does not change while it goes on."""

    manifest: Path
    settings: Train
    loader: Loader
    vocabulary: Vocabulary
    validation: Validation
    shape: Shape
    schedule: Schedule
    stated: dict[str, Any]  # the manifest's name, sha256 and tokenizer
    tokenizer_file: bytes | None  # the dataset's tokenizer.json, where it has one
    init: dict[str, str]  # the sha256 of the files of `settings.init`, by name

    @property
    def interval(self) -> int:
        """Returns the windows between two checkpoints."""
        tokens = self.settings.checkpoint_tokens or self.schedule.tokens / CHECKPOINTS_OF_RUN
        return max(1, math.ceil(tokens / self.schedule.context))

    def lines(self, hardware: Hardware) -> list[str]:
        """Returns what a person should know before the first step."""
        return [f"course: {self.schedule.line()}", hardware.line(), *self.validation.notes(self.settings.valid_windows)]

    def facts(self) -> dict[str, Any]:
        """Returns what checkpoints and train.json state of the run, as plain values."""
        return {
            "settings": asdict(self.settings),
            "schedule": asdict(self.schedule),
            "shape": asdict(self.shape),
            "manifest": self.stated,
            "init": self.init,
            "fingerprint": self.loader.fingerprint(),
            "torch": torch.__version__,
        }


@dataclass(slots=True)
class RunState:
    """A run in progress: the processes that work on it, and what a step changes."""

    group: Group
    validation: Validation  # on the device
    model: GPT
    shared: nn.Module  # the same model among its processes, which computes losses and gradients
    optimizer: torch.optim.AdamW
    log: Log
    meter: Meter
    step: int = 0
    windows: int = 0  # seen so far
    written: int = 0  # the step of the newest checkpoint


def train(
    manifest: Path,
    out: Path,
    settings: Train,
    report: Report = lambda progress: None,
    *,
    say: Say = lambda line: None,
    decode: Decode | None = None,
    anew: bool = False,
) -> Trained:
    """Trains, or goes on with a run that was stopped, writes the model to `out` and returns the outcome.

    report: called after each step. decode: by default the tokenizer's. anew: remove the checkpoints of another run that
    was not finished. Raises ValueError where these are there, or the manifest or a shard is unusable; SettingsError,
    before any work, where a file of others would be replaced. An interrupt ends it after a checkpoint.
    """
    check_place(out)
    check_checkpoints(out)
    check_log(out, tensorboard=settings.tensorboard)
    _check_weights(manifest, settings)
    started = time.perf_counter()
    with _processes(settings) as group, devices.repeatable(group.hardware, settings.seed), _alone_in(out, group):
        decode = decode or of_manifest(manifest).decode
        setup = prepare(manifest, settings)
        newest = group.agreed(_newest(setup, out, say, anew=anew) if group.rank == 0 else None)
        if newest and settings.precision == "auto":
            group.hardware = devices.as_before(group.hardware, newest.state["hardware"]["precision"])
        devices.prepare(group.hardware)
        for line in setup.lines(group.hardware):
            say(line)
        run = _begin(setup, out, group, newest)
        if newest:
            say(f"goes on from step {run.step:,}, after {run.windows * settings.context:,} tokens")
        _fit(setup, run, out, report)
        final = checkpoint.finite(group.whole(run.model), settings.learning_rate)
        sample = group.agreed(_sample(final, setup.vocabulary, settings, decode) if final else "")
        trained = _outcome(setup, run, sample, time.perf_counter() - started)
        if final:
            _save(out, setup, run, final, trained)
    return trained


def prepare(manifest: Path, settings: Train) -> Setup:
    """Returns what a run is made of; reads the shards' ids where the vocabulary is that of those that occur."""
    loader = Loader(manifest, context=settings.context, batch=settings.batch, seed=settings.seed)
    vocabulary = read_vocabulary(manifest, settings.vocabulary)
    lengths = of_manifest(manifest).byte_lengths()
    windows = held_out(manifest, settings.context, settings.valid_windows, lengths)
    tokenizer = load.stated_in(read_manifest(manifest))
    name = read_manifest(manifest).get("name")
    return Setup(
        manifest=manifest,
        settings=settings,
        loader=loader,
        vocabulary=vocabulary,
        validation=Validation.of(windows, vocabulary),
        shape=settings.shape(len(vocabulary.ids)),
        schedule=schedule_of(settings, sum(source.tokens for source in loader.sources)),
        stated={"name": name, "sha256": sha256_of(manifest), "tokenizer": tokenizer},
        tokenizer_file=(manifest.parent / FOLDER / FILE).read_bytes() if tokenizer["name"] == FILE else None,
        init=result.init_digests(settings),
    )


def check_checkpoints(out: Path) -> None:
    """Raises SettingsError, which names the file, where one lies in the place of a checkpoint that is not ours."""
    for path in checkpoint.strangers(out):
        raise SettingsError(f"{path}: not a checkpoint of curate's, or damaged; move it, or name another folder")


def _check_weights(manifest: Path, settings: Train) -> None:
    """Raises SettingsError where the weights to begin with do not fit the settings or the dataset."""
    if settings.init:
        tokenizer, file = of_manifest(manifest), manifest.parent / FOLDER / FILE
        hf.check_fits(settings, tokenizer, file.read_bytes() if tokenizer.name == FILE else None)


def _newest(setup: Setup, out: Path, say: Say, *, anew: bool) -> Checkpoint | None:
    """Returns the checkpoint from which a run goes on, None where it begins; ValueError where it is another run's."""
    newest = checkpoint.newest(out, say)
    if newest is None or not (change := difference(setup, newest)):
        return newest
    if anew or _is_finished(out, newest):
        return None
    mend = "give --replace to train anew, or name another folder"
    raise ValueError(f"{newest.path}: a checkpoint of another run: {change}; {mend}")


@contextmanager
def _alone_in(out: Path, group: Group) -> Iterator[None]:
    """Locks the folder for the first process and those that work with it, until the block ends."""
    with locked(out, "a model is trained") if group.rank == 0 else nullcontext():
        if group.rank == 0:
            checkpoint.sweep(out)
        yield


def _begin(setup: Setup, out: Path, group: Group, newest: Checkpoint | None) -> RunState:
    """Returns the state of a new run, or of the one that was stopped."""
    begins = setup.settings.init and not newest
    model = hf.load(Path(setup.settings.init)) if begins else GPT(setup.shape)
    shared = group.wrap(model)
    validation, optimizer = setup.validation.to(group.hardware.device), make_optimizer(model, setup.settings)
    rows = [Row(**row) for row in newest.state["rows"]] if newest else []
    log = Log(None if group.rank else out, setup.facts(), rows, tensorboard=setup.settings.tensorboard)
    seen = newest.state["windows"] if newest else 0
    meter = Meter(setup.schedule, setup.shape, group, seen)
    run = RunState(group, validation, model, shared, optimizer, log, meter, windows=seen)
    if newest:
        checkpoint.restore(newest, model, optimizer, group)
        run.step = run.written = newest.state["step"]
    else:
        if group.rank == 0:
            checkpoint.remove_all(out)
        log.add(Row(step=0, tokens=0, windows=0, **measured(model, validation, setup.settings.at_once, group)))
    return run


def difference(setup: Setup, newest: Checkpoint) -> str | None:
    """Returns what makes a checkpoint one of another run, as words; None where it is one of this run."""
    try:
        setup.loader.resume(newest.state["loader"])
    except ValueError as error:
        return str(error)
    own = json.loads(json.dumps(setup.facts()))
    for table in ("tokenizer", "shape", "schedule", "init", "settings"):
        then, now = ({**state["manifest"], **state}[table] for state in (newest.state, own))
        for name in sorted({*then, *now} - MAY_CHANGE):
            if then.get(name) != now.get(name):
                return f"{name} was {then.get(name)!r} and is {now.get(name)!r}"
    beyond = newest.state["windows"] >= setup.schedule.windows
    return f"it lies beyond the {setup.schedule.tokens:,} tokens of this one" if beyond else None


def _is_finished(out: Path, newest: Checkpoint) -> bool:
    """Returns whether a checkpoint is one of the finished run whose model lies in the folder."""
    try:
        return bool(result.read(out)["settings"] == newest.state["settings"])
    except (OSError, ValueError, KeyError):
        return False


def _fit(setup: Setup, run: RunState, out: Path, report: Report) -> None:
    """Takes the steps that are left; an interrupt writes a checkpoint of the last one that is whole."""
    interrupted: list[bool] = []
    alone = run.group.size == 1  # several processes can stop together only after a step
    with run.log, announced(lambda: interrupted.append(True), INTERRUPT_S):
        try:
            while run.windows < setup.schedule.windows:
                if _step(setup, run, report, lambda: alone and bool(interrupted)):
                    _write_checkpoint(setup, run, out)
                if run.group.total(len(interrupted))[0]:
                    raise Interrupted
        except Interrupted:
            if run.step > run.written:
                _write_checkpoint(setup, run, out)
            run.group.total(0)  # none ends before the first has written
            raise KeyboardInterrupt from None


def _step(setup: Setup, run: RunState, report: Report, stop: Callable[[], bool]) -> bool:
    """Takes one step, and adds a row where it is logged; returns whether a checkpoint is due.

    Raises Interrupted once `stop` returns True, with the model as it was before the step.
    """
    schedule, settings, group = setup.schedule, setup.settings, run.group
    step, before, count = run.step + 1, run.windows, schedule.windows_at(run.windows)
    rate, last = schedule.rate_at(before + count), before + count >= schedule.windows
    due = (before + count) // setup.interval > before // setup.interval
    by_window: list[float] | None = [] if last or due or step == 1 or step % settings.log_every == 0 else None
    with run.meter.step(count * schedule.context):
        windows = torch.from_numpy(setup.vocabulary.encode(group.part(setup.loader, before, count)))
        windows = windows.to(group.hardware.device)
        loss = backward(run.shared, windows, count, settings.at_once, group, stop, by_window)
        if not math.isfinite(loss):
            raise ValueError(f"the loss is {loss} at step {step}; lower learning_rate {settings.learning_rate}")
        norm = update(run.model, run.optimizer, rate, settings.clip)
    run.step, run.windows, row = step, before + count, None
    if by_window is not None:
        values = measured(run.model, run.validation, settings.at_once, group) if last or due else {}
        values |= {"train_by_source": losses_by_source(setup.loader, before, count, by_window, group)}
        epochs = {seen.source: seen.epochs for seen in setup.loader.seen(run.windows)}
        values |= {"train_loss": loss, "learning_rate": rate, "gradient_norm": norm, "epochs": epochs}
        row = Row(step=step, tokens=run.windows * schedule.context, windows=count, **values)
    progress = run.meter.progress(step, loss, run.log, row)
    if row:
        run.log.add(row, progress)
    if group.rank == 0:
        report(progress)
    return due and not last


def _write_checkpoint(setup: Setup, run: RunState, out: Path) -> None:
    """Writes a checkpoint, and removes those that need not be kept."""
    run.written = run.step
    state = {
        **setup.facts(),
        "step": run.step,
        "windows": run.windows,
        "tokens": run.windows * setup.schedule.context,
        "rows": [plain(row) for row in run.log.rows],
        "loader": setup.loader.state(run.windows),
        "hardware": run.group.record(),
    }
    kept = {checkpoint.VOCABULARY: torch.from_numpy(setup.vocabulary.ids)}
    if setup.tokenizer_file is not None:
        kept[FILE] = torch.frombuffer(bytearray(setup.tokenizer_file), dtype=torch.uint8)
    path = checkpoint.path_of(out, run.step)
    checkpoint.save(path, run.model, run.optimizer, state, kept, run.group)
    if run.group.rank:
        return
    losses = {row.step: row.valid_loss for row in run.log.rows if row.valid_loss is not None}
    checkpoint.prune(out, setup.settings.keep_checkpoints, losses)


def _outcome(setup: Setup, run: RunState, sample: str, seconds: float) -> Trained:
    """Returns the outcome of a run whose steps are all taken."""
    rows = run.log.rows
    losses = [row.train_loss for row in rows if row.train_loss is not None]
    valid: list[float | None] = [row.valid_loss for row in rows if row.valid_loss is not None] or [None]
    return Trained(
        shape=setup.shape,
        parameters=setup.shape.parameters,
        tokens=rows[-1].tokens,
        first_loss=losses[0],
        last_loss=losses[-1],
        valid_before=valid[0],
        valid_after=valid[-1],
        bits_per_byte=run.log.bits_per_byte,
        bits_by_source=rows[-1].bits_by_source,
        sample=sample,
        fingerprint=setup.loader.fingerprint(),
        seconds=seconds,
    )


def _save(out: Path, setup: Setup, run: RunState, final: GPT, trained: Trained) -> None:
    """Writes the model, its log and its record, which is the same for the same run, so without its seconds."""
    facts = {
        **{name: value for name, value in asdict(trained).items() if name != "seconds"},
        **setup.facts(),
        "left_out": setup.loader.left_out,
        "seen": [asdict(progress) for progress in setup.loader.seen(run.windows)],
        "hardware": run.group.record(),
    }
    title, sources = f"{setup.stated['name']}: loss of {setup.shape.parameters:,} parameters", setup.validation.names
    contents = {
        "loss.csv": as_csv(run.log.rows, sources),
        "loss.png": draw(run.log.rows, title, sources),
        "vocabulary.json": json.dumps(setup.vocabulary.ids.tolist()).encode(),  # the dataset's id of each row
    }
    if setup.tokenizer_file is not None:
        contents[FILE] = setup.tokenizer_file
    writes: dict[str, Write] = {name: partial(Path.write_bytes, data=content) for name, content in contents.items()}
    writes[WEIGHTS] = partial(checkpoint.write_tensors, tensors=final.state_dict(), metadata={"format": "pt"})
    write_together(out / RECORD, writes, lambda _: facts)


def of_manifest(manifest: Path) -> Tokenizer:
    """Returns the tokenizer that a manifest states."""
    return load.of(load.stated_in(read_manifest(manifest)), manifest.parent / FOLDER)


@contextmanager
def _processes(settings: Train) -> Iterator[Group]:
    """Yields this process, alone or among those that torchrun has started, until the block ends."""
    here = devices.member()
    hardware = devices.choose(
        settings.shape(1),
        device=settings.device,
        precision=settings.precision,
        compile=settings.compile,
        rows=settings.at_once,
        threads=settings.threads,
        local_rank=here.local_rank,
    )
    if here.size == 1:
        yield Group(hardware)
    else:
        from curate.gpt.distributed import joined

        with joined(here, hardware, sharded=settings.parallel == "fsdp") as group:
            yield group


def _sample(model: GPT, vocabulary: Vocabulary, settings: Train, decode: Decode) -> str:
    """Returns a text that the model writes from the start of a document, with the defaults of `Sampling`."""
    if not settings.sample_tokens:
        return ""
    start = vocabulary.encode(np.array([vocabulary.eot])).tolist()
    rows = write(model, start, Sampling(tokens=settings.sample_tokens, seed=settings.seed))
    return decode(vocabulary.decode([*rows]))
