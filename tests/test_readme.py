"""The README and the pages against the checkout: commands, options, trees and links exist."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted(
    path
    for folder in ("curate", "filters", "pipelines", "manifests", "tests")
    for path in (ROOT / folder).rglob("*.md")
)
ALL = [README, *PAGES]
TREES = {"curate": "curate/README.md", "filters": "filters/README.md", "pipelines": "pipelines/README.md"}
MAKE = re.compile(r"^([a-z-]+):", re.MULTILINE)
VERB = re.compile(r"\bcurate ([a-z]+)\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]+)?\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path) -> list[str]:
    """Returns the shell blocks of a page."""
    return re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)


def commands(path: Path) -> list[str]:
    """Returns the `curate …` lines of a page's shell blocks, without their comments."""
    lines = (line.split("  #")[0].strip() for block in blocks(path) for line in block.replace("\\\n", " ").splitlines())
    return [line for line in lines if line.startswith("curate ")]


@pytest.fixture(scope="module")
def help_of(call):
    """Returns the help of `curate`, or of one of its verbs; each is asked for once."""
    texts: dict[tuple[str, ...], str] = {}

    def text(*verb: str) -> str:
        if verb not in texts:
            texts[verb] = call(*verb, "--help", env={"COLUMNS": "200"}).out
        return texts[verb]

    return text


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 200


def test_every_page_is_linked_from_the_readme():
    linked = {target for target, _ in LINK.findall(README.read_text())}
    assert [name(page) for page in PAGES if name(page) not in linked] == []


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(path):
    for target, anchor in LINK.findall(path.read_text()):
        file = (path.parent / target) if target else path
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor[1:] in slugs, f"{target}{anchor}"


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_make_target_of_a_page_exists(path):
    targets = set(MAKE.findall((ROOT / "Makefile").read_text()))
    assert set(re.findall(r"`make ([a-z-]+)", path.read_text())) <= targets


def test_every_verb_is_on_a_page(help_of):
    listed = set(re.findall(r"^│ ([a-z]+) ", help_of(), re.MULTILINE))
    assert listed
    assert listed <= {verb for path in ALL for verb in VERB.findall(path.read_text())}


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_command_of_a_page_exists_with_its_options(path, help_of):
    for line in commands(path):
        words = [word for word in shlex.split(line.partition(" -- ")[0])[1:] if word not in (">", "|")]
        verb = words[:2] if words[0] in ("quality", "runners", "dataflow", "filters") else words[:1]
        text = help_of(*verb)
        assert f"Usage: curate {' '.join(verb)}" in text, line
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        assert [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", text)] == [], line


@pytest.mark.parametrize(("folder", "page"), TREES.items())
def test_the_tree_of_a_page_is_the_tree(folder, page):
    tree = re.search(rf"```text\n({folder}/.*?)```", (ROOT / page).read_text(), re.DOTALL)[1]
    named, inside = [], ""
    for line in filter(None, tree.splitlines()):
        word = line.split()[0]
        if not line.startswith(" "):
            inside = word
        else:
            named.append(inside + word)
    left_out = ("__init__.py", "py.typed")
    real = [
        name(path)
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".md", ".pyc") and path.name not in left_out
    ]
    assert sorted(named) == sorted(real)


@pytest.mark.processes
def test_the_commands_on_own_documents_run_as_printed(tmp_path, call):
    """The block of the README that works on the user's own files, line by line, in an empty folder."""
    block = next(block for block in blocks(README) if "documents.jsonl" in block)
    text = "The men and the women of the village have been to the sea, and they said that it was cold that day. " * 4
    rows = [
        {"text": f"{text} {number} {'again and again ' * number}", "url": f"http://a.example/{number}"}
        for number in range(5)
    ]
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for line in filter(None, (line.split("#")[0].strip() for line in block.splitlines())):
        words = line.split()
        assert words[0] == "curate"
        done = call(*words[1:], cwd=tmp_path)
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
