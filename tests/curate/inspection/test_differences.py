"""The pieces of a passage are the words of both texts; long passages keep their ends; marks need no colour."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from curate.cli.look import print_differences
from curate.inspection.differences import BOTH, KEPT, LONGEST, MOST, OMITTED, REMOVED, marked, passages

WORDS = ["the", "boats", "came ", "in\n", "with", "tide", "自由", "は。", "ที่", "\U0001f600"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=LONGEST // 4).map(" ".join)


@given(removed=TEXTS, kept=TEXTS)
def test_pieces_give_back_the_words_of_both_texts(removed, kept):
    pieces = [piece for passage in passages(removed, kept, context=1000) for piece in passage]
    if not pieces:
        assert removed.split() == kept.split()
    for text, own in ((removed, REMOVED), (kept, KEPT)):
        words = "".join(piece.text for piece in pieces if piece.mark in (BOTH, own))
        assert not pieces or "".join(words.split()) == "".join(text.split())


@given(text=TEXTS)
def test_equal_texts_have_no_passages(text):
    assert passages(text, text.replace(" ", "  ")) == []


@given(place=st.integers(0, 299), other=st.integers(0, 299))
def test_of_a_long_text_only_the_changed_places_are_shown(place, other):
    words = [f"w{number}" for number in range(300)]
    kept = list(words)
    kept[place], kept[other] = "one", "one"
    shown = passages(" ".join(words), " ".join(kept), context=3)
    assert len(shown) == 1 + (abs(place - other) > 7)
    assert {text.strip() for passage in shown for mark, text in passage if mark == KEPT} <= {"one", "one one"}
    first = min(place, other)
    assert (shown[0][0].mark == OMITTED) == (first > 3)
    assert sum(len(text.split()) for passage in shown for _, text in passage) <= 22


def test_of_a_long_change_the_beginning_and_the_end_are_shown():
    removed = " ".join(f"w{number}" for number in range(500))
    [passage] = passages(f"{removed} end", "end")
    assert [piece.mark for piece in passage] == [REMOVED, OMITTED, REMOVED, BOTH]
    assert passage[0].text.split()[0] == "w0"
    assert passage[2].text.split()[-1] == "w499"
    assert sum(len(piece.text.split()) for piece in passage) == LONGEST + 1


def test_words_beyond_those_that_are_compared_are_one_change():
    words = [f"w{number}" for number in range(MOST + 40)]
    first, last = passages(" ".join(words), " ".join(["x", *words[1:-1], "y"]))
    assert [mark for mark, _ in first] == [REMOVED, KEPT, BOTH, OMITTED]
    assert [(mark, text.split()[0], text.split()[-1]) for mark, text in last[-2:]] == [
        (REMOVED, f"w{MOST}", words[-1]),
        (KEPT, f"w{MOST}", "y"),
    ]


@pytest.mark.parametrize("terminal", [False, True])
def test_marks_are_read_without_colour_and_coloured_on_a_terminal(terminal):
    shown = passages("came in with the tide", "came out with the tide")
    assert [marked(passage) for passage in shown] == ["came [-in-] {+out+} with the tide"]
    file = StringIO()
    console = Console(file=file, force_terminal=terminal, color_system="standard" if terminal else None, width=20)
    print_differences({"differences": shown, "kept_url": "http://a.example/"}, console)
    legend, line = file.getvalue().splitlines()
    assert "http://a.example/" in legend
    for sign, colour in (("[-in-]", "31"), ("{+out+}", "32")):
        assert (f"\x1b[{colour}m{sign}" if terminal else sign) in line
    assert ("\x1b" in line) == terminal
