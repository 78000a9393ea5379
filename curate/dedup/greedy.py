"""The rule that decides who is kept: in the keeper's order, a document goes if a kept one before it is similar.

The result is the greedy maximal independent set of the graph of similar documents. Similarities are computed from a
kept document to all that are still undecided, at once; none is estimated where shingles are compared.
"""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint32]
Shares = npt.NDArray[np.float64]


class Undecided(Protocol):
    """Documents in the keeper's order, of which the first is kept."""

    def similarities(self) -> Shares:
        """Returns the similarity of the first document to each of the others."""

    def without_first(self, stay: npt.NDArray[np.bool_]) -> Self:
        """Returns the others that stay."""


def winners(undecided: Undecided, count: int, limit: float, settled: int = 0) -> tuple[npt.NDArray[np.intp], Shares]:
    """Returns for each of `count` documents the number of the document that it gives way to, and their similarity.

    A document that is kept gives way to itself. Of several kept documents it gives way to the first.
    settled: how many documents, the first ones, are kept whatever they resemble.
    """
    winner, similarity = np.arange(count), np.ones(count)
    rest = np.arange(count)
    while len(rest) > 1:
        first, rest = rest[0], rest[1:]
        shares = undecided.similarities()
        goes = (shares >= limit) & (rest >= settled)
        winner[rest[goes]], similarity[rest[goes]] = first, shares[goes]
        rest, undecided = rest[~goes], undecided.without_first(~goes)
    return winner, similarity


class ShingleSets:
    """Sets of shingles, whose similarity is the exact Jaccard similarity; laid end to end, as numbers from 0 on."""

    def __init__(self, numbers: npt.NDArray[np.intp], sizes: npt.NDArray[np.intp], distinct: int) -> None:
        self.numbers, self.sizes, self.distinct = numbers, sizes, distinct

    @classmethod
    def of(cls, sets: Sequence[Hashes]) -> Self:
        """Returns the sets; each holds distinct hashes, and at least one."""
        hashes, numbers = np.unique(np.concatenate(sets), return_inverse=True)
        return cls(numbers, np.array([len(hashes) for hashes in sets]), len(hashes))

    def similarities(self) -> Shares:
        """Returns the similarity of the first set to each of the others."""
        size, sizes = self.sizes[0], self.sizes[1:]
        own = np.zeros(self.distinct, dtype=bool)
        own[self.numbers[:size]] = True
        common = np.add.reduceat(own[self.numbers[size:]], np.cumsum(sizes) - sizes, dtype=np.int64)
        shares: Shares = common / (size + sizes - common)
        return shares

    def without_first(self, stay: npt.NDArray[np.bool_]) -> Self:
        """Returns the other sets that stay."""
        size, sizes = self.sizes[0], self.sizes[1:]
        return type(self)(self.numbers[size:][np.repeat(stay, sizes)], sizes[stay], self.distinct)


class Signatures:
    """Signatures, one a row, whose similarity is the share of places where two agree."""

    def __init__(self, rows: npt.NDArray[np.uint32]) -> None:
        self.rows = rows

    def similarities(self) -> Shares:
        """Returns the similarity of the first signature to each of the others."""
        shares: Shares = (self.rows[1:] == self.rows[0]).mean(axis=1)
        return shares

    def without_first(self, stay: npt.NDArray[np.bool_]) -> Self:
        """Returns the other signatures that stay."""
        return type(self)(self.rows[1:][stay])
