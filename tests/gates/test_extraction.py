"""Extraction against text that people marked: the default path scores at least what plain trafilatura does.

python tests/gates/test_extraction.py    # prints the table
"""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from curate.extract.config import Extract
from curate.extract.main_text import main_text
from curate.records import Page
from curate.warc.reader import read_file
from curate.web.encoding import decode

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "gold"
WORD = re.compile(r"\w+")
PLAIN = "plain trafilatura"
WAYS = {
    PLAIN: Extract(fallback="trafilatura"),
    "default": Extract(),
    "precision": Extract(precision=True),
    "recall": Extract(recall=True),
    "resiliparse": Extract(extractor="resiliparse"),
}


def gold(folder: Path) -> list[tuple[str, str, str]]:
    """URL, markup and marked text of every page of one gold set."""
    with gzip.open(folder / "text.json.gz") as file:
        texts = json.load(file)
    pages = read_file(folder / "pages-00000.warc.gz")
    return [(page.url, decode(page.body, page.charset), texts[page.url]) for page in pages if isinstance(page, Page)]


def scores(extracted: str, wanted: str) -> tuple[float, float, float]:
    """F1, precision and recall over the words of both, each as often as it stands there."""
    mine, theirs = Counter(WORD.findall(extracted.lower())), Counter(WORD.findall(wanted.lower()))
    both = sum((mine & theirs).values())
    if not both:
        return (float(mine == theirs),) * 3
    precision, recall = both / mine.total(), both / theirs.total()
    return 2 * precision * recall / (precision + recall), precision, recall


def measured(data: Path) -> dict[str, dict[str, list[float]]]:
    """Way -> gold set -> mean F1, precision and recall over its pages."""
    sets = {folder.name: gold(folder) for folder in sorted(data.iterdir())}
    table: dict[str, dict[str, list[float]]] = {}
    for way, settings in WAYS.items():
        for name, pages in sets.items():
            results = [scores(main_text(markup, url, settings).text, wanted) for url, markup, wanted in pages]
            table.setdefault(way, {})[name] = [sum(column) / len(results) for column in zip(*results, strict=True)]
    return table


def lines(table: dict[str, dict[str, list[float]]]) -> list[str]:
    """The table for people."""
    names = list(next(iter(table.values())))
    head = f"{'':20}" + "".join(f"{name[:26]:>28}" for name in names) + f"\n{'':20}"
    rows = [head + f"{'F1':>12}{'P':>8}{'R':>8}" * len(names)]
    for way, means in table.items():
        cells = "".join(f"{f1:12.4f}{p:8.4f}{r:8.4f}" for f1, p, r in (means[name] for name in names))
        rows.append(f"{way:20}{cells}")
    return rows


@pytest.fixture(scope="module")
def table(data):
    return measured(data("gold"))


@pytest.mark.parametrize("way", ["default", "precision", "recall"])
def test_extraction_scores_at_least_what_plain_trafilatura_does_on_every_set(table, way):
    print("\n".join(lines(table)))
    for name, (f1, _, _) in table[way].items():
        assert f1 >= table[PLAIN][name][0], name


def test_the_default_path_keeps_its_score(table):
    floors = {"article-extraction-benchmark": 0.96, "cleaneval-dev": 0.86}
    assert {name: f1 for name, (f1, _, _) in table["default"].items() if f1 < floors[name]} == {}


if __name__ == "__main__":
    print("\n".join(lines(measured(DATA))))
