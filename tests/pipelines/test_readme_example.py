"""The stage that pipelines/README.md adds, added to a copy of the checkout and run there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "pipelines" / "README.md"
BEHIND = '        Kind(\n            name="sign"'  # the row that follows the one of filter
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
pytestmark = pytest.mark.processes


def code() -> dict[str, str]:
    """Returns the code of the page's section by the file that its first line names."""
    section = PAGE.read_text().partition("## Add a stage")[2]
    return dict(re.findall(r"```python\n# (\S+)\n(.*?)```", section, re.DOTALL))


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A folder with the package `curate` in it, the stage added as the page says."""
    folder = tmp_path_factory.mktemp("package")
    for name in ("curate", "filters", "pipelines", "manifests"):
        target = folder / "curate" if name == "curate" else folder / "curate" / name
        shutil.copytree(ROOT / name, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    blocks = code()
    row = blocks.pop("curate/stage/kinds.py")
    replace(folder / "curate/stage/kinds.py", BEHIND, row + BEHIND)
    replace(
        folder / "curate/recipe.py", "    tokenize: Tokenize", "    length: Length = Length()\n    tokenize: Tokenize"
    )
    replace(folder / "curate/recipe.py", "\nfrom curate", "\nfrom curate.length.config import Length\nfrom curate")
    (folder / "curate/length").mkdir()
    (folder / "curate/length/__init__.py").touch()
    for name, text in blocks.items():
        (folder / re.sub(r"^(pipelines|filters)/", r"curate/\1/", name)).write_text(text)
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def curate(package: Path, *words: object, code: int = 0) -> str:
    """Runs `curate …` of the copied package and returns what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(package)}
    command = [sys.executable, "-m", "curate.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=package, env=environment)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_the_new_stage_is_a_verb_with_its_settings_and_reasons(package, tmp_path):
    rows = [{"text": "x" * size, "url": f"http://a.example/{size}"} for size in (20, 60, 300)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("length", tmp_path / "in.jsonl", "-o", tmp_path / "out", "--set", "length.min_chars=50", "--json")
    counts = json.loads(curate(package, *words))["stages"][0]
    assert (counts["read"], counts["kept"], counts["reasons"]) == (3, 2, {"length.min_chars": 1})
    assert "length.min_chars" in curate(package, "why", tmp_path / "out", "http://a.example/20")
    assert "are as recorded" in curate(package, "verify", tmp_path / "out")
    curate(package, "length", tmp_path / "in.jsonl", "-o", tmp_path / "out", "--set", "dedup.near=false", code=2)


def test_the_new_stage_is_a_part_of_every_recipe(package, tmp_path):
    rows = [{"text": f"{STORY} {number} " * 4, "url": f"http://a.example/{number}"} for number in range(9)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[sources.own]\ninputs = ["in.jsonl"]\n[filter]\nrules = []\n[dedup]\nnear = false\n'
    )
    curate(package, "run", tmp_path / "own.toml", "-o", tmp_path / "out", "--workers", "1")
    summary = json.loads(curate(package, "inspect", tmp_path / "out", "--json"))
    stages = [stage["stage"] for stage in summary["stages"]]
    assert stages == ["extract", "filter", "length", "dedup", "tokenize", "pack"]
    assert "are as recorded" in curate(package, "verify", tmp_path / "out")
