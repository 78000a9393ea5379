"""The device, precision and compilation of a run, and its work in floating-point operations: FLOPs and MFU.

FLOPs are those of Chowdhery et al. 2022 (arXiv:2204.02311), appendix B: a matrix costs 2 per weight and token forward
and 4 backward; a head's attention costs 4 per number and key forward and 8 backward.
"""

import importlib.util
import math
import os
import platform
import re
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from curate.errors import SettingsError
from curate.gpt.attention import make_flex
from curate.gpt.model import GPT, Block, linear
from curate.gpt.shapes import Shape
from curate.loader import Loader
from curate.loader.streams import Tokens
from curate.processes import keep_freed_memory

# Dense teraFLOPs per second of a GPU whose name has these words, in bf16 with fp32 sums and in fp32 without TF32, from
# NVIDIA's data sheets of each product (halved where a sheet prints the rate of sparse matrices). The first counts.
PEAKS: tuple[tuple[str, float, float], ...] = (
    ("b200", 2250, 75),
    ("h200 nvl", 835.5, 60),
    ("h200", 989.4, 67),
    ("gh200", 989.4, 67),
    ("h100 nvl", 835.5, 60),
    ("h100 pcie", 756, 51),
    ("h100", 989.4, 67),
    ("a100", 312, 19.5),
    ("a40", 149.7, 37.4),
    ("a30", 165, 10.3),
    ("a10g", 70, 35),
    ("a10", 125, 31.2),
    ("rtx a6000", 154.8, 38.7),
    ("l40s", 362.1, 91.6),
    ("l40", 181.1, 90.5),
    ("l4", 121, 30.3),
    ("rtx 3090", 71, 35.6),
    ("rtx 4090", 165.2, 82.6),
    ("rtx 5090", 209.5, 104.8),
)
OTHERS = {"ti", "laptop", "mig", "d"}  # a word that makes another product, or a part, of one of these names
PROBE_WIDTH = 256  # of the narrowest model whose precision is measured; narrower ones repeat to the byte everywhere
PROBE_WIDEST = 512  # wider models are measured at this width, where bf16 gains less than at theirs
PROBE_FLOPS = 2e9  # of one block of a probe, forward and backward
PROBE_REPEATS = 5
GAIN = 1.3  # of bf16 over fp32, from which on a CPU computes in bf16
MATRIX = 1024  # rows and columns of the product that measures a CPU

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The device of a run, its precision and whether the model is compiled."""

    device: torch.device
    name: str  # of the GPU or the processor
    precision: str  # bf16 (autocast, with weights, sums and loss in fp32) or fp32
    compile: bool
    threads: int  # of torch on the CPU
    why: str  # the reasons of the precision and of the compilation

    def autocast(self) -> Any:
        """Returns the context in which a forward pass runs."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def line(self) -> str:
        """Returns what was chosen and why, for people."""
        compiled = "compiled" if self.compile else "not compiled"
        return f"{self.device} ({self.name}), {self.precision}, {compiled}: {self.why}"

    def record(self) -> dict[str, Any]:
        """Returns what train.json holds of it."""
        return {
            "device": self.device.type,
            "name": self.name,
            "threads": self.threads,
            "precision": self.precision,
            "compile": self.compile,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """This process among those that train one model together, as torchrun's environment states it."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among the processes of this machine, which is the number of its GPU

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.size or self.local_rank < 0:
            raise SettingsError(f"RANK {self.rank} is not below WORLD_SIZE {self.size}; start by torchrun")


class Group:
    """The processes that train one model, here one by itself; `distributed.DistributedGroup` is one of several."""

    rank, size, sharded = 0, 1, False

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware

    def part(self, loader: Loader, first: int, count: int) -> Tokens:
        """Returns the windows of this process among samples first .. first + count - 1."""
        return loader.part(first, count, self.rank, self.size)

    def rounds(self, count: int, rows: int) -> int:
        """Returns how many times `rows` windows each process computes for a batch of `count`; some may have fewer."""
        return math.ceil(math.ceil(count / self.size) / rows)

    def wrap(self, model: GPT) -> nn.Module:
        """Puts a model on the device, compiled if that is wanted; returns what computes losses and gradients."""
        model.to(self.hardware.device)
        if self.hardware.compile:
            make_bands(model.shape, self.hardware.device)
            model.compile()
        return model

    def syncs(self, model: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """Returns the context of a micro-batch."""
        return nullcontext()

    def total(self, *values: float) -> list[float]:
        """Returns the sums of numbers over all processes."""
        return [*values]

    def agreed(self, value: T) -> T:
        """Returns the value that the first process has."""
        return value

    def placed(self, whole: Tensor, like: Tensor) -> Tensor:
        """Returns a weight, or a mean of its gradients, as it lies in this process: like the model's own."""
        return whole.to(like.device)

    def write_shards(self, folder: Path, tensors: Mapping[str, Tensor]) -> dict[str, str] | None:
        """Writes sharded tensors into a folder; returns the sha256 of each file, None where tensors are whole."""
        return None

    def whole(self, model: GPT) -> GPT | None:
        """Returns the model on the CPU, with all its weights and not compiled; None but in the first process."""
        if self.hardware.device.type == "cpu" and not self.hardware.compile:
            return model
        return rebuilt(model.shape, model.state_dict())

    def record(self) -> dict[str, Any]:
        """Returns what train.json holds of the hardware."""
        return {**self.hardware.record(), "processes": self.size}


def make_bands(shape: Shape, device: torch.device) -> None:
    """Makes what banded attention on CUDA needs before its model is compiled."""
    if device.type == "cuda" and "banded" in shape.pattern and shape.context > shape.band:
        make_flex(shape.context, shape.band, str(device))


def rebuilt(shape: Shape, weights: Mapping[str, Tensor]) -> GPT:
    """Returns a model of these weights on the CPU."""
    with torch.device("meta"):
        model = GPT(shape)
    model.load_state_dict({name: weight.cpu() for name, weight in weights.items()}, assign=True)
    return model


def member() -> Member:
    """Returns this process among those of its run; alone, where the environment states none."""
    names = {"rank": "RANK", "size": "WORLD_SIZE", "local_rank": "LOCAL_RANK"}
    values = {}
    for field, name in names.items():
        text = os.environ.get(name)
        if text is not None and not text.isdecimal():
            raise SettingsError(f"{name} is a whole number, got {text!r}; unset it, or start by torchrun")
        values[field] = int(text) if text is not None else (field == "size") * 1
    return Member(**values) if values["size"] > 1 else Member()


def device_of(wanted: str, local_rank: int = 0) -> torch.device:
    """Returns the device that `wanted` names, or for "auto" the best there is; SettingsError where it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    chosen = next(name for name, is_there in there.items() if is_there) if wanted == "auto" else wanted
    if not there[chosen]:
        others = " or ".join(name for name, is_there in there.items() if is_there)
        raise SettingsError(f"device {chosen!r} is not there: torch {torch.__version__} finds {others}; device=auto")
    if chosen != "cuda":
        return torch.device(chosen)
    if local_rank >= torch.cuda.device_count():
        number = torch.cuda.device_count()
        raise SettingsError(f"process {local_rank} of this machine has no GPU of its own: there are {number}")
    return torch.device("cuda", local_rank)


def choose(
    shape: Shape,
    *,
    device: str = "auto",
    precision: str = "auto",
    compile: str = "auto",
    rows: int = 8,
    threads: int = 1,
    local_rank: int = 0,
) -> Hardware:
    """Returns what a run computes on; raises SettingsError where a setting asks for what is not there.

    rows: windows in memory at a time, for the probe of a CPU's precision; threads: of torch on the CPU.
    """
    chosen = device_of(device, local_rank)
    number, why = _precision(precision, chosen, shape, rows, threads)
    compiles, compile_why = _compile(compile, chosen)
    return Hardware(
        device=chosen,
        name=_name(chosen),
        precision=number,
        compile=compiles,
        threads=threads,
        why=f"{why}; {compile_why}",
    )


def prepare(hardware: Hardware) -> None:
    """Sets what a whole process keeps: its GPU, TF32 for what bf16 leaves in fp32; on a CPU, the memory of a step."""
    if hardware.device.type == "cpu":
        keep_freed_memory()
    if hardware.device.type == "cuda":
        torch.cuda.set_device(hardware.device)
        torch.set_float32_matmul_precision("high" if hardware.precision == "bf16" else "highest")


@contextmanager
def repeatable(hardware: Hardware, seed: int) -> Iterator[None]:
    """Seeds torch and sets its threads, and on a CPU deterministic algorithms, until the block ends.

    On a GPU runs begin with the same weights and read the same tokens, and their sums differ in the last digits.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(hardware.device.type == "cpu")
        torch.utils.deterministic.fill_uninitialized_memory = False  # costs 2 % of a step, and no result is read there
        torch.set_num_threads(hardware.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            torch.utils.deterministic.fill_uninitialized_memory = filled


def as_before(hardware: Hardware, precision: str) -> Hardware:
    """Returns the hardware of a run that goes on in the precision in which it began."""
    if precision == hardware.precision:
        return hardware
    return replace(hardware, precision=precision, why=f"the run began in {precision}")


def gain(shape: Shape, rows: int, threads: int) -> float:
    """Returns how many times as fast this CPU trains one block of a model in bf16 as in fp32, in under a second.

    Medians of the CPU time of one block forward and backward, in turns, on as many of the model's tokens as cost
    PROBE_FLOPS.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            return _measure(shape, rows)
    finally:
        torch.set_num_threads(before)


def flops_per_token(shape: Shape, context: int) -> float:
    """Returns the floating-point operations of training per token: matrices, the head, and attention over `context`.

    Biases, norms and the embedding's look-up count as nothing. Attention counts every key of a window of the context,
    as the paper does; a banded layer has the keys of its band.
    """
    matrices = shape.layers * (4 * shape.attention_width * shape.width + 8 * shape.width**2)
    keys = sum(
        min(context, shape.band) if shape.attention(layer) == "banded" else context for layer in range(shape.layers)
    )
    return 6.0 * (matrices + shape.vocabulary * shape.width) + 12.0 * shape.attention_width * keys


def peak_flops(hardware: Hardware) -> float | None:
    """Returns the most operations per second of dense matrices at this precision; None where it is not known.

    Of a GPU the data sheet's, of a CPU those that a product of matrices reaches at this moment.
    """
    if hardware.device.type == "cpu":
        return _matrix_flops(hardware)
    words = {*re.findall(r"[a-z0-9]+", hardware.name.lower())}
    for name, bf16, fp32 in PEAKS:
        if {*name.split()} <= words and words.isdisjoint(OTHERS):
            return (bf16 if hardware.precision == "bf16" else fp32) * 1e12
    return None


def _precision(wanted: str, device: torch.device, shape: Shape, rows: int, threads: int) -> tuple[str, str]:
    """Returns the precision and the reason for it."""
    if wanted == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise SettingsError(f"precision 'bf16': {_name(device)} has no bf16; precision=fp32")
    if wanted != "auto":
        return wanted, f"{wanted} as set"
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "the GPU has bf16") if supported else ("fp32", "the GPU has no bf16")
    if device.type == "mps":
        return "fp32", "mps trains in fp32"
    if shape.width < PROBE_WIDTH:
        return "fp32", f"a model narrower than {PROBE_WIDTH} takes fp32 without a probe"
    times = gain(shape, rows, threads)
    return ("bf16" if times >= GAIN else "fp32"), f"in a probe bf16 was {times:.2f} times as fast as fp32"


def _compile(wanted: str, device: torch.device) -> tuple[bool, str]:
    """Returns whether the model is compiled, and the reason."""
    if wanted == "off":
        return False, "compilation is off"
    if device.type == "cuda":
        able, lacking = importlib.util.find_spec("triton") is not None, "triton is not installed"
    else:
        able = any(shutil.which(name) for name in (os.environ.get("CXX") or "g++", "clang++"))
        lacking = "there is no C++ compiler"
    if wanted == "on":
        if not able:
            raise SettingsError(f"compile 'on': {lacking}; compile=off")
        return True, "compiled as set"
    if device.type != "cuda":
        return False, "compiled by default on CUDA only"
    return able, "CUDA compiles by default" if able else lacking


def _name(device: torch.device) -> str:
    """Returns the name of a GPU or of the processor."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _measure(shape: Shape, rows: int) -> float:
    """Returns the ratio of `gain` with the threads that are set."""
    width = min(shape.width, PROBE_WIDEST)
    heads = max(1, width * shape.heads // shape.attention_width)
    block = Block(Shape(layers=1, heads=heads, width=width // heads * heads, context=shape.context), 0)
    tokens = PROBE_FLOPS / (6 * 12 * width**2)
    length = int(min(shape.context, tokens))
    x = torch.randn(int(max(1, min(rows, tokens / length))), length, width // heads * heads, requires_grad=True)
    spent: dict[bool, list[float]] = {True: [], False: []}
    for repeat in range(PROBE_REPEATS + 1):  # the first of each is not counted
        for half in (False, True):
            began = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = block(x).float().square().mean()
            loss.backward()
            if repeat:
                spent[half].append(time.process_time() - began)
    return statistics.median(spent[False]) / statistics.median(spent[True])


def _matrix_flops(hardware: Hardware) -> float:
    """Returns the operations per second of a product of two square matrices by CPU time, the best of several."""
    before = torch.get_num_threads()
    torch.set_num_threads(hardware.threads)
    try:
        kind = torch.bfloat16 if hardware.precision == "bf16" else torch.float32
        left = right = torch.full((MATRIX, MATRIX), 0.5, dtype=kind)
        best = float("inf")
        for _ in range(PROBE_REPEATS):
            began = time.process_time()
            linear(left, right)
            best = min(best, time.process_time() - began)
    finally:
        torch.set_num_threads(before)
    return 2 * MATRIX**3 * hardware.threads / best
