"""Judges the rules in other languages by labelled pages; README.md beside this file explains the words.

    python tests/labels/judge_languages.py [RECIPE] [--set PATH=VALUE] [--data ../shared/data]

RECIPE is a bundled recipe or a .toml file, without one `webtext`. Its filter judges the pages as with --all-languages,
first by the published values (`filter.per_language = false`) and then by those of each language.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from curate import recipe as recipes
from curate.extract.config import Extract
from curate.extract.page import extract
from curate.filters.rules import Filter, judge
from curate.records import Document, Page
from curate.warc.reader import read_file

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("languages.jsonl")
PROSE, OTHER = "prose", "other"
LANGUAGES = ("de", "fr", "es", "it", "sv", "ru", "zh", "ja", "ar")


class Label(NamedTuple):
    """A reader's label of the text of a page."""

    url: str
    language: str
    label: str  # PROSE or OTHER


def labels() -> dict[str, Label]:
    """Returns the labels by address."""
    rows = (Label(**json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines())
    return {row.url: row for row in rows}


def documents(data: Path) -> Iterator[tuple[Label, Document]]:
    """Yields the labelled pages that have a text today, each address once."""
    left = labels()
    for path in sorted((data / "web").glob("*.warc.gz")):
        for page in read_file(path):
            if isinstance(page, Page) and page.url in left:
                document = extract(page, "web", Extract())
                if isinstance(document, Document):
                    yield left.pop(page.url), document


def counts(data: Path, filters: Filter) -> Counter[tuple[str, str, str]]:
    """Counts the documents by language, label, and "all" or the values by which they are kept."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    for label, document in documents(data):
        numbers[label.language, label.label, "all"] += 1
        for name, chosen in (("published", replace(filters, per_language=False)), ("language", filters)):
            numbers[label.language, label.label, name] += judge(document, chosen).reason is None
    return numbers


def rows(numbers: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """Yields the lines of a table of what is kept of each language."""
    yield "| language | prose | kept by the published values | by the language's | share | other pages | kept | kept |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for language in LANGUAGES:
        prose, other = (
            [numbers[language, label, name] for name in ("all", "published", "language")] for label in (PROSE, OTHER)
        )
        share = f"{100 * prose[2] / prose[0]:.0f} %" if prose[0] else "-"
        yield "| " + " | ".join(map(str, [language, *prose, share, *other])) + " |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="webtext")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    given = parser.parse_args()
    loaded = recipes.in_all_languages(recipes.load(given.recipe, tuple(given.set)))
    print("\n".join(rows(counts(given.data, loaded.filter))))


if __name__ == "__main__":
    main()
