"""The n-grams of a list of words that occur twice or more, exactly, and the characters under them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def ngram_chars(words: list[str], copies: str = "all") -> Iterator[float]:
    """Yields the share of characters in the most frequent n-gram for n = 2-4, then in duplicate n-grams for n = 5-10.

    A share is measured only when it is asked for.
    """
    ends = word_ends(words)
    levels = repeated_ngrams(words)
    for n in range(2, 11):
        level = next(levels, None)
        if level is None:
            yield 0.0
        elif n <= 4:
            yield min(1.0, top_chars(*level, ends, n) / int(ends[-1]))
        else:
            starts, names = level
            if copies == "later":
                starts = np.delete(starts, np.unique(names, return_index=True)[1])
            yield covered_chars(starts, ends, n) / int(ends[-1])


def word_ends(words: list[str]) -> Integers:
    """Returns the number of characters before each word, and of all words."""
    ends = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, words), np.int64, len(words)), out=ends[1:])
    return ends


def top_chars(starts: Integers, names: Integers, ends: Integers, n: int) -> int:
    """Returns the number of characters under the most frequent n-gram, of several the longest."""
    counts = np.bincount(names)
    top = starts[counts[names] == counts.max()]
    return int(counts.max()) * int((ends[top + n] - ends[top]).max())


def covered_chars(starts: Integers, ends: Integers, n: int) -> int:
    """Returns the number of characters under the n-grams at these starts, overlaps counted once."""
    stops = starts + n
    np.minimum(stops[:-1], starts[1:], out=stops[:-1])
    return int((ends[stops] - ends[starts]).sum())


def repeated_ngrams(words: list[str]) -> Iterator[tuple[Integers, Integers]]:
    """Yields for n = 2, 3, … the starts of n-grams that occur twice or more, and a number for each n-gram.

    Two starts have the same number where the same n-gram stands.

    The result is exact, as no hashes are used: an n-gram repeats only where the (n-1)-grams at its start and one word
    further do, so that their two numbers are its key. Each n looks only at the starts that the one before it left, and
    the iterator ends when nothing repeats.
    """
    numbers_of_words = dict(zip(words, range(len(words)), strict=True))
    names = np.fromiter(map(numbers_of_words.__getitem__, words), np.int64, len(words))
    starts = np.arange(len(words))
    while len(starts) > 1:
        linked = np.flatnonzero(starts[1:] == starts[:-1] + 1)
        keys = names[linked] * len(words) + names[linked + 1]
        order = keys.argsort()
        ordered = keys[order]
        fresh = np.ones(len(keys), bool)
        np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
        numbers = np.empty_like(keys)
        numbers[order] = fresh.cumsum() - 1
        repeated = np.bincount(numbers)[numbers] > 1
        starts, names = starts[linked[repeated]], numbers[repeated]
        if len(starts):
            yield starts, names
