"""Tables of data as rows of cells; tables that lay out a page are told from them.

A table is data unless a sign says that it lays out text: `role="presentation"`, a table, lines of code, a heading or
fields of a form in a cell, one column, one row without a heading cell, or prose in cells. Prose is a cell of PROSE
characters or more, in a table with heading cells only if it has several paragraphs; without heading cells, AVERAGE
characters per filled cell are prose too. A list in a cell keeps the table: its items become parts of the cell's text.
"""

from collections.abc import Callable, Iterator
from typing import Any

PROSE = 300  # characters of a cell; cells of data are shorter nearly always
AVERAGE = 120  # characters per filled cell of a table without heading cells
SPAN = 50  # columns; larger spans are mistakes
LAYOUT_ROLES = frozenset(("presentation", "none"))
DATA_ROLES = frozenset(("grid", "table", "treegrid"))
LAYOUT_INSIDE = (
    *("table", "h1", "h2", "h3", "h4", "form", "input", "select", "textarea"),
    *("article", "section", "nav", "iframe", "blockquote"),
)
SECTIONS = ("thead", "tbody", "tfoot")
CELLS = ("td", "th")
ENDS = ",;:."  # of a line of a cell that no semicolon parts from the next


def is_data(table: Any) -> bool:
    """Returns True for a table whose rows belong together; False for one whose cells are text in its order."""
    role = table.get("role")
    if role in LAYOUT_ROLES or table.get("datatable") == "0":
        return False
    cells = [[cell for cell in row if cell.tag in CELLS] for row in rows_of(table)]
    cells = [row for row in cells if row]
    width = max((sum(_span(cell, "colspan") for cell in row) for row in cells), default=0)
    if width < 2 or next(table.iterdescendants(*LAYOUT_INSIDE), None) is not None or _holds_lines_of_code(table):
        return False
    has_headings = any(cell.tag == "th" for row in cells for cell in row)
    if len(cells) < 2 and not has_headings:
        return False
    if role in DATA_ROLES or table.find("caption") is not None:
        return True
    return not _is_prose(cells, has_headings=has_headings)


def _holds_lines_of_code(table: Any) -> bool:
    """Returns True for a table with code whose line ends or blanks a cell on one line would lose."""
    for pre in table.iter("pre"):
        text = "".join(pre.itertext()).strip()
        if "\n" in text or "\t" in text or "  " in text or pre.find(".//br") is not None:
            return True
    return False


def rows_of(table: Any) -> Iterator[Any]:
    """Yields the rows of a table in the order in which a browser sets them, without those of tables in its cells.

    A section whose cells have no row around them is one.
    """
    last = []
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag == "tfoot":
            last.append(child)
        elif child.tag in SECTIONS:
            yield from _rows_in(child)
    for section in last:
        yield from _rows_in(section)


def _rows_in(section: Any) -> Iterator[Any]:
    if next(section.iterchildren(*CELLS), None) is not None:
        yield section
    yield from section.iterchildren("tr")


def rows(table: Any, inline: Callable[[Any], str]) -> list[list[str]]:
    """Returns the cells of a table of data as rows of one width.

    inline: gives the text of a cell, with a line end where a block, an item of a list or a `<br>` in it ends. A cell
    that spans columns or rows has its value in the first of them, the others are empty. Rows and columns without any
    value are left out.
    """
    grid: list[list[str]] = []
    below: dict[int, int] = {}  # columns that a cell of an earlier row still covers, and for how many rows
    for row in rows_of(table):
        values: list[str] = []
        for cell in row.iterchildren(*CELLS):
            _fill(values, below)
            text = _one_line(cell, inline(cell))
            columns, lines = _span(cell, "colspan"), _span(cell, "rowspan")
            if lines > 1:
                below.update(dict.fromkeys(range(len(values), len(values) + columns), lines))
            values += [text, *[""] * (columns - 1)]
        _fill(values, below)
        below = {column: lines - 1 for column, lines in below.items() if lines > 1}
        if any(values):
            grid.append(values)
    return _same_width(grid)


def _fill(values: list[str], below: dict[int, int]) -> None:
    """Adds empty cells where a cell of an earlier row reaches down."""
    while len(values) in below:
        values.append("")


def _same_width(grid: list[list[str]]) -> list[list[str]]:
    width = max(map(len, grid), default=0)
    padded = [row + [""] * (width - len(row)) for row in grid]
    filled = [column for column in range(width) if any(row[column] for row in padded)]
    return [[row[column] for column in filled] for row in padded]


def _one_line(cell: Any, text: str) -> str:
    """Returns the text of a cell on one line; semicolons part the items of a list."""
    lines = [" ".join(line.split()) for line in text.split("\n")]
    lines = [line for line in lines if line]
    if len(lines) < 2:
        return "".join(lines)
    gap = gap_of(cell)
    return " ".join(line if line[-1] in ENDS else line + gap for line in lines[:-1]) + f" {lines[-1]}"


def gap_of(cell: Any) -> str:
    """Returns what stands between two lines of a cell besides a blank."""
    return ";" if cell.find(".//li") is not None else ""


def _span(cell: Any, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    return min(max(int(value), 1), SPAN) if value.isdecimal() and len(value) < 6 else 1


def _is_prose(cells: list[list[Any]], *, has_headings: bool) -> bool:
    """Returns True if the cells hold prose rather than values."""
    lengths = []
    for row in cells:
        for cell in row:
            length = sum(len(text.strip()) for text in cell.itertext())
            if length >= PROSE and (not has_headings or len(cell.findall(".//p")) > 1):
                return True
            if length:
                lengths.append(length)
    return not has_headings and bool(lengths) and sum(lengths) > AVERAGE * len(lengths)
