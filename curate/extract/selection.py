"""Selects the blocks of a page that the text of an extractor holds.

An extractor gives text without its places. Its pieces are looked up, without white space, in the text of all blocks,
each from the end of the last one on. A block is selected when more than half of its characters are covered.
"""

import re
from collections.abc import Iterable
from itertools import accumulate, pairwise

from curate.markup.blocks import Block

SHORT_PIECE = 24  # characters; a shorter piece may stand in many places, so it is looked for nearby only
NEARBY = 4_000  # characters
CHUNK = 40  # characters of a long piece that is not found whole, as the extractor left something out of it
MATHEMATICS = re.compile(r"\$\$.+?\$\$|\$(?![\s\d])[^$]*(?<!\s)\$(?!\d)|\\[(\[]", re.DOTALL)  # or where one begins
CLOSERS = {"\\(": "\\)", "\\[": "\\]"}
ODD = re.compile(r"[$\\\t\n]")  # without these, the only white space of a block is the blank
COVERED = 0.5  # of a block's characters


def bare(text: str) -> str:
    r"""Returns a text without white space and without formulas, which an extractor gives in another form or not at all.

    >>> bare("Let $x_{1}$ be 5"), bare(r"Let \(x\) be"), bare("from $5 to $6")
    ('Letbe5', 'Letbe', 'from$5to$6')
    """
    if "$" in text or "\\" in text:
        text = without_formulas(text)
    return "".join(text.split())


def without_formulas(text: str) -> str:
    """Returns a text without what stands between the signs of formulas; a sign that opens none stays."""
    closers = {opening: closing for opening, closing in CLOSERS.items() if opening in text}
    parts: list[str] = []
    at = start = 0
    while match := MATHEMATICS.search(text, start):
        start = match.end()
        if match[0] in CLOSERS:
            closing = closers.get(match[0], "")
            end = text.find(closing, start) if closing else -1
            if end < 0:
                closers.pop(match[0], None)  # none follows further on either
                continue
            start = end + len(closing)
        parts.append(text[at : match.start()])
        at = start
    return "".join(parts) + text[at:]


class Page:
    """The blocks of a page as one text without white space, in which pieces of text are looked up."""

    def __init__(self, blocks: list[Block]) -> None:
        streams = [bare(text) if ODD.search(text := block.text) else text.replace(" ", "") for block in blocks]
        self.text = "".join(streams)
        self.bounds = list(accumulate(map(len, streams), initial=0))
        self.mask = bytearray(len(self.text))
        self.at = 0  # the end of the last piece

    def cover(self, piece: str) -> bool:
        """Marks the place of a piece, without white space, and returns False where it has none."""
        if len(piece) < SHORT_PIECE:
            place = self.text.find(piece, self.at, self.at + NEARBY)
        else:
            place = self.text.find(piece, self.at)
            if place < 0:
                place = self.text.find(piece)
        if place < 0:
            return False
        self.mark(place, piece)
        self.at = place + len(piece)
        return True

    def mark(self, place: int, piece: str) -> None:
        """Marks the characters of a piece."""
        self.mask[place : place + len(piece)] = b"\1" * len(piece)

    def cover_parts(self, parts: list[str]) -> None:
        """Marks the place of a text, or the places of its parts if something stands between them."""
        if not self.cover("".join(parts)):
            for part in parts:
                if not self.cover(part):
                    for start in range(0, len(part), CHUNK):
                        self.cover(part[start : start + CHUNK])

    def cover_before(self, texts: list[list[str]], first: int, end: int) -> None:
        """Marks the places of short texts next before the place `end`, and behind the place `first`.

        A title or a heading stands in menus and in the table of contents as well, but not next to its text.
        """
        for parts in reversed(texts):
            whole = "".join(parts)
            for part in [whole] if self.text.rfind(whole, first, end) >= 0 else reversed(parts):
                if (place := self.text.rfind(part, first, end)) >= 0:
                    self.mark(place, part)
                    end = place

    def selected(self) -> list[bool]:
        """Returns for each block whether it is covered."""
        count = self.mask.count
        return [count(1, start, end) > COVERED * (end - start) for start, end in pairwise(self.bounds)]


def selected(blocks: list[Block], texts: Iterable[Iterable[str]]) -> list[bool]:
    """Returns for each block whether these texts hold it; each text comes as its runs, in order."""
    page = Page(blocks)
    waiting: list[list[str]] = []  # short texts, which stand next before a longer one
    for runs in texts:
        parts = [part for run in runs if (part := bare(run))]
        whole = "".join(parts)
        if len(whole) < SHORT_PIECE:
            waiting += [parts] if parts else []
            continue
        before = page.at
        if page.cover(whole):
            end = page.at - len(whole)
            page.cover_before(waiting, max(before if before <= end else 0, end - NEARBY), end)
        else:
            for short in (*waiting, parts):
                page.cover_parts(short)
        waiting.clear()
    for short in waiting:
        page.cover_parts(short)
    return page.selected()
