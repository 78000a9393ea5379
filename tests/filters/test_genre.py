"""The rule on a page's genre: signs by hand, pages on both sides of the limit, and laws."""

import json
from math import log1p
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters.genre.signs import MEAN_DASHES, WEIGHTS, WORDS, Genre, address_signs, chance, judge_genre, signs
from curate.filters.rules import Filter, key_table
from curate.records import EPOCH, Document

STORY = (
    "The council met on Monday to hear what people think about the bridge that was closed in the spring. "
    "“Nobody told us that it would take a year,” said Anna Berg, who has lived on the island since she was a child.\n"
) * 6
FIRM = (
    "Our team of experts provides quality solutions for your business.\nWe offer leading services to our customers.\n"
    "Contact us today to order our products!\n"
) * 6


def page(text, url="http://a.example/", title="", language="en"):
    return Document(
        id=bytes(16),
        url=url,
        timestamp=EPOCH,
        source="web",
        text=text,
        title=title,
        language=language,
        language_score=1,
    )


def test_signs_are_as_counted_by_hand():
    values = signs("We said: Buy!\nAnd so...", "http://a.example/shop/a_new-road.html", "Contact us")
    assert set(values) == set(WEIGHTS)
    assert values["capitals"] == 3 / 5
    assert values["we"] == values["said"] == values["shop"] == log1p(20)
    assert (values["firm"], values["account"], values["prose"]) == (0, 0, 0)
    assert (values["cut"], values["dashes"], values["site"], values["title"]) == (1 / 2, 2, 1, 1)


def test_a_report_is_kept_and_a_firm_on_itself_is_not():
    assert judge_genre(page(STORY, "http://a.example/news/the-bridge-stays-closed"), Genre()) is None
    reason = judge_genre(page(FIRM, title="Home"), Genre())
    assert (reason.rule, reason.threshold) == ("genre.chance", 0.5)
    assert reason.value == chance(page(FIRM, title="Home")) < 0.1


DIGEST = "http://a.example/0a1b2c3d4e5f6789.html"


@pytest.mark.parametrize("url", ["", "doc-17", "file:///data/a-b.txt", DIGEST])
def test_an_address_that_tells_nothing_counts_as_the_mean(url):
    assert address_signs(url) == {"dashes": MEAN_DASHES, "site": 0.0}
    assert chance(page(STORY)) < chance(page(STORY, url)) < chance(page(STORY, "http://a.example/a-new-road-is-built"))


def test_the_mean_is_that_of_the_labelled_pages_whose_address_tells_something():
    labels = Path(__file__).parents[1] / "labels" / "training.jsonl"
    urls = [json.loads(line)["url"] for line in labels.read_text().splitlines()]
    dashes = [address_signs(url)["dashes"] for url in urls]
    assert round(mean(value for value in dashes if value != MEAN_DASHES), 1) == MEAN_DASHES


def test_other_languages_are_not_judged_and_unnamed_ones_are():
    assert judge_genre(page(FIRM, language="de"), Genre(min_chance=1)) is None
    assert judge_genre(page(FIRM, language=None), Genre()) is not None


@given(st.text(), st.text(max_size=40), st.text(max_size=40))
def test_a_chance_lies_between_0_and_1_whatever_the_page(text, url, title):
    assert 0 <= chance(page(text, url, title)) <= 1


@given(st.sampled_from(["firm", "shop", "account", "we"]), st.data())
def test_words_that_sell_never_raise_the_chance_of_a_text_of_equal_shape(group, data):
    word = data.draw(st.sampled_from([word for word in WORDS[group].split() if "'" not in word]))
    plain = "x" * len(word)
    assert chance(page(f"{STORY} {word}")) < chance(page(f"{STORY} {plain}"))


def test_a_stage_that_does_not_name_the_rule_keeps_its_key():
    assert "genre" not in key_table(Filter())
    assert key_table(Filter(rules=("genre",)))["genre"] == {"min_chance": 0.5}


def test_a_chance_beyond_1_is_refused():
    with pytest.raises(ValueError, match="min_chance lies in"):
        Genre(min_chance=1.5)
