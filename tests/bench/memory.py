"""Peak memory of each stage on 1x, 3x and 10x input: the whole process tree, the driver, the largest worker.

    python tests/bench/memory.py --warc DIR --documents DIR [--stages extract,filter,…] [--cap BYTES] [--runner R]

The folders are what `corpus.py` wrote; 1x is the first tenth of their files. Every measurement is a `curate` command
of its own with worker processes. `--cap` is the memory given to the workers, all of them together: their RSS, summed
(so shared pages count more than once), is sampled 20 times a second, and a command whose workers are above the cap is
killed and said to be. (A limit by rlimit would not do: it counts the stacks of gRPC's threads, of which little is ever
touched, and Beam hangs at it.)
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STAGES = ("extract", "filter", "sign", "dedup", "tokenize", "pack")
SCALES = (1, 3, 10)
PAUSE = 0.05
MB = 1_000_000


@dataclass(slots=True)
class Peak:
    """The greatest resident sizes seen, in bytes: tree, driver, all workers, any one worker; was it killed?"""

    tree: int = 0
    driver: int = 0
    workers: int = 0
    worker: int = 0
    killed: bool = False

    def see(self, driver: int, workers: list[int]) -> None:
        """Take in one sample."""
        self.tree = max(self.tree, driver + sum(workers))
        self.driver, self.workers = max(self.driver, driver), max(self.workers, sum(workers))
        self.worker = max([self.worker, *workers])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    stage: str
    scale: int
    documents: int
    bytes: int
    peak: Peak


@dataclass(slots=True)
class Bench:
    """The settings of a measurement."""

    out: Path
    workers: int
    cap: int
    options: list[str]
    beam: list[str]
    rows: list[Row] = field(default_factory=list)

    def curate(self, verb: str, inputs: list[Path], out: Path, settings: list[str]) -> dict[str, Peak]:
        """Run a verb; the peaks while it makes each of its stages, which are told apart by the plans they write."""
        sets = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, "-m", "curate.cli", verb, *map(str, inputs), "-o", str(out), *sets]
        process = psutil.Popen([*command, *self.options, "--", *self.beam], stdout=subprocess.DEVNULL)
        plans = {"dedup": out / "plan.json", "sign": out / "signatures" / "plan.json"} if verb == "dedup" else {}
        peaks: dict[str, Peak] = {}
        while process.poll() is None:
            stage = next((name for name, plan in plans.items() if plan.exists()), "import" if plans else verb)
            peak = peaks.setdefault(stage, Peak())
            peak.see(*resident(process))
            if self.cap and peak.workers > self.cap:
                peak.killed = True
                kill(process)
            time.sleep(PAUSE)
        if process.returncode and not any(peak.killed for peak in peaks.values()):
            sys.exit(f"{verb} ended with code {process.returncode}")
        return peaks

    def measure(self, verb: str, scale: int, inputs: list[Path], settings: list[str]) -> Path:
        """Run a verb at one scale into a folder of its own, and print a line for each of its stages."""
        out = self.out / f"{verb}-{scale}"
        peaks = self.curate(verb, inputs, out, settings)
        documents, size = told(out)
        for stage in STAGES:
            if stage in peaks:
                self.rows.append(Row(stage, scale, documents, size, peaks[stage]))
                show(self.rows[-1])
        return out


def resident(process: psutil.Process) -> tuple[int, list[int]]:
    """Returns the resident bytes of the driver, which is the command's child, and of each descendant of the driver."""

    def of(member: psutil.Process) -> int:
        try:
            return member.memory_info().rss
        except psutil.Error:
            return 0

    try:
        driver, *below = [*process.children(), *process.children(recursive=True)]
    except (psutil.Error, ValueError):  # it is starting, or has ended
        return of(process), []
    return of(driver), [of(child) for child in below if child != driver]


def kill(process: psutil.Process) -> None:
    """End a command and its descendants."""
    for member in [*process.children(recursive=True), process]:
        member.kill()


def told(out: Path) -> tuple[int, int]:
    """The documents that a finished stage has read, and their bytes."""
    try:
        counts = json.loads((out / "stage.json").read_bytes())["counts"]
    except OSError:
        return 0, 0
    return counts["read"], counts["bytes_read"]


def show(row: Row) -> None:
    """Print a line."""
    peak = row.peak
    sizes = "".join(f"{size / MB:10.0f}" for size in (row.bytes, peak.tree, peak.driver, peak.workers, peak.worker))
    print(f"{row.stage:9}{row.scale:3}x{row.documents:11}{sizes}{'  killed at the cap' * peak.killed}", flush=True)


def slope(rows: list[Row], stage: str) -> None:
    """Print by how much the tree grows from the least to the greatest input of a stage."""
    points = [row for row in rows if row.stage == stage and row.documents]
    if len(points) > 1 and points[-1].documents > points[0].documents:
        grown = points[-1].peak.tree - points[0].peak.tree
        per = grown / (points[-1].documents - points[0].documents)
        print(
            f"{stage}: {grown / MB:+.0f} MB from {points[0].scale}x to {points[-1].scale}x, {per:.0f} bytes a document"
        )


def tenth(folder: Path, pattern: str, scale: int) -> list[Path]:
    """The first `scale` tenths of the files of a corpus."""
    files = sorted(folder.glob(pattern))
    if not files:
        sys.exit(f"{folder}: no {pattern} there; corpus.py writes them")
    return files[: max(1, len(files) * scale // 10)]


def main() -> None:
    """Measure every stage at every scale and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warc", type=Path, help="for extract")
    parser.add_argument("--documents", type=Path, help="for the stages after it")
    parser.add_argument("--stages", default="extract,filter,dedup,tokenize,pack")
    parser.add_argument("--scales", type=lambda text: [int(scale) for scale in text.split(",")], default=SCALES)
    parser.add_argument("--cap", type=int, default=0, help="bytes given to the workers together; 0 for no cap")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runner", default="local")
    parser.add_argument("--mode", default="multi_processing", help="of the local runner, or in_memory")
    parser.add_argument("--max-tokens", type=int, default=5_000_000, help="of a shard")
    chosen = parser.parse_args()
    workers = chosen.workers if chosen.mode == "multi_processing" else 1
    beam = [f"--direct_running_mode={chosen.mode}", f"--direct_num_workers={workers}"]
    options = ["--runner", chosen.runner, "--workers", str(chosen.workers)]
    scratch = Path(tempfile.mkdtemp(prefix="memory-"))
    bench = Bench(scratch, chosen.workers, chosen.cap, options, beam if chosen.runner == "local" else [])
    cap = f"{chosen.cap / MB:.0f} MB given to them" if chosen.cap else "no cap"
    print(f"runner {chosen.runner}, {chosen.workers} workers, {cap}; input and RSS in 10^6 bytes")
    print(f"{'stage':9}{'':4}{'documents':>11}{'input':>10}{'tree':>10}{'driver':>10}{'workers':>10}{'one':>10}")
    stages = chosen.stages.split(",")
    try:
        run(bench, stages, chosen.scales, chosen.warc, chosen.documents, chosen.max_tokens)
    finally:
        shutil.rmtree(scratch)
    for stage in STAGES:
        slope(bench.rows, stage)


def run(
    bench: Bench, stages: list[str], scales: list[int], warc: Path | None, documents: Path | None, max_tokens: int
) -> None:
    """Every stage at every scale; pack reads what tokenize wrote."""
    for stage in stages:
        if (warc if stage == "extract" else documents) is None:
            sys.exit(f"{stage} needs {'--warc' if stage == 'extract' else '--documents'} DIR")
    for stage in (name for name in stages if name != "pack"):
        for scale in scales:
            inputs = tenth(warc, "*.warc.gz", scale) if stage == "extract" else tenth(documents, "*.parquet", scale)
            out = bench.measure(stage, scale, inputs, [])
            if stage == "tokenize" and "pack" in stages:
                shards = bench.measure("pack", scale, [out], [f"pack.max_tokens={max_tokens}"])
                shutil.rmtree(shards)
            shutil.rmtree(out, ignore_errors=True)


if __name__ == "__main__":
    main()
