"""Adds to a text the statements of the page's metadata that it lacks, each in its place.

A passage is there when the text holds half of its trigrams, a list when items with half of its words stand in order and
close together: instructions name ingredients too, but not so.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import attrgetter, itemgetter
from typing import NamedTuple

from curate.extract.selection import bare
from curate.extract.structured import Statement
from curate.markup.blocks import HEADING, ITEM, PARAGRAPH, ROW, Block
from curate.text.passages import HALF, TRIGRAMS, Line, Run, Words, compared, stands

ARTICLE = "Article.body"
NOTHING = 0.1  # of an article's words; a text with fewer is a notice, such as "Loading"
CUT = ("...", "…", "[…]")  # ends of an abridged article
STEPS = {  # of what the steps name too
    "Recipe.ingredients": "Recipe.instructions",
    "HowTo.supplies": "HowTo.steps",
    "HowTo.tools": "HowTo.steps",
}
LABEL, LABEL_LENGTH, SENTENCE_ENDS = 7, 20, ".!?…:;,。！？"  # of a line that stands like a heading: level, characters
ITEM_LENGTH = 200  # characters; no ingredient is longer
SUBHEADING = 3  # the level of a heading that metadata bring along


class Addition(NamedTuple):
    """A statement, and where it goes."""

    place: int  # the index of the block before which it goes
    statement: Statement
    heading: str | None  # None too where the block before it is its heading
    replaces: bool = False  # whether it takes the place of the whole text


class Blocks(Words):
    """The words of a text and the blocks in which they stand.

    headings: levels of those that are headings, by their indexes. groups: what the blocks of one list or table share.
    """

    __slots__ = ("_starts", "blocks", "groups", "headings")

    def __init__(self, blocks: Sequence[str], headings: Mapping[int, int], groups: Mapping[int, object]) -> None:
        super().__init__("\n".join(blocks))
        self.blocks = blocks
        self.headings = headings
        self.groups = groups
        self._starts: list[int] = []

    @property
    def starts(self) -> list[int]:
        """The word with which each block begins."""
        if not self._starts:
            self._starts = [0, *accumulate(len(compared(block)) for block in self.blocks)][:-1]
        return self._starts

    def block(self, place: int) -> int:
        """Returns the block in which a word stands."""
        return bisect_right(self.starts, place) - 1

    def heading(self, text: str | None) -> int | None:
        """Returns the block that consists of a text, or None."""
        line = compared(text) if text else []
        for place in self.places.get(line[0], ()) if line else ():
            block = self.block(place)
            end = self.starts[block + 1] if block + 1 < len(self.starts) else len(self.words)
            if self.words[self.starts[block] : end] == line:
                return block
        return None

    def behind(self, index: int) -> int:
        """Returns where goes what stands behind a block, and behind the list or table to which it belongs."""
        while (group := self.groups.get(index)) is not None and self.groups.get(index + 1) == group:
            index += 1
        return index + 1

    def above(self, index: int) -> int:
        """Returns where goes what stands before a block, its list and its headings: in an empty section, if any.

        A heading of level 1 is the page's title, which stays first.
        """
        while (group := self.groups.get(index)) is not None and self.groups.get(index - 1) == group:
            index -= 1
        first = index
        while first and first - 1 in self.headings:
            first -= 1
        levels = [self.headings[heading] for heading in range(first, index)]
        empty = [place for place in range(1, len(levels)) if levels[place] <= levels[place - 1]]
        titles = sum(level == 1 for level in levels)
        return first + (empty[-1] if empty else titles)


def supplemented(blocks: list[Block], statements: Sequence[Statement]) -> tuple[list[Block], tuple[str, ...]]:
    """Returns the blocks of a text with what the page states besides, and a flag for each kind that was added."""
    if not statements:
        return blocks, ()
    blocks = spaced(blocks, statements)
    headings = {index: level for index, block in enumerate(blocks) if (level := heading_level(block))}
    groups = {index: (block.kind, block.marker[-1:]) for index, block in enumerate(blocks) if block.kind in (ITEM, ROW)}
    added = additions(statements, Blocks([block.text for block in blocks], headings, groups))
    if any(addition.replaces for addition in added):
        blocks = blocks[:0]
    whole = list(blocks)
    for addition in reversed(added):
        whole[addition.place : addition.place] = blocks_of_addition(addition)
    return whole, tuple(dict.fromkeys(f"structured:{addition.statement.kind}" for addition in added))


def spaced(blocks: list[Block], statements: Sequence[Statement]) -> list[Block]:
    """Returns blocks with blanks in items whose parts a style sheet sets apart, as the metadata write them.

    What follows an item in brackets stays.
    """
    items = {bare(line): line for statement in statements if statement.kind in STEPS for line in statement.lines}
    return [respaced(block, items) if items and block.kind in (ITEM, PARAGRAPH) else block for block in blocks]


def respaced(block: Block, items: Mapping[str, str]) -> Block:
    """Returns a block with the blanks of the item that it is, if the item has more.

    items: as they are written, by their letters without blanks.
    """
    if len(block.text) > ITEM_LENGTH:
        return block
    item, bracket, note = block.text.partition("(")
    written = items.get(bare(block.text), "")
    if not written and (written := items.get(bare(item), "")):
        written = f"{written} {bracket}{note}"
    return block._replace(text=written) if len(written.split()) > len(block.text.split()) else block


def heading_level(block: Block) -> int:
    """Returns the level of a heading, LABEL for a label such as "Step 1", else 0."""
    if block.kind is HEADING:
        return block.level
    is_label = block.kind is PARAGRAPH and len(block.text) <= LABEL_LENGTH and block.text[-1:] not in SENTENCE_ENDS
    return LABEL if is_label else 0


def blocks_of_addition(addition: Addition) -> list[Block]:
    """Returns a statement as blocks: its heading, then a list or paragraphs."""
    statement = addition.statement
    blocks = [Block(HEADING, addition.heading, None, SUBHEADING)] if addition.heading else []
    for number, line in enumerate(statement.lines, 1):
        marker = f"{number}." if statement.is_ordered else "-"
        blocks.append(Block(ITEM, line, None, 1, marker) if statement.is_list else Block(PARAGRAPH, line, None))
    return blocks


def missing(statements: Iterable[Statement], text: str) -> list[Statement]:
    """Returns the statements that a text lacks.

    A passage is there when the text holds half of it; a list when half of it stands in order and close together.
    """
    whole, stated = Words(text), list(statements)
    return [statement for statement in stated if not holds(whole, statement, stated)]


def holds(text: Words, statement: Statement, others: Sequence[Statement] = ()) -> bool:
    """Returns True if a text has a statement, or if there is nothing to compare.

    others: what else the page states; the ingredients that instructions name on their way are no list of ingredients.
    """
    if stands(text.bare, [*map(bare, statement.lines)], is_list=statement.is_list):  # five of six; the rest costs more
        return True
    lines = lines_of(statement)
    if not lines or stands(text.joined, [b"".join(line) for line in lines], is_list=statement.is_list):
        return True
    run = run_of(statement, text)
    for steps in others if run else ():
        whole = run_of(steps, text) if steps.kind == STEPS.get(statement.kind) else None
        if run and whole and whole.start <= run.start <= run.end <= whole.end:
            outside = text.words[: whole.start] + text.words[whole.end + len(lines_of(steps)[-1]) :]
            return run_of(statement, Words(b" ".join(outside).decode())) is not None
    return run is not None


def run_of(statement: Statement, text: Words) -> Run | None:
    """Returns the part of a text that holds a statement, or None."""
    lines = lines_of(statement)
    run = text.run(lines)
    return run if run.size >= max(1, HALF * sum(map(len, lines)) if statement.is_list else 1) else None


def lines_of(statement: Statement) -> list[Line]:
    """Returns the words of each item of a list; those of a passage as one line."""
    lines: list[Line] = [line for line in map(compared, statement.lines) if line]
    if statement.is_list or not lines:
        return lines
    return [[word for line in lines for word in line]]


def additions(statements: Sequence[Statement], text: Blocks) -> list[Addition]:
    """Returns the statements that a text lacks, in its order."""
    added: list[Addition] = []
    new = Words("")  # the lines of what is added
    runs: dict[str, list[tuple[int, Run]]] = {}
    for number, statement in enumerate(statements):
        if holds(text, statement, statements) or (new.text and holds(new, statement)):
            continue
        if statement.kind == ARTICLE:
            addition = _body(statement, text)
        elif (heading := text.heading(statement.heading)) is not None:
            addition = Addition(heading + 1, statement, None)
        else:
            runs = runs or _runs(statements, text)
            place = _place(runs.get(_subject(statement), []), number, text)
            addition = Addition(place, statement, statement.heading)
        if addition:
            added.append(addition)
            new.add("\n".join(statement.lines))
    return sorted(added, key=attrgetter("place"))


def _body(statement: Statement, text: Blocks) -> Addition | None:
    """Returns where the body of an article goes that the text lacks, or None for an abridged one.

    It replaces a text that is a part of it, or next to nothing. A shorter one is a lead, which goes first.
    """
    body = Words("\n".join(statement.lines))
    if statement.lines[-1].endswith(CUT):
        return None
    if len(text.words) < NOTHING * len(body.words) or body.share(text.words) >= TRIGRAMS:
        return Addition(0, statement, None, replaces=True)
    first = next((index for index in range(len(text.blocks)) if index not in text.headings), len(text.blocks))
    return Addition(first if len(body.words) < len(text.words) else len(text.blocks), statement, None)


def _subject(statement: Statement) -> str:
    """Returns the type of what a statement is about."""
    return statement.kind.partition(".")[0]


def _runs(statements: Sequence[Statement], text: Blocks) -> dict[str, list[tuple[int, Run]]]:
    """Returns the statements that a text holds, by their subjects: the number of each and where it stands."""
    runs: dict[str, list[tuple[int, Run]]] = {_subject(statement): [] for statement in statements}
    for number, statement in enumerate(statements):
        if run := run_of(statement, text):
            runs[_subject(statement)].append((number, run))
    return runs


def _place(runs: list[tuple[int, Run]], number: int, text: Blocks) -> int:
    """Returns the block before which a statement goes: before its successor, behind its predecessor, or last."""
    after = bisect_right(runs, number, key=itemgetter(0))
    if after < len(runs):
        return text.above(text.block(runs[after][1].start))
    return text.behind(text.block(runs[-1][1].end)) if runs else len(text.blocks)
