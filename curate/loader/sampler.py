"""The order of windows by whole-number arithmetic on a sample's number, with no state and no files.

`Blend` gives the source of sample i and its number among that source's samples; `permuted` turns that number, within an
epoch, into a window. Both are closed forms, so any sample is as cheap as the next one. The permutation is an
alternating Feistel network over Z_a x Z_b with a * b just above n, walked on where it leaves 0 .. n - 1 (Black and
Rogaway 2002).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Keys = NDArray[np.uint64]

ROUNDS = 4  # each of two half rounds
GOLDEN = 0x9E3779B97F4A7C15  # splitmix64's step, and below its two multipliers (Steele et al. 2014)
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def integer_weights(weights: Sequence[Fraction]) -> tuple[int, ...]:
    """Returns the smallest whole numbers in the same proportion; never floats, so 0.1 is a tenth.

    >>> integer_weights([Fraction("0.7"), Fraction("0.3"), Fraction(0)])
    (7, 3, 0)
    """
    scale = math.lcm(*(weight.denominator for weight in weights))
    scaled = [int(weight * scale) for weight in weights]
    common = math.gcd(*scaled) or 1
    return tuple(weight // common for weight in scaled)


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of the tree of sources, which divides them into two groups."""

    weight: int  # of both groups
    share: int  # of the left group, of that weight
    left: "_Node | int"
    right: "_Node | int"

    def taken(self, m: int) -> int:
        """Returns how many of this node's first m samples the left group gives: its share, rounded to the nearest."""
        return (2 * m * self.share + self.weight) // (2 * self.weight)


def _tree(sources: list[tuple[int, int]]) -> _Node | int:
    """Returns the tree over (weight, source), heaviest first: a third or more is alone, else a group of 1/3 to 2/3."""
    if len(sources) == 1:
        return sources[0][1]
    total = sum(weight for weight, _ in sources)
    share, number = sources[0][0], 1
    while 3 * share < total:
        share += sources[number][0]
        number += 1
    return _Node(total, share, _tree(sources[:number]), _tree(sources[number:]))


class Blend:
    """Sources in the proportion of whole-number weights, sample after sample.

    Every count stays less than 2 samples from its exact share after any number of samples, however many sources there
    are: a node's rounding is off by at most 1/2, and what its parent is off by reaches a group of it times at most 2/3,
    so a group is off by less than 1/2 + 2/3 * 3/2 = 3/2 and a single source by less than 2.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = tuple(weights)
        if sum(weights) <= 0 or min(weights) < 0:
            raise ValueError(f"need weights of at least 0 that are not all 0, got {self.weights}")
        weighted = [(weight, source) for source, weight in enumerate(weights) if weight]
        self._root = _tree(sorted(weighted, key=lambda pair: (-pair[0], pair[1])))

    def counts(self, m: int) -> tuple[int, ...]:
        """Returns how many of the first m samples each source gives: they sum to m, and m + 1 adds one to one source.

        >>> Blend((7, 3)).counts(10)
        (7, 3)
        """
        if m < 0:
            raise ValueError(f"the number of samples is at least 0, got {m}")
        counts = [0] * len(self.weights)
        waiting = [(self._root, m)]
        while waiting:
            node, of = waiting.pop()
            if isinstance(node, int):
                counts[node] = of
            else:
                left = node.taken(of)
                waiting += [(node.left, left), (node.right, of - left)]
        return tuple(counts)

    def plan(self, first: int, count: int) -> tuple[Whole, Whole]:
        """Returns the source of each sample first .. first + count - 1, and its number among that source's samples."""
        sources, ordinals = np.empty(count, np.int64), np.empty(count, np.int64)
        waiting = [(self._root, first, np.arange(count))]
        while waiting:
            node, start, at = waiting.pop()
            if isinstance(node, int):
                sources[at], ordinals[at] = node, np.arange(start, start + len(at))
            elif len(at):
                before = node.taken(start)
                left = _left_gives(node, start, len(at))
                waiting += [(node.left, before, at[left]), (node.right, start - before, at[~left])]
        return sources, ordinals


def _left_gives(node: _Node, start: int, count: int) -> NDArray[np.bool_]:
    """Returns, for the node's samples start, start + 1, ..., True where the left group gives it.

    Exact: beyond 63 bits by Python's integers.
    """
    rest = (2 * start * node.share + node.weight) % (2 * node.weight)
    fits = 2 * node.share * count + rest < 2**63
    steps: NDArray[Any] = np.arange(count + 1, dtype=np.int64 if fits else object)
    taken = (rest + steps * (2 * node.share)) // (2 * node.weight)
    return np.asarray(taken[1:] > taken[:-1], dtype=bool)


def mix(values: Keys) -> Keys:
    """Returns splitmix64's finaliser of values: 64 bits, one to one, each input bit reaches each output bit."""
    values = values ^ (values >> np.uint64(30))
    values *= MULTIPLIERS[0]
    values ^= values >> 27
    values *= MULTIPLIERS[1]
    values ^= values >> 31
    return values


def permuted(positions: Whole, sizes: Whole, keys: Keys) -> Whole:
    """Returns where each position of 0 .. size - 1 lands; for one size and key a permutation of them."""
    sides = np.maximum(2, np.sqrt(sizes.astype(np.float64)).astype(np.uint64))  # any a will do; sqrt(n) mixes best
    limits = sizes.astype(np.uint64)
    landed = _rounds(positions.astype(np.uint64), sides, (limits + sides - 1) // sides, keys)
    outside = np.flatnonzero(landed >= limits)
    while len(outside):
        few = sides[outside]
        landed[outside] = _rounds(landed[outside], few, (limits[outside] + few - 1) // few, keys[outside])
        outside = outside[landed[outside] >= limits[outside]]
    return landed.astype(np.int64)


def _rounds(values: Keys, a: Keys, b: Keys, keys: Keys) -> Keys:
    """Returns values of Z_a x Z_b, as numbers below a * b, after ROUNDS rounds of the Feistel network."""
    left = values // b
    right = values - left * b
    for number in range(ROUNDS):
        left = _added(left, right, a, keys + (2 * number + 1) * GOLDEN % 2**64)
        right = _added(right, left, b, keys + (2 * number + 2) * GOLDEN % 2**64)
    return left * b + right


def _added(value: Keys, other: Keys, below: Keys, keys: Keys) -> Keys:
    """Returns value plus a number in 0 .. below - 1 drawn from `other`, modulo below, which is under 2^32."""
    value = value + ((mix(other ^ keys) >> 32) * below >> 32)
    return np.where(value >= below, value - below, value)
