"""The blocks of a page in its order: paragraphs, headings, items of lists, code, rows of tables, formulas.

A block is a run of text that a browser sets on lines of its own. `blocks_of` walks a tree once and changes nothing.
The walk reads no attributes but those that change the text, as it meets every element of every page.
"""

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from lxml.etree import Comment, Entity, ProcessingInstruction

from curate.markup import inline, mathematics, tables
from curate.markup.code import code, may_be_code
from curate.markup.elements import LINES, UNREAD, Numbering, is_hidden, is_set_apart, is_special, is_unseen
from curate.markup.inline import LINE_BREAK, Mark, collapsed
from curate.markup.mathematics import formula, may_be_formula

PARAGRAPH, HEADING, ITEM, TERM, CODE = "paragraph", "heading", "item", "term", "code"
ROW, FORMULA, CAPTION, PREFORMATTED = "row", "formula", "caption", "preformatted"
HEADING_LINES = 3  # a heading of more holds the text that follows it
INLINE_STYLE = re.compile(r"(?i)display\s*:\s*(?:-webkit-)?inline")
ANCHOR = re.compile(r"\s*(?:[¶§#🔗∞]|\[?(?:edit|link|permalink)\]?)\s*")  # of a heading, beside its text
LONE_FORMULA = re.compile(r"(?:(\$\$?)[^$]+\1|\\\[.+\\\]|\\\(.+\\\))[.,;]?", re.DOTALL)  # all of a block
NESTED = 20_000  # frames; libxml2 nests up to 2,048 elements, each of which takes up to four


class Block(NamedTuple):
    """A block of a page. The element stays part of the page's tree, so that rules can look at what stands around it."""

    kind: str
    text: str  # without marks of lists, tables and headings; of code, byte for byte
    element: Any  # the innermost element of its own lines that holds it
    level: int = 0  # of a heading, 1 to 6; of anything in lists, how many are around it
    marker: str = ""  # of the first block of a list item, whatever its kind: "-", "3."
    links: int = 0  # characters that are links or buttons
    quotes: int = 0  # how many quotations are around it
    cells: tuple[str, ...] = ()  # of a row
    language: str = ""  # of code
    marks: tuple[Mark, ...] = ()  # emphasis, code and links in its text, where the settings ask for them


def blocks_of(tree: Any, walk: "Callable[[], Walk] | None" = None) -> list[Block]:
    """Returns the blocks of a page, in its order, whether they are seen or not; walk: makes what reads them."""
    try:
        return (walk or Walk)().of(tree)
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, NESTED))
        try:
            return (walk or Walk)().of(tree)
        finally:
            sys.setrecursionlimit(limit)


class Walk:
    """A walk over the elements of a tree; `pieces` are the texts since the last block."""

    acts: ClassVar[dict[Any, Callable[[Any, Any], None]]]  # by tag: what reads an element
    __slots__ = (
        "blocks",
        "element",
        "in_line",
        "in_link",
        "kind",
        "level",
        "links",
        "lists",
        "marker",
        "pieces",
        "quotes",
    )

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.pieces: list[str] = []
        self.element: Any = None  # of the block at hand
        self.kind = PARAGRAPH
        self.level = 0  # of the heading at hand
        self.lists: list[Numbering] = []
        self.marker = ""  # of an item whose first block has not come yet
        self.links = 0  # characters
        self.in_link = 0
        self.in_line = 0  # elements that a style sets inside a line, around what is read
        self.quotes = 0

    def of(self, tree: Any) -> list[Block]:
        """Returns the blocks under an element."""
        self.element = tree
        self.children(tree)
        if self.pieces:
            self.flush()
        return self.blocks

    def children(self, element: Any) -> None:
        """Reads the text of an element and all in it."""
        pieces, acts = self.pieces, self.acts
        if (text := element.text) and (pieces or not text.isspace()):
            pieces.append(text)
        for child in element:
            act = acts.get(child.tag)
            if act is not None:
                act(self, child)
            elif len(child):
                self.children(child)
            elif text := child.text:
                pieces.append(text)
            if (tail := child.tail) and (pieces or not tail.isspace()):
                pieces.append(tail)

    def flush(self) -> None:
        """Ends the block at hand."""
        text = "".join(self.pieces)
        self.pieces.clear()
        links, self.links = self.links, 0
        if not text or text.isspace():
            return
        text = collapsed(text)
        links = len(text) if self.in_link else min(links, len(text))
        if "\n\n" not in text:
            if text:
                self.add(text, links)
            return
        share = links / len(text)
        for part in text.split("\n\n"):
            if part := part.strip("\n"):
                self.add(part, round(share * len(part)))

    def add(self, text: str, links: int = 0) -> None:
        """Adds a block of the kind at hand."""
        depth = len(self.lists)
        if text[0] in "$\\" and self.kind is PARAGRAPH and not self.marker and LONE_FORMULA.fullmatch(text):
            block = Block(FORMULA, text, self.element, depth, "", links, self.quotes)
        elif self.kind is HEADING:
            block = Block(HEADING, text, self.element, self.level, self.marker, links, self.quotes)
        elif self.marker:
            block = Block(ITEM, text, self.element, depth, self.marker, links, self.quotes)
        else:
            block = Block(self.kind, text, self.element, depth, "", links, self.quotes)
        self.marker = ""
        self.blocks.append(block)

    def block(self, child: Any, kind: str = PARAGRAPH) -> None:
        """Reads an element that stands on lines of its own."""
        if self.pieces:
            self.flush()
        outer = self.element, self.kind
        self.element = child
        if self.kind is not HEADING:
            self.kind = kind
        self.children(child)
        if self.pieces:
            self.flush()
        self.element, self.kind = outer

    def heading(self, child: Any) -> None:
        """Reads a heading, or what an element holds whose end tag is missing."""
        self.level = int(child.tag[1])
        first = len(self.blocks)
        self.block(child, HEADING)
        if len(self.blocks) - first > HEADING_LINES:
            self.blocks[first:] = [
                block._replace(kind=PARAGRAPH, level=len(self.lists)) if block.kind is HEADING else block
                for block in self.blocks[first:]
            ]

    def term(self, child: Any) -> None:
        """Reads what a list of definitions defines."""
        self.block(child, TERM)

    def caption(self, child: Any) -> None:
        """Reads the caption of a figure or of a table."""
        self.block(child, CAPTION)

    def quotation(self, child: Any) -> None:
        """Reads a quotation of several lines."""
        if self.pieces:
            self.flush()
        self.quotes += 1
        self.block(child)
        self.quotes -= 1

    def list(self, child: Any) -> None:
        """Reads a list."""
        if self.pieces:
            self.flush()
        self.lists.append(Numbering(child))
        self.block(child)
        self.lists.pop()

    def item(self, child: Any) -> None:
        """Reads an item of a list."""
        if self.pieces:
            self.flush()
        self.marker = self.lists[-1].marker(child) if self.lists else "-"
        self.block(child)
        self.marker = ""

    def pre(self, child: Any) -> None:
        """Reads text whose white space counts."""
        if not self.is_code(child):
            self.block(child)

    def inline_code(self, child: Any) -> None:
        """Reads code inside a line, which some pages set as a block."""
        if not self.is_code(child):
            self.children(child)

    def is_code(self, child: Any) -> bool:
        """Reads an element that is code as a whole, and returns False for any other."""
        made = code(child)
        if made is None:
            return False
        if self.pieces:
            self.flush()
        if made.text:
            kind = PREFORMATTED if made.is_prose else CODE
            depth, language = len(self.lists), made.language
            self.blocks.append(Block(kind, made.text, child, depth, self.marker, 0, self.quotes, (), language))
            self.marker = ""
        return True

    def table(self, child: Any) -> None:
        """Reads a table: code with its line numbers, rows where it holds data, else what its cells hold, in order."""
        if self.is_code(child):
            return
        if not tables.is_data(child):
            self.block(child)
            return
        if self.pieces:
            self.flush()
        if (title := child.find("caption")) is not None:
            self.caption(title)
        links = 0

        def text_of(cell: Any) -> str:
            nonlocal links
            inside = self.cell(cell)
            links += sum(block.links for block in inside)
            return "\n".join(block.text for block in inside)

        rows = tables.rows(child, text_of)
        share = links / max(1, sum(len(cell) for row in rows for cell in row))
        for cells in rows:
            text = " ".join(cell for cell in cells if cell)
            self.blocks.append(
                Block(ROW, text, child, len(self.lists), "", round(share * len(text)), self.quotes, tuple(cells))
            )

    def cell(self, child: Any) -> Sequence[Block]:
        """Returns the blocks of a cell."""
        return Walk().of(child)

    def is_formula(self, child: Any) -> bool:
        """Reads an element that stands for a formula, and returns False for any other."""
        made = formula(child)
        if made is None:
            return False
        if made.latex and made.is_display and self.kind is not HEADING and not self.marker:
            if self.pieces:
                self.flush()
            text = f"$${made.latex}$$"
            self.blocks.append(Block(FORMULA, text, child, len(self.lists), "", 0, self.quotes))
        elif made.latex:
            self.pieces.append(f"${made.latex}$")
        return True

    def formula(self, child: Any) -> None:
        """Reads a formula, if it is one that can be read."""
        if may_be_formula(child):
            self.is_formula(child)

    def division(self, child: Any) -> None:
        """Reads an element of its own lines, unless a style sets it in a line; it may be a formula or code."""
        in_line = False
        if names := child.keys():
            if is_special(child, names) and self.is_formula_or_code(child):
                return
            in_line = "style" in names and INLINE_STYLE.search(child.get("style")) is not None
        if in_line or self.in_line:
            self.in_line += in_line
            self.children(child)
            self.in_line -= in_line
        else:
            self.block(child)

    def span(self, child: Any) -> None:
        """Reads a span, which may be a formula, or for other eyes."""
        if names := child.keys():
            if is_special(child, names):
                if is_unseen(child.get("class")) or self.is_formula_or_code(child):
                    return
                if self.pieces and is_set_apart(child.get("class")):
                    self.pieces.append(" ")
            if is_hidden(child, names):
                return
        self.children(child)

    def is_formula_or_code(self, child: Any) -> bool:
        """Reads an element that stands for a formula or for code, and returns False for any other."""
        return (may_be_formula(child) and self.is_formula(child)) or (may_be_code(child) and self.is_code(child))

    def link(self, child: Any) -> None:
        """Reads a link or a button, and counts its characters."""
        pieces, blocks = self.pieces, len(self.blocks)
        if not len(child) and self.kind is not HEADING:
            if text := child.text:
                pieces.append(text)
                self.links += len(text.strip())
            return
        start = len(pieces)
        self.in_link += 1
        self.children(child)
        self.in_link -= 1
        if not self.in_link:
            inside = pieces[start:] if len(self.blocks) == blocks else pieces
            if self.kind is HEADING and ANCHOR.fullmatch("".join(inside)):
                del pieces[start:]
                return
            self.links += sum(len(piece.strip()) for piece in inside)

    def line_break(self, child: Any) -> None:
        """Reads a line break; libxml2 may leave elements inside of it."""
        self.pieces.append(LINE_BREAK)
        self.children(child)

    def quoted(self, child: Any) -> None:
        """Reads a quotation inside a line, which a browser sets in quotation marks."""
        self.pieces.append("“")
        self.children(child)
        self.pieces.append("”")

    def raised(self, child: Any) -> None:
        """Reads a power or the sign of a note."""
        inside, before = self.inside(child)
        is_link = self.in_link > 0 or child.find(".//a") is not None
        self.pieces.append(inline.raised(inside, before, is_link=is_link, after=child.tail or ""))

    def lowered(self, child: Any) -> None:
        """Reads an index."""
        self.pieces.append(inline.lowered(*self.inside(child)))

    def inside(self, child: Any) -> tuple[str, str]:
        """Returns the text inside an element of a line, which leaves the pieces, and the end of what stands before."""
        pieces, blocks = self.pieces, len(self.blocks)
        start = len(pieces)
        self.children(child)
        if len(self.blocks) != blocks:
            return "", ""
        text = "".join(pieces[start:])
        del pieces[start:]
        return text, "".join(pieces[-4:])[-12:]

    def apart(self, child: Any) -> None:
        """Reads an element that parts what stands before and behind it, such as a rule."""
        if self.pieces:
            self.flush()
        self.children(child)
        if self.pieces:
            self.flush()

    def skip(self, child: Any) -> None:
        """Leaves an element out."""


Walk.acts = {
    **dict.fromkeys(LINES.split(), Walk.block),
    **dict.fromkeys(UNREAD.split(), Walk.skip),
    **dict.fromkeys((Comment, ProcessingInstruction, Entity), Walk.skip),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), Walk.heading),
    **dict.fromkeys(("ul", "ol", "dl"), Walk.list),
    **dict.fromkeys(("pre", "listing", "xmp", "plaintext"), Walk.pre),
    **dict.fromkeys(("div", "p", "figure"), Walk.division),
    **dict.fromkeys((*mathematics.TAGS, "img", "script"), Walk.formula),
    "span": Walk.span,
    "code": Walk.inline_code,
    **dict.fromkeys(("a", "button"), Walk.link),
    **dict.fromkeys(("figcaption", "caption"), Walk.caption),
    "li": Walk.item,
    "dt": Walk.term,
    "blockquote": Walk.quotation,
    "table": Walk.table,
    "br": Walk.line_break,
    "hr": Walk.apart,
    "q": Walk.quoted,
    "sup": Walk.raised,
    "sub": Walk.lowered,
}
