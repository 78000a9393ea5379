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

    def contained(self) -> Shares:
        """Returns of each of the others the share that the first document has too."""

    def without_first(self, stay: npt.NDArray[np.bool_]) -> Self:
        """Returns the others that stay."""


def winners(undecided: Undecided, count: int, limit: float, settled: int = 0) -> tuple[npt.NDArray[np.intp], Shares]:
    """Returns for each of `count` documents the number of the document that it gives way to, and their similarity.

    A document that is kept gives way to itself. Of several kept documents it gives way to the first.
    settled: how many documents, the first ones, are kept whatever they resemble.
    """
    winner, similarity, _ = decided(undecided, count, limit, settled=settled)
    return winner, similarity


def decided(
    undecided: Undecided, count: int, limit: float, *, containment: float = 0, settled: int = 0
) -> tuple[npt.NDArray[np.intp], Shares, npt.NDArray[np.bool_]]:
    """Returns what `winners` does, and which documents give way because they lie inside another.

    containment: the share of a document's shingles that a kept one has, from which on it gives way too; 0: none does.
    For these the share stands in the place of the similarity.
    """
    winner, similarity, inside = np.arange(count), np.ones(count), np.zeros(count, dtype=bool)
    rest = np.arange(count)
    while len(rest) > 1:
        first, rest = rest[0], rest[1:]
        shares = undecided.similarities()
        goes = shares >= limit
        if containment:
            contained = undecided.contained()
            inside[rest] = ~goes & (contained >= containment) & (rest >= settled)
            shares, goes = np.where(inside[rest], contained, shares), goes | inside[rest]
        goes &= rest >= settled
        winner[rest[goes]], similarity[rest[goes]] = first, shares[goes]
        rest, undecided = rest[~goes], undecided.without_first(~goes)
    return winner, similarity, inside


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
        size, sizes, common = self.sizes[0], self.sizes[1:], self._common()
        shares: Shares = common / (size + sizes - common)
        return shares

    def contained(self) -> Shares:
        """Returns of each of the others the share that the first set has too."""
        shares: Shares = self._common() / self.sizes[1:]
        return shares

    def _common(self) -> npt.NDArray[np.int64]:
        """Returns how many elements of each of the others the first set has."""
        size, sizes = self.sizes[0], self.sizes[1:]
        own = np.zeros(self.distinct, dtype=bool)
        own[self.numbers[:size]] = True
        return np.add.reduceat(own[self.numbers[size:]], np.cumsum(sizes) - sizes, dtype=np.int64)

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

    def contained(self) -> Shares:
        """Raises ValueError: a signature does not say how long a document is."""
        raise ValueError("containment is decided by shingles")

    def without_first(self, stay: npt.NDArray[np.bool_]) -> Self:
        """Returns the other signatures that stay."""
        return type(self)(self.rows[1:][stay])
