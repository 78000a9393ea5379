"""Cuts long texts into pieces of about equal size, at paragraphs where they are short enough, else at sentences."""

import re
from collections.abc import Iterator

# Where a text may be cut, the best places first: behind a blank line, a line, a sentence, a word.
PLACES = tuple(map(re.compile, (r"\n[^\S\n]*\n\s*", r"\n\s*", r"(?<=[.!?…。！？])[\"'”’)]*\s*", r"\s+")))
BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
UNIT = 5  # a fifth of a piece is not cut if it is one paragraph


def words_in(text: str) -> int:
    """Returns the number of words of a text, which white space separates."""
    return len(text.split())


def pieces(text: str, most: int) -> list[str]:
    """Returns a text, in pieces of about equal size if it has more than `most` words; none has more.

    >>> pieces("One two. Three four. Five six.", 4)
    ['One two.', 'Three four.', 'Five six.']
    """
    total = words_in(text)
    if total <= most:
        return [text.strip()] if total else []
    unit = max(1, most // UNIT)
    count = -(-total // (most - unit))
    done: list[str] = []
    current, before = "", 0
    for part in _units(text, unit, PLACES):
        current += part
        before += words_in(part)
        if before * count >= total * (len(done) + 1):
            done.append(current.strip())
            current = ""
    if current.strip():
        done.append(current.strip())
    return done


def paragraphs(text: str) -> list[str]:
    """Returns the paragraphs of a text: what blank lines separate, or its lines where there are no blank ones."""
    parts = BLANK_LINE.split(text) if BLANK_LINE.search(text) else text.splitlines()
    return [part.strip("\n") for part in parts if part.strip()]


def gap(text: str) -> str:
    """Returns what separates the paragraphs of a text."""
    return "\n\n" if BLANK_LINE.search(text) else "\n"


def sentences(text: str) -> list[str]:
    """Returns the sentences of a text, with the white space behind them."""
    return [*_split(text, PLACES[2])]


def _units(text: str, most: int, places: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    """Yields a text in parts of at most `most` words, with the white space behind them."""
    if words_in(text) <= most or not places:
        yield text
        return
    for part in _split(text, places[0]):
        yield from _units(part, most, places[1:])


def _split(text: str, place: re.Pattern[str]) -> Iterator[str]:
    start = 0
    for match in place.finditer(text):
        if match.end() > start:
            yield text[start : match.end()]
            start = match.end()
    if start < len(text):
        yield text[start:]
