"""Tokens and sentences as spaCy's blank English pipeline splits them; the expected ones are spaCy 3.8's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.english_tokens import LONGEST, count_sentences, tokens

SPLIT = [
    ("I don't like well-known (U.S.) cars.", "I do n't like well - known ( U.S. ) cars ."),
    ("She'll've cost $5,000.50 on Dr. No's list...", "She 'll 've cost $ 5,000.50 on Dr. No 's list ..."),
    ("See https://a.example/b?c=d, or mail x.y@z.example!", "See https://a.example/b?c=d , or mail x.y@z.example !"),
    ("5km at 10am, 20°C and 30%", "5 km at 10 am , 20 ° C and 30 %"),
    ("either/or, and/or: “quoted” text:)", "either / or , and/or : “ quoted ” text :)"),
    ("We’re here; it’s 3-4 US$20 (£3).", "We ’re here ; it ’s 3 - 4 US$ 20 ( £ 3 ) ."),
    ("end.Begin a.b C++ ..wait", "end . Begin a.b C++ .. wait"),
    ("©2020 ™ №5 🙂🙂 a👍b", "© 2020 ™ № 5 🙂 🙂 a 👍 b"),
]


@pytest.mark.parametrize(("text", "expected"), SPLIT)
def test_a_text_is_split_as_spacy_splits_it(text, expected):
    assert tokens(text) == expected.split()


@pytest.mark.parametrize(
    ("line", "number"),
    [("", 0), ("No end", 1), ("Wait... Mr. Fox came. He left!", 2), ("One. two. ", 2), ("One.  ", 2), ("A?! B.", 2)],
)
def test_sentences_are_counted_as_spacy_s_sentencizer_counts_them(line, number):
    assert count_sentences(line) == number


@given(st.text() | st.text(alphabet="ab'.,-()0$:/ "))
def test_tokens_hold_the_text_without_its_blanks(text):
    assert "".join(tokens(text)) == "".join(text.split())


def test_a_long_chunk_is_one_token():
    chunk = "a," * LONGEST
    assert tokens(chunk) == [chunk]
