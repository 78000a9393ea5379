"""Fixtures of all tests: the command as a user calls it, real data, finished outputs; and pytest-xdist's groups."""

import contextlib
import fcntl
import gc
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("CURATE_TEST_DATA", ROOT.parent / "shared" / "data"))

# No test depends on the speed of the machine.
settings.register_profile("curate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("curate")

# Compiled modules are kept, as for a user; without them each command compiles all its libraries.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keeps the collected tests and the imported modules, two million objects, out of Python's garbage collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups tests for pytest-xdist: those that look at one thing which a fixture of their module made.

    What takes long begins first, so that no worker is left with it at the end.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.get_closest_marker("processes"))
    for item in items:
        if item.get_closest_marker("xdist_group"):
            continue
        made = item._fixtureinfo.name2fixturedefs
        if any(definitions[-1].scope in ("module", "class") for definitions in made.values()):
            item.add_marker(pytest.mark.xdist_group(item.location[0]))


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on standard error, without the program's name."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("curate: ")
        return lines[0].removeprefix("curate: ")


def words(*arguments: object) -> list[str]:
    """The argument vector of `curate …` in this environment."""
    return [sys.executable, "-m", "curate.cli", *map(str, arguments)]


@pytest.fixture(scope="session")
def command():
    """Makes the argument vector of `curate …`."""
    return words


@pytest.fixture(scope="session")
def curate():
    """Runs `curate …` as a process of its own, as a user does."""

    def run(*arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> Ran:
        merged = os.environ | (env or {})
        done = subprocess.run(words(*arguments), capture_output=True, text=True, cwd=cwd, env=merged)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def call():
    """Runs `curate …` in this process, where Python has started and Beam is imported.

    It is for what a command reads, writes and prints. How it starts, is interrupted, divides its work among processes
    or writes past Python to the terminal, only `curate` shows.
    """
    from curate.cli import entry

    def run(*arguments: object, cwd: Path = Path(), env: dict[str, str] | None = None) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd):
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["curate", *map(str, arguments)])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            with pytest.raises(SystemExit) as ended:
                entry.main()
        return Ran(ended.value.code or 0, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data, whether it is there or not."""
    return DATA


@pytest.fixture(scope="session")
def data():
    """The folder of real data; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"the real data is not here: {path}")
        return path

    return find


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Fills a folder that all workers of pytest-xdist share; whoever comes first does it, and nobody may change it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def filled(name: str, fill: Callable[[Path], None]) -> Path:
        folder, full = shared / f"once-{name}", shared / f"once-{name}.full"
        with (shared / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not full.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                full.touch()
        return folder

    return filled


@pytest.fixture(scope="session")
def miniweb(once) -> Path:
    """The mini-web, built once."""
    from curate import miniweb as pages

    return once("miniweb", pages.build)


@pytest.fixture(scope="session")
def quickstart(once, curate) -> Path:
    """A finished `curate run quickstart` by one worker, without a model; whoever changes it copies it first."""

    def fill(folder: Path) -> None:
        done = curate("run", "quickstart", "--no-train", "-o", folder / "out", "--workers", 1)
        assert done.code == 0, done.err
        assert [line.partition(" ")[0] for line in done.out.splitlines()[-2:]] == ["manifest:", "report:"]

    return once("quickstart", fill) / "out"


STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."


@pytest.fixture(scope="session")
def several_shards(once) -> Path:
    """A finished run of two sources through every stage but score, in several shards each; to be copied likewise."""
    from curate import recipe
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.target import EngineOptions
    from curate.pipelines.run import run

    def fill(folder: Path) -> None:
        for source in ("books", "web"):
            rows = [{"text": f"{STORY} {source} {n} " * 4, "url": f"http://{source}/{n}"} for n in range(9)]
            (folder / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "own.toml").write_text(
            'name = "own"\n[sources.books]\ninputs = ["books.jsonl"]\nweight = 3\n[sources.web]\n'
            'inputs = ["web.jsonl"]\n[filter]\nrules = ["gopher_quality"]\n[dedup]\nnear = false\n'
            "[pack]\nmax_tokens = 250\nvalid_fraction = 0.3\n"
        )
        run(recipe.load(str(folder / "own.toml")), folder / "out", Engine(target=EngineOptions(workers=1)))

    return once("several-shards", fill) / "out"
