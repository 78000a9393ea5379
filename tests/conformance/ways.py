"""The ways to run a recipe that must all end in the same bytes: each gives the options of `curate run`.

A way is a context, as some need a job service, a worker pool or a cluster of their own beside the command.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster import Cluster

from curate.pipelines.engines import installs
from curate.pipelines.engines.target import boot_command

PATIENCE_S = 120
RECORDS = ("contamination.json", "removals.json")  # of a stage, which hold no time and no version
# Ways that must be taken, by the first word of their name: a skip of one of them is a failure.
REQUIRED = frozenset(filter(None, os.environ.get("CURATE_REQUIRE", "").split(",")))
SERVICE = "apache_beam.runners.portability.local_job_service_main"
POOL = "apache_beam.runners.worker.worker_pool_main"

Words = tuple[list[str], list[str]]  # options of `curate run`, and of Beam after the lone --


def free_port() -> int:
    """A port of loopback that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(log: Path, port: int, *command: str) -> Iterator[None]:
    """A process that listens to the port, killed with all that it started at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        over = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > over:
                raise RuntimeError(f"{command}: does not serve: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.1)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def nothing(_: Path) -> Iterator[Words]:
    """Nothing beside the command."""
    yield [], []


@contextmanager
def service(folder: Path) -> Iterator[Words]:
    """Beam's own job service in Python."""
    port = free_port()
    with serving(folder / "service.log", port, sys.executable, "-m", SERVICE, "--port", str(port)):
        yield ["--job-server", f"127.0.0.1:{port}"], []


@contextmanager
def service_and_pool(folder: Path) -> Iterator[Words]:
    """The job service, and a pool that starts workers by our boot."""
    port = free_port()
    pool = [sys.executable, "-m", POOL, f"--service_port={port}", f"--container_executable={boot_command()}"]
    with serving(folder / "pool.log", port, *pool), service(folder) as (options, _):
        yield options, ["--environment_type=EXTERNAL", f"--environment_config=127.0.0.1:{port}"]


@contextmanager
def cluster(folder: Path) -> Iterator[Words]:
    """A Spark standalone cluster of two workers."""
    with Cluster(folder / "cluster") as spark:
        conf = ("spark.executor.cores=1", "spark.executor.memory=1g")
        yield ["--master", spark.master, *(word for setting in conf for word in ("--conf", setting))], []


@dataclass(frozen=True)
class Way:
    """One way: the options of `curate run`, those of Beam, what it starts beside, the runner whose files it needs."""

    name: str
    options: tuple[str, ...]
    beam: tuple[str, ...] = ()
    beside: Callable[[Path], AbstractContextManager[Words]] = nothing
    needs: str = ""

    def absent(self) -> str:
        """Returns the reason that it cannot be taken here, or ''."""
        if self.needs and (state := installs.state(self.needs)) != "ready":
            return f"the files of {self.needs} are {state}; curate runners fetch {self.needs}"
        return ""

    @contextmanager
    def started(self, folder: Path) -> Iterator[list[str]]:
        """All its words, while what it needs runs."""
        with self.beside(folder) as (options, beam):
            yield [*self.options, *options, "--", *self.beam, *beam]


def contents(out: Path) -> dict[str, bytes]:
    """Returns the files that hold or state the dataset; plans, receipts and closing records hold times and versions."""
    chosen = [
        path
        for path in sorted(out.rglob("*"))
        if path.suffix in (".parquet", ".bin", ".idx", ".jsonl") or path.name in RECORDS
    ]
    return {str(path.relative_to(out)): path.read_bytes() for path in [*chosen, out / "manifest.json"]}


def differing(actual, expected) -> list[str]:
    """Returns the names of the files that are not the same."""
    return sorted(name for name in actual.keys() | expected.keys() if actual.get(name) != expected.get(name))


def skip_or_fail(name: str, reason: str) -> None:
    """Skip with the reason, unless the way is required."""
    if name.split()[0] in REQUIRED:
        pytest.fail(f"{name} is required, but {reason}")
    pytest.skip(reason)


LOOPBACK = "--environment_type=LOOPBACK"
IN_PROCESSES = "--experiments=use_loopback_process_worker=True"
PORTABLE = ("--runner", "portable", "--workers", "2")

WAYS = (
    Way("local", ("--workers", "1")),
    Way("local processes", ("--workers", "2"), ("--direct_running_mode=multi_processing",)),
    Way("local replayed", ("--workers", "1"), ("--direct_runner_bundle_repeat=1",)),
    Way("embedded threads", PORTABLE, (LOOPBACK,), service),
    Way("embedded processes", PORTABLE, (LOOPBACK, IN_PROCESSES), service),
    Way("embedded pool", PORTABLE, (), service_and_pool),
    Way("prism", ("--runner", "prism"), needs="prism"),
    Way("spark local", ("--runner", "spark", "--workers", "2"), needs="spark"),
    Way("spark standalone", ("--runner", "spark", "--workers", "2"), (), cluster, needs="spark"),
    Way("flink local", ("--runner", "flink", "--workers", "2"), needs="flink"),
    Way("local one job", ("--workers", "1", "--one-job")),
    Way("spark stages", ("--runner", "spark", "--workers", "2", "--no-one-job"), needs="spark"),
    Way("flink one job", ("--runner", "flink", "--workers", "2", "--one-job"), needs="flink"),
)
