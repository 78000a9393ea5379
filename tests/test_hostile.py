"""The list of hostile inputs (cases/hostile.json): each is held by tests that exist; a reason says what differs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIST = json.loads((ROOT / "tests" / "cases" / "hostile.json").read_text())
KINDS = {"U": range(1, 14), "H": range(14, 47), "D": range(47, 52), "R": range(52, 69), "W": range(69, 101)}


def collected(files: list[str]) -> set[str]:
    """The tests in these files."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTEST_ADDOPTS": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    return {line for line in done.stdout.splitlines() if "::" in line}


def test_the_list_is_whole():
    assert [*LIST] == [f"{kind}{number}" for kind, numbers in KINDS.items() for number in numbers]
    assert all(entry["what"] and (entry["tests"] or entry.get("reason")) for entry in LIST.values())


def missing(names: set[str], tests: set[str]) -> set[str]:
    """Returns the names of which there is no test: in full, without its parameters, or with the first of them."""
    families = tests | {name.partition("[")[0] for name in tests}
    return {name for name in names - families if "[" not in name or not any(test.startswith(name) for test in tests)}


@pytest.mark.processes  # what this run has not collected is collected in a process of its own
def test_every_test_that_the_list_names_is_there(request):
    named = {name for entry in LIST.values() for name in entry["tests"]}
    beyond = missing(named, {item.nodeid.partition("@")[0] for item in request.session.items})
    assert not beyond or missing(beyond, collected(sorted({name.partition("::")[0] for name in beyond}))) == set()
