"""The blocks that an extractor's text holds: found without white space, in the page's order."""

from hypothesis import given
from hypothesis import strategies as st

from curate.extract.selection import selected
from curate.markup.blocks import Block

LONG = "The keeper walked down to the harbour every morning. "


def blocks(*texts):
    return [Block("paragraph", text, None) for text in texts]


def test_a_block_is_selected_when_more_than_half_of_it_is_covered():
    page = blocks("Menu", "On 5 May the council met.", "No.", "Yes it is so")
    assert selected(page, [["On", " the council met."], ["Yes", "no"]]) == [False, True, False, False]


def test_a_short_text_is_looked_for_behind_the_one_before():
    page = blocks("Home", LONG * 2, "Home", "Home")
    assert selected(page, [[LONG * 2], ["Home"]]) == [False, True, True, False]


def test_a_heading_is_looked_for_next_before_its_text_not_in_the_menu():
    page = blocks("Contact", "Bells", "Contact", LONG, "Bells", LONG.upper())
    texts = [["Contact"], [LONG], ["Bells"], [LONG.upper()]]
    assert selected(page, texts) == [False, False, True, True, True, True]


def test_a_long_text_is_found_even_where_it_stands_before_the_last():
    page = blocks(LONG, "The bell rings twice a day, at noon too.")
    assert selected(page, [["The bell rings twice a day, at noon too."], [LONG]]) == [True, True]


def test_of_a_long_text_that_lacks_a_word_of_the_page_the_rest_is_found():
    page = blocks(LONG * 3 + "On 5 May it rang.", LONG.upper() * 3, "Menu")
    assert selected(page, [[LONG * 3 + "On it rang." + LONG.upper() * 3]]) == [True, True, False]


def test_formulas_do_not_count_as_an_extractor_gives_them_in_another_form():
    page = blocks("Let $x_{1} + x_{2} + x_{3}$ be.", "It costs $5 and then $6 more.", r"And \(\frac{a}{b}\) is.")
    texts = [[r"Let \(x_1 + x_2 + x_3\) be."], ["It costs $5 and then $6 more."], ["And is."]]
    assert selected(page, texts) == [True, True, True]


def test_no_blocks_or_no_texts_select_nothing():
    assert selected([], [["text"]]) == []
    assert selected(blocks("text"), []) == [False]


@given(st.lists(st.text("ab \n", max_size=8), max_size=6), st.data())
def test_texts_of_the_page_itself_select_what_has_characters(texts, data):
    page = blocks(*texts)
    assert selected(page, [[text] for text in texts]) == [bool(text.split()) for text in texts]
