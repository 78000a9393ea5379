"""The parts of an expected page by kind: code, headings, list items, table rows, formulas, paragraphs.

What a page should give is HTML (read by lxml) or Markdown (read by markdown-it-py). Both become the same blocks.
A note's reference in a sentence stands between NOTE_OPEN and NOTE_CLOSE, as extractors may keep it or leave it out; a
formula between FORMULA_OPEN and FORMULA_CLOSE, as the page may hold it in another form.
"""

import re
from dataclasses import dataclass
from typing import Any

import lxml.html
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

NOTE_OPEN, NOTE_CLOSE, FORMULA_OPEN, FORMULA_CLOSE = "\ue000", "\ue001", "\ue002", "\ue003"
NOTE = re.compile(f"{NOTE_OPEN}[^{NOTE_CLOSE}]*{NOTE_CLOSE}")
FORMULA = re.compile(f"{FORMULA_OPEN}[^{FORMULA_CLOSE}]*{FORMULA_CLOSE}")
MARKS = str.maketrans("", "", NOTE_OPEN + NOTE_CLOSE + FORMULA_OPEN + FORMULA_CLOSE)
REFERENCE = re.compile(r"\s*(\[[^\]]{1,40}\]|\d{1,3}|[*†‡↩]+)\s*")  # of a note, raised
CALLOUT = re.compile(r"^\[!\w+\][-+]?\s*")  # Obsidian's mark before the title of a quotation
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
SILENT = {"script", "style", "template", "noscript", "svg", "iframe", "object", "video", "audio", "select"}
BLOCKS = HEADINGS | {
    *("address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd", "details", "dialog"),
    *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li"),
    *("main", "nav", "ol", "p", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One part of an expected page."""

    kind: str  # heading, item, row, formula, display (a formula as a paragraph), code, paragraph
    text: str  # of code: its lines; of other kinds: one line
    number: str = ""  # of an item in a numbered list

    @property
    def words(self) -> str:
        """The text with notes' references."""
        return self.text.translate(MARKS)

    @property
    def bare(self) -> str:
        """The text without notes' references."""
        return NOTE.sub("", self.text).translate(MARKS)

    @property
    def parts(self) -> list[str]:
        """The text in front of, between and behind notes' references and formulas."""
        return [part for piece in NOTE.split(self.text) for part in FORMULA.split(piece)]


class Collector:
    """Joins the text of inline elements to blocks; a block ends where `end` is called."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.kind, self.number = "paragraph", ""
        self.callout = False  # whether the open block begins with the mark of a callout, whose title is its first line
        self._pieces: list[str] = []

    def add(self, text: str | None) -> None:
        """Adds text to the block that is open."""
        self._pieces.append(text or "")

    def end(self) -> None:
        """Ends the open block. What follows it in the same list item is a paragraph."""
        text = " ".join("".join(self._pieces).split())
        self._pieces.clear()
        self.callout = False
        if text:
            displayed = (
                self.blocks and self.blocks[-1].kind == "formula" and self.blocks[-1].text == text.translate(MARKS)
            )
            self.put("display" if displayed else self.kind, text, self.number)
            if self.kind == "item":
                self.kind, self.number = "paragraph", ""

    def begin(self, text: str) -> None:
        """Adds text of Markdown; drops the mark of a callout where the open block begins with one."""
        if not self._pieces and (mark := CALLOUT.match(text)):
            self.callout, text = True, text[mark.end() :]
        self.add(text)

    def put(self, kind: str, text: str, number: str = "") -> None:
        """Puts a whole block behind the others."""
        self.blocks.append(Block(kind=kind, text=text, number=number))

    def formula(self, latex: str) -> None:
        """Puts a formula, and adds it to the open block, too."""
        latex = " ".join(latex.replace("\\displaystyle", "").split())
        self.put("formula", latex)
        self.add(f"{FORMULA_OPEN}{latex}{FORMULA_CLOSE}")

    def within(self, kind: str, number: str = "") -> None:
        """Ends the open block; the next one is of this kind."""
        self.end()
        self.kind, self.number = kind, number


def html_blocks(markup: str) -> list[Block]:
    """Returns the blocks of expected HTML."""
    collector = Collector()
    _element(lxml.html.fromstring(markup), collector)
    collector.end()
    return collector.blocks


def _element(element: Any, collector: Collector) -> None:
    """Adds an element and what stands in it."""
    tag = element.tag
    if not isinstance(tag, str) or tag in SILENT:
        return
    if tag == "br":
        collector.end()
    elif tag == "pre":
        collector.end()
        collector.put("code", _code(element))
    elif tag == "math":
        _mathematics(element, collector)
    elif tag == "sup" and REFERENCE.fullmatch(text := "".join(element.itertext())):
        collector.add(f"{NOTE_OPEN}{text}{NOTE_CLOSE}")
    elif tag == "table" and is_data_table(element):
        collector.end()
        for row in element.iter("tr"):
            cells = [cell for cell in row if cell.tag in ("td", "th")]
            _row([" ".join("".join(cell.itertext()).split()) for cell in cells], collector)
    elif tag in BLOCKS:
        if tag == "li":
            collector.within("item", _number(element))
        else:
            collector.within("heading" if tag in HEADINGS else collector.kind, collector.number)
        _children(element, collector)
        collector.within("paragraph")
    else:
        _children(element, collector)


def _children(element: Any, collector: Collector) -> None:
    """Adds what stands in an element."""
    collector.add(element.text)
    for child in element:
        _element(child, collector)
        collector.add(child.tail)


def _row(cells: list[str], collector: Collector) -> None:
    """Puts a row of a data table; a row with one filled cell is a paragraph, as it has no bars."""
    filled = [cell for cell in cells if cell]
    if filled:
        collector.put("row" if len(filled) > 1 else "paragraph", " ".join(filled))


def _number(item: Any) -> str:
    """Returns the number of an item in a numbered list, or ""."""
    parent = item.getparent()
    if parent is None or parent.tag != "ol":
        return ""
    before = sum(1 for sibling in item.itersiblings("li", preceding=True))
    start = parent.get("start", "1")
    return str((int(start) if start.isdigit() else 1) + before)


def _code(pre: Any) -> str:
    """Returns the lines of a block of code; a line break or a paragraph in it ends a line."""
    for element in pre.iter("br", "p"):
        if element.tag == "br":
            element.tail = "\n" + (element.tail or "")
        else:
            element.text, element.tail = "\n" + (element.text or ""), "\n" + (element.tail or "")
    return "".join(pre.itertext())


def _mathematics(math: Any, collector: Collector) -> None:
    """Puts a formula's LaTeX where the markup holds it, else adds its text."""
    notes = [note.text for note in math.iter("annotation") if "tex" in note.get("encoding", "").lower()]
    if latex := next(filter(None, notes), math.get("alttext")):
        collector.formula(latex)
    else:
        collector.add("".join(math.itertext()))


def is_data_table(table: Any) -> bool:
    """Tells a table of data from one that lays out a page: no blocks in its cells, two rows of two filled cells."""
    if any(element.tag in HEADINGS | {"table", "ul", "ol", "pre"} for element in table.iterdescendants()):
        return False
    rows = ([cell for cell in row if "".join(cell.itertext()).strip()] for row in table.iter("tr"))
    one_block = all(len(list(cell.iter("p", "div"))) <= 1 for cell in table.iter("td"))
    return one_block and sum(len(cells) > 1 for cells in rows) >= 2


def markdown_blocks(text: str) -> list[Block]:
    """Returns the blocks of expected Markdown."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser = parser.use(dollarmath_plugin, allow_digits=False).use(footnote_plugin)
    collector = Collector()
    _node(SyntaxTreeNode(parser.parse(text)), collector)
    collector.end()
    return collector.blocks


def _node(node: SyntaxTreeNode, collector: Collector) -> None:
    """Adds a block of Markdown and what stands in it."""
    if node.type in ("fence", "code_block"):
        collector.end()
        collector.put("code", node.content)
    elif node.type == "math_block":
        collector.end()
        collector.formula(node.content)
        collector.end()
    elif node.type == "tr":
        collector.end()
        _row([" ".join(_inline_text(cell).split()) for cell in node.children], collector)
    elif node.type == "inline":
        for child in node.children:
            _inline(child, collector)
    elif node.type in ("heading", "list_item", "footnote", "paragraph"):
        if node.type == "paragraph":
            collector.end()
        else:
            kinds = {"heading": "heading", "list_item": "item", "footnote": "paragraph"}
            collector.within(kinds[node.type], node.info if node.type == "list_item" else "")
        for child in node.children:
            _node(child, collector)
        collector.end() if node.type == "paragraph" else collector.within("paragraph")
    elif node.type == "html_block":
        collector.end()
        collector.blocks += html_blocks(f"<div>{node.content}</div>")
    else:
        for child in node.children:
            _node(child, collector)


def _inline(node: SyntaxTreeNode, collector: Collector) -> None:
    """Adds what stands in a line of Markdown."""
    if node.type == "hardbreak":
        collector.end()
    elif node.type == "footnote_ref":
        collector.add(f"{NOTE_OPEN}[{node.meta['label']}]{NOTE_CLOSE}")
    elif node.type in ("math_inline", "math_inline_double"):
        collector.formula(node.content)
    elif node.type == "softbreak":
        collector.end() if collector.callout else collector.add(" ")
    elif node.type == "text":
        collector.begin(node.content)
    elif node.type == "code_inline":
        collector.add(node.content)
    elif node.type not in ("image", "footnote_anchor", "html_inline"):
        for child in node.children:
            _inline(child, collector)


def _inline_text(node: SyntaxTreeNode) -> str:
    """Returns the text of a cell."""
    collector = Collector()
    _node(node, collector)
    collector.end()
    return " ".join(block.text for block in collector.blocks if block.kind != "formula")
