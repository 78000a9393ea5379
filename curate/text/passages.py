"""Looks for the lines of one text in another, and returns their places; small differences do not count.

Texts are compared by their words without numbers, as one page writes "1/2 cup" where another says "½ c.".
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from operator import itemgetter
from typing import AnyStr, NamedTuple

from curate.text.words import words

LONG = 8  # words; from here on a line is compared by its trigrams, else by words that stand close together
MOST = 0.6  # of a short line's words: units are abbreviated and notes left out; a name alone ("flour") is not enough
TRIGRAMS = 0.5  # of a long line's; a word that differs costs three, so that one in six may differ
HALF = 0.5  # of all words of some lines
STRETCH = 1.5  # how much longer than lines the part of a text may be that holds them, for notes and second units
SLACK = 2  # words around a short line, in which its words may stand in another order
JOINED = 6  # bytes; a line of so many is looked for without its blanks too, as columns of a list have none between
OCCURRENCES = 200  # of a word, at which a line is looked for
PIECE = 120  # characters of a passage that are looked for as they are, before any words are compared
NUMBERS = bytes(32 if chr(code).isdigit() and code < 128 else code for code in range(256))

Line = Sequence[bytes]


class Run(NamedTuple):
    """The part of a text that holds most of some lines."""

    size: int  # words of the lines that stand in it, in order
    start: int  # words of the text
    end: int  # where the last of the lines begins


class Words:
    """The words of a text, and where lines stand in them."""

    __slots__ = ("_ends", "_joined_words", "_places", "_trigrams", "_words", "bare", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.bare = "".join(text.split())
        self._words: list[bytes] = []
        self._joined_words = b""
        self._ends: list[int] = []
        self._places: dict[bytes, list[int]] = {}
        self._trigrams: dict[tuple[bytes, ...], list[int]] = {}

    def add(self, text: str) -> None:
        """Adds lines to the text, in time of their length."""
        added, before = compared(text), len(self.words)
        self.text = f"{self.text}\n{text}" if self.text else text
        self.bare += "".join(text.split())
        self._words += added
        self._joined_words = b""
        if self._ends:
            self._ends += list(accumulate(map(len, added), initial=self._ends[-1]))[1:]
        if self._places:
            for place, word in enumerate(added, before):
                self._places.setdefault(word, []).append(place)
        if self._trigrams:
            first = max(0, before - 2)
            for place, trigram in enumerate(trigrams_of(self._words[first:]), first):
                self._trigrams.setdefault(trigram, []).append(place)

    @property
    def words(self) -> list[bytes]:
        """The words of the text by which it is compared."""
        self._words = self._words or compared(self.text)
        return self._words

    @property
    def joined(self) -> bytes:
        """The words without anything between them."""
        self._joined_words = self._joined_words or b"".join(self.words)
        return self._joined_words

    @property
    def places(self) -> dict[bytes, list[int]]:
        """Returns the places of each word, in ascending order."""
        if not self._places:
            for place, word in enumerate(self.words):
                self._places.setdefault(word, []).append(place)
        return self._places

    @property
    def trigrams(self) -> dict[tuple[bytes, ...], list[int]]:
        """Returns the places of each three words in a row, in ascending order."""
        if not self._trigrams:
            for place, trigram in enumerate(trigrams_of(self.words)):
                self._trigrams.setdefault(trigram, []).append(place)
        return self._trigrams

    def share(self, line: Line) -> float:
        """Returns the share of a line's trigrams that the text has."""
        trigrams = trigrams_of(line)
        return sum(trigram in self.trigrams for trigram in trigrams) / max(1, len(trigrams))

    def occurrences(self, line: Line) -> list[int]:
        """Returns where a line stands, but for small differences; of a long one the likeliest place."""
        if len(line) >= LONG:
            return self._likeliest(line) if self.share(line) >= TRIGRAMS else []
        joined = b"".join(line)
        if len(joined) >= JOINED and joined in self.joined:
            return self._joined(joined)
        return self._close(line)

    def run(self, lines: Sequence[Line]) -> Run:
        """Returns the part of the text that holds most of some lines in their order and is hardly longer than they."""
        span = STRETCH * sum(map(len, lines)) + LONG
        best = Run(0, 0, 0)
        runs: dict[int, Run] = {}  # by the line that ends them
        marks = ((place, number) for number, line in enumerate(lines) for place in self.occurrences(line))
        for place, number in sorted(marks):
            begun = [run for last, run in runs.items() if last < number and place - run.start <= span]
            size, start, _ = max(begun, key=itemgetter(0), default=Run(0, place, place))
            run = Run(size + len(lines[number]), start, place)
            if number not in runs or place - runs[number].start > span or run.size >= runs[number].size:
                runs[number] = run
            best = max(best, run, key=itemgetter(0))
        return best

    def _likeliest(self, line: Line) -> list[int]:
        """Returns where a long line begins if it stands where most of its trigrams say."""
        starts: Counter[int] = Counter()
        for offset, trigram in enumerate(trigrams_of(line)):
            starts.update(place - offset for place in self.trigrams.get(trigram, ())[:OCCURRENCES])
        return [max(0, start) for start, _ in starts.most_common(1)]

    def _joined(self, joined: bytes) -> list[int]:
        """Returns the word in which each occurrence of joined words begins."""
        self._ends = self._ends or list(accumulate(map(len, self.words)))
        places: list[int] = []
        at = self.joined.find(joined)
        while at >= 0 and len(places) < OCCURRENCES:
            places.append(bisect_right(self._ends, at))
            at = self.joined.find(joined, at + 1)
        return places

    def _close(self, line: Line) -> list[int]:
        """Returns the places of words where most words of a short line stand close together, in whatever order."""
        expected = Counter(line)
        standing = sorted((word for word in expected if word in self.places), key=lambda word: len(self.places[word]))
        needed = MOST * len(line)
        if sum(expected[word] for word in standing) < needed:
            return []
        places: set[int] = set()
        for word in standing[: len(line) - int(needed) + 1]:  # one of them stands wherever most of the words do
            for place in self.places[word][:OCCURRENCES]:
                start = max(0, place - len(line) - SLACK + 1)
                window = Counter(self.words[start : place + len(line) + SLACK])
                if (window & expected).total() >= needed:
                    places.add(place)
        return sorted(places)


def stands(text: AnyStr, lines: Sequence[AnyStr], *, is_list: bool) -> bool:
    """Returns True if half of some lines stands in a text, letter by letter, one piece soon after the other."""
    pieces = lines
    if not is_list:
        whole = text[:0].join(lines)
        pieces = [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)]
    total = sum(map(len, pieces))
    at = size = end = 0
    for piece in pieces:
        if (size or len(piece) >= JOINED) and (place := text.find(piece, at, end or len(text))) >= 0:
            end = end or place + int(STRETCH * total) + JOINED
            at = place + len(piece)
            size += len(piece)
    return size >= HALF * total > 0


def compared(text: str) -> list[bytes]:
    """Returns the words of a text by which it is compared: without numbers.

    >>> compared("½ cup Sugar") == compared("1/2 CUP sugar")
    True
    """
    return b" ".join(words(text)).translate(NUMBERS).split()


def trigrams_of(line: Line) -> list[tuple[bytes, ...]]:
    """Returns the three words in a row of a line, in order."""
    return list(zip(line, line[1:], line[2:], strict=False))
