"""Fetches the files of Spark, Flink and Prism: a class path that Maven makes of our pom, a binary that Go builds.

`curate runners fetch NAME` fetches them once into a cache; `installed.json` beside the files records size and sha256 of
each. A changed pom or Beam version has another folder.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata, resources
from pathlib import Path

from curate import storage
from curate.errors import UserError
from curate.stage.receipts import FileRecord
from curate.storage import cache
from curate.storage.writing import sha256_of, write_json

JAVA = ("spark", "flink")
NAMES = (*JAVA, "prism")
PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism"
LEAST_JAVA = 11
RECORD = "installed.json"


def folder(name: str) -> Path:
    """Returns the folder of one runner's files, named by the version that they are made from."""
    if name == "prism":
        return cache.home() / "runners" / f"prism-{metadata.version('apache-beam')}"
    return cache.home() / "runners" / f"{name}-{hashlib.sha256(_pom(name)).hexdigest()[:12]}"


def versions(name: str) -> dict[str, str]:
    """Returns the versions of a runner and of Beam that its files are made of, by name."""
    if name == "prism":
        return {"prism": metadata.version("apache-beam")}
    text = _pom(name).decode()
    stated = dict(re.findall(r"<(\w+)\.version>([^<]+)<", text))
    line = re.search(r"<artifactId>beam-runners-flink-([\d.]+)<", text)
    return stated | ({"flink": line[1]} if line else {})


def recorded(name: str) -> dict[str, FileRecord]:
    """Returns the fetched files with their sizes and digests; empty if the runner was never fetched whole."""
    try:
        stored = json.loads((folder(name) / RECORD).read_bytes())["files"]
        return {path: FileRecord(**record) for path, record in stored.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def state(name: str, *, thorough: bool = False) -> str:
    """Returns ready, absent, or damaged if a file has another size (or, if thorough, digest) than recorded."""
    files = recorded(name)
    for path, record in files.items():
        file = folder(name) / path
        if not file.is_file() or file.stat().st_size != record.bytes:
            return "damaged"
        if thorough and sha256_of(file) != record.sha256:
            return "damaged"
    return "ready" if files else "absent"


def need(name: str) -> Path:
    """Returns the folder of a fetched runner; raises UserError, which says how to fetch it, if it is not whole."""
    condition = state(name)
    if condition != "ready":
        raise UserError(f"the files of runner {name} are {condition}; get them with: curate runners fetch {name}")
    return folder(name)


def java_path() -> str:
    """Returns the path of Java, of whatever version; raises UserError if there is none."""
    home = os.environ.get("JAVA_HOME")
    command = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    if not command:
        lack = f"JAVA_HOME={home} has no bin/java" if home else "no java on the PATH"
        mend = f"install Java {LEAST_JAVA} or later (Debian: default-jre-headless), or set JAVA_HOME"
        raise UserError(f"{lack}; {mend}")
    return command


def java() -> str:
    """Returns the path of Java; raises UserError if there is none, or if it is too old."""
    command = java_path()
    output = subprocess.run([command, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', output)
    if not version or int(version[1]) < LEAST_JAVA:
        first = output.strip().partition("\n")[0] or "it does not start"
        raise UserError(f"{command}: needs Java {LEAST_JAVA} or later: {first}")
    return command


def classes(name: str) -> Path:
    """Returns the file of the classes that a runner's job server loads, as this machine's Java maps them into memory.

    Another Java, which could not use them, has another file.
    """
    path = Path(java_path()).resolve()
    identity = f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}"
    return folder(name) / f"classes-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.jsa"


def fetch(name: str) -> Path:
    """Makes one runner's files, unless they are there, and returns their folder.

    Raises UserError with the cause if that fails; the folder is then left as it was.
    """
    home = folder(name)
    if state(name, thorough=True) == "ready":
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = storage.draft(home)
    draft.mkdir()
    try:
        _build_prism(draft) if name == "prism" else _copy_jars(name, draft)
        _write_record(name, draft)
        shutil.rmtree(home, ignore_errors=True)
        draft.replace(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return home


def _pom(name: str) -> bytes:
    return (resources.files("curate.pipelines.engines") / f"{name}.pom.xml").read_bytes()


def _write_record(name: str, draft: Path) -> None:
    """Records the versions, and the size and digest of every file; raises UserError if there is no file."""
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    if not files:
        raise UserError(f"{name}: nothing was fetched")
    records = {
        str(path.relative_to(draft)): asdict(FileRecord(rows=0, bytes=path.stat().st_size, sha256=sha256_of(path)))
        for path in files
    }
    write_json(draft / RECORD, {"versions": versions(name), "files": records})


def _copy_jars(name: str, draft: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise UserError("no mvn on the PATH; install Maven (Debian: maven), or pass a jar with --job-server-jar")
    (draft / "pom.xml").write_bytes(_pom(name))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={draft / 'lib'}"]
    _run([maven, "--quiet", "--batch-mode", "--file", str(draft / "pom.xml"), *goal], os.environ)


def _build_prism(draft: Path) -> None:
    go = shutil.which("go")
    if not go:
        raise UserError("no go on the PATH; install Go 1.26 or later, which Prism is built with")
    version = metadata.version("apache-beam")
    _run([go, "install", f"{PRISM}@v{version}"], {**os.environ, "GOBIN": str(draft)})


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    """Runs a command to its end; raises UserError with the first error that it prints if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=dict(environment))
    if done.returncode:
        errors = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        lines = errors or done.stderr.splitlines()
        cause = lines[0].strip() if lines else f"exit code {done.returncode}"
        raise UserError(f"{Path(command[0]).name} could not fetch it: {cause}")
