"""The main text of a page: blocks that trafilatura's main extractor selects, or resiliparse's quick text.

Plain trafilatura follows its main extractor with readability, jusText, a second pass and a measure of the whole page,
which cost as much again. Here the quick text, which the language gate needs anyway, replaces these: it selects where
the main extractor finds less than SHORT of its length. Either only selects: what is written are the page's blocks, with
those that it lost among them. `fallback = "trafilatura"` gives exactly the text of plain trafilatura.
tests/gates/test_extraction.py measures all of them against text that people marked.
"""

import re
import unicodedata
from collections.abc import Iterable
from copy import deepcopy
from functools import lru_cache
from itertools import compress
from operator import or_
from typing import Any, NamedTuple

from lxml.etree import ParserError, strip_elements, strip_tags
from lxml.html import fromstring
from resiliparse.extract.html2text import extract_plain_text

from curate.extract.config import VISIBLE, Extract
from curate.extract.coverage import completed, paragraphs, rescued, without_furniture
from curate.extract.pruning import hasten, together
from curate.extract.selection import selected
from curate.extract.structured import statements
from curate.extract.supplements import supplemented
from curate.extract.threads import of_thread, thread
from curate.extract.trimming import visible, without_hidden
from curate.markup.blocks import PARAGRAPH, Block, blocks_of
from curate.markup.elements import without_end
from curate.markup.markdown import as_markdown
from curate.markup.marks import marked_blocks
from curate.markup.render import as_text

SHORT = 0.4  # of the quick text's characters; from 0.1 to 0.7 the scores hardly change
BLANKS = re.compile(r"(?<=\S)\s{2,}(?=\S)")  # inside a line
BAR = re.compile(r"(?<!\\)\|")  # between cells; one in a cell's text is escaped
EMPTY_LINES = re.compile(r"\n{3,}")
BULLET = re.compile(r"^[ \t]*•[ \t]+", re.M)
# Elements that no extractor takes for text; without them the page is walked and copied in less time.
NEVER_TEXT = ("nav", "footer", "style", "noscript", "iframe", "select", "template")
NEVER_MAIN = ("head", "script", "svg", "aside")  # the same, but formulas, statements and notes may stand there
NO_TABLE = ("presentation", "none")  # roles of tables that lay out a page
UNWANTED = "unwanted"  # the tag of elements that are removed next
DEEPEST = 255  # elements in one another; where there are more, libxml2 parses no further
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))  # which libxml2 does not take
REPAIRED = 4096  # characters in which trafilatura looks for faults
FAULTY = re.compile(r"(?i)<(?:html|!\s*doctype)[^<>]*/\s*>")  # a slash that trafilatura mends before it parses
# A slash that libxml2 takes for the end of a script, and browsers do not; the end tag follows before another script.
CLOSED_SCRIPT = re.compile(r"<(script\b[^<>]*)/>(?=[^<]*+(?:<(?!/?script\b)[^<]*+)*+</script\b)")
STATE = re.compile(r'\[?\{\s*"[\w-]+":[^{}]*?"[\w-]+":')  # of a script, in a paragraph that a style sheet hides
MARKER = re.compile(r"^\s*(?:[-•]|\d+\.)\s")
INDENT = re.compile(r"^(?:\t+ *| +(?=\d+\. ))", re.M)  # before an item of a list
META_DATES = (  # names of <meta> elements that hold the day of publication
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
    """A page's text, with what the page itself states of its title and its day."""

    text: str  # "" where the page has none
    title: str | None
    date: str | None  # YYYY-MM-DD
    extractor: str  # "trafilatura", "resiliparse", "visible", or "plain" for a page of plain text
    flags: tuple[str, ...] = ()  # what was added from the page's metadata, and the software of a thread


def main_text(html: str, url: str, settings: Extract, quick: str | None = None) -> MainText:
    """Returns the main text of a page; quick: its quick text, if the caller has it already."""
    hasten()
    tree: Any = parsed(html)
    if tree is None:  # not HTML: trafilatura has no text of it, the quick text may have
        only_trafilatura = settings.fallback == "trafilatura" and settings.extractor == "trafilatura"
        text = "" if only_trafilatura else tidy(quick or quick_text(html)).strip()
        return MainText(text, None, None, VISIBLE if settings.extractor == VISIBLE else "resiliparse")
    title = " ".join((tree.findtext(".//title") or "").split()) or None
    date = stated_date(tree)
    if quick is None and settings.extractor != VISIBLE:
        quick = quick_text(html, comments=settings.comments)
    if settings.extractor == "trafilatura" and settings.fallback == "trafilatura":
        text = tidy(unicodedata.normalize("NFC", plain_trafilatura(tree, url, settings))).strip()
        return MainText(text, title, date, "trafilatura")
    if is_cut(tree) and (text := uncut_text(tree, html, quick)):
        return MainText(text, title, date, VISIBLE if settings.extractor == VISIBLE else "resiliparse")
    if settings.extractor == VISIBLE:
        blocks = page_blocks(tree, url, settings)
        return MainText(written(compress(blocks, visible(blocks)), settings), title, date, VISIBLE)
    for element in without_end(tree, (*NEVER_TEXT, "aside")):
        element.tag = "div"
    if not settings.recall:  # which takes some of them back
        strip_elements(tree, *NEVER_TEXT, with_tail=False)
    posts = thread(tree, html, comments=settings.comments)
    blocks = page_blocks(tree, url, settings)
    stated = statements(tree, html)
    if settings.extractor == "resiliparse":
        choice = without_furniture(blocks, selected(blocks, lines_of(quick or "")))
        chosen = rescued(blocks, completed(blocks, choice))
        extractor = "resiliparse"
    else:
        chosen, extractor = main_or_quick_text(tree, blocks, quick or "", settings)
    kept = without_hidden(of_thread(blocks, chosen, posts) if posts else list(compress(blocks, chosen)))
    kept = [block for block in kept if block.kind is not PARAGRAPH or not is_state(block.text)]
    kept, flags = supplemented(kept, stated)
    flags = (f"thread:{posts.software}", *flags) if posts else flags
    return MainText(written(kept, settings), title, date, extractor, flags)


def parsed(html: str) -> Any:
    """Returns the tree of a page, or None of what is no page: what trafilatura's `load_html` makes of it, in less time.

    Bytes are parsed and rid of control characters faster than a string. A page that needs a repair goes the long way.
    """
    from trafilatura.utils import HTML_PARSER, load_html

    if "/>" in html:
        html = CLOSED_SCRIPT.sub(r"<\1>", html)
    beginning = html[:50].lower()
    if "html" not in beginning or FAULTY.search(html[:REPAIRED]):
        return load_html(html)
    try:
        return fromstring(html.encode("utf-8", "replace").translate(None, CONTROLS), parser=HTML_PARSER)
    except (ParserError, ValueError):
        return load_html(html)


def is_state(text: str) -> bool:
    """Returns True for a text that is an object of JSON, which is data of a script and no paragraph."""
    return text[:1] in ("{", "[") and text[-1] in ("}", "]") and STATE.match(text) is not None


def is_cut(tree: Any) -> bool:
    """Returns True if the parser may have stopped in a page, as it does below DEEPEST elements."""
    depth = sum(1 for _ in tree.iterancestors()) + 1
    while len(tree):
        tree = tree[-1]
        depth += 1
    return depth >= DEEPEST


def uncut_text(tree: Any, html: str, quick: str | None) -> str:
    """Returns the quick text of a page, or all of its text, if its tree holds less, else ""."""
    text = tidy(str(extract_plain_text(html)) if quick is None else quick).strip()
    length = sum(len(block.text) for block in blocks_of(tree))
    return text if length < len(" ".join(text.split())) else ""


def written(blocks: Iterable[Block], settings: Extract) -> str:
    """Returns blocks in the form that the settings name."""
    if settings.format == "markdown":
        return as_markdown(blocks, has_marks=settings.emphasis or settings.links)
    return as_text(blocks)


def page_blocks(tree: Any, url: str, settings: Extract) -> list[Block]:
    """Returns the blocks of a page, with marks where the settings ask for them; url: the page's address."""
    if settings.emphasis or settings.links:
        return marked_blocks(tree, url, emphasis=settings.emphasis, links=settings.links)
    return blocks_of(tree)


def lines_of(text: str) -> list[list[str]]:
    """Returns the lines of a text as `selected` takes them, without the marks of lists."""
    return [[MARKER.sub("", line)] for line in text.split("\n")]


def quick_text(html: str, *, comments: bool = False) -> str:
    """Returns the text that resiliparse takes for the main content, with lists in trafilatura's form.

    It takes a tenth of trafilatura's time and holds more of the page.
    """
    text = str(extract_plain_text(html, True, main_content=True, alt_texts=False, comments=comments))
    return INDENT.sub("", BULLET.sub("- ", text) if "•" in text else text)


def tidy(text: str) -> str:
    """Returns a text without layout: stripped line ends, one blank for a run of blanks, at most one empty line.

    It leaves out lines that hold only a bullet or a table's bars. Of a table's row with one filled cell it keeps that
    cell's text, since tables that lay out a page have such rows.

    >>> tidy("a  \\n\\n\\n  b\\t\\tc")
    'a\\n\\n  b c'
    >>> tidy("| | one | |")
    'one'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = (without_bars(line) for line in lines if not is_furniture(line))
    return EMPTY_LINES.sub("\n\n", "\n".join(BLANKS.sub(" ", line.rstrip()) for line in kept)).strip("\n")


def without_bars(line: str) -> str:
    """Returns the text of a table's row, or of a part of a row, if one cell is filled; any other line as it is."""
    bare = line.strip()
    if not (bare.startswith("| ") or bare.endswith(" |")):
        return line
    filled = [cell.strip() for cell in BAR.split(bare) if cell.strip()]
    return filled[0].replace("\\|", "|") if len(filled) == 1 else line


def is_furniture(line: str) -> bool:
    """Returns True for a line that is only a bullet, or a table's row of empty cells."""
    bare = line.strip()
    return bare in ("-", "•") or ("|" in bare and not bare.replace("|", "").strip())


def stated_date(tree: Any) -> str | None:
    """Returns the day of publication that a page's metadata state, as YYYY-MM-DD, or None."""
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        if name in META_DATES and (day := DAY.search(meta.get("content") or "")):
            return day[0]
    for script in tree.iter("script"):
        if script.get("type") == "application/ld+json" and (date := LINKED_DATE.search(script.text or "")):
            day = DAY.search(date[1])
            return day[0] if day else None
    return None


def main_or_quick_text(tree: Any, blocks: list[Block], quick: str, settings: Extract) -> tuple[list[bool], str]:
    """Returns which blocks the main extractor chooses, or the quick text if that one is much longer, and which."""
    if not settings.recall:
        strip_elements(tree, *NEVER_MAIN, with_tail=False)
    try:
        body, comments, length = main_body(deepcopy(tree), settings)
    except (TypeError, ValueError):  # control characters: lxml refuses them, and trafilatura gives the page up
        return completed(blocks, selected(blocks, lines_of(quick))), "resiliparse"
    least = options(settings).min_extracted_size
    texts = [element.itertext() for element in (*body, *(comments if settings.comments else ()))]
    choice = selected(blocks, texts)
    if is_short := length < least:
        choice = list(map(or_, choice, paragraphs(blocks)))
        length = sum(len(block.text) for block in compress(blocks, choice))
    is_quick = length < SHORT * len(" ".join(quick.split()))
    if is_quick:
        choice = without_furniture(blocks, selected(blocks, lines_of(quick)))
    elif length < least:
        choice = list(map(or_, choice, selected(blocks, lines_of(quick))))
    chosen = completed(blocks, choice)
    if is_short:
        chosen = rescued(blocks, chosen)
    return chosen, "resiliparse" if is_quick else "trafilatura"


def main_body(tree: Any, settings: Extract) -> tuple[Any, Any, int]:
    """Returns the body that trafilatura's main extractor finds, the comments, and the characters of the body.

    It does what `trafilatura.bare_extraction(fast=True)` does before its rescues: instead of the search for paragraphs
    anywhere on a page of which little was taken, `rescued` looks at the blocks. The tree is used up.
    """
    from trafilatura import htmlprocessing, main_extractor, xpaths

    chosen = options(settings)
    cleaned = htmlprocessing.convert_tags(clean(prune(tree, settings), settings), chosen, None)
    comments = None
    if chosen.comments:
        comments, _, cleaned = main_extractor.extract_comments(cleaned, chosen)
    if settings.precision:
        cleaned = htmlprocessing.prune_unwanted_nodes(cleaned, xpaths.REMOVE_COMMENTS_XPATH)
    body, text, _ = main_extractor._extract(cleaned, chosen)
    return body, comments, len(text)


def prune(tree: Any, settings: Extract) -> Any:
    """Returns the tree without elements that are never content; comments are content only if the settings say so."""
    from trafilatura import htmlprocessing, xpaths

    if settings.comments:
        return htmlprocessing.prune_unwanted_nodes(tree, xpaths.RAW_TREE_PRUNE_XPATH)
    return htmlprocessing.prune_unwanted_nodes(tree, without_comments())


@lru_cache(maxsize=1)
def without_comments() -> list[Any]:
    """Returns trafilatura's rules for what is never content and for comments, as one where that is possible."""
    from trafilatura import xpaths

    return together(xpaths.RAW_TREE_PRUNE_XPATH, xpaths.REMOVE_COMMENTS_AND_LISTS_XPATH)


def clean(tree: Any, settings: Extract) -> Any:
    """Returns the tree as trafilatura cleans it, each of its steps by one pass of lxml over the page.

    A form that holds more than half of the text is the frame of a page, as ASP.NET makes them.
    """
    from trafilatura import htmlprocessing
    from trafilatura.settings import MANUALLY_CLEANED, MANUALLY_STRIPPED

    if settings.recall:
        return htmlprocessing.tree_cleaning(tree, options(settings))
    for element in tree.iter("figure", "table") if settings.tables else ():
        is_frame = element.find(".//table") is not None if element.tag == "figure" else element.get("role") in NO_TABLE
        if is_frame:
            element.tag = "div"
    strip_tags(tree, *MANUALLY_STRIPPED)
    tables = () if settings.tables else ("table", "td", "th", "tr")
    strip_elements(tree, *(tag for tag in (*MANUALLY_CLEANED, *tables) if tag != "form"), with_tail=False)
    forms = list(tree.iter("form"))
    half = len(tree.text_content()) / 2 if forms else 0
    for form in forms:
        form.tag = "div" if len(form.text_content()) > half > 0 else UNWANTED
    if forms:
        strip_elements(tree, UNWANTED, with_tail=False)
    return htmlprocessing.prune_html(tree, options(settings).focus)


def plain_trafilatura(tree: Any, url: str, settings: Extract) -> str:
    """Returns the text of trafilatura with all its own fallbacks."""
    from trafilatura import bare_extraction

    extracted: Any = bare_extraction(tree, url=url or None, options=options(settings))
    if not extracted:
        return ""
    return f"{extracted.text or ''}\n{extracted.comments or ''}" if settings.comments else extracted.text or ""


@lru_cache(maxsize=8)
def options(settings: Extract) -> Any:
    """Returns trafilatura's options for these settings; cached, as trafilatura would make them for every page."""
    from trafilatura.settings import Extractor

    return Extractor(
        fast=settings.fallback != "trafilatura",
        precision=settings.precision,
        recall=settings.recall,
        comments=settings.comments,
        tables=settings.tables,
        output_format="python",
    )
