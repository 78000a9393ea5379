"""The main text of a page: trafilatura's main extractor, with resiliparse's quick text where that finds far more.

Plain trafilatura follows its main extractor with readability, jusText, a second pass and a measure of the whole page,
which cost as much again. Here the quick text, which the language gate reads anyway, takes their part: where the main
extractor finds less than SHORT of its length, the quick text is the page's. `fallback = "trafilatura"` is plain
trafilatura, to the letter. What both score against text that people marked: tests/gates/test_extraction.py.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

from resiliparse.extract.html2text import extract_plain_text

from curate.extract.config import Extract

SHORT = 0.4  # from 0.1 to 0.7 the scores hardly change
BLANKS = re.compile(r"(?<=\S)\s{2,}(?=\S)")
BAR = re.compile(r"(?<!\\)\|")  # between cells; one in a cell's text is escaped
EMPTY_LINES = re.compile(r"\n{3,}")
BULLET = re.compile(r"^[ \t]*•[ \t]+", re.M)
LAYOUT = re.compile(r"^(?:\t+ *| +(?=\d+\. ))", re.M)
MARKUP_DATES = (
    "article:published_time",
    "datePublished",
    "date",
    "dc.date",
    "DC.date.issued",
    "pubdate",
    "sailthru.date",
)
LINKED_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{10,40})"')
DAY = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)")


class MainText(NamedTuple):
    """Text ('' where there is none), the page's title and day (as it states them), and who extracted the text."""

    text: str
    title: str | None
    date: str | None
    extractor: str


def tidy(text: str) -> str:
    """Text without layout: line ends stripped, runs of blanks one blank, at most one empty line.

    A line of nothing but a bullet or a table's bars is left out; a table's row of one filled cell is that cell's text,
    since tables that lay out a page have such rows.

    >>> tidy("a  \\n\\n\\n  b\\t\\tc")
    'a\\n\\n  b c'
    >>> tidy("| | one | |")
    'one'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = (without_bars(line) for line in lines if not is_furniture(line))
    return EMPTY_LINES.sub("\n\n", "\n".join(BLANKS.sub(" ", line.rstrip()) for line in kept)).strip("\n")


def without_bars(line: str) -> str:
    """The one filled cell of a table's row, or of the part of one that stands on a line; any other line as it is."""
    bare = line.strip()
    if not (bare.startswith("| ") or bare.endswith(" |")):
        return line
    filled = [cell.strip() for cell in BAR.split(bare) if cell.strip()]
    return filled[0].replace("\\|", "|") if len(filled) == 1 else line


def is_furniture(line: str) -> bool:
    """Is a line nothing but a bullet, or a table's row of empty cells?"""
    bare = line.strip()
    return bare in ("-", "•") or ("|" in bare and not bare.replace("|", "").strip())


def quick_text(html: str, *, comments: bool = False) -> str:
    """The text that resiliparse takes for the main content: a tenth of trafilatura's time, more of the page.

    Its lists look as trafilatura's do.
    """
    found = str(extract_plain_text(html, True, main_content=True, alt_texts=False, comments=comments))
    return LAYOUT.sub("", BULLET.sub("- ", found))


def main_text(html: str, url: str, settings: Extract, quick: str | None = None) -> MainText:
    """What a page says; `quick` is its quick text, if that is known already."""
    from trafilatura.utils import load_html

    _hasten()
    tree: Any = load_html(html)
    if tree is None:  # not HTML: what trafilatura gives up, the quick text may be
        known = settings.fallback == "trafilatura" and settings.extractor == "trafilatura"
        return MainText("" if known else tidy(quick or quick_text(html)).strip(), None, None, "resiliparse")
    title, date = " ".join((tree.findtext(".//title") or "").split()) or None, stated_date(tree)
    if quick is None:
        quick = quick_text(html, comments=settings.comments)
    if settings.extractor == "resiliparse":
        text, extractor = quick, "resiliparse"
    elif settings.fallback == "trafilatura":
        text, extractor = plain(tree, url, settings), "trafilatura"
    else:
        text, extractor = better(html, tree, quick, settings)
    return MainText(tidy(unicodedata.normalize("NFC", text)).strip(), title, date, extractor)


@lru_cache(maxsize=1)
def _hasten() -> None:
    from curate.extract.pruning import hasten

    hasten()


@lru_cache(maxsize=8)
def options(settings: Extract) -> Any:
    """Trafilatura's options, which it makes anew for each page otherwise."""
    from trafilatura.settings import Extractor

    return Extractor(
        fast=settings.fallback != "trafilatura",
        precision=settings.precision,
        recall=settings.recall,
        comments=settings.comments,
        tables=settings.tables,
        output_format="python",
    )


def plain(tree: Any, url: str, settings: Extract) -> str:
    """The text by trafilatura's own course with all its fallbacks."""
    from trafilatura import bare_extraction

    found: Any = bare_extraction(tree, url=url or None, options=options(settings))
    if not found:
        return ""
    return f"{found.text or ''}\n{found.comments or ''}" if settings.comments else found.text or ""


def better(html: str, tree: Any, quick: str, settings: Extract) -> tuple[str, str]:
    """The main extractor's text, or the quick text where the first is far shorter; and which of them it is.

    Where both are short, what the page's metadata hold of an article (JSON-LD) is looked at too. The tree is used up.
    """
    from trafilatura.baseline import baseline
    from trafilatura.utils import load_html
    from trafilatura.xml import xmltotxt

    try:
        body, comments, length = extracted(tree, settings)
    except (TypeError, ValueError):  # control characters, at which lxml stops and trafilatura gives a page up
        return quick, "resiliparse"
    if length < SHORT * len(" ".join(quick.split())):
        return quick, "resiliparse"
    if length < options(settings).min_extracted_size:
        _, rescued, size = baseline(pruned(load_html(html), settings))
        if size > length:
            return rescued, "trafilatura"
    text = xmltotxt(body, False)
    return f"{text}\n{xmltotxt(comments, False)}" if settings.comments else text, "trafilatura"


def extracted(tree: Any, settings: Extract) -> tuple[Any, Any, int]:
    """The body that trafilatura's main extractor finds, the comments, and how many characters the first has.

    This is the course of `trafilatura.bare_extraction(fast=True)` up to its rescues. The tree is used up.
    """
    from trafilatura import htmlprocessing, main_extractor, xpaths

    asked = options(settings)
    cleaned = htmlprocessing.convert_tags(htmlprocessing.tree_cleaning(pruned(tree, settings), asked), asked, None)
    comments = None
    if asked.comments:
        comments, _, cleaned = main_extractor.extract_comments(cleaned, asked)
    if settings.precision:
        cleaned = htmlprocessing.prune_unwanted_nodes(cleaned, xpaths.REMOVE_COMMENTS_XPATH)
    body, text = main_extractor.extract_content(cleaned, asked)
    return body, comments, len(text)


def pruned(tree: Any, settings: Extract) -> Any:
    """The tree without what is never content, which includes comments unless they are asked for."""
    from trafilatura import htmlprocessing, xpaths

    tree = htmlprocessing.prune_unwanted_nodes(tree, xpaths.RAW_TREE_PRUNE_XPATH)
    if settings.comments:
        return tree
    return htmlprocessing.prune_unwanted_nodes(tree, xpaths.REMOVE_COMMENTS_AND_LISTS_XPATH)


def stated_date(tree: Any) -> str | None:
    """The day of publication that a page's metadata state, as YYYY-MM-DD."""
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        if name in MARKUP_DATES and (found := DAY.search(meta.get("content") or "")):
            return found[0]
    for script in tree.iter("script"):
        if script.get("type") == "application/ld+json" and (stated := LINKED_DATE.search(script.text or "")):
            found = DAY.search(stated[1])
            return found[0] if found else None
    return None
