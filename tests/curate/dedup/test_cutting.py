"""Texts without some lines and sentences: what is not cut stays as it was, and code and tables stay whole."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.cutting import line_keys, lines, places_of, prose_sentences, sentence_keys, without

SENTENCES = st.lists(st.sampled_from(["One is here.", "Two!", "三。四。", "no end", "..."]), max_size=4).map(" ".join)
OTHERS = st.sampled_from(["- item", "| a | b |", "```", "~~~", "***", ""])
TEXTS = st.lists(st.one_of(SENTENCES, OTHERS), max_size=12).map("\n".join)


@given(st.one_of(TEXTS, st.text(max_size=60)))
def test_a_text_of_which_nothing_is_cut_is_as_it_was(text):
    assert without(text, (), ()) == text


@given(st.one_of(TEXTS, st.text(max_size=60)))
def test_without_all_its_prose_a_text_has_only_code_tables_and_lines_without_words(text):
    by_lines = without(text, {number for number, key in enumerate(line_keys(text)) if key}, ())
    by_sentences = without(text, (), range(len(sentence_keys(text))))
    stays = [line.text for line in lines(text) if not line.is_prose and line.text.strip()]
    for rest in (by_lines, by_sentences):
        assert [line for line in rest.split("\n") if line.strip()] == stays


@given(TEXTS, st.data())
def test_what_stays_of_a_text_are_the_other_sentences_in_their_order(text, data):
    number_of_sentences = len(sentence_keys(text))
    cut = data.draw(st.sets(st.integers(0, max(0, number_of_sentences - 1)), max_size=number_of_sentences))
    kept = [sentence for number, sentence in enumerate(prose_sentences(text)) if number not in cut]
    assert without_blanks(prose_sentences(without(text, (), cut))) == without_blanks(kept)


@given(TEXTS, st.data())
def test_the_places_of_what_is_cut_are_all_that_is_gone(text, data):
    numbers = [st.sets(st.integers(0, len(keys(text)))) for keys in (line_keys, sentence_keys)]
    cut_lines, cut_sentences = (data.draw(chosen) for chosen in numbers)
    cut_lines = {number for number, key in enumerate(line_keys(text)) if key and number in cut_lines}
    places = [place for of_rule in places_of(text, cut_lines, cut_sentences) for place in of_rule]
    gone = {at for start, stop in places for at in range(start, stop)}
    rest = (letter for at, letter in enumerate(text) if at not in gone)
    assert without_blanks(without(text, cut_lines, cut_sentences)) == without_blanks(rest)
    for of_rule in places_of(text, cut_lines, cut_sentences):
        assert all(text[stop:start].strip() for (_, stop), (start, _) in pairwise(of_rule))


def without_blanks(sentences) -> str:
    return "".join("".join(sentences).split())


def test_two_sentences_may_be_one_after_those_between_them_are_cut():
    rest = without("One is here. 三。四。 no end", (), {1, 2})
    assert [*prose_sentences(rest)] == ["One is here. no end"]


def test_a_line_is_cut_with_one_of_the_blank_lines_around_it():
    assert without("One.\n\nHome\n\nTwo.\n\nEnd", {2, 6}, ()) == "One.\n\nTwo."
    assert without("Home\n\nOne.", {0}, ()) == "One."


def test_blank_lines_far_from_a_cut_stay():
    assert without("One.\n\n\n\nTwo.\nHome\nThree.", {5}, ()) == "One.\n\n\n\nTwo.\nThree."


def test_sentences_are_cut_out_of_a_line():
    assert without("One. Two. Three.", (), {1}) == "One. Three."
    assert without("One. Two. Three.", (), {2}) == "One. Two."
    assert without("一。二。三。", (), {1}) == "一。三。"


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_code_between_fences_is_never_cut(fence):
    text = f"One.\n{fence}python\nimport os. Two. Three.\n{fence}\nEnd."
    assert [bool(key) for key in line_keys(text)] == [True, False, False, False, True]
    assert len(sentence_keys(text)) == 2


@pytest.mark.parametrize(
    "code",
    [
        "for bell in bells:\n    ring(bell)\n    wait(3)",
        "if (a) {\n\tring(a);\n}",
        "x = ring(3);",
        "<ul>\n  <li>One. Two. Three.</li>\n</ul>",
    ],
)
def test_code_without_fences_is_never_cut(code):
    text = f"One.\n\n{code}\n\nHome"
    assert [line.text for line in lines(text) if line.is_prose] == ["One.", "Home"]
    rest = without(text, {number for number, key in enumerate(line_keys(text)) if key}, range(len(sentence_keys(text))))
    assert rest == code


@pytest.mark.parametrize(
    "prose",
    [
        "One. (Two, as they say; three.)\n  - four (4)\n  - five [5]",
        "Ring the bell;\n    the boats come home;\n  ring, ring.",
        "Home | About | Contact (us)",
        "It costs $5 (or 4). The rest = nothing.",
    ],
)
def test_prose_with_a_few_brackets_is_no_code(prose):
    assert all(line.is_prose for line in lines(prose))


def test_case_and_white_space_count_for_nothing():
    assert sentence_keys("One  Two. THREE.") == sentence_keys("one two. Three.\n")
    assert line_keys("  HOME ") == line_keys("Home")
