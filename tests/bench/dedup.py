"""Near-deduplication: time beside datatrove's four stages, memory by size, and a page that stands everywhere.

    python tests/bench/dedup.py [--peers .venv-peers/bin/python] [--pieces 20000] [--repeat 5] [--data ../shared/data]
    python tests/bench/dedup.py --sizes 10000,100000,1000000 [--workers 2] [--verb lines --set lines.spans=false …]
    python tests/bench/dedup.py --hot 100000 [--workers 2]
    python tests/bench/dedup.py --shuffles 10000,20000      # what goes through each shuffle
    python tests/bench/dedup.py --spark 500000,1000000      # on a Spark cluster of this machine, executors of 2 GB

The first compares `curate dedup` from JSON lines and `curate export jsonl` of what is left with datatrove's
MinhashDedupSignature, Buckets, Cluster and Filter with a JsonlWriter, at FineWeb's settings, which are the defaults of
both, on pieces of 2 kB of real text, each of its own; survivors are written as JSON lines with gzip by both. All CPU
time of the processes counts. Runs take turns; a run of 20 pieces stands for start-up, and is taken off in the last
lines. Without .venv-peers (`make bench-peers` makes it) only ours is measured. The others are in `dedup_scale.py`.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

SIZE = 2000  # characters of a piece
FILES = 2
FEW = 20  # pieces of a run that is start-up


class Seconds(NamedTuple):
    """The seconds and the memory of one run."""

    cpu: float
    wall: float


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


def seconds_of(*commands: list[str]) -> Seconds:
    """The seconds that these commands and their children take."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{command}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(cpu, time.monotonic() - started)


def ours(inputs: Path, out: Path) -> Seconds:
    curate = [sys.executable, "-m", "curate.cli"]
    dedup = [*curate, "dedup", f"{inputs}/*.jsonl", "-o", f"{out}/dedup", "--workers", "1"]
    return seconds_of(dedup, [*curate, "export", "jsonl", f"{out}/dedup", "-o", f"{out}/kept", "--compression", "gz"])


def datatrove(inputs: Path, out: Path, python: Path) -> Seconds:
    return seconds_of([str(python), __file__, "--inside", str(inputs), str(out)])


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


def compare(texts: list[str], scratch: Path, repeat: int, peers: Path) -> None:
    """Run both in turns, and print medians and the ratios of pairs."""
    tools = {"curate": ours}
    if peers.exists():
        tools["datatrove"] = lambda inputs, out: datatrove(inputs, out, peers)
    runs: dict[tuple[str, bool], list[Seconds]] = {}
    for number in range(repeat):
        for is_all in (False, True):
            inputs = write(texts if is_all else texts[:FEW], scratch / f"{number}-{is_all}")
            for name, run in tools.items():
                runs.setdefault((name, is_all), []).append(run(inputs, scratch / f"{number}-{is_all}-{name}"))
    print(f"{len(texts)} pieces of {sum(len(text.encode()) for text in texts) / len(texts):.0f} bytes, {repeat} runs")
    for (name, is_all), own in runs.items():
        cpu, wall = (statistics.median(values) for values in zip(*own, strict=True))
        spread = f"{min(own).cpu:.1f} to {max(own).cpu:.1f}"
        rate = f", {len(texts) / cpu:,.0f} pieces a second and core" if is_all else ""
        what = "all" if is_all else "start-up"
        print(f"{name + ', ' + what:20} {cpu:7.2f} s of CPU ({spread}), {wall:.2f} s of time{rate}")
    works = {
        name: [pair[1].cpu - pair[0].cpu for pair in zip(runs[name, False], runs[name, True], strict=True)]
        for name in tools
    }
    for name, work in works.items():
        print(f"{name}, without start-up: {len(texts) / statistics.median(work):,.0f} pieces a second and core")
    if "datatrove" in works:
        whole = {name: [run.cpu for run in runs[name, True]] for name in tools}
        for words, pairs in (("with", whole), ("without", works)):
            ratios = [theirs / own for theirs, own in zip(pairs["datatrove"], pairs["curate"], strict=True)]
            spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
            print(f"datatrove / curate, CPU, {words} start-up: {statistics.median(ratios):.1f} ({spread})")


def main() -> None:
    """Run what was chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--peers", type=Path, default=Path(__file__).parents[2] / ".venv-peers" / "bin" / "python")
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")])
    parser.add_argument("--verb", choices=("dedup", "lines"), default="dedup", help="of --sizes")
    parser.add_argument("--set", action="append", default=[], dest="settings", help="of --sizes")
    parser.add_argument(
        "--spark", type=lambda text: [int(size) for size in text.split(",")], help="sizes, on a cluster"
    )
    parser.add_argument("--shuffles", type=lambda text: [int(size) for size in text.split(",")], help="sizes")
    parser.add_argument("--hot", type=int, help="copies of one page, beside 20,000 other documents")
    parser.add_argument("--workers", type=int, default=2, help="of --sizes and --hot")
    parser.add_argument("--inside", nargs=2)
    chosen = parser.parse_args()
    if chosen.inside:
        return inside(*chosen.inside)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if chosen.shuffles:
            import dedup_shuffles

            return dedup_shuffles.shuffles(chosen.data, scratch, chosen.shuffles)
        if chosen.spark:
            import dedup_spark

            return dedup_spark.sizes(chosen.data, scratch, chosen.spark)
        if not chosen.sizes and not chosen.hot:
            return compare(pieces(chosen.data, chosen.pieces), scratch, chosen.repeat, chosen.peers)
        import dedup_scale

        if chosen.sizes:
            dedup_scale.sizes(chosen.data, scratch, chosen.sizes, chosen.workers, chosen.verb, chosen.settings)
        if chosen.hot:
            dedup_scale.hot(chosen.data, scratch, 20_000, chosen.hot, chosen.workers)
    return None


if __name__ == "__main__":
    main()
