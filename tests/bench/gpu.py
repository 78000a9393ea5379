"""The trainer on one CUDA GPU, in ten minutes: its speed beside nanoGPT's, banded attention, and a run of gpt3-small.

    python tests/bench/gpu.py --nanogpt DIR --manifest PATH [--out FOLDER] [--steps 300]
    python tests/bench/gpu.py --device cpu --tiny [--nanogpt DIR] [--manifest PATH]     # tries the script itself

1. Tokens per second and MFU of gpt2 at T=1024, bf16, compiled, beside nanoGPT's model, optimiser and loop in the same
   process: with our vocabulary and biases, and as nanoGPT ships it (50,304 ids, no biases). The ways take turns; wall
   time, medians and spread.
2. Banded attention of gpt3-small at T=2048, forward and backward, in each way, beside dense attention.
3. `curate train PATH --model gpt3-small` for so many steps; fails unless the loss falls.

--nanogpt names a checkout of github.com/karpathy/nanoGPT; without it, or without --manifest, that part is left out.
"""

import argparse
import csv
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from curate.gpt import attention, devices
from curate.gpt.config import Train
from curate.gpt.devices import Group, Hardware
from curate.gpt.model import GPT
from curate.gpt.shapes import PRESETS, Shape
from curate.gpt.step import backward, make_optimizer, update

TINY = Shape(layers=2, heads=2, width=64, context=64, vocabulary=500)
UNSCALED = {"recipe_tokens": 0, "decay_tokens": 0, "ramp_tokens": 0, "batch_start": 0}  # the paper's are too long here
Step = Callable[[torch.Tensor], float]


@dataclass(frozen=True)
class Sizes:
    """The amount of work."""

    shape: Shape
    rows: int  # windows of a micro-batch
    micro_batches: int  # of a step
    steps: int  # of a turn
    turns: int
    attention: tuple[int, int, int, int, int]  # windows, heads, T, numbers of a head, band
    train: tuple[str, ...]  # the settings of part 3


def settings(**values: object) -> tuple[str, ...]:
    """The options that give these settings."""
    return tuple(word for name, value in values.items() for word in ("--set", f"{name}={value}"))


FULL = Sizes(
    shape=PRESETS["gpt2"].shape,
    rows=16,
    micro_batches=4,
    steps=5,
    turns=5,
    attention=(8, 12, 2048, 64, 256),
    train=("--model", "gpt3-small", *settings(batch=32, micro_batch=8, warmup_tokens=2_000_000, **UNSCALED)),
)
SMALL = Sizes(
    shape=TINY,
    rows=2,
    micro_batches=2,
    steps=2,
    turns=3,
    attention=(2, 2, 128, 16, 16),
    train=("--model", "tiny-gpt3", *settings(batch=4, warmup_tokens=5_000, **UNSCALED)),
)


def synchronize(device: torch.device) -> None:
    """Waits for what the device still computes."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def ours(sizes: Sizes, hardware: Hardware) -> Step:
    """A step of this trainer, as `curate train` makes it."""
    torch.manual_seed(0)
    group, model = Group(hardware), GPT(sizes.shape)
    shared = group.wrap(model)
    optimizer = make_optimizer(model, Train())
    count = sizes.rows * sizes.micro_batches

    def step(windows: torch.Tensor) -> float:
        loss = backward(shared, windows.to(hardware.device), count, sizes.rows, group)
        update(model, optimizer, 6e-4, 1.0)
        return loss

    return step


def nanogpt(folder: Path, sizes: Sizes, hardware: Hardware, *, shipped: bool) -> Step:
    """A step of nanoGPT's train.py with its model; shipped: with its own vocabulary and without biases."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    shape, device = sizes.shape, hardware.device
    torch.manual_seed(0)
    config = module.GPTConfig(
        block_size=shape.context,
        vocab_size=-(-shape.vocabulary // 64) * 64 if shipped else shape.vocabulary,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_embd=shape.width,
        dropout=0.0,
        bias=not shipped,
    )
    model = module.GPT(config).to(device)
    optimizer = model.configure_optimizers(0.1, 6e-4, (0.9, 0.95), device.type)
    model = torch.compile(model) if hardware.compile else model

    def step(windows: torch.Tensor) -> float:
        for rows in windows.split(sizes.rows):
            x, y = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
            if device.type == "cuda":
                x, y = (tensor.pin_memory().to(device, non_blocking=True) for tensor in (x, y))
            with hardware.autocast():
                loss = model(x, y)[1] / sizes.micro_batches
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item() * sizes.micro_batches

    return step


def compare(ways: dict[str, Step], sizes: Sizes, hardware: Hardware) -> None:
    """Prints tokens per second and MFU of each way, the first being the measure of the others."""
    generator = torch.Generator().manual_seed(0)
    count = sizes.rows * sizes.micro_batches
    windows = torch.randint(sizes.shape.vocabulary, (count, sizes.shape.context + 1), generator=generator)
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(sizes.turns + 1):  # the first compiles
        for name, step in ways.items():
            synchronize(hardware.device)
            began = time.perf_counter()
            for _ in range(sizes.steps):
                loss = step(windows)
            synchronize(hardware.device)
            spent = time.perf_counter() - began
            if turn:
                speeds[name].append(sizes.steps * count * sizes.shape.context / spent)
            else:
                print(f"  {name:<24} {spent:.0f} s until the first turn was over, loss {loss:.3f}")
    peak = devices.peak_flops(hardware)
    flops = devices.flops_per_token(sizes.shape, sizes.shape.context)
    first = statistics.median(next(iter(speeds.values())))
    for name, measured in speeds.items():
        speed = statistics.median(measured)
        mfu = f"{100 * speed * flops / peak:.1f} %" if peak else "unknown"
        spread = f"{min(measured):,.0f} to {max(measured):,.0f}"
        print(f"  {name:<24} {speed:>12,.0f} tokens/s  ({spread})  MFU {mfu}  ours is {first / speed:.3f} of it")


def bands(sizes: Sizes, hardware: Hardware, repeats: int = 20) -> None:
    """Prints the milliseconds of attention forward and backward in each way."""
    rows, heads, length, width, band = sizes.attention
    kind = torch.bfloat16 if hardware.precision == "bf16" else torch.float32
    tensors = [
        torch.randn(rows, heads, length, width, dtype=kind, device=hardware.device, requires_grad=True)
        for _ in range(3)
    ]
    ways: dict[str, Callable[..., torch.Tensor]] = {
        "dense": attention.dense,
        "banded, as the model does": lambda *given: attention.banded(*given, band),
        "banded, by a mask": lambda *given: attention.banded_masked(*given, band),
        "banded, two blocks": lambda *given: attention.banded_blocks(*given, band),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 3):
        for name, way in ways.items():
            synchronize(hardware.device)
            began = time.perf_counter()
            way(*tensors).float().square().sum().backward()
            synchronize(hardware.device)
            if repeat >= 3:
                times[name].append(1000 * (time.perf_counter() - began))
    first = statistics.median(times["dense"])
    print(f"attention, {rows} windows, {heads} heads of {width}, T={length}, band {band}, {hardware.precision}")
    for name, measured in times.items():
        spent = statistics.median(measured)
        print(f"  {name:<28} {spent:8.2f} ms  {first / spent:.2f} times as fast as dense")


def run(manifest: Path, out: Path, sizes: Sizes, device: str, steps: int) -> None:
    """Trains by the command; raises SystemExit unless the loss falls."""
    words = [
        "train",
        str(manifest),
        "-o",
        str(out),
        *sizes.train,
        "--set",
        f"steps={steps}",
        "--set",
        f"device={device}",
    ]
    began = time.perf_counter()
    code = subprocess.run([sys.executable, "-m", "curate.cli", *words]).returncode
    if code:
        raise SystemExit(code)
    with (out / "loss.csv").open(newline="") as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file) if row["train_loss"]]
    spent = time.perf_counter() - began
    print(f"{' '.join(sizes.train)}: {steps} steps in {spent:.0f} s, loss {losses[0]} to {losses[-1]}")
    if losses[-1] > losses[0] - 0.1:
        raise SystemExit("the loss does not fall")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path)
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--out", type=Path, help="the folder of part 3's model; a temporary one if left out")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--compile", default="on", choices=("on", "off"))
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--tiny", action="store_true", help="sizes with which a CPU tries the script")
    parser.add_argument("--rows", type=int, help="windows of a micro-batch in part 1")
    parser.add_argument("--steps", type=int, default=300, help="of part 3")
    options = parser.parse_args()
    sizes = SMALL if options.tiny else FULL
    if options.rows:
        sizes = replace(sizes, rows=options.rows)
    hardware = devices.choose(
        sizes.shape, device=options.device, compile=options.compile, precision=options.precision, rows=sizes.rows
    )
    devices.prepare(hardware)
    torch.set_num_threads(hardware.threads)
    print(f"torch {torch.__version__}, {hardware.line()}")
    print(f"a step of {sizes.rows} x {sizes.micro_batches} windows of {sizes.shape.context}")
    ways = {"ours": ours(sizes, hardware)}
    if options.nanogpt:
        ways["nanoGPT, equal sizes"] = nanogpt(options.nanogpt, sizes, hardware, shipped=False)
        ways["nanoGPT, as it ships"] = nanogpt(options.nanogpt, sizes, hardware, shipped=True)
    compare(ways, sizes, hardware)
    del ways
    bands(sizes, hardware)
    if options.manifest:
        with tempfile.TemporaryDirectory() as folder:
            run(options.manifest, options.out or Path(folder) / "model", sizes, options.device, options.steps)


if __name__ == "__main__":
    main()
