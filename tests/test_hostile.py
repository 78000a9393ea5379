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


@pytest.mark.processes  # it collects in a process of its own
def test_every_test_that_the_list_names_is_there():
    named = {name for entry in LIST.values() for name in entry["tests"]}
    tests = collected(sorted({name.partition("::")[0] for name in named}))
    families = tests | {name.partition("[")[0] for name in tests}
    missing = [name for name in sorted(named) if name not in families]
    assert [name for name in missing if "[" not in name or not any(test.startswith(name) for test in tests)] == []
