"""Peak memory of packing: synthetic tokenized parts, then the plan and some shards, each in a process of its own.

    python tests/bench/packing.py [--tokens 500_000_000] [--document 700] [--shards 2] [--folder DIR]

The parts are as the tokenize stage writes them: rows in order, 4,096 a row group. Lengths are exponential around
--document; the ids of all parts are the same random block, so that many tokens are written quickly. The folder is
removed, unless it is named; then parts that lie there are used again.
"""

import argparse
import multiprocessing
import re
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.stage.plan import Item, Plan
from curate.tokens.bpe import named
from curate.tokens.packing import TOKENS, ShardRange, cuts_settings, pack_shard, plan_cuts

PART_TOKENS = 50_000_000
SHARD_TOKENS = 100_000_000


def write_parts(folder: Path, tokens: int, document: int) -> list[Path]:
    """Parts of this many tokens in all."""
    ids = np.random.default_rng(0).integers(50256, size=PART_TOKENS, dtype="<u2")
    paths = []
    for number in range(-(-tokens // PART_TOKENS)):
        paths.append(folder / f"part-{number:05d}.parquet")
        if not paths[-1].exists():
            pq.write_table(part(number, ids, document), paths[-1], compression="zstd", row_group_size=4096)
    return paths


def part(number: int, ids: np.ndarray, document: int) -> pa.Table:
    """One part's rows, in order."""
    random = np.random.default_rng(number + 1)
    lengths = 1 + random.exponential(document, size=2 * len(ids) // document).astype(np.int32)
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), len(ids), side="right")]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    data, count = ids.copy(), len(lengths)
    data[ends[1:] - 1] = 50256
    offsets = pa.py_buffer((2 * ends).astype(np.int32))
    columns = {
        "split": ["train"] * count,
        "source": ["web"] * count,
        "order": np.sort(random.integers(2**64 - 1, size=count, dtype=np.uint64)),
        "id": pa.array([random.bytes(16) for _ in range(count)], pa.binary(16)),
        "url": [f"https://www.example.org/some/folder/of-pages/{number}/{row}.html" for row in range(count)],
        "quality": random.random(count, dtype=np.float32),
        "bytes": 4 * lengths.astype(np.int64),
        "tokens": lengths,
        "ids": pa.Array.from_buffers(pa.binary(), count, [None, offsets, pa.py_buffer(data)]),
    }
    return pa.table(columns, schema=TOKENS)


def peak() -> float:
    """The most memory that this process has had, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000


def planned(paths: list[Path]) -> tuple[list[ShardRange], float, float, float]:
    """The cuts, the memory before and at most, the seconds."""
    before, start = peak(), time.perf_counter()
    cuts = plan_cuts(paths, SHARD_TOKENS)
    return cuts, before, peak(), time.perf_counter() - start


def packed(paths: list[Path], cut: ShardRange, folder: Path) -> tuple[float, float, float]:
    """The memory before and at most, the seconds."""
    settings = cuts_settings([cut], [str(path) for path in paths], (), named("gpt2").stated())
    item = Item(number=0, name=cut.path, uri="", form="shard", digest="", size=0, source=cut.source)
    plan = Plan(stage="pack", folder=folder, settings=settings, items=(item,))
    before, start = peak(), time.perf_counter()
    pack_shard(plan, item)
    return before, peak(), time.perf_counter() - start


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=500_000_000)
    parser.add_argument("--document", type=int, default=700)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    alone = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as made:
        folder = options.folder or Path(made)
        (folder / "shards" / "receipts").mkdir(parents=True, exist_ok=True)
        with alone.Pool(1) as pool:
            paths = pool.apply(write_parts, (folder, options.tokens, options.document))
        with alone.Pool(1) as pool:
            cuts, before, most, seconds = pool.apply(planned, (paths,))
        documents, tokens = (sum(asdict(cut)[unit] for cut in cuts) for unit in ("documents", "tokens"))
        print(f"{len(paths)} parts, {documents:,} documents, {tokens:,} tokens, {len(cuts)} shards")
        form = "{:14} {:7,.0f} MB at most, {:4,.0f} MB before, {:6.1f} s"
        print(form.format("plan", most, before, seconds))
        for cut in cuts[: options.shards]:
            with alone.Pool(1) as pool:
                before, most, seconds = pool.apply(packed, (paths, cut, folder / "shards"))
            print(form.format(f"{cut.tokens / 1e6:.0f} M tokens", most, before, seconds))


if __name__ == "__main__":
    main()
