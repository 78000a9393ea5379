"""Tokens a second of the loader against the bare read of random windows and nanoGPT's get_batch, in one process.

    python tests/bench/loader.py [--repeat 9] [--context 1024] [--batch 512] [--tokens 256_000_000]

All read the same shards from the page cache: GPT-3's five sources in its weights, ten shards. The bare read copies
windows at random places into a batch that is there already, once; nanoGPT's idiom is that of its train.py: a list of
slices for x, one for y, each widened and stacked, with the file mapped anew for every batch and, in another row, kept
mapped. The ways take turns; medians of CPU time are printed.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from curate.loader import Loader

SHARES = {"common_crawl": 60, "webtext2": 22, "books1": 8, "books2": 8, "wikipedia": 3}
Way = Callable[[int], object]


def dataset(folder: Path, tokens: int) -> tuple[Path, Path]:
    """A manifest of random tokens, two shards a source, sizes as in Table 2.2; and one file of all of them."""
    random, sources = np.random.default_rng(0), []
    whole = folder / "whole.bin"
    for name, size in {"common_crawl": 410, "webtext2": 19, "books1": 12, "books2": 55, "wikipedia": 3}.items():
        shards = []
        for number in range(2):
            ids = random.integers(50257, size=tokens * size // 499 // 2, dtype=np.uint16)
            ids.tofile(folder / f"{name}-{number}.bin")
            with whole.open("ab") as file:
                ids.tofile(file)
            shards.append({"path": f"{name}-{number}", "tokens": len(ids)})
        sources.append({"name": name, "weight": SHARES[name], "splits": {"train": {"shards": shards}}})
    manifest = {"format": "curate.manifest", "version": 1, "dtype": "<u2", "sources": sources}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path, whole


def ways(manifest: Path, whole: Path, context: int, batch: int) -> dict[str, Way]:
    """Returns the loaders that are compared; each of them makes batch `number`."""
    loader = Loader(manifest, context=context, batch=batch, seed=0)
    mapped = np.memmap(whole, np.uint16, mode="r").view(np.ndarray)
    kept = np.memmap(whole, np.uint16, mode="r")
    room = np.empty((batch, context + 1), np.int64)
    random = np.random.default_rng(1)

    def bare(number: int) -> object:
        for row, start in zip(room, random.integers(len(mapped) - context - 1, size=batch).tolist(), strict=True):
            row[:] = mapped[start : start + context + 1]
        return room

    def idiom(data: np.ndarray) -> object:
        starts = random.integers(len(data) - context, size=batch)
        x = np.stack([data[i : i + context].astype(np.int64) for i in starts])
        y = np.stack([data[i + 1 : i + 1 + context].astype(np.int64) for i in starts])
        return x, y

    return {
        "bare read": bare,
        "loader": lambda number: loader.batch_at(number, room),
        "loader, new array": loader.batch_at,
        "nanoGPT": lambda number: idiom(np.memmap(whole, np.uint16, mode="r")),
        "nanoGPT, kept map": lambda number: idiom(kept),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=256_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as folder:
        loaders = ways(*dataset(Path(folder), options.tokens), options.context, options.batch)
        seconds: dict[str, list[float]] = {name: [] for name in loaders}
        for turn in range(-1, options.repeat):
            for name, way in loaders.items():
                start = time.process_time()
                for number in range(options.batches):
                    way(turn * options.batches + number if turn >= 0 else number)
                if turn >= 0:  # the first turn fills the page cache and the maps
                    seconds[name].append(time.process_time() - start)
    tokens = options.batches * options.batch * options.context
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"T = {options.context}, B = {options.batch}, {options.repeat} turns of {options.batches} batches")
    for name, times in seconds.items():
        spread = f"{tokens / max(times) / 1e6:,.0f} to {tokens / min(times) / 1e6:,.0f}"
        ratio = middle[name] / middle["loader"]
        print(
            f"{name:18} {tokens / middle[name] / 1e6:7,.0f} Mtok/s ({spread}); the loader is {ratio:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
