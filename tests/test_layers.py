"""Who may import whom, as the design's table says."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "curate": "curate",
    "filters": "curate.filters",
    "pipelines": "curate.pipelines",
    "manifests": "curate.manifests",
}
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

FORBIDDEN = {
    "curate": ("apache_beam", "curate.filters", "curate.pipelines"),
    "filters": ("apache_beam", "torch", "curate.pipelines"),
    "pipelines": ("torch", "curate.train", "curate.gpt"),
    "manifests": ("curate", "apache_beam", "torch"),
}
FILTERS_MAY = ("curate.records", "curate.rules")
COMMAND_LINE = (
    "curate/commands.py",
    "curate/run_commands.py",
    "curate/link_commands.py",
    "curate/crawl_commands.py",
    "curate/machine_commands.py",
)  # reaches upwards, inside its commands
ONE_MODULE = {  # a library that only one module knows
    "trafilatura": "curate/main_text.py curate/pruning.py",
    "tiktoken": "curate/tokens.py",
    "tokenizers": "curate/tokenizer_json.py",
    "isal": "curate/packings.py curate/payloads.py",
    "backports.zstd": "curate/packings.py curate/payloads.py curate/dumpfiles.py",
    "orjson": "curate/submissions.py",
    "aiohttp": "curate/fetch.py curate/fetchfaults.py curate/resolving.py curate/responses.py",
    "yarl": "curate/fetch.py",
    "tldextract": "curate/lots.py",
    "lz4": "curate/packings.py",
    "brotli": "curate/payloads.py",
    "datasketch": "curate/minhash.py",
    "fasttext": "curate/fasttext_binding.py",
    "fasttext_pybind": "curate/fasttext_binding.py",
    "jinja2": "curate/report.py",
    "torch": "curate/gpt.py curate/torch_loader.py curate/train.py",
    "apache_beam": "pipelines/",
}


@cache
def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def under(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_folder_imports_only_what_lies_below_it(path):
    name = str(path.relative_to(ROOT))
    if name in COMMAND_LINE:
        return
    forbidden = FORBIDDEN[path.relative_to(ROOT).parts[0]]
    assert not [each for each in imports(path) if any(under(each, module) for module in forbidden)]


@pytest.mark.parametrize("path", sorted((ROOT / "filters").glob("*.py")), ids=lambda path: path.name)
def test_filters_know_only_records_and_rules(path):
    own = [each for each in imports(path) if under(each, "curate")]
    assert not [each for each in own if not any(under(each, module) for module in FILTERS_MAY)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_heavy_library_is_known_to_one_module(path):
    name = str(path.relative_to(ROOT))
    for library, homes in ONE_MODULE.items():
        if any(under(each, library) for each in imports(path)):
            assert any(name.startswith(home) for home in homes.split()), f"{name} imports {library}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_under_300_lines_and_functions_under_40(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"
