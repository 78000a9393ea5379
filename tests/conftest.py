"""What the tests share: the command as a user calls it, and where the real data lies."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("CURATE_TEST_DATA", ROOT.parent / "shared" / "data"))


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
    """Runs `curate …` as a process of its own."""

    def run(*arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> Ran:
        merged = os.environ | (env or {})
        done = subprocess.run(words(*arguments), capture_output=True, text=True, cwd=cwd, env=merged)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Where the real data would lie."""
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
def miniweb(tmp_path_factory) -> Path:
    """The mini-web, built once."""
    from curate import miniweb as pages

    folder = tmp_path_factory.mktemp("miniweb")
    pages.build(folder)
    return folder
