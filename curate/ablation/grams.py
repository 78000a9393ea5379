"""Finds texts that share a run of 13 words with others: the words by which dedup compares texts, as 64-bit hashes.

GPT-3's paper compares its benchmarks with its training text so (Brown et al. 2020, appendix C). In scripts that put no
blanks between words, each letter is a word. A text of fewer than 13 words is compared whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from curate.text.words import words

LENGTH = 13  # words of a gram
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word of a gram is lost
REMEMBERED = 1 << 20  # words whose hashes are kept

Hashes = npt.NDArray[np.uint64]


class Hasher:
    """Turns the words of texts into hashes, and remembers those of words that it has met."""

    def __init__(self) -> None:
        self._hashes: dict[bytes, int] = {}

    def of(self, text: str) -> Hashes:
        """Returns the hash of each word of a text."""
        if len(self._hashes) > REMEMBERED:
            self._hashes.clear()
        numbers = self._hashes
        row = []
        for word in words(text):
            if (number := numbers.get(word)) is None:
                number = numbers[word] = int.from_bytes(blake2b(word, digest_size=8).digest(), "little")
            row.append(number)
        return np.array(row, np.uint64)


def grams(hashes: Hashes, length: int) -> Hashes:
    """Returns a hash of each run of so many words; none of a text with fewer."""
    count = max(0, len(hashes) - length + 1)
    total = np.zeros(count, np.uint64)
    for place in range(length):
        total = total * FACTOR + hashes[place : place + count]
    return total


class Wanted:
    """The grams of texts, which are looked for in others.

    most: for each text, in how many other texts a gram may stand that counts as a copy; 0: in any number of them.
    """

    def __init__(self, texts: Sequence[str], most: Sequence[int]) -> None:
        self._hasher, self._most = Hasher(), most
        self._owners: dict[int, list[tuple[int, Hashes]]] = {}  # by the length of the grams, their texts
        for number, text in enumerate(texts):
            hashes = self._hasher.of(text)
            if length := min(len(hashes), LENGTH):
                self._owners.setdefault(length, []).append((number, np.unique(grams(hashes, length))))
        self._grams = {
            length: np.unique(np.concatenate([own for _, own in some])) for length, some in self._owners.items()
        }

    def shared_with(self, others: Iterable[str]) -> set[int]:
        """Returns the numbers of the texts of which a gram stands in the others."""
        counts = {length: np.zeros(len(own), np.int64) for length, own in self._grams.items()}
        for text in others:
            hashes = self._hasher.of(text)
            for length, own in self._grams.items():
                there = np.unique(grams(hashes, length))
                places = np.searchsorted(own, there)
                places[places == len(own)] = 0
                counts[length][places[own[places] == there]] += 1
        return {number for length in counts for number in self._copied(length, counts[length])}

    def _copied(self, length: int, counts: npt.NDArray[np.int64]) -> Iterator[int]:
        for number, own in self._owners[length]:
            times = counts[np.searchsorted(self._grams[length], own)]
            if ((times > 0) & (times <= (self._most[number] or times))).any():
                yield number
