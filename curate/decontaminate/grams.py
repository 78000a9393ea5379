"""Grams, which are runs of N words, as 64-bit keys, and the table in which the keys of a text are looked up.

A key is a hash of N and of the words. Of a table of a million grams and a trillion grams of documents, about one in
twenty such tables has a key that stands for two grams.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from curate.decontaminate.words import Hashes, Places, Words, mixed

STEP = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a multiplication by it loses no bit
FILTER_BITS = range(12, 29)  # of the numbers in the filter before the table
PER_GRAM = 8  # numbers of the filter for each gram
CHARACTERS_OF_A_WORD = 2  # how many characters of a script without blanks count as a word of a gram


def percentile(lengths: Sequence[int]) -> int:
    """Returns the 5th percentile of some lengths: the least that at least 5 % of them do not exceed.

    >>> percentile(range(1, 101))
    5
    """
    ordered = sorted(lengths)
    return ordered[max(0, -(-len(ordered) // 20) - 1)]


def size_of(lengths: Sequence[int], unspaced: float, least: int, most: int) -> int:
    """Returns how many words the grams of a set have: the 5th percentile of the lengths of its items, within bounds.

    unspaced: the share of words that are characters of scripts without blanks. Above a half, the bounds are doubled.
    """
    factor = CHARACTERS_OF_A_WORD if unspaced > 0.5 else 1
    return min(factor * most, max(factor * least, percentile(lengths)))


def keys_of(words: Words, sizes: Iterable[int]) -> dict[int, Hashes]:
    """Returns the keys of all grams of these sizes, by size; key i is that of the gram that begins at word i."""
    hashes = words.hashes
    wanted = {size for size in sizes if size <= len(hashes)}
    running = hashes
    keys: dict[int, Hashes] = {}
    for size in range(1, max(wanted, default=0) + 1):
        if size > 1:
            running = running[:-1] * STEP + hashes[size - 1 :]
        if size in wanted:
            keys[size] = mixed(running + np.uint64(size))
    return keys


def whole(begins: Places, size: int) -> npt.NDArray[np.bool_]:
    """Returns of every gram of joined texts whether all of its words are of one text.

    begins: where the words of each text begin, and last their number.
    """
    owner = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    own: npt.NDArray[np.bool_] = owner[: max(0, len(owner) - size + 1)] == owner[size - 1 :]
    return own


class Table:
    """The keys of all grams of all sets, each with the sets that it is of; 20 bytes a gram, and 8 to 16 of a filter.

    The filter is a row of numbers, of which a key names one by its lowest bits: 0 where no key of the table does.
    """

    def __init__(self, names: Sequence[str], sizes: Sequence[int], grams: Sequence[Hashes]) -> None:
        """names, sizes, grams: of each set its name, the words of its grams, and their keys, each once."""
        self.names, self.sizes = tuple(names), tuple(sorted(set(sizes)))
        keys = np.concatenate([np.zeros(0, np.uint64), *grams])
        sets = np.repeat(np.arange(len(grams), dtype=np.uint32), [len(own) for own in grams])
        order = np.lexsort((sets, keys))
        self._keys, self._sets = keys[order], sets[order]
        self.keys = np.unique(keys)  # each once, in order
        bits = min(FILTER_BITS[-1], max(FILTER_BITS[0], (PER_GRAM * max(1, len(keys)) - 1).bit_length()))
        self._mask = np.uint64((1 << bits) - 1)
        self._filter = np.zeros(1 << bits, np.bool_)
        self._filter[self._keys & self._mask] = True

    def holds(self, keys: Hashes) -> npt.NDArray[np.int64]:
        """Returns which of these keys are in the table, as indexes."""
        maybe: npt.NDArray[np.int64] = np.flatnonzero(self._filter[keys & self._mask])
        if not len(maybe):
            return maybe
        chosen = keys[maybe]
        at = np.minimum(np.searchsorted(self._keys, chosen), len(self._keys) - 1)
        held: npt.NDArray[np.int64] = maybe[self._keys[at] == chosen]
        return held

    def pairs_of(self, keys: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns (place among these keys, number of a set that the key there is of), as two arrays, in order."""
        first, last = np.searchsorted(self._keys, keys), np.searchsorted(self._keys, keys, side="right")
        counts = last - first
        at = np.repeat(np.arange(len(keys)), counts)
        nth = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
        return at, self._sets[np.repeat(first, counts) + nth].astype(np.int64)

    def sets_of(self, keys: Iterable[int]) -> list[tuple[str, ...]]:
        """Returns the names of the sets that each of these keys is of."""
        wanted = np.fromiter(keys, np.uint64)
        first, last = np.searchsorted(self._keys, wanted), np.searchsorted(self._keys, wanted, side="right")
        return [
            tuple(self.names[number] for number in self._sets[start:stop].tolist())
            for start, stop in zip(first.tolist(), last.tolist(), strict=True)
        ]
