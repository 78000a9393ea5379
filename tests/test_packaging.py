"""The wheel holds what the checkout holds, and importing the package is light."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "curate": "curate",
    "filters": "curate/filters",
    "pipelines": "curate/pipelines",
    "manifests": "curate/manifests",
}
HEAVY = ("apache_beam", "torch", "trafilatura", "pyarrow", "numpy", "fasttext", "tiktoken", "altair")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    names = tracked.stdout.split("\n") if tracked.returncode == 0 else []
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_four_folders_and_no_other(wheel):
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        f"{target}/{path.relative_to(ROOT / folder)}"
        for folder, target in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == wanted


def test_the_wheel_installs_the_command_the_workers_boot_and_one_top_level_name(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"curate"}
    commands = next(name for name in names if name.endswith("entry_points.txt"))
    assert zipfile.ZipFile(wheel).read(commands).decode().split() == [
        "[console_scripts]",
        "curate",
        "=",
        "curate.cli:main",
        "curate-worker-boot",
        "=",
        "curate.pipelines.engines.boot:main",
    ]


@pytest.mark.parametrize("code", ["import curate", "import curate.cli, curate.settings, curate.records"])
def test_importing_the_package_loads_nothing_heavy(code):
    check = f"{code}; import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=ROOT.parent)
    assert result.stdout.strip() == "[]"


def test_pyproject_and_package_name_the_same_version():
    from curate import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


NAMES = {  # of distributions whose modules are called otherwise
    "backports": "backports-zstd",
    "fasttext": "fasttext-community",
    "fasttext-pybind": "fasttext-community",
    "google": "apache-beam",
    "grpc": "apache-beam",
    "stdnum": "python-stdnum",
    "tiktoken-ext": "tiktoken",
    "upath": "universal-pathlib",
    "vl-convert": "vl-convert-python",
}


@pytest.fixture(scope="module")
def asked() -> set[str]:
    """Returns the names of the distributions that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {canonicalize_name(Requirement(text).name) for group in groups for text in group} - {"curate-corpus"}


def test_every_dependency_is_pinned_in_constraints(asked):
    assert asked <= {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().split()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_library_that_is_imported_is_asked_for_by_name(folder, asked):
    trees = [ast.parse(path.read_text()) for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    roots = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"curate"}
    assert {NAMES.get(name, name) for name in map(canonicalize_name, roots)} <= asked


def test_an_extra_that_an_old_pip_does_not_match_is_asked_for_by_the_names_behind_it(asked):
    """pip before 23.3, which Python 3.11 ships, takes `lxml[html_clean]` and `html-clean` for two extras."""
    unmatched = {}
    for name, extra in asked_extras({("curate-corpus", ""), ("curate-corpus", "all")}):
        provided = metadata.metadata(name).get_all("Provides-Extra") or []
        if extra and extra not in provided:
            unmatched[f"{name}[{extra}]"] = {canonicalize_name(text.name) for text in behind(name, extra)}
    assert "lxml[html_clean]" in unmatched  # else the test sees nothing
    assert {name: lacking for name, names in unmatched.items() if (lacking := names - asked)} == {}


def asked_extras(seen: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Returns the distributions that these lead to, each with an extra as it is spelt, or with ''."""
    todo = [*seen]
    while todo:
        name, extra = todo.pop()
        names = {(text.name, wanted) for text in behind(name, extra) for wanted in ("", *text.extras)}
        asked = {pair for pair in names if canonicalize_name(pair[0]) != "fasttext-predict"}  # left out by an override
        todo += asked - seen
        seen |= asked
    return seen


def behind(name: str, extra: str) -> list[Requirement]:
    """Returns the requirements of a distribution here with an extra, or without one."""
    texts = map(Requirement, metadata.requires(name) or ())
    extra = canonicalize_name(extra)
    with_extra = [text for text in texts if not text.marker or text.marker.evaluate({"extra": extra})]
    return [text for text in with_extra if not extra or (text.marker and not text.marker.evaluate({"extra": ""}))]
