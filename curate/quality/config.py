"""The recipe's [score] table."""

import math
from dataclasses import dataclass

from curate.settings import check


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """fastText quality, and who is kept: all, by threshold, by fraction, by GPT-3's draw (arXiv:2005.14165, A).

    Give a model file, or documents of both kinds to train one on; without either, or with model "default", it is the
    English model that ships with the package. alpha 9 is GPT-3's. only: the sources that the keep rule judges, all
    where it is empty; the others are scored and kept, as GPT-3 did with everything but Common Crawl. fraction: of the
    judged documents, all together; those of equal score are drawn by their ids.
    """

    model: str | None = None
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    label: str = "positive"
    only: tuple[str, ...] = ()
    keep: str = "pareto"
    alpha: float = 9.0
    threshold: float = 0.5
    fraction: float = 0.1
    dim: int = 32
    epochs: int = 10
    learning_rate: float = 0.3
    word_ngrams: int = 2
    buckets: int = 100_000
    min_count: int = 1

    def __post_init__(self) -> None:
        known = ("all", "threshold", "fraction", "pareto")
        check(self.keep in known, f"keep is all, threshold, fraction or pareto, got {self.keep!r}")
        check(0 < self.fraction <= 1, f"fraction lies above 0 and up to 1, got {self.fraction}")
        check(0 < self.alpha < math.inf, f"alpha is a number above 0, got {self.alpha}")
        check(0 <= self.threshold <= 1, f"threshold lies in [0, 1], got {self.threshold}")
        least = min(self.dim, self.epochs, self.word_ngrams, self.buckets, self.min_count)
        check(least >= 1, f"dim, epochs, word_ngrams, buckets and min_count are at least 1, got {least}")
        check(0 < self.learning_rate < math.inf, f"learning_rate is a number above 0, got {self.learning_rate}")
        check(self.label.split() == [self.label], f"label is one word, got {self.label!r}")
        check(bool(self.positive) == bool(self.negative), "give both positive and negative, or neither")
        check(not (self.model and self.positive), "give either model, or both positive and negative")

    @property
    def is_default(self) -> bool:
        """Whether the model is the one that ships with the package."""
        return self.model == "default" or not (self.model or self.positive)
