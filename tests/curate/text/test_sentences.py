"""Sentences of a line: joined they are the line, and C4's count is their number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters.c4 import count_sentences
from curate.text.sentences import sentences

PIECES = st.sampled_from(
    ["a", "B", "Mr", "p.m", ".", "!", "?", "。", "？", " ", "\u3000", '"', "”", "1", "é", "...", ")"]
)
LINES = st.lists(PIECES, max_size=30).map("".join)


@given(st.one_of(LINES, st.text(max_size=40)))
def test_the_sentences_of_a_line_joined_are_the_line_and_c4_counts_them(line):
    pieces = sentences(line)
    assert "".join(pieces) == line
    assert line.isspace() or not line or len(pieces) == count_sentences(line)


def test_a_long_row_of_marks_is_read_once():
    line = "." * 300_000
    assert sentences(line) == [line]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ('He said "Stop." Then he left.', ['He said "Stop." ', "Then he left."]),
        ("At 5 p.m. we met Mr. Smith and J. Doe.", ["At 5 p.m. we met Mr. Smith and J. Doe."]),
        ("version 2.5 is out. it works", ["version 2.5 is out. it works"]),
        ("今天很好。明天呢？再见。", ["今天很好。", "明天呢？", "再见。"]),
        ("यह एक है। वह दो है।", ["यह एक है। ", "वह दो है।"]),
        ("", [""]),
    ],
)
def test_sentences_end_at_marks_in_several_scripts(line, expected):
    assert sentences(line) == expected
