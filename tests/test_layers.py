"""Imports follow the table below, without circles; files, functions and folders keep their sizes."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
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

# What every folder may import, nothing of ours: errors, settings, records, console, processes, forks, intervals,
# distinct, functions.
GROUND = "curate"
RECIPE = "curate/recipe.py"  # stands above all subjects, so that no subject imports it
# Each folder, from the lowest floor up, and what it may import beside the ground and itself.
ALLOWED: dict[str, tuple[str, ...]] = {
    GROUND: (),
    "manifests": (),
    "curate/text": (),
    "curate/storage": (),
    "curate/warc": (),
    "curate/web": (),
    "curate/markup": (),
    "curate/loader": ("curate/storage",),
    "curate/stage": ("curate/storage",),
    "curate/commoncrawl": ("curate/storage", "curate/stage"),
    "curate/tokens": ("curate/storage", "curate/stage"),
    "filters/genre": (),
    "filters/languages": ("curate/text",),
    "filters": ("curate/text", "curate/tokens/bpe.py", "filters/genre", "filters/languages"),
    "filters/signals": ("filters",),
    "curate/gpt": ("curate/storage", "curate/loader", "curate/tokens"),
    "curate/inputs": ("curate/storage", "curate/stage", "curate/commoncrawl", "curate/web/encoding.py"),
    "curate/crawl": ("curate/storage", "curate/stage", "curate/inputs", "curate/web", "curate/warc"),
    "curate/crawl/planning": ("curate/storage", "curate/stage", "curate/warc", "curate/crawl"),
    "curate/crawl/sharing": ("curate/storage", "curate/crawl"),
    "curate/dedup": ("curate/text", "curate/storage", "curate/stage", "curate/inputs", "curate/web/urls.py"),
    "curate/dedup/index": ("curate/storage", "curate/stage", "curate/dedup"),
    "curate/links": ("curate/storage", "curate/stage", "curate/inputs", "curate/web", "curate/warc"),
    "curate/quality": ("curate/text", "curate/storage", "curate/stage", "curate/inputs"),
    "curate/extract": (
        *("curate/text", "curate/storage", "curate/stage", "curate/web", "curate/warc", "curate/commoncrawl"),
        *("curate/quality", "curate/markup", "filters"),
    ),
    "curate/miniweb": ("curate/storage", "curate/extract"),
    "curate/evaluate": (
        *("curate/storage", "curate/inputs", "curate/tokens", "curate/loader", "curate/gpt"),
        *("curate/web/urls.py", "curate/miniweb/texts.py"),
    ),
    "curate/scaling": ("curate/storage", "curate/loader", "curate/gpt", "curate/evaluate"),
    "curate/decontaminate": (
        *("curate/storage", "curate/stage", "curate/inputs"),
        *("curate/evaluate/config.py", "curate/evaluate/examples.py", "curate/evaluate/tasks.py"),
    ),
    RECIPE: (
        *("curate/storage", "curate/stage/kinds.py", "curate/commoncrawl", "curate/links", "curate/crawl"),
        *(
            "curate/inputs/columns.py",
            "curate/extract",
            "filters",
            "curate/decontaminate",
            "curate/dedup",
            "curate/quality",
            "curate/tokens",
            "curate/loader",
            "curate/gpt",
        ),
    ),
    "pipelines/engines": ("curate/storage", "curate/stage", "curate/extract"),
    "curate/dataset": (*("curate/storage", "curate/stage", "curate/inputs", "curate/tokens", "curate/loader", RECIPE),),
    "pipelines/stages": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/commoncrawl", "curate/links", "curate/crawl"),
        *(
            "curate/crawl/planning",
            "curate/crawl/sharing",
            "curate/extract",
            "filters",
            "filters/signals",
            "curate/dedup",
            "curate/quality",
            "curate/tokens",
        ),
        *(RECIPE, "pipelines/engines"),
    ),
    "pipelines/stages/duplicates": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/dedup", "curate/dedup/index"),
        *(RECIPE, "pipelines/engines", "pipelines/stages"),
    ),
    "pipelines/stages/decontaminate": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/decontaminate"),
        *(RECIPE, "pipelines/engines", "pipelines/stages"),
    ),
    "curate/inspection": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/links", "curate/crawl", "curate/crawl/planning"),
        *("curate/tokens", "curate/text", "curate/web", "curate/dataset", "filters", RECIPE),
        "filters/signals",
    ),
    "curate/planting": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/evaluate", "curate/dataset", "curate/inspection"),
        *("curate/miniweb/texts.py", "curate/dedup/config.py"),
    ),
    "pipelines": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/tokens", "curate/miniweb", "curate/dataset"),
        *("curate/decontaminate", "curate/dedup/index", "filters", "filters/signals"),
        *(RECIPE, "pipelines/engines", "pipelines/stages"),
    ),
    "pipelines/estimation": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/commoncrawl", "curate/warc", "curate/extract"),
        *("curate/dataset", RECIPE, "pipelines/engines", "pipelines/stages", "pipelines"),
    ),
    "curate/ablation": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/tokens", "curate/loader", "curate/gpt"),
        *("curate/scaling", "curate/evaluate", "curate/dataset", "curate/web/urls.py", "curate/text", RECIPE),
        *("pipelines/engines", "pipelines"),
    ),
    "pipelines/dataflow": (
        *("curate/storage", "curate/stage", "curate/inputs", RECIPE, "pipelines/engines", "pipelines"),
    ),
    "curate/cli": (
        *("curate/storage", "curate/stage", "curate/inputs", "curate/loader", "curate/gpt", "curate/quality"),
        *(
            "curate/extract",
            "curate/miniweb",
            "curate/evaluate",
            "curate/scaling",
            "curate/ablation",
            "curate/dataset",
            "curate/dedup/index",
            "curate/inspection",
            "curate/planting",
            RECIPE,
            "curate/tokens/config.py",
            "curate/tokens/bpe_training.py",
        ),
        *("pipelines/engines", "pipelines", "pipelines/estimation", "pipelines/dataflow"),
    ),
}
BEAM = ("pipelines/stages/", "pipelines/engines/", "pipelines/one_job.py", "pipelines/dataflow/")
ONLY_IN = {  # a library that only these modules know
    "apache_beam": BEAM,
    "torch": (
        "curate/gpt/",
        "curate/evaluate/likelihood.py",
        "curate/evaluate/harness.py",
        "curate/loader/torch_dataset.py",
        "curate/scaling/plan.py",
    ),
    "trafilatura": ("curate/extract/main_text.py", "curate/extract/pruning.py"),
    "tiktoken": ("curate/tokens/bpe.py",),
    "tokenizers": ("curate/tokens/tokenizer_json.py", "curate/tokens/bpe_training.py"),
    "isal": ("curate/warc/codec.py", "curate/warc/payloads.py", "curate/dataset/text_files.py"),
    "backports.zstd": (
        "curate/warc/codec.py",
        "curate/warc/payloads.py",
        "curate/storage/lines.py",
        "curate/dataset/text_files.py",
    ),
    "orjson": ("curate/links/submissions.py",),
    "aiohttp": ("curate/crawl/fetch.py", "curate/crawl/faults.py", "curate/crawl/resolver.py"),
    "yarl": ("curate/crawl/fetch.py",),
    "tldextract": ("curate/crawl/lots.py",),
    "lz4": ("curate/warc/codec.py", "curate/storage/lines.py"),
    "brotli": ("curate/warc/payloads.py",),
    "chardetng_py": ("curate/web/detection.py",),
    "fasttext": ("curate/text/fasttext_binding.py",),
    "fasttext_pybind": ("curate/text/fasttext_binding.py",),
    "icu4py": ("curate/text/segmentation.py",),
    "mwparserfromhell": ("curate/inputs/wikitext.py",),
    "jinja2": ("curate/inspection/report.py",),
    "scipy": ("curate/ablation/intervals.py", "curate/ablation/record.py"),
    "phonenumbers": ("filters/pii.py",),
    "stdnum": ("filters/pii.py",),
    "lm_eval": ("curate/evaluate/harness.py",),
    "rich": ("curate/console.py", "curate/cli/", "pipelines/engines/progress.py"),
}
LINES, FUNCTION_LINES, MODULES = 400, 40, 16


def name_of(path: Path) -> str:
    """Returns the dotted name of a source file."""
    folder, *inside = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([FOLDERS[folder], *inside]).removesuffix(".__init__")


MODULE_OF = {name_of(path): path for path in SOURCES}


def imports(path: Path) -> Iterator[str]:
    """Yields every module or name that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def own_imports(path: Path) -> set[Path]:
    """Returns the files of ours that a file imports."""
    names = (name if name in MODULE_OF else name.rpartition(".")[0] for name in imports(path))
    return {MODULE_OF[name] for name in names if name in MODULE_OF} - {path}


def place(path: Path) -> str:
    """Returns a file's row in the table."""
    name = str(path.relative_to(ROOT))
    return name if name == RECIPE else str(path.relative_to(ROOT).parent)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_imports_only_what_its_folder_may(path):
    allowed = {GROUND, place(path), *ALLOWED[place(path)]}
    names = [relative(other) for other in own_imports(path) if place(other) not in allowed]
    assert [name for name in names if name not in allowed] == []


def test_a_folder_may_import_only_what_stands_above_it_in_the_table():
    floors = list(ALLOWED)
    for number, (folder, allowed) in enumerate(ALLOWED.items()):
        for name in allowed:
            row = name if name in ALLOWED else name.rpartition("/")[0]
            assert floors.index(row) < number, f"{folder} imports {name}"


def test_no_modules_import_each_other_in_a_circle():
    try:
        list(TopologicalSorter({path: own_imports(path) for path in SOURCES}).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(map(relative, error.args[1])))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_heavy_library_is_known_to_few_modules(path):
    names = list(imports(path))
    for library, homes in ONLY_IN.items():
        if any(name == library or name.startswith(f"{library}.") for name in names):
            assert relative(path).startswith(homes), f"{relative(path)} imports {library}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < FUNCTION_LINES, f"{path.name}: {node.name}"


def test_a_folder_holds_few_modules():
    counts = Counter(place(path) for path in SOURCES if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > MODULES} == {}
