"""CPU seconds of near-deduplication beside datatrove's four stages, on pieces of 2 kB of real text, each of its own.

    python tests/bench/dedup.py [--pieces 20000] [--repeat 5] [--data ../shared/data] [--peers .venv-peers/bin/python]

Ours is `curate dedup` from JSON lines and `curate export jsonl` of what is left; datatrove's is MinhashDedupSignature,
Buckets, Cluster and Filter with a JsonlWriter, at FineWeb's settings, which are the defaults of both. All CPU time of
the processes counts, start-up too; a line more has the seconds of 20 pieces, which are start-up. Runs take turns;
medians are printed. Without .venv-peers (`make bench-peers` makes it) only ours is measured.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

SIZE = 2000  # characters of a piece
FILES = 2


def pieces(data: Path, count: int) -> list[str]:
    """That many pieces of books, speeches, news and versions of terms of service, in random order."""
    from backports import zstd

    texts = [zstd.decompress(path.read_bytes()).decode("utf-8", "replace") for path in (data / "text").glob("*.zst")]
    for name in ("abc", "inaugural", "state_union"):
        with zipfile.ZipFile(data / "text" / f"{name}.zip") as archive:
            texts += [archive.read(entry).decode("utf-8", "replace") for entry in archive.namelist() if "." in entry]
    rows = zstd.decompress((data / "neardup" / "terms-of-service-versions.ndjson.zst").read_bytes()).decode()
    texts += [json.loads(row)["text"] for row in rows.split("\n") if row.strip()]
    cut = [text[start : start + SIZE] for text in sorted(texts) for start in range(0, len(text) - SIZE // 4, SIZE)]
    random.Random(1).shuffle(cut)
    return cut[:count]


def write(texts: list[str], folder: Path) -> Path:
    folder.mkdir()
    for number in range(FILES):
        rows = (
            {"id": f"{place}", "url": f"http://a.example/{place}", "text": texts[place]} for place in range(len(texts))
        )
        lines = [json.dumps(row) + "\n" for place, row in enumerate(rows) if place % FILES == number]
        (folder / f"{number}.jsonl").write_text("".join(lines))
    return folder


def cpu_seconds(*commands: list[str]) -> float:
    """The CPU seconds that these commands and their children take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{command}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(inputs: Path, out: Path) -> float:
    curate = [sys.executable, "-m", "curate.cli"]
    dedup = [*curate, "dedup", f"{inputs}/*.jsonl", "-o", f"{out}/dedup", "--workers", "1"]
    return cpu_seconds(dedup, [*curate, "export", "jsonl", f"{out}/dedup", "-o", f"{out}/kept", "--compression", "gz"])


def datatrove(inputs: Path, out: Path, python: Path) -> float:
    return cpu_seconds([str(python), __file__, "--inside", str(inputs), str(out)])


def inside(inputs: str, out: str) -> None:
    """datatrove's four stages, run by its own Python."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline import dedup
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.typeshelper import Languages

    config = MinhashConfig(num_buckets=14, hashes_per_bucket=8, n_grams=5)
    signed, buckets, remove = (f"{out}/{name}" for name in ("signatures", "buckets", "remove"))
    sign = dedup.MinhashDedupSignature(signed, config=config, language=Languages.english)
    stages = [
        ([JsonlReader(inputs), sign], FILES),
        ([dedup.MinhashDedupBuckets(signed, buckets, config=config)], config.num_buckets),
        ([dedup.MinhashDedupCluster(buckets, remove, config=config)], 1),
        ([JsonlReader(inputs), dedup.MinhashDedupFilter(remove), JsonlWriter(f"{out}/kept")], FILES),
    ]
    for number, (steps, tasks) in enumerate(stages):
        LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=f"{out}/log/{number}").run()


def main() -> None:
    """Run both, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--peers", type=Path, default=Path(__file__).parents[2] / ".venv-peers" / "bin" / "python")
    parser.add_argument("--inside", nargs=2)
    chosen = parser.parse_args()
    if chosen.inside:
        return inside(*chosen.inside)
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        texts = pieces(chosen.data, chosen.pieces)
        for number in range(chosen.repeat):
            for size, some in (("start-up", texts[:20]), ("all", texts)):
                place = Path(scratch) / f"{number} {size}".replace(" ", "-")
                inputs = write(some, place)
                seconds.setdefault(f"curate, {size}", []).append(ours(inputs, Path(f"{place}-ours")))
                if chosen.peers.exists():
                    took = datatrove(inputs, Path(f"{place}-theirs"), chosen.peers)
                    seconds.setdefault(f"datatrove, {size}", []).append(took)
    print(f"{len(texts)} pieces of {sum(len(text.encode()) for text in texts) / len(texts):.0f} bytes")
    for name, times in seconds.items():
        median = statistics.median(times)
        spread = f"{min(times):.1f} to {max(times):.1f}"
        rate = f", {len(texts) / median:.0f} pieces a second" if name.endswith("all") else ""
        print(f"{name:20} {median:7.1f} s of CPU ({spread}){rate}")
    return None


if __name__ == "__main__":
    main()
