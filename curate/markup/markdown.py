"""Blocks as Markdown that a parser of CommonMark with tables reads as the same words and the same code.

What stands in an item of a list is indented to where the item's text begins: two blanks under "-", three under "1.".
Characters of the text that CommonMark would take for marks stand behind a backslash. Where emphasis or links are asked
for, a line is written in [emphasis.py](emphasis.py), and every such character stands behind one.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from curate.markup.blocks import CODE, FORMULA, HEADING, ITEM, PREFORMATTED, ROW, TERM, Block
from curate.markup.emphasis import begun, marked_lines
from curate.markup.inline import cleaned, letters
from curate.markup.render import RAW, is_tight, number

LAST_SIGNS = re.compile(r"(?<!\S)(?=#+$)")  # at the end of a heading
BACKTICKS = re.compile(r"`+")
MARKER = re.compile(r"-|\d{1,9}\.")
FORMULAS = re.compile(r"(\$\$?[^$\n]+\$\$?)")
TAG_OR_ENTITY = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=\()|`(?=``)|~(?=~~)")  # wherever it stands in a line


class Around(NamedTuple):
    """An item of a list around what is written."""

    quotes: int  # how many quotations are around the item
    width: int  # characters of its marker, with the blank behind it


class Writer:
    """Writes one block after the other; `items` are the items of lists around the last one, the outermost first."""

    def __init__(self, *, has_marks: bool) -> None:
        self.has_marks = has_marks
        self.items: list[Around] = []
        self.before: Block | None = None
        self.parts: list[str] = []

    def write(self, block: Block, width: int) -> None:
        """Adds a block; width: the cells of a row, for the first row of a table."""
        marker = block.marker if block.kind is ITEM or (block.kind in RAW and block.marker.endswith(".")) else ""
        lines = lines_of(block, width, has_marks=self.has_marks)
        if not lines:
            return
        if marker and not MARKER.fullmatch(marker):  # such as a number below zero
            marker, lines = ("-", [f"{marker} {lines[0]}", *lines[1:]]) if block.kind is ITEM else ("", lines)
        self.leave_items(block)
        outer = self.prefix(block.quotes)
        if marker:
            while len(self.items) < block.level - 1:  # the item around it was left out
                self.items.append(Around(block.quotes, 0))
            self.items.append(Around(block.quotes, len(marker) + 1))
        inner = self.prefix(block.quotes)
        if self.before is not None:
            quotes = min(self.before.quotes, block.quotes, *(item.quotes for item in self.items[:1]))
            blank = ("> " * quotes).rstrip()
            self.parts.append("\n" if self.is_tight(block) else f"\n{blank}\n")
        first = f"{outer}{marker} " if marker else inner
        rest = (f"\n{inner}{line}" if line else f"\n{inner}".rstrip(" ") for line in lines[1:])
        self.parts += [f"{first}{lines[0]}".rstrip(" "), *rest]
        self.before = block

    def leave_items(self, block: Block) -> None:
        """Leaves the items that a block does not stand in."""
        if block.kind is HEADING:  # its level says nothing of the lists around it
            self.items.clear()
        inside = block.level - 1 if block.marker or block.kind is TERM else block.level
        del self.items[max(0, inside) :]
        while self.items and self.items[-1].quotes > block.quotes:
            self.items.pop()

    def prefix(self, quotes: int) -> str:
        """Returns what stands before each line inside of the items at hand."""
        marks, depth = "", 0
        for item in self.items:
            marks += "> " * (item.quotes - depth) + " " * item.width
            depth = item.quotes
        return marks + "> " * (quotes - depth)

    def is_tight(self, block: Block) -> bool:
        """Returns True if no blank line stands before a block."""
        before = self.before
        if before is None or before.quotes != block.quotes or not is_tight(before, block):
            return False
        if block.kind in (ROW, CODE, PREFORMATTED, FORMULA):
            return before.kind is block.kind is ROW
        if block.kind is ITEM and block.marker not in ("-", "1."):  # no other number ends a paragraph
            return before.kind is ITEM and before.level >= block.level
        return True


def as_markdown(blocks: Iterable[Block], *, has_marks: bool = False) -> str:
    """Returns blocks as Markdown: marks of headings, fences around code, bars; the words are those of the text.

    has_marks: whether emphasis or links in lines are written too.
    """
    page = list(blocks)
    widths: dict[int, int] = {}  # place of a table's first row -> its cells
    first = 0
    for place, block in enumerate(page):
        if block.kind is ROW:
            before = page[place - 1] if place else None
            if before is None or before.kind is not ROW or not is_tight(before, block) or before.quotes != block.quotes:
                first = place
            widths[first] = max(widths.get(first, 0), len(block.cells))
    writer = Writer(has_marks=has_marks)
    for place, block in enumerate(page):
        writer.write(block, widths.get(place, 0))
    return "".join(writer.parts)


def lines_of(block: Block, width: int, *, has_marks: bool = False) -> list[str]:
    """Returns the lines of a block without what stands before each of them; none of a block without text."""
    if block.kind is ROW:
        cells = marked_cells(block) if has_marks else (escaped(" ".join(cleaned(cell).split())) for cell in block.cells)
        filled = [" ".join(cell.replace("|", "\\|").split()) for cell in cells]
        row = f"| {' | '.join(filled + [''] * (width - len(filled)))} |"
        return [row, f"|{' --- |' * width}"] if width else [row]
    if block.kind is CODE or is_indented(block):
        longest = max(map(len, BACKTICKS.findall(block.text)), default=0)
        fence = "`" * max(3, longest + 1)
        return [f"{fence}{block.language}", *block.text.split("\n"), fence]
    text = block.text if block.kind is PREFORMATTED else cleaned(block.text)
    if not text:
        return []
    if block.kind is FORMULA:
        return text.split("\n")
    if block.kind is HEADING:
        line = heading(block) if has_marks else escaped(" ".join(text.split()))
        return [f"{'#' * block.level} {number(block)}{line}"]
    if has_marks:
        return marked_lines(block.text, block.marks, begin_blocks=True)
    return [escaped_line(line) for line in text.split("\n")]


def heading(block: Block) -> str:
    """Returns the line of a heading with its marks; a number sign at its end would be taken for its own mark."""
    return LAST_SIGNS.sub(r"\\", " ".join(marked_lines(block.text, block.marks)))


def marked_cells(block: Block) -> list[str]:
    """Returns the cells of a row with their marks."""
    texts: list[str] = []
    starts = [mark.start for mark in block.marks]
    start = 0
    for cell in block.cells:
        end = start + letters(cell)
        marks = block.marks[bisect_left(starts, start) : bisect_left(starts, end)]
        inside = tuple(mark._replace(start=mark.start - start, end=mark.end - start) for mark in marks)
        texts.append(" ".join(marked_lines(cell, inside)))
        start = end
    return texts


def is_indented(block: Block) -> bool:
    """Returns True for preformatted prose with indented lines, which Markdown keeps between fences only."""
    return block.kind is PREFORMATTED and any(line[:1].isspace() for line in block.text.split("\n"))


def escaped_line(line: str) -> str:
    """Returns a line of prose with a backslash before what would begin a list, a heading, a quotation or a table.

    >>> escaped_line("1. May was cold"), escaped_line("---"), escaped_line("a <b>"), escaped_line("1.5 litres")
    ('1\\\\. May was cold', '\\\\---', 'a \\\\<b>', '1.5 litres')
    """
    return begun(escaped(line))


def escaped(text: str) -> str:
    """Returns prose with a backslash before tags, entities, links and fences; formulas stay as they are."""
    if "$" not in text:
        return TAG_OR_ENTITY.sub(r"\\\g<0>", text)
    parts = FORMULAS.split(text)
    return "".join(part if place % 2 else TAG_OR_ENTITY.sub(r"\\\g<0>", part) for place, part in enumerate(parts))
