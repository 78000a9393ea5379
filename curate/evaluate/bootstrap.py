"""Bootstrap intervals: items are drawn anew, with replacement, and the number is computed of each such draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

DRAWS = 2000
LEVEL = 0.95
AT_A_TIME = 1 << 22  # numbers of items in memory

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number that items give, with its interval of 95 %; one item alone gives none."""

    value: float
    low: float | None
    high: float | None
    items: int

    def covers(self, number: float) -> bool:
        """Returns whether the interval covers a number, as one that is not there does."""
        return self.low is None or self.high is None or self.low <= number <= self.high

    def negated(self) -> "Estimate":
        """Returns the estimate of the number times -1."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return Estimate(value=-self.value, low=low, high=high, items=self.items)


def mean(values: Sequence[float] | Floats, seed: int, key: str) -> Estimate | None:
    """Returns the mean of one value per item; None of no items. The same seed and key give the same interval."""
    numbers = np.asarray(values, np.float64)
    return ratio(numbers, np.ones(len(numbers)), seed, key)


def ratio(above: Sequence[float] | Floats, below: Sequence[float] | Floats, seed: int, key: str) -> Estimate | None:
    """Returns the sum of one value per item over the sum of another; None where the second is 0."""
    tops, bottoms = np.asarray(above, np.float64), np.asarray(below, np.float64)
    if not len(tops) or not bottoms.sum():
        return None
    value, items = float(tops.sum() / bottoms.sum()), len(tops)
    if items == 1:
        return Estimate(value=value, low=None, high=None, items=1)
    draws = _ratios(tops, bottoms, generator(seed, key))
    low, high = np.quantile(draws, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Estimate(value=value, low=min(value, float(low)), high=max(value, float(high)), items=items)


def generator(seed: int, key: str) -> np.random.Generator:
    """Returns a generator of random numbers that depend on a seed and a key alone."""
    digest = blake2b(f"{seed}/{key}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def _ratios(tops: Floats, bottoms: Floats, random: np.random.Generator) -> Floats:
    """Returns the ratio of each draw of as many items as there are; a draw without anything below is left out."""
    size = max(1, AT_A_TIME // len(tops))
    made = []
    for start in range(0, DRAWS, size):
        drawn = random.integers(len(tops), size=(min(size, DRAWS - start), len(tops)))
        sums = bottoms[drawn].sum(1)
        made.append(tops[drawn].sum(1)[sums > 0] / sums[sums > 0])
    return np.concatenate(made)
