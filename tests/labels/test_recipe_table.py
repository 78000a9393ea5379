"""The table of recipes counts what a filter and a score keep, by the labels and to the frame."""

import numpy as np
import pytest
from recipe_table import Verdicts, keeps, kind_rows, row, verdicts
from test_judge_recipes import GOOD, read

from curate.filters.rules import Filter
from curate.quality.config import Score
from curate.recipe import Recipe

SCORES, PASSED = np.array([0.1, 0.5, 0.9, 1.0]), np.array([True, True, True, False])


@pytest.mark.parametrize(
    ("score", "chances"),
    [
        (None, [1, 1, 1, 1]),
        (Score(keep="all"), [1, 1, 1, 1]),
        (Score(keep="threshold", threshold=0.5), [0, 1, 1, 1]),
        (Score(keep="fraction", fraction=0.5), [0, 1, 1, 1]),  # of those that the filter keeps
        (Score(keep="pareto", alpha=1), [1 / 1.9, 1 / 1.5, 1 / 1.1, 1]),
    ],
)
def test_a_score_keeps_by_its_rule(score, chances):
    assert keeps(Recipe(name="a", score=score), SCORES, PASSED) == pytest.approx(chances)


def test_a_filter_keeps_documents_and_their_tokens():
    reads = [read("clean", 1), read("junk", 0, text="Too short.")]
    result = verdicts(Recipe(name="a", filter=Filter(rules=("gopher_quality",))), [one.document for one in reads])
    assert result.chances.tolist() == [1, 0]
    assert result.tokens[0] > len(GOOD.split())
    assert result.tokens[1] == 0


def test_a_row_is_of_the_frame_and_of_the_sample():
    reads = [read("clean", 1, weight=3), read("useful", 1), read("junk", 0, weight=2)]
    verdict = Verdicts(chances=np.array([1.0, 0.0, 1.0]), tokens=np.array([10**6, 5, 5 * 10**5]), seconds=0.5)
    assert row("a", verdict, reads) == [
        *("`a`", "5", "4.00 M", "50 %", "0 %", "0 %", "50 %", "50 %", "50 %", "60 %", "75 %", "6")
    ]
    assert list(kind_rows({"a": verdict}, reads)) == [["news", "2", "1"], ["of all others", "1", "1"]]
