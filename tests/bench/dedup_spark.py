"""Near-deduplication on a Spark cluster of this machine, for `dedup.py`: time and memory at two sizes and more.

The cluster is a master and two workers, each with one executor of one core and `MEMORY`; the documents are those of
`dedup_scale.py`. CPU time is that of the command, its job server, the executors and their worker processes.
"""

import json
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from dedup_scale import MB, pages, texts, write

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))

from cluster import WORKERS, Cluster

MEMORY = "2g"  # of an executor's heap
TASKS = 16  # of a shuffle, for each worker
PAUSE_S = 0.5


@dataclass(slots=True)
class Peaks:
    """The greatest resident sizes of one process of each kind (bytes)."""

    executor: int = 0
    worker: int = 0

    def look(self, cluster: Cluster) -> None:
        """Takes one sample of the processes of a cluster."""
        for daemon in cluster.daemons():
            for below in psutil.Process(daemon).children(recursive=True):
                try:
                    is_java, resident = below.name() == "java", below.memory_info().rss
                except psutil.Error:
                    continue
                self.executor = max(self.executor, resident * is_java)
                self.worker = max(self.worker, resident * (not is_java))


def cpu_seconds(cluster: Cluster) -> float:
    """Returns the CPU seconds of all commands that have ended, and of the executors with their workers."""
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = [psutil.Process(daemon).cpu_times() for daemon in cluster.daemons()]
    below = sum(one.user + one.system + one.children_user + one.children_system for one in times)
    return below + own.ru_utime + own.ru_stime


def run(inputs: list[Path], out: Path, cluster: Cluster) -> Peaks:
    """Runs `curate dedup` on the cluster, and samples its memory."""
    conf = (f"spark.executor.memory={MEMORY}", f"spark.default.parallelism={TASKS * WORKERS}")
    own = [word for setting in conf for word in ("--conf", setting)]
    engine = ["--runner", "spark", "--master", cluster.master, "--workers", str(WORKERS), *own]
    command = [sys.executable, "-m", "curate.cli", "dedup", *map(str, inputs), "-o", str(out), *engine]
    peaks, ended = Peaks(), threading.Event()

    def watch() -> None:
        while not ended.wait(PAUSE_S):
            peaks.look(cluster)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    finally:
        ended.set()
        thread.join()
    return peaks


def sizes(data: Path, scratch: Path, counts: list[int]) -> None:
    """Prints time and memory of each size, and each time as a multiple of the one before and of its documents."""
    drawn_from, before = pages(data), None
    print(f"{'documents':>10} {'text MB':>8} {'executor MB':>12} {'worker MB':>10} {'CPU s':>8} {'wall s':>8}")
    with Cluster(scratch / "cluster", memory=MEMORY) as cluster:
        for count in counts:
            inputs, out = write(texts(drawn_from, count), scratch / f"in-{count}", "page"), scratch / f"out-{count}"
            cpu, started = cpu_seconds(cluster), time.monotonic()
            peaks = run(inputs, out, cluster)
            wall, cpu = time.monotonic() - started, cpu_seconds(cluster) - cpu
            read = json.loads((out / "stage.json").read_bytes())["counts"]
            numbers = f"{peaks.executor / MB:12.0f} {peaks.worker / MB:10.0f} {cpu:8.0f} {wall:8.0f}"
            print(f"{read['read']:10,} {read['bytes_read'] / MB:8.0f} {numbers}", flush=True)
            if before:
                more = count / before[0]
                print(f"  {more:.2f} times the documents: {cpu / before[1] / more:.2f} times the CPU time of each,")
                print(f"  {wall / before[2] / more:.2f} times the wall time of each", flush=True)
            before = (count, cpu, wall)
