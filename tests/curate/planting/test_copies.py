"""Copies differ as their kind says; the similarity that is stated is that of their sets of shingles."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.planting.config import COPIES, FURNITURE_PLACES
from curate.planting.copies import copy, jaccard
from curate.planting.furniture import furnished, spread
from curate.planting.reading import text_id

WORDS = str.split("the river rose over its banks and took the old mill with all that was in it before anyone woke")
TEXT = "\n".join(" ".join(random.Random(line).choices(WORDS, k=40)).capitalize() + "." for line in range(12))
SEEDS = st.integers(0, 2**32)


def runs_of_five(text: str) -> set[str]:
    """Computes the shingles in another way than the project does."""
    cleaned = "".join(character if character.isalnum() or character == "_" else " " for character in text.lower())
    words = cleaned.split()
    return {" ".join(words[at : at + 5]) for at in range(len(words)) if at + 5 <= len(words)}


@pytest.mark.parametrize("kind", COPIES)
@given(seed=SEEDS)
def test_the_similarity_of_a_copy_is_that_of_its_shingles(kind, seed):
    made = copy(kind, TEXT, random.Random(seed)).text
    ours, theirs = runs_of_five(TEXT), runs_of_five(made)
    assert jaccard(TEXT, made) == pytest.approx(len(ours & theirs) / len(ours | theirs))


@given(SEEDS)
def test_exact_copies_are_equal_and_respelled_ones_only_but_for_case_and_white_space(seed):
    assert copy("exact", TEXT, random.Random(seed)).text == TEXT
    other = copy("respelled", TEXT, random.Random(seed)).text
    assert other != TEXT
    assert text_id(other) == text_id(TEXT)


@given(SEEDS)
def test_an_edited_copy_has_most_of_its_words_and_a_cut_one_is_shorter(seed):
    edited = copy("edited", TEXT, random.Random(seed))
    assert edited.text != TEXT or "edited" in edited.changed
    assert jaccard(TEXT, edited.text) > 0.5
    shorter = copy("cut", TEXT, random.Random(seed)).text
    assert 0.6 * len(TEXT) < len(shorter) < len(TEXT)
    assert set(shorter.splitlines()) < set(TEXT.splitlines())


@given(SEEDS)
def test_a_framed_copy_is_the_text_between_the_lines_that_it_names(seed):
    made = copy("framed", TEXT, random.Random(seed))
    lines = made.text.splitlines()
    for line in made.added:
        lines.remove(line)
    assert lines == TEXT.splitlines()


@pytest.mark.parametrize("place", FURNITURE_PLACES)
@given(seed=SEEDS)
def test_furniture_stands_where_its_kind_says_and_leaves_the_text_as_it_was(place, seed):
    text, added = furnished(place, TEXT, random.Random(seed))
    lines = text.splitlines()
    assert (lines[0] in added) == (place in ("before", "around"))
    assert (lines[-1] in added) == (place in ("after", "around"))
    for line in added:
        lines.remove(line)
    assert lines == TEXT.splitlines()


@given(SEEDS)
def test_furniture_inside_a_text_stands_between_its_paragraphs(seed):
    assert spread("first\nlast", ["A", "B"], random.Random(seed)) == "first\nA\nB\nlast"
    assert spread("one", ["A", "B"], random.Random(seed)) == "one\nA\nB"


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("text", ["word", "Two words", "...", "1", "这是一个没有空格的句子。", "a\n\nb"])
def test_every_kind_of_copy_can_be_made_of_a_short_text(kind, text):
    made = copy(kind, text, random.Random(1))
    assert made.text.strip()
    assert 0 <= jaccard(text, made.text) <= 1
