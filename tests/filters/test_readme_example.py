"""The rule that filters/README.md adds, added to a copy of the package and run there; the page's table of rules."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curate.filters.rules import RULES, Filter

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "filters" / "README.md").read_text()
SECTION = PAGE.partition("\n## Add a rule\n")[2]
MENU = "Home\nAbout us\nContact\n\nThe keeper of the light walked down to the harbour and looked at the boats."
STORY = "The keeper of the light walked down to the harbour.\nShe looked at the boats that had come in with the tide."
JUDGE = """
from curate.filters.rules import Filter, judge
from curate.records import EPOCH, Document

for text in {texts!r}:
    document = Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text)
    print(tuple(judge(document, Filter(rules=("short_lines",))).reason or ()))
"""


def code() -> dict[str, str]:
    """Returns the code of the section by the file that its first line names."""
    return dict(re.findall(r"```python\n# (\S+)\n(.*?)```", SECTION, re.DOTALL))


def link_all(source: Path, target: Path) -> None:
    """Makes a folder of links to all that another holds."""
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).symlink_to(path)


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A folder with the package `curate` in it, the rule added as the page says."""
    folder = tmp_path_factory.mktemp("package")
    link_all(ROOT / "curate", folder / "curate")
    for name in ("pipelines", "manifests"):
        (folder / "curate" / name).symlink_to(ROOT / name)
    filters = folder / "curate" / "filters"
    shutil.copytree(ROOT / "filters", filters, ignore=shutil.ignore_patterns("__pycache__"))
    blocks = code()
    import_line, row = blocks.pop("filters/rules.py").strip("\n").split("\n\n")
    [(name, text)] = blocks.items()
    assert not (ROOT / name).exists()
    (folder / "curate" / name).write_text(text)
    table = (filters / "rules.py").read_text()
    before, last_row, after = re.fullmatch(r"(.*\n)(    \w+: \w+ = rule\([^\n]*\n)(.*)", table, re.DOTALL).groups()
    table = f"{before}{last_row}{row}\n{after}".replace("\nfrom curate.", f"\n{import_line}\nfrom curate.", 1)
    (filters / "rules.py").write_text(table)
    return folder


@pytest.fixture(scope="module")
def run(package):
    """Runs Python with the copied package and returns what it prints."""

    def run(*words: object, cwd: Path = package) -> str:
        command = [sys.executable, *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(package)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_new_rule_judges_a_document(run):
    texts = (MENU, STORY, "")
    assert run("-c", JUDGE.format(texts=texts)).split("\n")[:3] == [
        "('short_lines.too_many', 0.75, 0.67, '')",
        "()",
        "()",
    ]


@pytest.mark.processes
def test_the_command_of_the_page_filters_by_the_new_rule(run, tmp_path):
    rows = [{"text": text, "url": f"http://a.example/{number}"} for number, text in enumerate((MENU, STORY))]
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    [command] = re.findall(r"```sh\ncurate ([^\n]*)\n```", SECTION)
    counts = json.loads(run("-m", "curate.cli", *shlex.split(command), "--json", cwd=tmp_path))["stages"][0]
    assert (counts["read"], counts["kept"], counts["reasons"]) == (2, 1, {"short_lines.too_many": 1})


def test_the_new_rule_s_settings_are_in_every_recipe_and_it_is_off(run):
    recipe = run("-m", "curate.cli", "recipe", "webtext")
    assert "\n[filter.short_lines]\nchars = 30\nmax_share = 0.67\n" in recipe
    assert '"short_lines"' not in recipe


def test_the_table_of_the_page_has_every_rule_in_order_and_says_which_are_on():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (on|off) \|$", PAGE, re.MULTILINE)
    assert rows == [(name, "on" if name in Filter().rules else "off") for name in RULES]
