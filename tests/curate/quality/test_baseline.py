"""The linear baseline finds the words that tell, whatever the length of a text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.quality.training import BUCKETS, fit, hash_words, logits


@given(st.lists(st.text(max_size=60), min_size=1, max_size=10))
@settings(max_examples=50)
def test_every_text_has_length_1_or_none(texts):
    words = hash_words(texts)
    squares = np.bincount(words.text, words.weight**2, minlength=len(texts))
    assert squares == pytest.approx([1.0 if text.lower().split() else 0.0 for text in texts])
    assert (words.bucket < BUCKETS).all()


def test_the_words_that_tell_are_found_and_twice_gives_the_same():
    texts = ["the good old sea", "a good day", "the bad old sea", "a bad day"] * 5
    flags = np.array([True, True, False, False] * 5)
    weights = fit(hash_words(texts), flags)
    assert (logits(hash_words(["good", "bad", "good good good the", "BAD"]), weights) > 0).tolist() == [True, False] * 2
    assert (fit(hash_words(texts), flags) == weights).all()


def test_words_never_seen_say_what_the_bias_says():
    weights = fit(hash_words(["good", "bad", "bad"]), np.array([True, False, False]))
    assert logits(hash_words(["unheard"]), weights) == pytest.approx([weights[-1]])
    assert weights[-1] < 0
