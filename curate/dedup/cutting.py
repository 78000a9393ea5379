"""Texts as lines and sentences, and texts without some of them.

Code and tables are never cut, since what is left of them is of no use. Code in a plain text has no fences: a paragraph
is code where its signs, such as brackets, are MANY of its characters, or SOME of them and a line of it is indented.
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import pyarrow as pa

from curate.dedup.minhash import text_hash
from curate.text.sentences import sentences

FENCE = re.compile(r"\s*(```|~~~)")
WORD = re.compile(r"\w")
FURNITURE, SPANS, SUBSTRINGS = "lines.furniture", "lines.spans", "lines.substrings"  # the rules that cut
CUTS = pa.schema(  # the columns of what was cut, in tables beside the parts
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),  # the first character that the rule cut, of the text before
        pa.field("stop", pa.int64(), nullable=False),
    ]
)
Place = tuple[int, int]  # where a part of a text begins, and where it ends
INDENTED = re.compile(r"(?:^|\n)(?:\t| {2})[ \t]*(?!(?:[-•*]|\d+[.)]) )\S")  # a line that is no item of a list
SIGN = re.compile(  # what code is written with: calls, braces, comparisons, names of several words, ends of statements
    r"[(\[{}\\<>=_;:](?:(?<=\w[(\[])|(?<=[{}\\])|(?<![=*-].)(?<=[<>=])(?!==)|(?<=\w_)(?=\w)|(?<=[)\]}];)|(?<=:)$)",
    re.MULTILINE,
)
MANY, SOME = 0.06, 0.03  # of the characters; prose has under .02


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text, without its end."""

    text: str
    is_prose: bool  # False: it has no word, or is part of a table or of code, and is never cut


def lines(text: str) -> Iterator[Line]:
    """Yields the lines of a text; a table is one of Markdown, code stands between fences or is told by its signs."""
    fence = ""
    rows = text.split("\n")
    coded = _code(rows) if SIGN.search(text) else frozenset()
    for number, line in enumerate(rows):
        mark = FENCE.match(line)
        is_code = bool(fence or mark) or number in coded
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        yield Line(line, not is_code and not line.lstrip().startswith("|") and WORD.search(line) is not None)


def _code(rows: list[str]) -> frozenset[int]:
    """Returns the numbers of the lines that are code: all of a paragraph, which blank lines end."""
    coded: list[int] = []
    start = 0
    for stop, line in enumerate([*rows, ""]):
        if line and not line.isspace():
            continue
        if stop > start:
            paragraph = "\n".join(rows[start:stop])
            signs = len(SIGN.findall(paragraph))
            if signs >= MANY * len(paragraph) or (signs >= SOME * len(paragraph) and INDENTED.search(paragraph)):
                coded += range(start, stop)
        start = stop + 1
    return frozenset(coded)


def line_keys(text: str) -> list[bytes | None]:
    """Returns the hash of each line of a text, None for a line that is never cut."""
    return [text_hash(line.text) if line.is_prose else None for line in lines(text)]


def sentence_keys(text: str) -> list[bytes]:
    """Returns the hash of each sentence that may be cut, in order."""
    return [text_hash(sentence) for sentence in prose_sentences(text)]


def prose_sentences(text: str) -> Iterator[str]:
    """Yields the sentences that may be cut, in order, each with the blanks behind it."""
    for line in lines(text):
        yield from _sentences(line)


def places_of(text: str, cut_lines: Container[int], cut_sentences: Container[int]) -> tuple[list[Place], list[Place]]:
    """Returns the places of these lines and of these sentences, by their numbers; those that touch are one."""
    line_places, sentence_places = [], []
    start, number = 0, 0
    for place, line in enumerate(lines(text)):
        pieces = _sentences(line)
        begins = [*accumulate(map(len, pieces), initial=start)]
        if place in cut_lines:
            line_places.append((start, start + len(line.text)))
        sentence_places += [own for at, own in enumerate(pairwise(begins), number) if at in cut_sentences]
        start, number = start + len(line.text) + 1, number + len(pieces)
    return joined(line_places, text), joined(sentence_places, text)


def joined(places: Sequence[Place], text: str) -> list[Place]:
    """Returns places of a text in order, as one where only blanks lie between two."""
    whole: list[Place] = []
    for begin, stop in places:
        if whole and not text[whole[-1][1] : begin].strip():
            whole[-1] = (whole[-1][0], stop)
        else:
            whole.append((begin, stop))
    return whole


def without(text: str, cut_lines: Container[int], cut_sentences: Container[int], cut: Sequence[Place] = ()) -> str:
    """Returns a text without these lines and sentences, by their numbers in `line_keys` and `sentence_keys`.

    cut: places that go too, in order, each from a character to another. A line of which nothing is left goes, and of
    the blank lines around it one remains.

    >>> without("Home\\n\\nOne. Two. Three.\\n\\nMore\\n\\nEnd", {0, 4}, {2})
    'One. Three.\\n\\nEnd'
    """
    kept: list[str] = []
    gone = bytearray(len(text))
    for begin, stop in cut:
        gone[begin:stop] = bytes([1]) * (stop - begin)
    start, number, gap = 0, 0, False  # of the next line and sentence; whether a line was cut since the last that stays
    for place, line in enumerate(lines(text)):
        pieces = _sentences(line)
        begins = [*accumulate(map(len, pieces), initial=start)]
        stay = [
            _left(piece, gone, begin)
            for at, (piece, begin) in enumerate(zip(pieces, begins, strict=False), number)
            if at not in cut_sentences
        ]
        start, number = start + len(line.text) + 1, number + len(pieces)
        rest = "".join(stay) if pieces else line.text
        if place in cut_lines or (pieces and not rest.strip()):
            gap = True
        elif not (gap and not line.text.strip() and (not kept or not kept[-1].strip())):
            kept.append(line.text if rest == line.text else rest.rstrip())
            gap = gap and not line.text.strip()
    while gap and kept and not kept[-1].strip():
        kept.pop()
    return "\n".join(kept)


def _left(piece: str, gone: bytearray, begin: int) -> str:
    """Returns what is left of a piece of a text that begins there; gone: 1 for each character of the text that goes."""
    if gone.find(1, begin, begin + len(piece)) < 0:
        return piece
    return "".join(letter for letter, goes in zip(piece, gone[begin : begin + len(piece)], strict=True) if not goes)


def _sentences(line: Line) -> list[str]:
    """Returns the sentences of a line that may be cut; one without a word belongs to the one before it."""
    if not line.is_prose:
        return []
    pieces: list[str] = []
    for piece in sentences(line.text):
        if pieces and not (WORD.search(piece) and WORD.search(pieces[-1])):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces
