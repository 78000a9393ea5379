"""Texts as lines and sentences, and texts without some of them."""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from curate.dedup.minhash import text_hash
from curate.text.sentences import sentences

FENCE = re.compile(r"\s*(```|~~~)")
WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text, without its end."""

    text: str
    is_prose: bool  # False: it has no word, or is part of a table or of code, and is never cut


def lines(text: str) -> Iterator[Line]:
    """Yields the lines of a text; a table is one of Markdown, code is what stands between fences."""
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        is_code = bool(fence or mark)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        yield Line(line, not is_code and not line.lstrip().startswith("|") and WORD.search(line) is not None)


def line_keys(text: str) -> list[bytes | None]:
    """Returns the hash of each line of a text, None for a line that is never cut."""
    return [text_hash(line.text) if line.is_prose else None for line in lines(text)]


def sentence_keys(text: str) -> list[bytes]:
    """Returns the hash of each sentence that may be cut, in order."""
    return [text_hash(sentence) for line in lines(text) for sentence in _sentences(line)]


def without(text: str, cut_lines: Container[int], cut_sentences: Container[int]) -> str:
    """Returns a text without these lines and sentences, by their numbers in `line_keys` and `sentence_keys`.

    A line of which nothing is left goes, and of the blank lines around it one remains.

    >>> without("Home\\n\\nOne. Two. Three.\\n\\nMore\\n\\nEnd", {0, 4}, {2})
    'One. Three.\\n\\nEnd'
    """
    kept: list[str] = []
    number, gap = 0, False  # of the next sentence; whether a line was cut since the last one that was kept
    for place, line in enumerate(lines(text)):
        pieces = _sentences(line)
        stay = [piece for at, piece in enumerate(pieces, number) if at not in cut_sentences]
        number += len(pieces)
        whole = len(stay) == len(pieces)
        if place in cut_lines or (pieces and not "".join(stay).strip()):
            gap = True
        elif not (gap and not line.text.strip() and (not kept or not kept[-1].strip())):
            kept.append(line.text if whole else "".join(stay).rstrip())
            gap = gap and not line.text.strip()
    while gap and kept and not kept[-1].strip():
        kept.pop()
    return "\n".join(kept)


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
