"""Reads the labelled sample, and measures how well its readings agree."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from curate.intervals import Z

FILE = Path(__file__).with_name("labels.jsonl")
LABELS = ("clean", "useful", "promotional", "junk", "damaged")
GOOD = ("clean", "useful")
KINDS = (
    *("news", "blog", "howto", "recipe", "reference", "science", "docs", "qa", "forum"),
    *("product", "listing", "service", "company", "other"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What a reader says of one document; README.md beside this file explains the words."""

    url: str
    label: str
    kind: str
    reading: int  # 1 of every document, 2 (the same reader again) and 3 (a second reader) of some
    weight: float  # the number of documents of the frame for which this one stands

    @property
    def good(self) -> bool:
        """True if the document is worth training on."""
        return self.label in GOOD


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cohen's kappa of two readings (Cohen 1960), with its interval of 95 %."""

    documents: int
    same: int
    kappa: float
    low: float
    high: float


def read(reading: int = 1) -> list[Labelled]:
    """Returns the labels of a reading, sorted by address."""
    rows = (Labelled(**json.loads(line)) for line in FILE.read_text().splitlines())
    return [row for row in rows if row.reading == reading]


def pairs(reading: int = 2) -> list[tuple[Labelled, Labelled]]:
    """Returns the documents that were read again, as read first and as in this later reading."""
    first = {row.url: row for row in read(1)}
    return [(first[row.url], row) for row in read(reading)]


def agreement(readings: Iterable[tuple[object, object]]) -> Agreement:
    """Returns how well two readings agree beyond chance.

    >>> agreement([("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]).kappa
    0.5
    """
    both = list(readings)
    number = len(both)
    same = sum(one == two for one, two in both)
    first, second = Counter(one for one, _ in both), Counter(two for _, two in both)
    observed, by_chance = same / number, sum(first[word] * second[word] for word in first) / number**2
    kappa = (observed - by_chance) / (1 - by_chance)
    width = Z * sqrt(observed * (1 - observed) / number) / (1 - by_chance)
    return Agreement(number, same, kappa, kappa - width, min(1.0, kappa + width))
