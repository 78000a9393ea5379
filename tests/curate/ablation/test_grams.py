"""Texts that share 13 words in a row with others: what is a copy, what is not, in every script."""

import random

from hypothesis import given
from hypothesis import strategies as st

from curate.ablation.grams import LENGTH, Wanted
from curate.text.words import words

WORDS = st.lists(
    st.sampled_from(["light", "tide", "boat", "harbour", "keeper", "rain", "coat"]), min_size=13, max_size=40
)
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."


def shared(texts: list[str], others: list[str], most: int = 0) -> set[int]:
    return Wanted(texts, [most] * len(texts)).shared_with(others)


def naive(text: str, others: list[str]) -> bool:
    """Returns whether a text shares a run of words with others, by the words themselves."""
    own = words(text)
    size = min(len(own), LENGTH)

    def runs(row):
        return {tuple(row[at : at + size]) for at in range(len(row) - size + 1)}

    return bool(size) and any(runs(own) & runs(words(other)) for other in others)


def test_case_and_punctuation_do_not_hide_a_copy():
    copy = STORY.upper().replace(" ", ", ") + " And more of its own."
    assert shared([STORY], [f"Before it. {copy}"]) == {0}


def test_twelve_words_in_a_row_are_no_copy_and_thirteen_are():
    row = STORY.split()
    for count, expected in ((12, set()), (13, {0})):
        assert shared([STORY], [f"x {' '.join(row[2 : 2 + count])} y"]) == expected


def test_a_short_text_is_compared_whole():
    assert shared(["The tide came."], ["And then the tide came in."]) == {0}
    assert shared(["The tide came."], ["The tide never came."]) == set()
    assert shared(["...", ""], ["... and more", ""]) == set()


def test_each_character_of_a_script_without_blanks_is_a_word():
    text = "東京の港に船が入ってきたので、灯台守は歩いて行った。"
    assert len(words(text)) > LENGTH
    assert shared([text], [f"昨日は、{text[:16]}と書いてあった"]) == {0}
    assert shared([text], [text[::-1]]) == set()


def test_marks_of_hindi_belong_to_their_word():
    text = "समुद्र के किनारे एक छोटा सा घर था जिसमें एक बूढ़ा आदमी अपनी नाव के साथ रहता था"
    row = text.split()
    assert len(words(text)) == len(row)
    assert shared([text], [f"और {' '.join(row[:LENGTH])} और"]) == {0}
    assert shared([text], [f"और {' '.join(row[: LENGTH - 1])} और"]) == set()


def test_phrases_in_more_documents_than_stated_are_no_copies():
    notice = "We use cookies to make sure that you have the best experience on all our pages."
    pages = [f"{notice} Page {number}." for number in range(11)]
    texts = [f"{notice} A page of its own.", f"{notice} {STORY}"]
    assert shared(texts, pages) == {0, 1}
    assert shared(texts, pages, most=10) == set()
    assert shared(texts, [*pages, STORY], most=10) == {1}
    assert shared(texts, pages[:10], most=10) == {0, 1}


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=6), st.randoms(use_true_random=False))
def test_the_hashes_find_what_the_words_themselves_show(texts, others, draw: random.Random):
    rows = [" ".join(row) for row in texts]
    beside = [" ".join(row) for row in others]
    if draw.random() < 0.5:
        part = texts[0][: draw.randint(10, 16)]
        beside.append(" ".join(["before", *part, "after"]))
    assert shared(rows, beside) == {number for number, text in enumerate(rows) if naive(text, beside)}
