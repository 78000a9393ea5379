"""The words of a text: what counts for nothing in every script, what parts words, and scripts without blanks."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.words import BLANKS, GAPS, PLAIN, UNSPACED, comparable, fold, words

COMMON = [chr(code) for first, last in (*PLAIN, (0x20, 0x7E), (0xAC00, 0xAC80)) for code in range(first, last + 1)]
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
INVISIBLE = ["\u00ad", "\u200b", "\u200d", "\ufeff", "\u2060", "\ufe0f", "\u0640", "\u061c", "\u034f", "\U000e0101"]

texts = st.text() | st.text(st.sampled_from([*COMMON, *BLANKS, *GAPS]), max_size=40)
unspaced = st.sampled_from([block for block in UNSPACED if block[0] not in (0x2E80, 0x3005, 0x3021, 0x3031, 0x1AFF0)])
WITH_MARK = "\u0e33\u0eb3"  # Thai and Lao am: by NFKC a mark, which belongs to the letter before it, and a letter
letters = unspaced.flatmap(
    lambda block: st.characters(
        min_codepoint=block[0],
        max_codepoint=min(block[1], 0x2A6DF),
        categories=["Lo"],
        exclude_characters=[letter for letter in WITH_MARK if block[0] <= ord(letter) <= block[1]],
    )
)


def joined(text: str, rule: str = "text-1") -> str:
    return b" ".join(words(text, rule)).decode()


def wide(text: str) -> str:
    """The text with printable ASCII in its full-width form."""
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


@given(texts)
def test_the_words_of_words_are_themselves(text):
    assert words(joined(text)) == words(text)
    assert fold(fold(text)) == fold(text)


@given(texts)
def test_the_short_way_and_the_long_way_give_the_same_words(text):
    rare = "\U00010280"  # a letter of Lycian, for which every character is looked at
    assert words(f"{text} {rare}") == [*words(text), rare.encode()]


@given(texts, st.sampled_from(FORMS))
def test_the_forms_of_unicode_count_for_nothing(text, form):
    assert words(unicodedata.normalize(form, text)) == words(text)


@given(texts)
def test_case_and_width_count_for_nothing(text):
    assert words(wide(text)) == words(text)
    for other in (text.upper(), text.lower(), text.title(), text.swapcase()):
        assert words(other) == words(text)


def test_case_and_form_of_no_character_count():
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        others = {character.upper(), character.lower(), character.casefold()}
        others |= {unicodedata.normalize(form, character) for form in FORMS}
        if others != {character}:
            assert all(words(other) == words(character) for other in others), hex(code)


@given(texts, st.data())
def test_invisible_characters_count_for_nothing(text, data):
    place = data.draw(st.integers(0, len(text)))
    mark = data.draw(st.sampled_from(INVISIBLE))
    assert words(text[:place] + mark + text[place:]) == words(text)


@given(st.lists(st.sampled_from(["one", "é", "дом", "中", "ไทย", "हिन्दी", "한국", "𐊀"]), max_size=8), st.data())
def test_blanks_and_punctuation_between_words_count_for_nothing(drawn, data):
    parting = st.text(st.sampled_from([*BLANKS, *" \n\t.,;:!?\"'()[]{}<>|~`^*_-+=/\\#%&@$¶†…、。「」？¿؟।\u3000😀⁂"]))
    text = "".join(word + " " + data.draw(parting) for word in drawn)
    assert words(text) == words(" ".join(drawn))


@given(st.lists(letters, max_size=20), st.data())
def test_in_scripts_without_blanks_every_letter_is_a_word_and_blanks_count_for_nothing(drawn, data):
    apart = "".join(letter + data.draw(st.sampled_from(["", " ", "\n", "，", "\u200b"])) for letter in drawn)
    assert words(apart) == words("".join(drawn))
    composed = unicodedata.normalize("NFKC", "".join(drawn))
    assert len(words(apart)) == sum(unicodedata.category(letter)[0] == "L" for letter in composed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Terms of Use.", "terms of use"),
        ("snake_case don’t e-mail", "snake case don t e mail"),
        ("naïve FIANCÉ Straße STRASSE", "naïve fiancé strasse strasse"),
        ("İstanbul ISPARTA ısparta istanbul", "istanbul isparta isparta istanbul"),
        ("Ὀδυσσεύς ὈΔΥΣΣΕΎΣ", "ὀδυσσεύσ ὀδυσσεύσ"),
        ("हिन्दी में", "हिन्दी में"),
        ("مَدْرَسَة مدرســـة", "مَدْرَسَة مدرسة"),
        ("می\u200cخواهم", "میخواهم"),
        ("Tiếng Việt Tiê\u0301ng", "tiếng việt tiếng"),
        ("서울 대한민국", "서울 대한민국"),
        ("第１条 すべて", "第 1 条 す べ て"),
        ("ﾊﾟｿｺﾝ パソコン", "パ ソ コ ン パ ソ コ ン"),
        ("ที่นี่ 2024 ๒๕", "ที่ นี่ 2024 ๒๕"),
        ("ខ្មែរ", "ខ្ មែ រ"),
        ("မြန်မာ", "မြ န် မာ"),
        ("བོད་ཡིག", "བོད ཡིག"),
        ("GPT模型v2和AI", "gpt 模 型 v2 和 ai"),
        ("𠮷野家 𐐀𐐨", "𠮷 野 家 𐐨𐐨"),
        ("l´eau ½ x² ﬁn", "l eau 1 2 x2 fin"),
        ("C++ und C#, 5 € + 3 %", "c und c 5 3"),
        ("★★★ 😀 !?", ""),
    ],
)
def test_the_words_of_these_texts(text, expected):
    assert joined(text) == expected


def test_texts_without_words_are_compared_by_what_is_not_blank():
    assert comparable("★★ ☆") == comparable("★★☆\n") != comparable("★★★")
    assert comparable(" \n") == comparable("") == b""
    assert comparable("One. two") == b"one two"


@given(texts)
def test_by_the_rule_none_nothing_is_folded(text):
    assert comparable(text, "none") == text.encode("utf-8", "surrogatepass")
    assert "".join(word.decode("utf-8", "surrogatepass") for word in words(text, "none")) == "".join(text.split())


def test_by_the_rule_none_case_and_punctuation_are_of_the_words():
    assert joined("Terms of Use. 中文。A", "none") == "Terms of Use. 中 文 。A"
