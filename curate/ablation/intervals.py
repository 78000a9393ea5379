"""Intervals of 95 % of paired differences: Student's of a mean, and Fieller's of the ratio of two means."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The mean of paired differences; one pair alone has no interval."""

    mean: float
    sd: float | None
    low: float | None
    high: float | None
    pairs: int

    @property
    def sign(self) -> int | None:
        """Returns -1 or 1 where the interval lies below or above 0, 0 where it covers it, None without an interval."""
        if self.low is None or self.high is None:
            return None
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio of two means; without bounds where the data allow any value, or no share exists."""

    value: float
    low: float | None
    high: float | None


def quantile(degrees: int) -> float:
    """Returns the quantile of Student's t by which a two-sided interval of 95 % extends.

    >>> round(quantile(2), 3)
    4.303
    """
    return float(stdtrit(degrees, (1 + LEVEL) / 2))


def paired(differences: Sequence[float]) -> Paired:
    """Returns the mean of differences with Student's interval: mean ± t s / sqrt(n).

    Equal differences other than 0 have no interval: their spread of 0 would make any of them sure.
    """
    count, mean = len(differences), statistics.fmean(differences)
    if count < 2:
        return Paired(mean=mean, sd=None, low=None, high=None, pairs=count)
    sd = statistics.stdev(differences)
    if sd == 0 and mean:
        return Paired(mean=mean, sd=sd, low=None, high=None, pairs=count)
    reach = quantile(count - 1) * sd / math.sqrt(count)
    return Paired(mean=mean, sd=sd, low=mean - reach, high=mean + reach, pairs=count)


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Returns the ratio of the means of paired values with Fieller's interval (1954).

    It holds the ratios r for which Student's interval of the mean of above - r * below covers 0. That is an interval
    where the interval of `below` alone excludes 0; elsewhere there are no bounds.
    """
    tops, bottoms = np.asarray(above, np.float64), np.asarray(below, np.float64)
    count, top, bottom = len(tops), float(tops.mean()), float(bottoms.mean())
    if bottom == 0:
        return Ratio(value=math.nan, low=None, high=None)
    if count < 2:
        return Ratio(value=top / bottom, low=None, high=None)
    spread = quantile(count - 1) ** 2 * np.cov(tops, bottoms) / count
    square = bottom**2 - float(spread[1, 1])
    middle = top * bottom - float(spread[0, 1])
    rest = top**2 - float(spread[0, 0])
    if square <= 0:
        return Ratio(value=top / bottom, low=None, high=None)
    reach = math.sqrt(max(0.0, middle**2 - square * rest))
    return Ratio(value=top / bottom, low=(middle - reach) / square, high=(middle + reach) / square)
