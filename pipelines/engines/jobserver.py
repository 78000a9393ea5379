"""Starts a job server as a child process on loopback, and ends it with this process.

The server of Spark or Flink is a JVM that holds the engine itself (a local master) or submits to a cluster; Prism is
one Go binary. All of them speak Beam's Job API.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
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
# Packages of Java whose private parts Spark and Flink use; Java 17 refuses that unless they are opened.
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
# Ten times as many calls before the JVM compiles a method for the second time: at its defaults that takes two fifths of
# its CPU time in a short run. It only pays in code that runs for long.
LATER_COMPILED = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
# Once only: a short run takes the JVM 8 s of CPU less. From 160,000 documents of dedup on it would take more.
ONCE_COMPILED = ("-XX:TieredStopAtLevel=1",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings by which a job server is started."""

    name: str  # spark, flink or prism
    master: str = ""  # the master's address, or a local master, as Spark or Flink writes it
    is_local: bool = False  # whether the engine is inside the server
    is_small: bool = False  # whether it is, and works so little that it does not pay to compile methods a second time
    jar: Path | None = None  # a job server in one file instead of the fetched class path
    conf: dict[str, str] = field(default_factory=dict)  # the settings of Spark or Flink
    archive: Path | None = None  # where to write its classes as it ends; None to map those that were written before

    def check(self) -> None:
        """Raises UserError if the server could not be started; does not ask Java for its version."""
        if self.name in MAINS:
            installs.java_path()
        if self.jar is None:
            installs.need(self.name)
        elif not self.jar.is_file():
            raise SettingsError(f"--job-server-jar {self.jar}: no such file")

    def command(self, port: int, work: Path) -> list[str]:
        """Returns the command of a server on this port of loopback; the server keeps its files in `work`."""
        if self.name == "prism":
            binary = installs.need("prism") / "prism"
            return [str(binary), f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        engine = [f"--{self.name}-master-url={self.master}"]
        if self.name == "flink":
            engine = [f"--flink-master={self.master}", f"--flink-conf-dir={_write_flink_conf(work, self.conf)}"]
        java = [installs.java_path(), f"-Djava.io.tmpdir={work}", *self._flags(), *opened]
        if self.name == "spark":
            java += [f"-D{key}={value}" for key, value in self.conf.items()]
        if self.jar:
            java += ["-jar", str(self.jar.absolute())]
        else:
            java += ["-cp", _class_path(installs.need(self.name) / "lib"), MAINS[self.name]]
        serve = ["--job-host=127.0.0.1", f"--job-port={port}", "--artifact-port=0", "--expansion-port=-1"]
        return [*java, *serve, f"--artifacts-dir={work / 'artifacts'}", *engine]

    def _flags(self) -> list[str]:
        """Returns the JVM's flags by which it starts and compiles with less work."""
        given = os.environ.get("JDK_JAVA_OPTIONS", "")  # whose other collector would be an error
        flags = [*(ONCE_COMPILED if self.is_small else LATER_COMPILED)]
        if self.is_local and "GC" not in given:
            flags.append("-XX:+UseParallelGC")  # no threads that work beside the others, on the cores of the workers
        if self.archive:
            flags.append(f"-XX:ArchiveClassesAtExit={self.archive}")
        elif not self.jar and (classes := installs.classes(self.name)).is_file():
            flags.append(f"-XX:SharedArchiveFile={classes}")  # the JVM passes over one that is not its own
        return flags


class JobServer:
    """A job server, its process and its folder; `endpoint` is its HOST:PORT once it runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.work = Path(tempfile.mkdtemp(prefix=f"curate-{settings.name}-"))
        self.log = self.work / "log"
        self.no_jar = self.work / "empty.jar"  # what a local master is to copy for each job, in place of its class path
        self.endpoint = ""
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Starts the server's process, which takes some seconds until it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        guard = [sys.executable, "-P", "-m", "curate.pipelines.engines.guard", str(self.work)]
        # A relative spark-warehouse, metastore or core file falls into the working folder: give it one of its own.
        zipfile.ZipFile(self.no_jar, "w").close()
        with self.log.open("wb") as log:
            command = [*guard, *self.settings.command(self._port, self.work)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.work,
                start_new_session=True,  # whoever kills the group of this process would kill the guard, not the server
            )

    def start(self) -> str:
        """Waits until the server answers, which is started if it is not yet, and returns its endpoint.

        Raises RuntimeError with the last words of its log if the server ends first, or does not answer in time.
        """
        if self._process is None:
            self.begin()
        self._wait()
        self.endpoint = f"127.0.0.1:{self._port}"
        return self.endpoint

    def pipe(self) -> int | None:
        """Returns the descriptor by whose end the server ends too: a copy of this process must close it."""
        return self._process.stdin.fileno() if self._process and self._process.stdin else None

    def _wait(self) -> None:
        assert self._process
        over = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < over:
            if self._process.poll() is not None:
                raise RuntimeError(f"the {self.settings.name} job server did not start: {self.last_words()}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            time.sleep(POLL_S)
        raise RuntimeError(f"the {self.settings.name} job server did not answer in {START_PATIENCE_S:.0f} s")

    def last_words(self) -> str:
        """Returns the last line of its log that names an error, else the last line."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "Exception" in line or "ERROR" in line or "Error:" in line]
        return (errors or lines or ["its log is empty"])[-1].strip()

    def exit_code(self) -> int | None:
        """Returns its exit code, or None while it runs."""
        if self._process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=1)
        return None

    def end(self) -> None:
        """Has the server end by itself, and waits until it has."""
        if self._process:
            assert self._process.stdin
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
            self._process.wait()

    def stop(self) -> None:
        """Ends the server and all that it started, and removes its files; its log is copied to those of the workers."""
        if logs := os.environ.get(LOGS):
            with suppress(OSError):
                Path(logs).mkdir(parents=True, exist_ok=True)
                shutil.copy(self.log, Path(logs) / f"{self.work.name}.log")
        if self._process:
            assert self._process.stdin
            with suppress(BrokenPipeError):
                self._process.stdin.close()  # the guard kills the group
            self._process.wait()
        shutil.rmtree(self.work, ignore_errors=True)


def hadoop_conf() -> str | None:
    """Returns the folder of yarn-site.xml that the environment names."""
    return os.environ.get("HADOOP_CONF_DIR") or os.environ.get("YARN_CONF_DIR")


def _class_path(library: Path) -> str:
    """Returns the class path of every jar in a folder, and of the settings by which Spark reaches YARN."""
    hadoop = hadoop_conf()
    return os.pathsep.join([f"{library}/*", *([hadoop] if hadoop else [])])


def _write_flink_conf(work: Path, conf: dict[str, str]) -> Path:
    folder = work / "conf"
    folder.mkdir()
    (folder / "flink-conf.yaml").write_text("".join(f"{key}: {value}\n" for key, value in conf.items()))
    return folder
