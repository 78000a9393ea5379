"""Copies of a document: exact, in another spelling, with words edited, cut, or in another site's frame."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from curate.planting import furniture
from curate.planting.cutting import gap, paragraphs, sentences

SHINGLE = 5  # words
WORD = re.compile(r"\w+")
EDIT_RATES = (0.002, 0.05)  # share of the words that a copy has edited, drawn between these
CUT_SHARES = (0.05, 0.3)  # share of the paragraphs that a copy lacks
FEWEST_PARTS = 5  # paragraphs or sentences of a text from which some are cut; of fewer each is too much of the text
WIDTH = 72  # characters of a line that is wrapped anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy of a text."""

    text: str
    changed: str  # in words
    added: tuple[str, ...] = ()  # lines that the text did not have


def copy(kind: str, text: str, draw: random.Random) -> Copy:
    """Returns a copy of a text, of one of the kinds that config.COPIES names."""
    return MAKERS[kind](text, draw)


def jaccard(first: str, second: str) -> float:
    """Returns the Jaccard similarity of two texts: of their sets of runs of 5 words, without case and punctuation.

    A text of fewer words has one run, all of them.

    >>> jaccard("a b c d e f", "A b, c d e g")
    0.3333333333333333
    """
    ours, theirs = _shingles(first), _shingles(second)
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return {tuple(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1))}


def exact(text: str, draw: random.Random) -> Copy:
    """Returns the text as it is."""
    return Copy(text=text, changed="nothing")


def respelled(text: str, draw: random.Random) -> Copy:
    """Returns the text in other letters or other white space, by the first of some ways that changes it."""
    ways = [*SPELLINGS]
    draw.shuffle(ways)
    for name in ways:
        if (other := SPELLINGS[name](text)) != text:
            return Copy(text=other, changed=name)
    return Copy(text=f"{text}\n", changed="a line's end added")  # it has no letters and no blanks


def edited(text: str, draw: random.Random) -> Copy:
    """Returns the text with some words replaced, left out, doubled or misspelt."""
    parts = re.split(r"(\s+)", text)
    places = [at for at, part in enumerate(parts) if part and not part.isspace()]
    words = [parts[at] for at in places]
    number = min(len(places), max(1, round(draw.uniform(*EDIT_RATES) * len(places))))
    for at in sorted(draw.sample(places, number)):
        parts[at] = _edited_word(parts[at], words, draw)
    return Copy(text="".join(parts).strip() or text, changed=f"{number} of {len(places)} words edited")


def _edited_word(word: str, words: list[str], draw: random.Random) -> str:
    """Returns a word as a careless copyist writes it: another word of the text, none, twice, or two letters swapped."""
    way = draw.randrange(4)
    if way == 0:
        return draw.choice(words)
    if way == 1:
        return ""
    if way == 2 or len(word) < 4:
        return f"{word} {word}"
    at = draw.randrange(len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def cut(text: str, draw: random.Random) -> Copy:
    """Returns the text without some paragraphs that follow each other, or without sentences or words if it has few."""
    parts, between, name = paragraphs(text), gap(text), "paragraphs"
    if len(parts) < FEWEST_PARTS:
        parts, between, name = sentences(text), "", "sentences"
    if len(parts) < FEWEST_PARTS:
        parts, between, name = text.split(), " ", "words"
    if len(parts) < 2:
        return Copy(text=text, changed="nothing, as it has one word")
    number = min(len(parts) - 1, max(1, round(draw.uniform(*CUT_SHARES) * len(parts))))
    at = draw.randrange(len(parts) - number + 1)
    kept = between.join(parts[:at] + parts[at + number :]).strip()
    return Copy(text=kept, changed=f"{number} of {len(parts)} {name} cut, behind the first {at}")


def framed(text: str, draw: random.Random) -> Copy:
    """Returns the text with the header and the footer of another site."""
    before, after = furniture.header(draw), furniture.footer(draw)
    between = gap(text)
    return Copy(
        text=between.join([*before, text, *after]),
        changed=f"{len(before)} lines added before it and {len(after)} behind it",
        added=(*before, *after),
    )


def _wrapped(text: str) -> str:
    """Returns a text whose lines are broken anew."""
    lines: list[str] = []
    for paragraph in paragraphs(text):
        line = ""
        for word in paragraph.split():
            if line and len(line) + 1 + len(word) > WIDTH:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines += [line, ""]
    return "\n".join(lines).strip()


def _capital_lines(text: str) -> str:
    """Returns a text whose first line is in capitals."""
    first, end, rest = text.partition("\n")
    return first.upper() + end + rest if end else text.title()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "small letters": str.lower,
    "capitals in the first line": _capital_lines,
    "two blanks behind a sentence": lambda text: re.sub(r"([.!?]) (?=\S)", r"\1  ", text),
    "a blank line behind each line": lambda text: "\n\n".join(text.splitlines()),
    "lines broken anew": _wrapped,
    "blanks before each line": lambda text: "\n".join(f"  {line}" for line in text.splitlines()),
}
MAKERS: dict[str, Callable[[str, random.Random], Copy]] = {
    "exact": exact,
    "respelled": respelled,
    "edited": edited,
    "cut": cut,
    "framed": framed,
}
