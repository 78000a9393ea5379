"""Makes the corpus and the reference output of the conformance tests, and prints the table that ends a session."""

import time
from pathlib import Path

import corpus as pages
import pytest
from ways import contents

ROWS = pytest.StashKey[list[tuple[str, str, float, str]]]()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory, data_root) -> Path:
    """Returns the path of a recipe over a small real corpus."""
    return pages.write(tmp_path_factory.mktemp("corpus"), data_root)


@pytest.fixture(scope="session")
def reference(curate, corpus, tmp_path_factory) -> dict[str, bytes]:
    """Returns the files that the local runner writes in one process, by name."""
    out = tmp_path_factory.mktemp("reference") / "out"
    done = curate("run", corpus, "-o", out, "--workers", 1)
    assert done.code == 0, done.err
    return contents(out)


@pytest.fixture
def row(request):
    """Returns a function that adds a row to the table, with the seconds since the test began."""
    rows = request.config.stash.setdefault(ROWS, [])
    started = time.monotonic()

    def note(name: str, result: str, detail: str = "") -> None:
        rows.append((name, result, time.monotonic() - started, detail))

    return note


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Prints the table."""
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("conformance")
        terminalreporter.write_line(f"{'way':<34} {'result':<22} {'seconds':>8}  detail")
    for name, result, seconds, detail in rows:
        terminalreporter.write_line(f"{name:<34} {result:<22} {seconds:>8.1f}  {detail}")
