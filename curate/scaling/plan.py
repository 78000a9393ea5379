"""Prices a ladder before anything runs: parameters, tokens, epochs, FLOPs, and the time by a few steps of each size."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from curate.errors import SettingsError
from curate.gpt import checkpoint, devices
from curate.gpt.devices import Group
from curate.gpt.model import GPT
from curate.gpt.shapes import Shape
from curate.gpt.step import backward, make_optimizer, update
from curate.gpt.train import Setup, check_checkpoints, difference, prepare
from curate.loader.mixture import EPOCHS
from curate.loader.streams import read_sources
from curate.scaling.config import MEASURED, Ladder, parameters
from curate.scaling.rungs import Rung, check_finished, is_done, rungs
from curate.scaling.runs import Compute, compute_per_token

PROBE_FLOPS = 2e10  # of a step that is measured, at most, unless one window has more
PROBE_STEPS = 2  # that are measured, after one that is not
HEAD_SHARE = 0.5  # of the largest model's FLOPs, from which on a smaller vocabulary is advised


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of a run."""

    rung: Rung
    shape: Shape
    epochs: float  # of the dataset
    most_epochs: float  # of the source that is seen most often
    source: str  # that one
    compute: Compute  # FLOPs of the whole run
    seconds: float  # from now on, estimated; 0 where it is done
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cost of a ladder."""

    costs: tuple[Cost, ...]
    seconds: float  # with its processes side by side
    warnings: tuple[str, ...]


def plan(ladder: Ladder, manifest: Path, out: Path, *, replacing: bool = False) -> Plan:
    """Returns the plan of a ladder on a dataset, and checks that it can run; writes nothing.

    replacing: runs of other settings in the folder are trained anew. Raises SettingsError where they are not, and where
    the dataset has no held-out text; ValueError where the manifest or a shard cannot be used.
    """
    speeds: dict[Shape, float] = {}
    costs = []
    for rung in rungs(ladder):
        done = is_done(rung, manifest, out)
        setup = prepare(manifest, rung.settings)
        held_out = sum(source.targets for source in setup.validation.sources)
        if not held_out:
            raise SettingsError(
                f"{manifest}: no held-out text, whose loss is the curve; pack with valid_fraction above 0"
            )
        if not done and not replacing:
            check_finished(rung.folder(out), manifest, rung.settings)
            check_unfinished(setup, rung.folder(out))
        if not done and setup.shape not in speeds:
            speeds[setup.shape] = speed(setup)
        costs.append(_cost(rung, setup, held_out, 0.0 if done else speeds[setup.shape], done=done))
    seconds = side_by_side([cost.seconds for cost in costs], ladder.processes)
    return Plan(costs=tuple(costs), seconds=seconds, warnings=tuple(_warnings(costs)))


def check_unfinished(setup: Setup, folder: Path) -> None:
    """Raises SettingsError where the folder holds checkpoints of another run, or files that are not checkpoints."""
    check_checkpoints(folder)
    newest = checkpoint.newest(folder)
    if newest and (change := difference(setup, newest)):
        mend = "give --replace to train anew, or name another folder"
        raise SettingsError(f"{newest.path}: a checkpoint of another run: {change}; {mend}")


def _cost(rung: Rung, setup: Setup, held_out: int, speed: float, *, done: bool) -> Cost:
    sources = read_sources(setup.manifest, "train")
    total, weights = sum(source.tokens for source in sources), sum(source.weight for source in sources)
    seen = {source.name: float(rung.tokens * source.weight / weights / source.tokens) for source in sources}
    most = max(seen, key=seen.__getitem__)
    per_token = compute_per_token(setup.shape)
    measuring = MEASURED * held_out / 3  # a forward pass is a third of a step
    return Cost(
        rung=rung,
        shape=setup.shape,
        epochs=rung.tokens / total,
        most_epochs=seen[most],
        source=most,
        compute={name: flops * rung.tokens for name, flops in per_token.items()},
        seconds=0.0 if done else (rung.tokens + measuring) / speed,
        done=done,
    )


def speed(setup: Setup) -> float:
    """Returns the tokens per second of a size, by a few steps on random tokens; on a CPU by CPU time."""
    settings, shape = setup.settings, setup.shape
    flops = compute_per_token(shape)["counted"] * shape.context
    rows = min(settings.micro_batch or settings.batch, max(1, int(PROBE_FLOPS / flops)))
    hardware = devices.choose(
        shape, device=settings.device, precision=settings.precision, compile="off", rows=rows, threads=settings.threads
    )
    clock = time.process_time if hardware.device.type == "cpu" else time.perf_counter
    with devices.repeatable(hardware, settings.seed):
        group = Group(hardware)
        model = GPT(shape)
        shared, optimizer = group.wrap(model), make_optimizer(model, settings)
        windows = torch.randint(shape.vocabulary, (rows, shape.context + 1)).to(hardware.device)
        times = []
        for _ in range(PROBE_STEPS + 1):
            began = clock()
            backward(shared, windows, rows, rows, group)
            update(model, optimizer, 1e-6, settings.clip)
            times.append((clock() - began) / (settings.threads if hardware.device.type == "cpu" else 1))
    return rows * shape.context / max(min(times[1:]), 1e-9)


def side_by_side(seconds: Sequence[float], processes: int) -> float:
    """Returns how long runs take, the longest first, by so many processes."""
    ends = [0.0] * processes
    for length in sorted(seconds, reverse=True):
        ends.sort()
        ends[0] += length
    return max(ends)


def _warnings(costs: Sequence[Cost]) -> list[str]:
    """Returns what makes a curve mean less than it seems to, as lines."""
    lines = []
    often = [cost for cost in costs if cost.most_epochs > EPOCHS]
    if often:
        worst = max(often, key=lambda cost: cost.most_epochs)
        lines.append(
            f"{len(often)} of {len(costs)} runs see a source more than {EPOCHS:g} times (the most: {worst.source!r}, "
            f"{worst.most_epochs:.1f} epochs in {worst.rung.name}), where repeats are worth less than new text; "
            "take a larger dataset, or smaller sizes"
        )
    largest = costs[-1]
    head = largest.shape.vocabulary * largest.shape.width
    share = head / (head + parameters(largest.shape))
    if share > HEAD_SHARE:
        lines.append(
            f"the head is {share:.0%} of the FLOPs of {largest.rung.size.name}, the largest run, for a vocabulary of "
            f"{largest.shape.vocabulary:,}; with a tokenizer of fewer ids runs are faster, and the slope depends less "
            "on how FLOPs are counted"
        )
    return lines
