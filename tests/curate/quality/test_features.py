"""The line of a model with shape features holds plain words and pseudo-words; the model file says that it wants it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.quality import classifier, features
from curate.quality.config import Score
from curate.text.fasttext_file import has_frequent_word

SMALL = Score(positive=("p",), negative=("n",), dim=4, epochs=40, buckets=1000, learning_rate=0.5, features="shape")
PROSE = "The council met on day {0} and said that the bridge would be open by spring. It had stood for {0} years."


def pseudo_words(text):
    return {word for word in features.line(text).split() if word.startswith("~")}


def test_a_line_is_the_plain_words_and_a_block_of_pseudo_words():
    words = features.line("Don\u2019t PANIC:\n42% off\u2026 \u201cNOW\u201d!").split()
    assert words[:5] == ["don't", "panic", "42", "off", "now"]
    assert words[5] == features.MARKER
    assert len(words) == 5 + 1 + len(features.BANDS)


def test_the_block_stands_once_for_every_so_many_words():
    for number in (10, 150, 300, 1500):
        line = features.line("word " * number).split()
        assert line.count(features.MARKER) == max(1, number // features.BLOCK)
        assert line.count("word") == number


@pytest.mark.parametrize(
    ("text", "other", "measure"),
    [
        ("a line that ends.", "a line that does not end", "open"),
        ("It costs nothing at all.", "It costs $5 at all.", "prices"),
        ("Buy it now.", "Buy it now!", "exclaimed"),
        ("They went to the sea.", "We went to our sea.", "we"),
        ("one\ntwo", "one\none", "repeated"),
        ("home and away", "Home And AWAY", "capitals"),
    ],
)
def test_pseudo_words_tell_the_shape_of_a_text(text, other, measure):
    assert {word.rstrip("0123456789") for word in pseudo_words(text) ^ pseudo_words(other)} >= {f"~{measure}"}


@given(st.text())
def test_every_text_has_a_line_of_one_line_with_a_band_of_every_measure(text):
    line = features.line(text)
    assert "\n" not in line
    assert len({word.rstrip("0123456789") for word in line.split() if word.startswith("~")}) == len(features.BANDS) + 1


@given(st.text(alphabet="~abc123 shape", max_size=60))
def test_no_text_holds_a_pseudo_word(text):
    assert not any(word.startswith(b"~") for word in features.plain(text.encode()))


def test_limits_of_bands_rise():
    assert all(list(limits) == sorted(set(limits)) for limits in features.BANDS.values())


@pytest.fixture(scope="module", params=["shape", "words"])
def model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.bin"
    prose = [PROSE.format(number) for number in range(30)]
    lists = ["\n".join(PROSE.format(number).replace(".", "").split()) for number in range(30)]
    classifier.train(prose, lists, path, replace(SMALL, features=request.param))
    return path, request.param


def test_a_model_file_says_which_features_it_was_trained_on(model):
    path, named = model
    assert has_frequent_word(path, features.MARKER) == (named == "shape")


def test_a_model_reads_a_text_as_it_was_trained(model):
    path, named = model
    loaded = classifier.Model(path)
    whole, split = PROSE.format(99), "\n".join(PROSE.format(99).replace(".", "").split())
    told_apart = loaded.score(whole, "positive") - loaded.score(split, "positive")
    bare = loaded.score(whole.replace(".", ""), "positive") - loaded.score(split, "positive")
    assert told_apart > 0.5
    assert (abs(bare) > 0.1) == (named == "shape")  # without its marks the same words stand in both


def test_features_are_words_or_shape():
    with pytest.raises(ValueError, match="features is words or shape, got 'n-grams'"):
        Score(features="n-grams")


@pytest.mark.parametrize("name", ["useful", "edited"])
def test_the_card_of_a_model_that_ships_names_its_features(name):
    from curate.quality.model_file import shipped

    card = json.loads(shipped(name).with_suffix(".json").read_text())
    assert has_frequent_word(shipped(name), features.MARKER) == (card["settings"].get("features") == "shape")
