"""What Spark, Flink and Prism need on this machine: a class path that Maven makes of our pom, a binary that Go builds.

Fetched once into a cache, by `curate runners fetch NAME`; `installed.json` beside the files records size and sha256 of
each. A changed pom or Beam version is another folder.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from importlib import metadata, resources
from pathlib import Path

from curate.errors import SettingsError
from curate.stage.parts import FileRecord
from curate.storage import cache
from curate.storage.writing import sha256_of, write_json

JAVA = ("spark", "flink")
NAMES = (*JAVA, "prism")
PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism"
LEAST_JAVA = 11
RECORD = "installed.json"


def folder(name: str) -> Path:
    """The folder of one runner's files, named by the version they are made from."""
    if name == "prism":
        return cache.home() / "runners" / f"prism-{metadata.version('apache-beam')}"
    return cache.home() / "runners" / f"{name}-{hashlib.sha256(_pom(name)).hexdigest()[:12]}"


def _pom(name: str) -> bytes:
    return (resources.files("curate.pipelines.engines") / f"{name}.pom.xml").read_bytes()


def versions(name: str) -> dict[str, str]:
    """The versions that a runner's files are made of."""
    if name == "prism":
        return {"prism": metadata.version("apache-beam")}
    text = _pom(name).decode()
    stated = dict(re.findall(r"<(\w+)\.version>([^<]+)<", text))
    line = re.search(r"<artifactId>beam-runners-flink-([\d.]+)<", text)
    return stated | ({"flink": line[1]} if line else {})


def recorded(name: str) -> dict[str, FileRecord]:
    """Every fetched file with its size and digest; empty if the runner was never fetched whole."""
    try:
        stored = json.loads((folder(name) / RECORD).read_bytes())["files"]
        return {path: FileRecord(**record) for path, record in stored.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def state(name: str, *, thorough: bool = False) -> str:
    """One of ready, absent, and damaged: a file has another size (or, if thorough, digest) than recorded."""
    files = recorded(name)
    for path, record in files.items():
        found = folder(name) / path
        if not found.is_file() or found.stat().st_size != record.bytes:
            return "damaged"
        if thorough and sha256_of(found) != record.sha256:
            return "damaged"
    return "ready" if files else "absent"


def need(name: str) -> Path:
    """The folder of a fetched runner; SettingsError that names the mend where it is not there whole."""
    found = state(name)
    if found != "ready":
        raise SettingsError(f"the files of runner {name} are {found}; get them with: curate runners fetch {name}")
    return folder(name)


def java() -> str:
    """The Java to start; SettingsError where there is none, or only one too old."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    if not found:
        where = f"JAVA_HOME={home} has no bin/java" if home else "no java on the PATH"
        mend = f"install Java {LEAST_JAVA} or later (Debian: default-jre-headless), or set JAVA_HOME"
        raise SettingsError(f"{where}; {mend}")
    told = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if not version or int(version[1]) < LEAST_JAVA:
        first = told.strip().partition("\n")[0] or "it does not start"
        raise SettingsError(f"{found}: needs Java {LEAST_JAVA} or later: {first}")
    return found


def fetch(name: str) -> Path:
    """Make one runner's files, unless they are there, whole or not at all; SettingsError with a failure's cause."""
    target = folder(name)
    if state(name, thorough=True) == "ready":
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    try:
        _build_prism(draft) if name == "prism" else _copy_jars(name, draft)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        if not files:
            raise SettingsError(f"{name}: nothing was fetched")
        records = {
            str(path.relative_to(draft)): FileRecord(rows=0, bytes=path.stat().st_size, sha256=sha256_of(path))
            for path in files
        }
        stated = {"versions": versions(name), "files": {path: asdict(record) for path, record in records.items()}}
        write_json(draft / RECORD, stated)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _copy_jars(name: str, draft: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise SettingsError("no mvn on the PATH; install Maven (Debian: maven), or pass a jar with --job-server-jar")
    (draft / "pom.xml").write_bytes(_pom(name))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={draft / 'lib'}"]
    _command([maven, "--quiet", "--batch-mode", "--file", str(draft / "pom.xml"), *goal], os.environ)


def _build_prism(draft: Path) -> None:
    go = shutil.which("go")
    if not go:
        raise SettingsError("no go on the PATH; install Go 1.26 or later, which Prism is built with")
    version = metadata.version("apache-beam")
    _command([go, "install", f"{PRISM}@v{version}"], {**os.environ, "GOBIN": str(draft)})


def _command(command: list[str], environment: "os._Environ[str] | dict[str, str]") -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=dict(environment))
    if done.returncode:
        said = [
            line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line
        ] or done.stderr.splitlines()
        cause = said[0].strip() if said else f"exit code {done.returncode}"
        raise SettingsError(f"{Path(command[0]).name} could not fetch it: {cause}")
