"""A step of training beside nanoGPT's, its model and its loop, at equal sizes and on the same shards, in one process.

    python tests/bench/train.py --nanogpt DIR [--turns 9] [--only V65-T64-L4-d128-B12]

DIR is a checkout of https://github.com/karpathy/nanoGPT: its model, with biases and without dropout, and its optimiser
are imported from `model.py`. The loop that drives them is that of its train.py: a batch of random windows read while
the gradients are computed, clipping at 1, a step, the loss as a number. Ours is that of `curate train`: mixture loader,
deterministic algorithms, clipping at 1, a finite loss, in every tenth step the loss of each window. Both have one
thread and AdamW; bf16 is autocast for both.

The ways take turns of a few steps each; medians of CPU time are printed, and what the loader takes of our step. The
check of each shard's sha256, once, is left out. A second table has ours alone, with attention dense and banded; a third
has text that the two write, ours with a cache, nanoGPT's without, as it has none.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

from curate.gpt import devices, step
from curate.gpt.config import Train
from curate.gpt.devices import Group
from curate.gpt.model import GPT
from curate.gpt.sampling import Sampling, write
from curate.gpt.vocabulary import Vocabulary
from curate.loader import Loader

RATE = 1e-3
SHARES = {"common_crawl": (60, 410), "webtext2": (22, 19), "books1": (8, 12), "books2": (8, 55), "wikipedia": (3, 3)}
TOKENS = 20_000_000  # of all sources
TURN_SECONDS = 1.0  # of one way's turn, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """A model and its batch."""

    vocabulary: int
    context: int
    layers: int
    heads: int
    width: int
    batch: int
    attention: str = "dense"

    @property
    def name(self) -> str:
        return f"V{self.vocabulary}-T{self.context}-L{self.layers}-d{self.width}-B{self.batch}"

    def settings(self) -> Train:
        return Train(
            **{name: getattr(self, name) for name in ("layers", "heads", "width", "context", "attention", "batch")},
            learning_rate=RATE,
        )


COMPARED = (
    Sizes(vocabulary=65, context=64, layers=4, heads=4, width=128, batch=12),  # nanoGPT's README, on a CPU
    Sizes(vocabulary=4096, context=256, layers=4, heads=4, width=128, batch=16),
    Sizes(vocabulary=65, context=256, layers=6, heads=6, width=384, batch=16),  # nanoGPT's "baby GPT"
    Sizes(vocabulary=4096, context=1024, layers=2, heads=12, width=768, batch=1),  # two layers of GPT-2
)
LONG = [
    Sizes(vocabulary=4096, context=2048, layers=4, heads=4, width=256, batch=1, attention=attention)
    for attention in ("dense", "gpt-neo")
]


class Ours:
    """Our loop."""

    def __init__(self, sizes: Sizes, manifest: Path, precision: str) -> None:
        self.settings = sizes.settings()
        self.loader = Loader(manifest, context=sizes.context, batch=sizes.batch, seed=0)
        self.vocabulary = Vocabulary(np.arange(sizes.vocabulary), 0)
        shape = self.settings.shape(sizes.vocabulary)
        self.hardware = devices.choose(shape, device="cpu", precision=precision, compile="off", threads=1)
        self.group = Group(self.hardware)
        self.model = GPT(shape)
        self.optimizer = step.make_optimizer(self.model, self.settings)
        self.number, self.reading = 0, 0.0

    def run(self, steps: int) -> None:
        size = self.settings.batch
        every = self.settings.log_every
        with devices.repeatable(self.hardware, 0):
            for _ in range(steps):
                began = time.process_time()
                windows = torch.from_numpy(self.vocabulary.encode(self.loader.batch_at(self.number)))
                self.reading += time.process_time() - began
                logged: list[float] | None = None if self.number % every else []  # the loss of each window
                loss = step.backward(self.model, windows, size, size, self.group, by_window=logged)
                assert np.isfinite(loss)
                step.update(self.model, self.optimizer, RATE, self.settings.clip)
                self.number += 1


class Theirs:
    """nanoGPT's model and optimiser, in a loop that does what its train.py does."""

    def __init__(self, sizes: Sizes, nanogpt: ModuleType, tokens: Path, precision: str) -> None:
        self.sizes, self.tokens, self.half = sizes, tokens, precision == "bf16"
        config = nanogpt.GPTConfig(
            block_size=sizes.context,
            vocab_size=sizes.vocabulary,
            n_layer=sizes.layers,
            n_head=sizes.heads,
            n_embd=sizes.width,
            dropout=0.0,
            bias=True,
        )
        with contextlib.redirect_stdout(io.StringIO()):
            self.model = nanogpt.GPT(config)
            self.optimizer = self.model.configure_optimizers(0.1, RATE, (0.9, 0.95), "cpu")
        self.batch = self.read()

    def read(self) -> tuple[torch.Tensor, torch.Tensor]:
        context = self.sizes.context
        tokens = np.memmap(self.tokens, np.uint16, mode="r")
        starts = torch.randint(len(tokens) - context, (self.sizes.batch,)).tolist()
        rows = [torch.from_numpy(tokens[start : start + context + 1].astype(np.int64)) for start in starts]
        return torch.stack([row[:-1] for row in rows]), torch.stack([row[1:] for row in rows])

    def run(self, steps: int) -> None:
        for _ in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = RATE
            with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
                loss = self.model(*self.batch)[1]
            self.batch = self.read()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            loss.item()


@contextlib.contextmanager
def dataset(vocabulary: int) -> Iterator[tuple[Path, Path]]:
    """A manifest of random ids, ten shards of GPT-3's five sources in its weights; and one file of all of them."""
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as name:
        folder, random, sources = Path(name), np.random.default_rng(0), []
        whole = folder / "whole.bin"
        for source, (weight, size) in SHARES.items():
            shards = []
            for number in range(2):
                ids = random.integers(vocabulary, size=TOKENS * size // 499 // 2, dtype=np.uint16)
                ids.tofile(folder / f"{source}-{number}.bin")
                with whole.open("ab") as file:
                    ids.tofile(file)
                shards.append({"path": f"{source}-{number}", "tokens": len(ids)})
            sources.append({"name": source, "weight": weight, "splits": {"train": {"shards": shards}}})
        manifest = {"format": "curate.manifest", "version": 1, "dtype": "<u2", "sources": sources}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        yield folder / "manifest.json", whole


def timed(ways: dict[str, Callable[[int], object]], turns: int) -> dict[str, list[float]]:
    """CPU seconds of a step of each way, in turns, after two steps that warm up and say how many make a turn."""
    for way in ways.values():
        way(1)
    began = time.process_time()
    next(iter(ways.values()))(1)
    steps = max(1, round(TURN_SECONDS / (time.process_time() - began)))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns):
        for name in sorted(ways, reverse=bool(turn % 2)):  # no way always follows the same one
            began = time.process_time()
            ways[name](steps)
            seconds[name].append((time.process_time() - began) / steps)
    return seconds


def compare(sizes: Sizes, nanogpt: ModuleType, precision: str, turns: int) -> None:
    """Print one line: nanoGPT's step, ours, their ratio and its spread, tokens a second, the loader's share."""
    with dataset(sizes.vocabulary) as (manifest, tokens):
        ours, theirs = Ours(sizes, manifest, precision), Theirs(sizes, nanogpt, tokens, precision)
        ours.run(1)  # the loader plans its first samples, and checks its shards
        ours.number = ours.reading = 0
        seconds = timed({"ours": ours.run, "theirs": theirs.run}, turns)
    our, their = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    ratios = sorted(b / a for a, b in zip(seconds["ours"], seconds["theirs"], strict=True))
    print(
        f"{sizes.name:26} {precision} {their * 1e3:9.1f} {our * 1e3:9.1f} {their / our:7.2f}"
        f"  ({ratios[0]:.2f} to {ratios[-1]:.2f}) {sizes.batch * sizes.context / our:10,.0f}"
        f" {ours.reading / ours.number / our:9.2%}",
        flush=True,
    )


def compare_attention(precision: str, turns: int) -> None:
    """Print one line: our step with dense attention, with dense and banded in turn, their ratio."""
    with dataset(LONG[0].vocabulary) as (manifest, _):
        ways = {sizes.attention: Ours(sizes, manifest, precision).run for sizes in LONG}
        seconds = {name: statistics.median(times) for name, times in timed(ways, turns).items()}
    dense, banded = seconds["dense"], seconds["gpt-neo"]
    print(f"{LONG[0].name:26} {precision} {dense * 1e3:9.1f} {banded * 1e3:9.1f} {dense / banded:7.2f}", flush=True)


def compare_sampling(sizes: Sizes, nanogpt: ModuleType, turns: int) -> None:
    """Print one line: seconds of a text as long as the context by nanoGPT and by us, and tokens a second."""
    with dataset(sizes.vocabulary) as (manifest, tokens):
        ours, theirs = Ours(sizes, manifest, "fp32"), Theirs(sizes, nanogpt, tokens, "fp32")
    length, start = sizes.context - 1, torch.zeros(1, 1, dtype=torch.int64)
    ways = {
        "ours": lambda times: [[*write(ours.model, [0], Sampling(tokens=length))] for _ in range(times)],
        "theirs": lambda times: [theirs.model.generate(start, length, 0.8, 40) for _ in range(times)],
    }
    seconds = timed(ways, turns)
    our, their = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    print(f"{sizes.name:26} fp32 {their * 1e3:9.1f} {our * 1e3:9.1f} {their / our:7.2f} {'':16} {length / our:10,.0f}")


def load(folder: Path) -> ModuleType:
    """nanoGPT's model.py."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    if spec is None or spec.loader is None or not (folder / "model.py").is_file():
        sys.exit(f"{folder}: holds no model.py; give the folder of a checkout of nanoGPT")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--only", help="the name of one line")
    options = parser.parse_args()
    torch.set_num_threads(1)
    nanogpt = load(options.nanogpt)
    capability = torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch.__version__}, {capability}, one thread, medians of {options.turns} turns")
    title = "milliseconds of a step"
    print(f"{title:26} {'':4} {'nanoGPT':>9} {'ours':>9} {'ratio':>7} {'':16} {'tokens/s':>10}   loader")
    for sizes in COMPARED:
        for precision in ("fp32", "bf16"):
            if options.only in (None, sizes.name):
                compare(sizes, nanogpt, precision, options.turns)
    if options.only in (None, LONG[0].name):
        print(f"{title:26} {'':4} {'dense':>9} {'banded':>9} {'ratio':>7}")
        for precision in ("fp32", "bf16"):
            compare_attention(precision, options.turns)
    if options.only in (None, "sampling"):
        print(f"{'milliseconds of a text':26} {'':4} {'nanoGPT':>9} {'ours':>9} {'ratio':>7} {'':16} {'tokens/s':>10}")
        compare_sampling(COMPARED[2], nanogpt, max(1, options.turns // 3))


if __name__ == "__main__":
    main()
