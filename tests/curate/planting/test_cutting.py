"""Long texts are cut into pieces of about equal size, and nothing of them is lost."""

from hypothesis import given
from hypothesis import strategies as st

from curate.planting.cutting import paragraphs, pieces, words_in

TEXTS = st.lists(st.sampled_from(["word ", "a. ", "b! ", "\n", "\n\n", " \n ", "ü，", "x"]), max_size=400).map("".join)


@given(TEXTS, st.integers(2, 60))
def test_pieces_hold_all_words_in_order_and_none_is_too_long(text, most):
    cut = pieces(text, most)
    assert [word for piece in cut for word in piece.split()] == text.split()
    assert all(0 < words_in(piece) <= most for piece in cut)


@given(st.integers(1, 5000), st.integers(50, 1000))
def test_pieces_of_equal_lines_are_of_about_equal_size(lines, most):
    sizes = [words_in(piece) for piece in pieces("one two three\n" * lines, most)]
    assert max(sizes) - min(sizes) <= most / 5 + 6


def test_a_text_is_cut_at_a_blank_line_rather_than_at_a_line():
    verse = "\n\n".join("\n".join(["one two three"] * 4) for _ in range(20))
    assert all(piece.count("\n") % 5 == 3 for piece in pieces(verse, 100))


def test_a_line_of_many_words_is_cut_at_the_ends_of_sentences():
    assert all(piece.endswith(".") for piece in pieces("One two three four. " * 100, 50))


def test_paragraphs_part_at_blank_lines_or_else_at_lines():
    assert paragraphs("a\nb\n\nc") == ["a\nb", "c"]
    assert paragraphs("a\nb\nc") == ["a", "b", "c"]
