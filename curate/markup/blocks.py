"""The blocks of a page in its order: paragraphs, headings, items of lists, code, rows of tables, formulas.

A block is a run of text that a browser sets on lines of its own. `blocks_of` walks a tree once and changes nothing.
The walk reads no attributes but those that change the text, as it meets every element of every page.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from lxml.etree import Comment, Entity, ProcessingInstruction

from curate.markup import inline
from curate.markup.inline import LINE_BREAK, collapsed

PARAGRAPH, HEADING, ITEM, TERM, CODE = "paragraph", "heading", "item", "term", "code"
ROW, FORMULA, CAPTION = "row", "formula", "caption"
NESTED = 20_000  # frames; libxml2 nests up to 2,048 elements, each of which takes up to four


class Block(NamedTuple):
    """A block of a page. The element stays part of the page's tree, so that rules can look at what stands around it."""

    kind: str
    text: str  # without marks of lists, tables and headings; of code, byte for byte
    element: Any  # the innermost element of its own lines that holds it
    level: int = 0  # of a heading, 1 to 6; of anything in lists, how many are around it
    marker: str = ""  # of the first block of a list item: "-", "3."
    links: int = 0  # characters that are links or buttons
    quotes: int = 0  # how many quotations are around it
    cells: tuple[str, ...] = ()  # of a row
    language: str = ""  # of code


def blocks_of(tree: Any) -> list[Block]:
    """Returns the blocks of a page, in its order, whether they are seen or not."""
    try:
        return Walk().of(tree)
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, NESTED))
        try:
            return Walk().of(tree)
        finally:
            sys.setrecursionlimit(limit)


class Walk:
    """A walk over the elements of a tree; `pieces` are the texts since the last block."""

    __slots__ = (
        "blocks",
        "element",
        "in_link",
        "items",
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
        self.quotes = 0

    def of(self, tree: Any) -> list[Block]:
        """Returns the blocks under an element."""
        self.element = tree
        self.children(tree)
        self.flush()
        return self.blocks

    def children(self, element: Any) -> None:
        """Reads the text of an element and all in it."""
        pieces = self.pieces
        if text := element.text:
            pieces.append(text)
        for child in element:
            act = ACTS.get(child.tag)
            if act is None:
                self.children(child)
            else:
                act(self, child)
            if tail := child.tail:
                pieces.append(tail)

    def flush(self) -> None:
        """Ends the block at hand."""
        if not self.pieces:
            return
        text = "".join(self.pieces)
        self.pieces.clear()
        links, self.links = len(text) if self.in_link else self.links, 0
        if not text or text.isspace():
            return
        text = collapsed(text)
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
        if self.kind is HEADING:
            block = Block(HEADING, text, self.element, self.level, "", links, self.quotes)
        elif self.marker:
            block = Block(ITEM, text, self.element, depth, self.marker, links, self.quotes)
        else:
            block = Block(self.kind, text, self.element, depth, "", links, self.quotes)
        self.marker = ""
        self.blocks.append(block)

    def block(self, child: Any, kind: str = PARAGRAPH) -> None:
        """Reads an element that stands on lines of its own."""
        self.flush()
        outer = self.element, self.kind
        self.element = child
        if self.kind is not HEADING:
            self.kind = kind
        self.children(child)
        self.flush()
        self.element, self.kind = outer

    def heading(self, child: Any) -> None:
        """Reads a heading."""
        self.level = int(child.tag[1])
        self.block(child, HEADING)

    def term(self, child: Any) -> None:
        """Reads what a list of definitions defines."""
        self.block(child, TERM)

    def caption(self, child: Any) -> None:
        """Reads the caption of a figure or of a table."""
        self.block(child, CAPTION)

    def quotation(self, child: Any) -> None:
        """Reads a quotation of several lines."""
        self.flush()
        self.quotes += 1
        self.block(child)
        self.quotes -= 1

    def list(self, child: Any) -> None:
        """Reads a list."""
        self.flush()
        self.lists.append(Numbering(child))
        self.block(child)
        self.lists.pop()

    def item(self, child: Any) -> None:
        """Reads an item of a list."""
        self.flush()
        self.marker = self.lists[-1].marker(child) if self.lists else "-"
        self.block(child)
        self.marker = ""

    def code(self, child: Any) -> None:
        """Reads text whose white space counts."""
        self.flush()
        text = "".join(child.itertext()).strip("\n")
        if text.strip():
            self.blocks.append(Block(CODE, text, child, len(self.lists), self.marker, 0, self.quotes))
            self.marker = ""

    def table(self, child: Any) -> None:
        """Reads a table: rows where it holds data, else what its cells hold, in order."""
        self.block(child)

    def link(self, child: Any) -> None:
        """Reads a link or a button, and counts its characters."""
        pieces, blocks = self.pieces, len(self.blocks)
        start = len(pieces)
        self.in_link += 1
        self.children(child)
        self.in_link -= 1
        if not self.in_link:
            inside = pieces[start:] if len(self.blocks) == blocks else pieces
            self.links += len(collapsed("".join(inside)))

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
        self.pieces.append(inline.raised(inside, before, is_link=self.in_link > 0 or child.find(".//a") is not None))

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
        self.flush()
        self.children(child)
        self.flush()

    def skip(self, child: Any) -> None:
        """Leaves an element out."""


class Numbering:
    """The numbers of a list's items."""

    __slots__ = ("number", "ordered", "step")

    def __init__(self, element: Any) -> None:
        self.ordered = element.tag == "ol"
        if self.ordered:
            backwards = element.get("reversed") is not None
            self.step = -1 if backwards else 1
            first = len(element.findall("li")) if backwards else 1
            self.number = whole(element.get("start"), first)

    def marker(self, item: Any) -> str:
        """Returns the marker of the next item."""
        if not self.ordered:
            return "-"
        number = whole(item.get("value"), self.number)
        self.number = number + self.step
        return f"{number}."


def whole(value: str | None, default: int) -> int:
    """Returns a number out of an attribute."""
    try:
        return int(value) if value else default
    except ValueError:
        return default


LINES = (
    "address article aside body center dd details dialog dir div fieldset figure footer form frameset header hgroup"
    " html legend main menu nav noframes optgroup p search section summary tbody td tfoot th thead tr"
)
UNREAD = (
    "applet area audio base canvas datalist embed fencedframe frame head iframe img input link map meta noscript object"
    " option param picture progress rp rt rtc script select source style svg template textarea title track video"
)
ACTS: dict[Any, Callable[[Walk, Any], None]] = {
    **dict.fromkeys(LINES.split(), Walk.block),
    **dict.fromkeys(UNREAD.split(), Walk.skip),
    **dict.fromkeys((Comment, ProcessingInstruction, Entity), Walk.skip),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), Walk.heading),
    **dict.fromkeys(("ul", "ol", "dl"), Walk.list),
    **dict.fromkeys(("pre", "listing", "xmp", "plaintext"), Walk.code),
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
