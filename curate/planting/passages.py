"""Compares the text that a run has kept of a document with what was planted in it."""

from collections import Counter
from collections.abc import Sequence


def flat(text: str) -> str:
    """Returns a text with single blanks as its white space."""
    return " ".join(text.split())


def lines_left(added: Sequence[str], kept: str) -> int:
    """Returns how many of the lines that were added are lines of the text that was kept."""
    there = Counter(map(flat, kept.splitlines()))
    wanted = Counter(map(flat, added))
    return sum(min(number, there[line]) for line, number in wanted.items())


def items_left(added: Sequence[str], kept: str) -> int:
    """Returns how many of the passages that were added are whole in the text that was kept."""
    text = flat(kept)
    return sum(flat(passage) in text for passage in added)


def words_lost(planted: str, added: Sequence[str], kept: str | None) -> int:
    """Returns how many words of the clean text within a planted document are not in what was kept of it.

    Lines are compared as a whole. The words of kept lines that the planted document does not have, which are lines of
    its that were cut, count as words of the lines that are missing.
    """
    clean = _lines(planted) - _lines("\n".join(added))
    there = _lines(kept or "")
    missing, changed = _words(clean - there), _words(there - _lines(planted))
    return (missing - changed).total()


def clean_words(planted: str, added: Sequence[str]) -> int:
    """Returns the words of the clean text within a planted document."""
    return _words(_lines(planted) - _lines("\n".join(added))).total()


def _lines(text: str) -> Counter[str]:
    return Counter(line for line in map(flat, text.splitlines()) if line)


def _words(lines: Counter[str]) -> Counter[str]:
    words: Counter[str] = Counter()
    for line, number in lines.items():
        for word in line.split():
            words[word] += number
    return words
