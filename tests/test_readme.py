"""What the README says is so: its commands exist, its file tree is the tree, its quick start runs."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"demo", "test"} <= named <= targets


def test_every_curate_verb_of_the_readme_exists_and_every_verb_is_in_it(curate):
    listed = set(re.findall(r"^│ ([a-z]+) ", curate("--help").out, re.MULTILINE))
    named = set(re.findall(r"\bcurate ([a-z]+)\b", "\n".join(COMMANDS)))
    assert listed
    assert named <= listed
    assert listed <= set(re.findall(r"\bcurate ([a-z]+)\b", README))


@pytest.mark.parametrize("verb", ["run", "extract", "inspect", "verify", "why", "train"])
def test_every_verb_explains_itself(verb, curate):
    done = curate(verb, "--help")
    assert done.code == 0
    assert "Usage: curate" in done.out


def test_the_file_tree_of_the_readme_is_the_tree():
    tree = re.search(r"```text\n(curate/.*?)```", README, re.DOTALL)[1]
    named, folder = set(), ""
    for line in tree.splitlines():
        word = line.split()[0] if line.split() else ""
        if line and not line.startswith(" "):
            folder = word
        elif word:
            named.add(folder + word)
    real = {
        str(path.relative_to(ROOT))
        for name in ("curate", "filters", "pipelines", "manifests")
        for path in (ROOT / name).iterdir()
        if path.is_file() and path.name not in ("__init__.py", "py.typed")
    }
    assert {name for name in named if not name.endswith("/") and not name.startswith("tests/")} == real


@pytest.mark.processes
def test_the_commands_on_own_documents_run_as_printed(tmp_path, curate):
    """The block of the README that works on the user's own files, line by line, in an empty folder."""
    block = next(block for block in BLOCKS if "documents.jsonl" in block)
    text = "The men and the women of the village have been to the sea, and they said that it was cold that day. " * 4
    rows = [
        {"text": f"{text} {number} {'again and again ' * number}", "url": f"http://a.example/{number}"}
        for number in range(5)
    ]
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for line in filter(None, (line.split("#")[0].strip() for line in block.splitlines())):
        words = line.split()
        assert words[0] == "curate"
        done = curate(*words[1:], cwd=tmp_path)
        assert done.code == 0, f"{line}: {done.err}"


def test_no_file_names_a_registry_or_a_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    hosts = re.compile("pypi" + r"\.org|python" + "hosted|/work" + "/|/root" + "/")
    guilty = [
        name
        for name in tracked.stdout.split()
        if (ROOT / name).is_file() and hosts.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert guilty == []
