"""The judge of the sample counts what a recipe keeps and rejects by label."""

import judge_recipes
import pytest
from labelled import Labelled

from curate.filters.rules import Filter
from curate.quality.config import Score
from curate.recipe import Recipe
from curate.records import Document

GOOD = (
    "The committee met on Monday to talk of the road that they have wanted to build, and to hear the neighbours. " * 3
)
RULES = ("gopher_quality", "gopher_repetition")


class Fixed:
    """A model that gives every text one score."""

    def __init__(self, score: float) -> None:
        self.value = score

    def score(self, text: str, label: str) -> float:
        return self.value


def read(label: str, score: float, weight: float = 1.0, text: str = GOOD) -> judge_recipes.Read:
    one = Labelled(url="http://a.example/", label=label, kind="news", reading=1, weight=weight)
    document = Document(id=bytes(16), url=one.url, timestamp=None, source="web", text=text, quality=score)
    return judge_recipes.Read(one, document)


def test_every_rule_that_rejects_is_named():
    names = judge_recipes.reasons(read("junk", 0, text="Go home\n" * 30).document, Filter(rules=RULES))
    assert {"gopher_quality.stop_words", "gopher_repetition.duplicate_lines", "gopher_repetition.top_2_gram"} <= names
    assert judge_recipes.reasons(read("clean", 1).document, Filter(rules=("gopher_quality",))) == set()


def test_rejections_of_good_documents_are_wrong_and_those_of_others_right():
    reads = [read("clean", 1, text="Too short."), read("junk", 0, text="Too short."), read("useful", 1)]
    rows = {row[0]: row[1:] for row in judge_recipes.rule_rows(reads, Filter(rules=("gopher_quality",)))}
    assert rows["gopher_quality.too_few_words"] == [1, 1, 0, 0]


def test_a_recipe_keeps_by_its_filter_and_then_by_its_score():
    document = read("clean", 1).document
    every = Recipe(name="a", filter=Filter(rules=()), score=Score(alpha=2))
    assert judge_recipes.chance(document, every, Fixed(0.5)) == pytest.approx(1.5**-2)
    strict = Recipe(name="a", filter=Filter(rules=()), score=Score(keep="threshold", threshold=0.6))
    assert [judge_recipes.chance(document, strict, Fixed(score)) for score in (0.5, 0.6)] == [0, 1]
    assert judge_recipes.chance(document, Recipe(name="a", filter=Filter(rules=RULES)), Fixed(1)) == 0


def test_the_share_of_the_good_is_weighted_to_the_frame():
    reads = [read("clean", 1, weight=3), read("clean", 1), read("junk", 0, weight=2)]
    row = next(judge_recipes.recipe_rows(reads, {"a": [1.0, 0.0, 1.0]}))
    assert row == ["a", "1", "0", "1", "0", "50 %", "50 %", "75 %", "60 %"]


def test_the_area_counts_ties_as_half_and_weights_both_sides():
    reads = [read("clean", 0.9), read("useful", 0.4, weight=3), read("junk", 0.4), read("promotional", 0.1)]
    assert judge_recipes.area(reads) == pytest.approx(3.5 / 4)
    assert judge_recipes.area(reads, weighted=True) == pytest.approx((2 + 3 * 1.5) / 8)


def test_limits_are_tried_as_multiples_for_each_rule_and_for_all():
    rows = {
        row[0]: row[1:] for row in judge_recipes.limit_rows([read("clean", 1), read("junk", 0, text="Go home\n" * 30)])
    }
    assert rows["all rules"][0] == "1 / 1"
    assert rows["top_2_gram"][0] == "0 / 1"


def test_an_alpha_to_fit_is_fitted_to_the_sample():
    reads = [read("junk", 0, text="Log in"), read("clean", 1, weight=2)]
    fitting = Recipe(name="a", filter=Filter(rules=()), score=Score(alpha="fit"))
    assert 0.1 <= judge_recipes.with_alpha(fitting, reads, Fixed(0.5)).score.alpha <= 100
    given = Recipe(name="a", filter=Filter(rules=()), score=Score(alpha=4))
    assert judge_recipes.with_alpha(given, reads, Fixed(0.5)) == given
