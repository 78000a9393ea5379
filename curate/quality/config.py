"""The recipe's [score] table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curate import settings
from curate.functions import Door, is_path
from curate.settings import check

FIT = "fit"
FEATURES = ("words", "shape")
DOOR = Door(setting="score.scorer", kind="a scorer", takes=("document", "settings"))
SHIPPED = ("useful", "edited")  # models of the package; the first is the default


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The settings of the quality model (fastText), and of the rule by which scored documents are kept.

    The model is the file `model`, or one trained on `positive` and `negative`. Without these it is "useful", one of the
    English models that ship with the package.
    """

    model: str | None = None  # a model file, or the name of a model that ships: "useful" or "edited"
    positive: tuple[str, ...] = ()  # files of good documents to train on
    negative: tuple[str, ...] = ()  # files of bad documents to train on
    scorer: str | None = None  # in place of a model: a function of your own, as "package.module:function"
    own: Mapping[str, Any] = field(default_factory=dict, hash=False)  # settings of a scorer of your own
    label: str = "positive"  # the model's label of good documents, whose probability is the score
    # The sources that the keep rule judges; empty: all. Documents of other sources are scored and kept, as GPT-3 did
    # with everything but Common Crawl.
    only: tuple[str, ...] = ()
    keep: str = "pareto"  # "all", "threshold", "fraction", or "pareto", which is GPT-3's draw (arXiv:2005.14165, A)
    # Of the rule "pareto"; 9 is GPT-3's. "fit" finds the alpha with which the kept documents score most like good ones,
    # as GPT-3's paper came to 9.
    alpha: float | str = 9.0
    threshold: float = 0.5  # of the rule "threshold": the least score that is kept, in [0, 1]
    fraction: float = 0.1  # of the rule "fraction": share of all judged documents; ties are drawn by the documents' ids
    # What a model reads: "words" as they stand, or "shape": plain words, and pseudo-words for the shape of the text
    # (features.py). A model file says itself which of the two it was trained on.
    features: str = "words"  # this and the settings below train the model
    dim: int = 32  # numbers in a word's vector
    epochs: int = 10  # passes over the training documents
    learning_rate: float = 0.3  # at the start; it falls to 0
    word_ngrams: int = 2  # words of the longest run that has a vector
    buckets: int = 100_000  # vectors that the hashes of runs of words share
    min_count: int = 1  # occurrences; a rarer word has no vector of its own

    def __post_init__(self) -> None:
        rules = ("all", "threshold", "fraction", "pareto")
        check(self.keep in rules, f"keep is all, threshold, fraction or pareto, got {self.keep!r}")
        check(self.features in FEATURES, f"features is words or shape, got {self.features!r}")
        check(0 < self.fraction <= 1, f"fraction lies above 0 and up to 1, got {self.fraction}")
        number = self.alpha if isinstance(self.alpha, float | int) else 9.0
        check(self.alpha == FIT or self.alpha == number, f'alpha is a number above 0 or "fit", got {self.alpha!r}')
        check(0 < number < math.inf, f"alpha is a number above 0, got {self.alpha}")
        check(0 <= self.threshold <= 1, f"threshold lies in [0, 1], got {self.threshold}")
        least = min(self.dim, self.epochs, self.word_ngrams, self.buckets, self.min_count)
        check(least >= 1, f"dim, epochs, word_ngrams, buckets and min_count are at least 1, got {least}")
        check(0 < self.learning_rate < math.inf, f"learning_rate is a number above 0, got {self.learning_rate}")
        check(self.label.split() == [self.label], f"label is one word, got {self.label!r}")
        check(bool(self.positive) == bool(self.negative), "give both positive and negative, or neither")
        check(not (self.model and self.positive), "give either model, or both positive and negative")
        scorer = self.scorer
        check(scorer is None or is_path(scorer), f"scorer is a path as package.module:function, got {scorer!r}")
        check(not (scorer and (self.model or self.positive)), "give either a scorer, or what makes a model")
        check(not (scorer and self.fits), 'alpha "fit" needs a model, whose card says how good documents score')
        check(bool(scorer) or not self.own, "own holds the settings of a scorer, and there is none")

    def outside_digests(self) -> dict[str, str]:
        """Returns the digest of the source of a scorer of the user's; SettingsError where it cannot run here."""
        if not self.scorer:
            return {}
        DOOR.loaded(self.scorer, self.own, ("score", "own"))
        return {self.scorer: DOOR.source_digest(self.scorer)}

    def key_table(self) -> dict[str, Any]:
        """Returns the settings as a table, without those of a scorer or of features where they say nothing."""
        table: dict[str, Any] = settings.to_table(self)
        if not self.own:
            del table["own"]
        if self.features == FEATURES[0]:
            del table["features"]
        return table

    @property
    def shipped(self) -> str | None:
        """The name of the model that ships with the package, or None if the model is the user's."""
        if self.model in (None, "default"):
            return None if self.positive else SHIPPED[0]
        return self.model if self.model in SHIPPED else None

    @property
    def fits(self) -> bool:
        """True if the rule "pareto" takes its alpha from the run's own scores."""
        return self.keep == "pareto" and self.alpha == FIT

    @property
    def needs_all_scores(self) -> bool:
        """True if the keep rule needs the scores of all documents before it keeps any."""
        return self.keep == "fraction" or self.fits
