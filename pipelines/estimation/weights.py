"""From the places of a sample to the whole input: sums by ratios of bytes, with intervals by bootstrap over places.

A sum over a source is its bytes, times the sum over its places, divided by the bytes of these places. The places of
each source are drawn anew, with replacement; an interval of 95 % lies between two percentiles of what the draws give.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.pipelines.estimation.listing import Listing
from curate.pipelines.estimation.places import Sample

DRAWS = 1000
LEVEL = (2.5, 97.5)  # percentiles

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """An estimate with its interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Floats | float) -> "Number":
        """Returns the number whose estimate comes first, and then that of each draw."""
        if isinstance(draws, float):
            return cls(value=draws, low=draws, high=draws)
        low, high = np.percentile(draws[1:], LEVEL)
        return cls(value=float(draws[0]), low=float(low), high=float(high))


class Weights:
    """The weight of each place: how many times its own bytes it stands for, first as drawn, then in each draw."""

    def __init__(self, listing: Listing, sample: Sample) -> None:
        self.sources = [place.item.source for place in sample.places]
        self.bytes = np.array([place.bytes for place in sample.places])
        growth = np.array([place.growth for place in sample.places])
        self.matrix = np.zeros((1 + DRAWS, len(self.sources)))
        self.input: Floats = np.zeros(1 + DRAWS)  # bytes of all inputs
        random = np.random.default_rng(0)
        for source, size in listing.sizes.items():
            own = [number for number, name in enumerate(self.sources) if name == source]
            if not own:
                continue
            times = np.vstack([np.ones(len(own)), random.multinomial(len(own), [1 / len(own)] * len(own), DRAWS)])
            sizes = size * (times @ growth[own]) / times.sum(axis=1)
            self.matrix[:, own] = times * (sizes / (times @ self.bytes[own]))[:, None]
            self.input += sizes

    def total(self, values: Sequence[float] | Floats) -> Floats:
        """Returns the sum over the input of what one value per place gives."""
        sums: Floats = self.matrix @ np.asarray(values, np.float64)
        return sums

    def of_source(self, source: str, values: Sequence[float]) -> Floats:
        """Returns the sum over the input of one source."""
        return self.total([value if name == source else 0.0 for name, value in zip(self.sources, values, strict=True)])
