"""A real Spark standalone cluster on loopback: a master and two workers, each a JVM of its own.

python tests/conformance/cluster.py    # prints spark://HOST:PORT and runs until interrupted
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from curate.pipelines.engines import installs
from curate.pipelines.engines.jobserver import OPENED

PATIENCE_S = 60
WORKERS = 2


class Cluster:
    """A cluster that runs while its context and this process last; `master` is the URL to submit to."""

    def __init__(self, folder: Path, cores: int = 1, memory: str = "1g") -> None:
        self.folder, self.cores, self.memory = folder, cores, memory
        self.processes: list[subprocess.Popen[bytes]] = []
        self.master = ""

    def __enter__(self) -> "Cluster":
        (self.folder / "home").mkdir(parents=True)
        (self.folder / "home" / "jars").symlink_to(installs.need("spark") / "lib")
        try:
            self._start("master", "master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
            self.master = self._wait_for("master", r"Starting Spark master at (spark://\S+)")
            for number in range(WORKERS):
                host = f"127.0.0.{number + 1}"  # Spark runs no speculative copy of a task on the host of the first
                own = ("--cores", str(self.cores), "--memory", self.memory, "--host", host, "--webui-port", "0")
                work = ("--work-dir", str(self.folder / f"work-{number}"))
                self._start(f"worker-{number}", "worker.Worker", *own, *work, self.master)
            for number in range(WORKERS):
                self._wait_for(f"worker-{number}", r"(Successfully registered) with master")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.stdin.close()  # its guard kills the group
            process.wait()

    def _start(self, name: str, main: str, *arguments: str) -> None:
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        classes = ["-cp", f"{installs.need('spark') / 'lib'}/*", f"org.apache.spark.deploy.{main}"]
        environment = os.environ | {"SPARK_HOME": str(self.folder / "home"), "SPARK_SCALA_VERSION": "2.12"}
        with (self.folder / f"{name}.log").open("wb") as log:
            guard = [sys.executable, "-P", "-m", "curate.pipelines.engines.guard", str(self.folder)]
            command = [*guard, installs.java(), "-Xmx512m", *opened, *classes, *arguments]
            own = {"stdin": subprocess.PIPE, "stdout": log, "stderr": subprocess.STDOUT, "env": environment}
            self.processes.append(subprocess.Popen(command, **own, start_new_session=True))

    def _wait_for(self, name: str, pattern: str) -> str:
        """Waits until the log of a process matches, and returns the first group of the match."""
        over = time.monotonic() + PATIENCE_S
        log = self.folder / f"{name}.log"
        while time.monotonic() < over:
            if match := re.search(pattern, log.read_text(errors="replace")):
                return match[1]
            time.sleep(0.1)
        raise RuntimeError(f"{name} did not start: {log.read_text(errors='replace')[-500:]}")

    def daemons(self) -> list[int]:
        """Returns the process ids of the master and of the workers, each the child of its guard."""
        children = (Path(f"/proc/{process.pid}/task/{process.pid}/children") for process in self.processes)
        return [int(pid) for path in children for pid in path.read_text().split()]

    def executors(self) -> list[int]:
        """Returns the process ids of the executors that run now."""
        pids = subprocess.run(["pgrep", "-f", "CoarseGrainedExecutorBackend"], capture_output=True, text=True).stdout
        mine = []
        for pid in pids.split():
            try:
                if str(self.folder) in Path(f"/proc/{pid}/cwd").resolve().as_posix():
                    mine.append(int(pid))
            except OSError:
                continue
        return mine


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, Cluster(Path(name)) as cluster:
        print(cluster.master, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            sys.exit(0)
