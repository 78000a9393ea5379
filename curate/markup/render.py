"""Blocks as plain text, and where blank lines stand between blocks."""

from collections.abc import Iterable

from curate.markup.blocks import CODE, FORMULA, HEADING, ITEM, PREFORMATTED, ROW, TERM, Block
from curate.markup.inline import cleaned

INDENT = "  "  # of a list in a list, per level
RAW = (CODE, PREFORMATTED)


def as_text(blocks: Iterable[Block]) -> str:
    """Returns blocks as plain text.

    A blank line stands between paragraphs and around code, none between the items of a list or the rows of a table.
    """
    parts: list[str] = []
    before: Block | None = None
    for block in blocks:
        if not (lines := plain(block)):
            continue
        if before is not None:
            parts.append("\n" if is_tight(before, block) else "\n\n")
        parts.append(lines)
        before = block
    return "".join(parts)


def plain(block: Block) -> str:
    """Returns the lines of a block as plain text."""
    if block.kind in RAW:
        return f"{number(block)}{block.text}"
    if block.kind is ROW:
        return row(block)
    text = cleaned(block.text)
    if block.kind is HEADING and text:
        return f"{number(block)}{text}"
    return item(block, text) if block.kind is ITEM and text else text


def number(block: Block) -> str:
    """Returns the number of a list item that begins with a heading or with code, which stands below its number."""
    if not block.marker.endswith("."):
        return ""
    return f"{block.marker} " if block.kind is HEADING else f"{block.marker}\n"


def item(block: Block, text: str) -> str:
    """Returns the first lines of a list item."""
    indent = INDENT * (block.level - 1)
    return f"{indent}{block.marker} {text}".replace("\n", f"\n{indent}{INDENT}")


def is_tight(before: Block, block: Block) -> bool:
    """Returns True if no blank line stands between two blocks: items of a list, a term and what it is, rows."""
    kinds = before.kind, block.kind
    if block.kind == ITEM:
        return before.kind == ITEM or (before.level > 0 and before.kind not in (HEADING, CODE, FORMULA))
    return (
        (kinds == (ROW, ROW) and before.element is block.element)
        or before.kind == TERM
        or (block.kind == TERM and before.level > 0 and not before.marker)
    )


def row(block: Block) -> str:
    """Returns the row of a table, its cells between bars; a bar in a cell is escaped."""
    cells = (" ".join(cleaned(cell).split()).replace("|", "\\|") for cell in block.cells)
    return f"| {' | '.join(cells)} |"
