"""The rules on whole texts: OpenWebText's length, compression, characters."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters.characters import Characters, judge_characters
from curate.filters.compression import Compression, judge_compression, ratio
from curate.filters.openwebtext import OpenWebText, judge_openwebtext
from curate.records import EPOCH, Document
from curate.tokens.bpe import gpt2

PROSE = (
    "The ferry left the old harbor at noon, and nobody on the deck said a word. By evening the island was in sight,"
    " with its white houses, a church and two mills. We had come to look for letters that a teacher wrote here in 1911."
)
RULES = [(judge_openwebtext, OpenWebText()), (judge_compression, Compression()), (judge_characters, Characters())]


def document(text):
    return Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text)


@pytest.mark.parametrize("number", [1, 127, 128, 129, 5000])
def test_a_text_needs_128_tokens_of_gpt_2(number):
    text = " the" * number
    assert len(gpt2().encode_ordinary(text)) == number
    reason = judge_openwebtext(document(text), OpenWebText())
    assert reason == (("openwebtext.too_short", number, 128, "") if number < 128 else None)


@given(st.text(alphabet="ab 1\n日", max_size=400), st.integers(1, 40))
def test_tokens_are_counted_as_those_of_the_whole_text(text, least):
    count = len(gpt2().encode_ordinary(text))
    assert (judge_openwebtext(document(text), OpenWebText(min_tokens=least)) is None) == (count >= least)


def test_repetition_and_randomness_show_in_the_compression():
    assert judge_compression(document(PROSE * 3), Compression(window=len(PROSE))) is None
    assert judge_compression(document("We have it all. " * 100), Compression()).rule == "compression.repetitive"
    draw = random.Random(1)
    noise = "".join(draw.choices(string.ascii_letters + string.digits, k=3000))
    assert judge_compression(document(noise), Compression()).rule == "compression.random"
    assert judge_compression(document(noise[:499]), Compression()) is None


@given(st.text(min_size=1), st.integers(1, 50))
def test_every_text_has_a_ratio(text, window):
    assert ratio(text, window) > 0


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (PROSE, None),
        ("", None),
        ("日本語の文章です。きれいな海。", None),
        ("हिन्दी में लिखा हुआ एक वाक्य", None),
        ("** >> || == ## ** a b", "special"),
        (f"{PROSE[:300]}\ufffd\ufffd", "replaced"),
        ("Il Ã©tait une fois, en Ã©tÃ©.", "garbled"),
        ("Il était une fois, à l’été Âge.", None),
        ("Buy рaypal and аpple now", "mixed_words"),
        ("Пример текста и a few words", None),
    ],
)
def test_odd_characters_are_told_from_letters_of_any_script(text, rule):
    reason = judge_characters(document(text), Characters())
    assert (reason and reason.rule) == (rule and f"characters.{rule}")


@given(st.text())
def test_any_text_is_judged(text):
    for function, rules in RULES:
        function(document(text), rules)
