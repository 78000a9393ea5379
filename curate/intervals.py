"""Shares with their intervals of 95 %: Wilson's for a binomial share (Wilson 1927).

Documents are counted with an interval. Words and lines are not: those of one document share its fate.
"""

from dataclasses import dataclass
from math import sqrt

Z = 1.959963984540054  # of the normal distribution, for 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """A number of some, with the share and its interval; None where there is nothing to have a share of."""

    number: int
    of: int
    share: float | None
    low: float | None
    high: float | None


def portion(number: int, of: int) -> Share:
    """Returns a share without an interval."""
    return Share(number, of, number / of if of else None, None, None)


def share(number: int, of: int) -> Share:
    """Returns a share with its interval.

    >>> share(0, 10).high
    0.27753279986288926
    """
    if not of:
        return Share(number, of, None, None, None)
    observed = number / of
    middle = observed + Z * Z / (2 * of)
    width = Z * sqrt(observed * (1 - observed) / of + Z * Z / (4 * of * of))
    scale = 1 + Z * Z / of
    low = 0.0 if number == 0 else (middle - width) / scale
    high = 1.0 if number == of else (middle + width) / scale
    return Share(number, of, observed, low, high)
