"""Notes emphasis, code and links in the lines of a page's blocks, where the settings ask for them.

The blocks are those of a walk without marks, which stand beside its pieces of text: the place of a mark is told by the
characters before it, without white space, so that no rule about white space moves it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit

from ada_url import join_url

from curate.markup.blocks import HEADING, ROW, Block, Walk, blocks_of
from curate.markup.inline import Mark, letters
from curate.markup.tables import ENDS, gap_of

STRONG, EMPHASIS, INLINE_CODE, LINK, INLINE_FORMULA = "strong", "emphasis", "code", "link", "formula"
SCHEMES = ("http", "https", "ftp", "mailto")  # of links; others, such as javascript, lead to no text
LONGEST = 2048  # characters of an address


def marked_blocks(tree: Any, page: str, *, emphasis: bool, links: bool) -> list[Block]:
    """Returns the blocks of a page with their marks; page: its address, to which those of its links are relative."""
    base = next((href for element in tree.iter("base") if (href := element.get("href"))), "")
    base = joined(page, base) or page
    return blocks_of(tree, lambda: MarkedWalk(base, emphasis=emphasis, links=links))


def joined(base: str, href: str) -> str:
    """Returns the address to which a reference leads, as browsers read it, or "" if there is none.

    >>> joined("https://harbour.example/a/b", "../c d"), joined("", "c")
    ('https://harbour.example/c%20d', '')
    """
    try:
        return str(join_url(base, href)) if href else ""
    except ValueError:
        return ""


class Edge:
    """A place of a block where a mark begins, or where that of another edge ends."""

    __slots__ = ("address", "kind", "place", "start")

    def __init__(self, place: int, kind: str, address: str = "", start: "Edge | None" = None) -> None:
        self.place = place  # how many pieces of the block stand before it
        self.kind = kind
        self.address = address
        self.start = start  # of the mark that ends


class MarkedWalk(Walk):
    """A walk that notes marks; `opened` are the edges of those around what is read, `begun` those around the block."""

    __slots__ = ("base", "begun", "cells", "edges", "has_emphasis", "has_links", "opened")

    def __init__(self, base: str, *, emphasis: bool, links: bool) -> None:
        super().__init__()
        self.base = base
        self.has_emphasis = emphasis
        self.has_links = links
        self.edges: list[Edge] = []  # of the block at hand, in order
        self.opened: list[Edge] = []
        self.begun: tuple[Edge, ...] = ()
        self.cells: list[list[Mark]] = []  # of the table at hand that hold text

    def marked(self, child: Any, kind: str, read: Callable[[Any], None], address: str = "") -> None:
        """Reads an element in a mark, unless there is one of its kind around it; emphasis in code is its colour."""
        around = {edge.kind for edge in self.opened}
        if kind in around or (kind != LINK and INLINE_CODE in around):
            read(child)
            return
        start = Edge(len(self.pieces), kind, address)
        self.edges.append(start)
        self.opened.append(start)
        read(child)
        self.opened.pop()
        self.edges.append(Edge(len(self.pieces), kind, start=start))

    def strong(self, child: Any) -> None:
        """Reads strong text; all of a heading is strong."""
        if self.has_emphasis and self.kind is not HEADING:
            self.marked(child, STRONG, self.children)
        else:
            self.children(child)

    def emphasis(self, child: Any) -> None:
        """Reads text with emphasis."""
        if self.has_emphasis:
            self.marked(child, EMPHASIS, self.children)
        else:
            self.children(child)

    def typed(self, child: Any) -> None:
        """Reads what is typed, printed or coded, in a line."""
        if self.has_emphasis:
            self.marked(child, INLINE_CODE, self.children)
        else:
            self.children(child)

    def inline_code(self, child: Any) -> None:
        """Reads code inside a line, which some pages set as a block."""
        if not self.is_code(child):
            self.typed(child)

    def link(self, child: Any) -> None:
        """Reads a link or a button."""
        address = self.address(child) if self.has_links and child.tag == "a" else ""
        if address:
            self.marked(child, LINK, super().link, address)
        else:
            super().link(child)
        self.move_back()

    def address(self, child: Any) -> str:
        """Returns the absolute address to which a link leads, or "" where that is none of a text."""
        address = joined(self.base, (child.get("href") or "").strip())
        return address if len(address) <= LONGEST and urlsplit(address).scheme in SCHEMES else ""

    def is_formula(self, child: Any) -> bool:
        """Reads an element that stands for a formula, in which nothing is a mark."""
        place = len(self.pieces)
        answer = super().is_formula(child)
        if answer and len(self.pieces) == place + 1:
            start = Edge(place, INLINE_FORMULA)
            self.edges += [start, Edge(place + 1, INLINE_FORMULA, start=start)]
        return answer

    def inside(self, child: Any) -> tuple[str, str]:
        """Returns the text inside an element of a line, which leaves the pieces, and the end of what stands before."""
        texts = super().inside(child)
        self.move_back()
        return texts

    def move_back(self) -> None:
        """Moves edges behind the last piece, where pieces before them were taken away."""
        last = len(self.pieces)
        for edge in reversed(self.edges):
            if edge.place <= last:
                break
            edge.place = last

    def flush(self) -> None:
        """Ends the block at hand, and gives its marks to it."""
        marks = self.marks()
        first = len(self.blocks)
        super().flush()
        self.edges.clear()
        self.begun = tuple(self.opened)
        if marks:
            self.blocks[first:] = spread(marks, self.blocks[first:])

    def marks(self) -> list[Mark]:
        """Returns the marks of the block at hand, the outer ones first."""
        if not self.edges and not self.begun:
            return []
        places = list(accumulate((letters(piece.replace("\x85", "…")) for piece in self.pieces), initial=0))
        open_edges = [(edge, 0) for edge in self.begun]
        marks: list[Mark] = []
        for edge in self.edges:
            if edge.start is None:
                open_edges.append((edge, places[edge.place]))
            for number in range(len(open_edges) - 1, -1, -1):
                opened, start = open_edges[number]
                if opened is edge.start:
                    marks.append(Mark(start, places[edge.place], opened.kind, opened.address))
                    del open_edges[number]
                    break
        marks += [Mark(start, places[-1], edge.kind, edge.address) for edge, start in open_edges]
        return sorted((mark for mark in marks if mark.start < mark.end), key=lambda mark: (mark.start, -mark.end))

    def cell(self, child: Any) -> list[Block]:
        """Returns the blocks of a cell, and notes its marks."""
        blocks = MarkedWalk(self.base, emphasis=self.has_emphasis, links=self.has_links).of(child)
        if blocks:
            self.cells.append(marks_of_cell(blocks, gap_of(child)))
        return blocks

    def table(self, child: Any) -> None:
        """Reads a table; the marks of its cells become those of its rows."""
        outer, self.cells = self.cells, []
        first = len(self.blocks)
        super().table(child)
        cells = iter(self.cells)
        for place in range(first, len(self.blocks) if self.cells else first):
            block = self.blocks[place]
            if block.kind is ROW and block.element is child:
                marks: list[Mark] = []
                start = 0
                for cell in filter(None, block.cells):
                    marks += [moved(mark, start) for mark in next(cells)]
                    start += letters(cell)
                self.blocks[place] = block._replace(marks=tuple(marks))
        self.cells = outer


def moved(mark: Mark, distance: int) -> Mark:
    """Returns a mark further on."""
    return mark._replace(start=mark.start + distance, end=mark.end + distance)


def spread(marks: list[Mark], blocks: list[Block]) -> list[Block]:
    """Returns blocks with the marks of their texts; marks: of all of these blocks."""
    bounds = list(accumulate((letters(block.text) for block in blocks), initial=0))
    inside: list[list[Mark]] = [[] for _ in blocks]
    for mark in marks:
        place = bisect_right(bounds, mark.start) - 1
        while place < len(blocks) and bounds[place] < mark.end:
            start, end = max(mark.start, bounds[place]), min(mark.end, bounds[place + 1])
            inside[place].append(moved(mark._replace(start=start, end=end), -bounds[place]))
            place += 1
    return [block._replace(marks=tuple(own)) for block, own in zip(blocks, inside, strict=True)]


def marks_of_cell(blocks: list[Block], gap: str) -> list[Mark]:
    """Returns the marks in a cell's text; gap: what the text of the cell has behind its lines, besides."""
    marks: list[Mark] = []
    start = 0
    for number, block in enumerate(blocks):
        lines = block.text.split("\n")
        ends = list(accumulate(letters(line) for line in lines))
        last = number == len(blocks) - 1
        gaps = [end for end, line in zip(ends, lines, strict=True) if gap and line.strip() and not ends_part(line)]
        gaps = gaps[:-1] if last and gaps and gaps[-1] == ends[-1] else gaps
        for mark in block.marks:
            before, within = bisect_right(gaps, mark.start), bisect_left(gaps, mark.end)
            marks.append(mark._replace(start=start + mark.start + before, end=start + mark.end + within))
        start += ends[-1] + len(gaps)
    return marks


def ends_part(line: str) -> bool:
    """Returns True if no sign has to part a line of a cell from the next."""
    return line.rstrip()[-1] in ENDS


MarkedWalk.acts = {tag: getattr(MarkedWalk, act.__name__) for tag, act in Walk.acts.items()} | {
    **dict.fromkeys(("b", "strong"), MarkedWalk.strong),
    **dict.fromkeys(("em", "i"), MarkedWalk.emphasis),
    **dict.fromkeys(("kbd", "samp", "tt"), MarkedWalk.typed),
}
