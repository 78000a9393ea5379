"""Growth of packing: synthetic tokenized parts at several numbers of parts, each packed in a process of its own.

    python tests/bench/packing.py [--grow 25,50,100,200] [--documents 100] [--document 850] [--shard 90_000]
    python tests/bench/packing.py --grow 1,4 --documents 70_000 --document 700 --shard 100_000_000   # memory

Prints what packing reads (`rchar` of the kernel, which counts each byte that a read returns) and writes, its time on
the clock and on the CPU, and its peak memory. One process does all the work, so its counters hold everything, the plan
included. Then the exponents of a line through the logarithms; the command fails where one is over --most, or where
more than four times the bytes of the tokens are read. Ids are drawn by Zipf's law, lengths are exponential.
"""

import argparse
import multiprocessing
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run_stage
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import close_stage, open_stage
from curate.tokens.bpe import named
from curate.tokens.config import Pack
from curate.tokens.rows import TOKENS

MOST_READ = 4.0  # times the bytes of the tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One number of parts."""

    parts: int
    documents: int
    tokens: int
    shards: int
    read: int  # bytes
    written: int
    wall: float  # s
    cpu: float
    memory: float  # MB at most
    before: float  # MB, once all is imported

    @property
    def ratio(self) -> float:
        return self.read / (2 * self.tokens)


def tokenized(folder: Path, parts: int, documents: int, length: int) -> int:
    """A finished tokenize stage; returns its tokens."""
    settings = {"tokenizer": named("gpt2").stated(), "seed": 0, "valid_fraction": 0.005}
    items = tuple(Item(number=n, name=f"{n}", uri="", form="part", digest="", size=0) for n in range(parts))
    plan = Plan(stage="tokenize", folder=folder, settings=settings, items=items)
    open_stage(plan)
    tokens = 0
    for item in items:
        with PartWriter(folder, item.number, plan.part_key(item), schema=TOKENS) as part:
            for row in rows(item.number, documents, length):
                part.keep_row(row, row["source"], row["bytes"])
                tokens += row["tokens"]
    close_stage(plan)
    return tokens


def rows(number: int, documents: int, length: int):
    """The rows of one part, in order."""
    random = np.random.default_rng(number)
    orders = random.integers(2**64 - 1, size=documents, dtype=np.uint64)
    valid = random.random(documents) < 0.005
    for row in np.lexsort((orders, valid)).tolist():
        count = 1 + int(random.exponential(length))
        ids = np.minimum(random.zipf(1.2, count), 50256).astype("<u2")
        ids[-1] = 50256
        yield {
            "split": "valid" if valid[row] else "train",
            "source": "web",
            "order": int(orders[row]),
            "id": random.bytes(16),
            "url": f"https://www.example.org/some/folder/of-pages/{number}/{row}.html",
            "quality": float(random.random()),
            "bytes": 4 * count,
            "tokens": count,
            "ids": ids.tobytes(),
        }


def numbers_of(file: str, *names: str) -> list[int]:
    """Numbers that the kernel states of this process."""
    text = Path(f"/proc/self/{file}").read_text()
    return [int(re.findall(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[0]) for name in names]


def packed(folder: Path, tokens: int, documents: int, parts: int, shard: int) -> Measured:
    """What packing takes; the runner and its imports are there before the count begins."""
    recipe = Recipe(name="bench", pack=Pack(max_tokens=shard))
    with Engine(target=EngineOptions(workers=1)).started() as engine:
        engine.session.prepare()
        read, written = numbers_of("io", "rchar", "wchar")
        before = numbers_of("status", "VmHWM")[0] / 1000
        wall, cpu = time.perf_counter(), time.process_time()
        record = run_stage("pack", recipe, folder / "shards", Given(previous=folder / "tokenize"), engine)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = numbers_of("io", "rchar", "wchar")
    return Measured(
        parts=parts,
        documents=parts * documents,
        tokens=tokens,
        shards=len(record.items),
        read=after[0] - read,
        written=after[1] - written,
        wall=wall,
        cpu=cpu,
        memory=numbers_of("status", "VmHWM")[0] / 1000,
        before=before,
    )


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grow", default="25,50,100,200", help="numbers of parts")
    parser.add_argument("--documents", type=int, default=100, help="of a part")
    parser.add_argument("--document", type=int, default=850, help="tokens, about")
    parser.add_argument("--shard", type=int, default=90_000, help="tokens at most")
    parser.add_argument("--most", type=float, default=1.1, help="the highest exponent that passes")
    options = parser.parse_args()
    alone = multiprocessing.get_context("spawn")
    made = []
    print("parts  shards  documents  tokens MB  read MB  times  written MB  wall s   CPU s  memory MB (before)")
    for parts in map(int, options.grow.split(",")):
        with tempfile.TemporaryDirectory(prefix="curate-bench-") as name:
            folder = Path(name)
            with alone.Pool(1) as pool:
                tokens = pool.apply(tokenized, (folder / "tokenize", parts, options.documents, options.document))
            with alone.Pool(1) as pool:
                made.append(pool.apply(packed, (folder, tokens, options.documents, parts, options.shard)))
        one = made[-1]
        print(
            f"{one.parts:5}  {one.shards:6}  {one.documents:9,}  {2e-6 * one.tokens:9.1f}  {1e-6 * one.read:7.1f}  "
            f"{one.ratio:5.2f}  {1e-6 * one.written:10.1f}  {one.wall:6.1f}  {one.cpu:6.1f}  {one.memory:9.0f} "
            f"({one.before:.0f})",
            flush=True,
        )
    sys.exit(judged(made, options.most))


def judged(made: list[Measured], most: float) -> int:
    """Prints the exponents; 1 where packing grows faster than its input."""
    size = np.log([one.tokens for one in made])
    exponents = {
        name: float(np.polyfit(size, np.log([getattr(one, name) for one in made]), 1)[0])
        for name in (("read", "written", "cpu") if len(made) > 1 else ())
    }
    print("exponents: " + ", ".join(f"{name} {value:.2f}" for name, value in exponents.items()))
    return int(any(value > most for value in exponents.values()) or any(one.ratio > MOST_READ for one in made))


if __name__ == "__main__":
    main()
