"""The default quality model on the labelled sample, no host of which trained it: good above the rest, in every kind."""

import numpy as np
import pytest
from judge_recipes import sample

from curate.quality.measure import auc

LEAST, LEAST_AGAINST_JUNK, LEAST_AGAINST_PROMOTIONAL = 0.94, 0.94, 0.94
SHARE = 0.5  # of the greatest mean score of the clean texts of a kind that those of every other kind have at least
FEWEST = 3  # clean texts of a kind whose mean says something


@pytest.fixture(scope="module")
def reads(data):
    return sample(data("web").parent)


def test_good_texts_score_above_the_rest(reads):
    scores = np.array([read.document.quality for read in reads])
    good = np.array([read.label.good for read in reads])
    labels = np.array([read.label.label for read in reads])
    assert auc(scores, good) >= LEAST
    for word, least in (("junk", LEAST_AGAINST_JUNK), ("promotional", LEAST_AGAINST_PROMOTIONAL)):
        own = good | (labels == word)
        assert auc(scores[own], good[own]) >= least


def test_no_kind_of_clean_text_scores_under_half_of_another(reads):
    kinds: dict[str, list[float]] = {}
    for read in reads:
        if read.label.label == "clean":
            kinds.setdefault(read.label.kind, []).append(read.document.quality)
    means = {kind: np.mean(scores) for kind, scores in kinds.items() if len(scores) >= FEWEST}
    assert len(means) >= 5
    assert min(means.values()) >= SHARE * max(means.values()), means
