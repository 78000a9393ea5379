"""The differences of two texts by words, or by letters in scripts that set no blanks, with a few words around each."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import NamedTuple

from curate.text.words import places as word_places

BOTH, REMOVED, KEPT, OMITTED = "=", "-", "+", "…"  # where the words of a piece stand; words that are not shown
CONTEXT = 8  # words that are shown before and behind what differs
LONGEST = 60  # words of a piece that are shown; of a longer one its beginning and its end
MOST = 20_000  # words of each text that are compared, equal ones at both ends aside
POPULAR = 2000  # words from which on difflib passes over frequent ones, as it would take minutes
SIGNS = {BOTH: ("", ""), REMOVED: ("[-", "-]"), KEPT: ("{+", "+}"), OMITTED: ("… ", "")}  # as wdiff marks them


class Piece(NamedTuple):
    """Words that stand in both texts, or in one of them."""

    mark: str
    text: str


Passage = list[Piece]  # pieces that follow each other in the texts
Change = tuple[int, int, int, int]  # words of the removed text from a number to another, and of the kept one


def passages(removed: str, kept: str, context: int = CONTEXT) -> list[Passage]:
    """Returns the passages in which two texts differ; changes with few equal words between them are of one passage.

    >>> [marked(passage) for passage in passages("The boats came in with the tide.", "The boats came with the tide")]
    ['The boats came [-in-] with the [-tide.-]{+tide+}']
    """
    words, others = _words(removed), _words(kept)
    near: list[list[Change]] = []
    for change in _changes([word.rstrip() for word in words], [word.rstrip() for word in others]):
        if near and change[0] - near[-1][-1][1] <= 2 * context:
            near[-1].append(change)
        else:
            near.append([change])
    return [list(_passage(words, others, changes, context)) for changes in near]


def marked(passage: Passage) -> str:
    """Returns a passage as one line with its differences marked: [-removed-] and {+kept+}."""
    return "".join(text for _, text in signed(passage)).strip()


def signed(passage: Passage) -> Iterator[Piece]:
    """Yields the pieces of a passage with their signs, in which every run of blanks is one."""
    for mark, text in passage:
        before, behind = SIGNS[mark]
        words = " ".join(text.split())
        yield Piece(mark, f"{before}{words}{behind}{' ' if text != text.rstrip() else ''}")


def _words(text: str) -> list[str]:
    """Returns the words of a text, each with the blanks behind it."""
    begins = [*word_places(text)]
    return [text[start:stop] for start, stop in pairwise([*begins, len(text)])] if begins else []


def _changes(words: Sequence[str], others: Sequence[str]) -> Iterator[Change]:
    """Yields what differs; what lies behind the first MOST words is one change, unless it is equal."""
    short = min(len(words), len(others))
    start = next((at for at in range(short) if words[at] != others[at]), short)
    rest = short - start
    end = next((at for at in range(rest) if words[-1 - at] != others[-1 - at]), rest)
    one, other = words[start : len(words) - end], others[start : len(others) - end]
    one_tail, other_tail = one[MOST:], other[MOST:]
    one, other = one[:MOST], other[:MOST]
    matcher = SequenceMatcher(None, one, other, autojunk=max(len(one), len(other)) > POPULAR)
    for kind, first, last, other_first, other_last in matcher.get_opcodes():
        if kind != "equal":
            yield start + first, start + last, start + other_first, start + other_last
    if one_tail or other_tail:
        yield start + len(one), len(words) - end, start + len(other), len(others) - end


def _passage(words: Sequence[str], others: Sequence[str], changes: list[Change], context: int) -> Iterator[Piece]:
    start, stop = max(0, changes[0][0] - context), min(len(words), changes[-1][1] + context)
    if start:
        yield Piece(OMITTED, "")
    for first, last, other_first, other_last in changes:
        yield from _pieces(BOTH, words[start:first])
        yield from _pieces(REMOVED, words[first:last])
        yield from _pieces(KEPT, others[other_first:other_last])
        start = last
    yield from _pieces(BOTH, words[start:stop])
    if stop < len(words):
        yield Piece(OMITTED, "")


def _pieces(mark: str, words: Sequence[str]) -> Iterator[Piece]:
    """Yields words as a piece, or the beginning and the end of many."""
    if len(words) > LONGEST:
        yield Piece(mark, "".join(words[: LONGEST // 2]))
        yield Piece(OMITTED, "")
        words = words[-(LONGEST // 2) :]
    if words:
        yield Piece(mark, "".join(words))
