"""The sets that extraction is judged by, and the extractors that are judged."""

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import trafilatura
from resiliparse.extract.html2text import extract_plain_text
from structure import Block, html_blocks, markdown_blocks
from structure_measures import Source, blocks_in_source, source_of

from curate.extract.config import Extract
from curate.extract.page import extract
from curate.records import Document, Page
from curate.warc.reader import read_file
from curate.web.encoding import decode


@dataclass(frozen=True, slots=True)
class Case:
    """A page with what it should give."""

    page: Page
    expected: str  # the words
    blocks: tuple[Block, ...] = ()  # the expected parts; none in a gold set, whose texts have no structure
    source: Source | None = None


def gold_set(folder: Path) -> list[Case]:
    """Returns the pages of a gold set, whose text people marked."""
    with gzip.open(folder / "text.json.gz") as file:
        texts = json.load(file)
    return [Case(page, texts[page.url]) for page in pages(folder)]


def structure_set(folder: Path) -> list[Case]:
    """Returns the pages of a set of another extractor with the expected parts."""
    with gzip.open(folder / "expected.json.gz") as file:
        rows = json.load(file)
    cases = []
    for page in pages(folder):
        row = rows[page.url]
        blocks = (html_blocks if row["form"] == "html" else markdown_blocks)(row["expected"])
        source = source_of(decode(page.body, page.charset))
        text = "\n".join(block.words for block in blocks if block.kind != "formula")
        cases.append(Case(page, text, tuple(blocks_in_source(blocks, source)), source))
    return cases


def pages(folder: Path) -> Iterable[Page]:
    """Returns the pages of a set."""
    return (page for page in read_file(folder / "pages-00000.warc.gz") if isinstance(page, Page))


def sets(data: Path, *kinds: str) -> dict[str, list[Case]]:
    """Returns the sets in the folders `gold` and `structure` of the real data, by name."""
    readers = {"gold": gold_set, "structure": structure_set}
    folders = [(kind, folder) for kind in kinds for folder in sorted((data / kind).iterdir())]
    return {folder.name: readers[kind](folder) for kind, folder in folders}


def curate(**settings: object) -> Callable[[Page], str]:
    """Returns what makes the text that curate stores of a page."""

    def text(page: Page) -> str:
        outcome = extract(page, "gate", Extract(**settings))
        return outcome.text if isinstance(outcome, Document) else ""

    return text


def plain_trafilatura(output: str) -> Callable[[Page], str]:
    """Returns what makes trafilatura's text of a page, by its own fallbacks; readers' comments are left out."""
    return lambda page: trafilatura.extract(markup(page), output_format=output, include_comments=False) or ""


def resiliparse(page: Page) -> str:
    """Returns resiliparse's text of a page's main content."""
    return str(extract_plain_text(markup(page), main_content=True, alt_texts=False))


def markup(page: Page) -> str:
    """Returns a page's markup."""
    return decode(page.body, page.charset)


WAYS: dict[str, Callable[[Page], str]] = {
    "default": curate(),
    "markdown": curate(format="markdown"),
    "precision": curate(precision=True),
    "recall": curate(recall=True),
    "trafilatura text": plain_trafilatura("txt"),
    "trafilatura markdown": plain_trafilatura("markdown"),
    "resiliparse text": resiliparse,
}
