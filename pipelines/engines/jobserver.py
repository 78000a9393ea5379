"""A job server as a process of ours, on loopback: started when the first job needs it, gone when we are.

The server of Spark or Flink is a JVM that holds the engine itself (a local master) or submits to a cluster; Prism is
one Go binary. All speak Beam's Job API.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from curate.errors import SettingsError
from curate.pipelines.engines import installs
from curate.pipelines.engines.worker import LOGS

START_PATIENCE_S = 120.0
POLL_S = 0.05
MAINS = {
    "spark": "org.apache.beam.runners.spark.SparkJobServerDriver",
    "flink": "org.apache.beam.runners.flink.FlinkJobServerDriver",
}
# What Spark and Flink reach into; without these Java 17 refuses them at run time.
OPENED = [
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides how a job server is started.

    master: the engine's own word for where it runs. jar: a job server in one file instead of the fetched class path.
    conf: the engine's own settings.
    """

    name: str
    master: str = ""
    jar: Path | None = None
    conf: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """SettingsError where the server could not be started."""
        if self.name in MAINS:
            installs.java()
        if self.jar is None:
            installs.need(self.name)
        elif not self.jar.is_file():
            raise SettingsError(f"--job-server-jar {self.jar}: no such file")

    def command(self, port: int, work: Path) -> list[str]:
        """The command that serves jobs on this port of loopback and keeps its files in `work`."""
        if self.name == "prism":
            binary = installs.need("prism") / "prism"
            return [str(binary), f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        own = [f"--{self.name}-master-url={self.master}"]
        if self.name == "flink":
            own = [f"--flink-master={self.master}", f"--flink-conf-dir={_flink_conf(work, self.conf)}"]
        java = [installs.java(), f"-Djava.io.tmpdir={work}", *opened]
        if self.name == "spark":
            java += [f"-D{key}={value}" for key, value in self.conf.items()]
        if self.jar:
            java += ["-jar", str(self.jar.absolute())]
        else:
            java += ["-cp", _class_path(installs.need(self.name) / "lib"), MAINS[self.name]]
        serve = ["--job-host=127.0.0.1", f"--job-port={port}", "--artifact-port=0", "--expansion-port=-1"]
        return [*java, *serve, f"--artifacts-dir={work / 'artifacts'}", *own]


def _class_path(library: Path) -> str:
    """Every jar, and the folder that tells Spark where YARN is."""
    hadoop = hadoop_conf()
    return os.pathsep.join([f"{library}/*", *([hadoop] if hadoop else [])])


def hadoop_conf() -> str | None:
    """The folder of yarn-site.xml, as the environment states it."""
    return os.environ.get("HADOOP_CONF_DIR") or os.environ.get("YARN_CONF_DIR")


def _flink_conf(work: Path, conf: dict[str, str]) -> Path:
    folder = work / "conf"
    folder.mkdir()
    (folder / "flink-conf.yaml").write_text("".join(f"{key}: {value}\n" for key, value in conf.items()))
    return folder


class JobServer:
    """One started job server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.work = Path(tempfile.mkdtemp(prefix=f"curate-{settings.name}-"))
        self.log = self.work / "log"
        self.endpoint = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it and wait until it answers; its endpoint. RuntimeError, with its last words, where it ends first."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        guard = [sys.executable, "-P", "-m", "curate.pipelines.engines.guard", str(self.work)]
        # A relative spark-warehouse, metastore or core file falls into the working folder: give it one of its own.
        with self.log.open("wb") as log:
            command = [*guard, *self.settings.command(port, self.work)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=self.work
            )
        self._wait_for(port)
        self.endpoint = f"127.0.0.1:{port}"
        return self.endpoint

    def _wait_for(self, port: int) -> None:
        assert self._process
        over = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < over:
            if self._process.poll() is not None:
                raise RuntimeError(f"the {self.settings.name} job server did not start: {self.last_words()}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(POLL_S)
        raise RuntimeError(f"the {self.settings.name} job server did not answer in {START_PATIENCE_S:.0f} s")

    def last_words(self) -> str:
        """The last line of its log that tells of an error, else the last line."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        told = [line for line in lines if "Exception" in line or "ERROR" in line or "Error:" in line]
        return (told or lines or ["it said nothing"])[-1].strip()

    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""
        if self._process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=1)
        return None

    def stop(self) -> None:
        """End it and everything that it started, and remove its files; its log stays where workers keep theirs."""
        if kept := os.environ.get(LOGS):
            with suppress(OSError):
                Path(kept).mkdir(parents=True, exist_ok=True)
                shutil.copy(self.log, Path(kept) / f"{self.work.name}.log")
        if self._process:
            assert self._process.stdin
            self._process.stdin.close()  # the guard kills the group
            self._process.wait()
        shutil.rmtree(self.work, ignore_errors=True)
