"""Lines are found in a text where they stand, in whatever form, and nowhere else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.passages import Run, Words, compared, stands

LINES = st.lists(
    st.lists(st.sampled_from(["oat", "rye", "wheat", "salt", "a", "塩"]), min_size=1, max_size=12), max_size=5
)


def words(*lines):
    return [compared(line) for line in lines]


def test_short_lines_stand_in_any_order_of_their_words_and_without_blanks_long_ones_by_their_trigrams():
    text = Words(
        "Take care. flour 500 g, two eggs. Mixthebatter. Then leave it all alone in a warm place until noon today."
    )
    assert text.occurrences(*words("500 g flour")) == [2, 3]
    assert text.occurrences(*words("mix the batter")) == [6]
    assert text.occurrences(*words("sugar and flour of rye")) == []
    assert text.occurrences(*words("leave it all alone in a cosy place until noon")) == [8]
    assert text.occurrences(*words("put it down in a cold place before noon comes")) == []


def test_a_run_is_the_part_of_the_text_that_holds_the_lines_in_order():
    text = Words(f"wheat {'x ' * 60} rye flour, oat bran and wheat germ {'x ' * 60} oat")
    assert text.run(words("rye flour", "oat bran", "wheat germ")) == Run(6, 61, 66)
    assert text.run(words("wheat germ", "oat bran", "rye flour")).size == 2
    assert text.run([]) == text.run(words("barley malt")) == Run(0, 0, 0)


def test_lines_stand_letter_by_letter_in_order():
    assert stands("..ryeflourandoatbran", ["ryeflour", "oatbran"], is_list=True)
    assert not stands("oatbran" + "x" * 99 + "ryeflour", ["ryeflour", "oatbran", "wheatgerm"], is_list=True)
    assert stands(b"x" * 50, [b"x" * 30, b"x" * 20], is_list=False)
    assert not stands("", ["", ""], is_list=True)


@settings(max_examples=50)
@given(LINES, LINES, LINES)
def test_a_text_holds_its_own_lines(before, lines, behind):
    text = Words("\n".join(" ".join(line) for line in [*before, *lines, *behind]))
    own = words(*(" ".join(line) for line in lines))
    assert all(text.occurrences(line) for line in own)
    assert text.run(own).size >= max(map(len, own), default=0)
