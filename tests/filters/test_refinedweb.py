"""RefinedWeb's corrections of lines, with the values of DCLM's code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters.judged import Judged
from curate.filters.refinedweb import RefinedWeb, count_words, judge_refinedweb, line_fault, without_phrases
from curate.records import EPOCH, Document, Reason

PROSE = "\n".join(f"The ferry left the old harbor at noon on day {day} of that long month." for day in range(10))
pieces = st.sampled_from(
    ["The sea was calm.", "MENU NOW", "3 likes", "42", "Read more...", "", "Sign-in here now", " "]
)


def document(text):
    return Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ABcd ef", None),  # 2 of 7 characters
        ("ABCDefg", "upper_case"),  # 4 of 7
        ("AB cd", None),
        ("12345", "digits"),
        ("12 345", None),
        ("3 likes", "counter"),
        ("· 1,204 Comments ·", "counter"),
        ("3.2K retweets", "counter"),
        ("3 likes today", None),
        ("Home", "short"),
        ("Two words", None),
        ("", None),
    ],
)
def test_a_line_goes_by_its_first_fault(line, fault):
    assert line_fault(line, RefinedWeb()) == fault


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("You have 3 items in cart", "You have 3"),
        ("It is said that he left. Read more...", "It is said that he left."),
        ("Read more... of it", "Read more... of it"),
        ("sign-in to see it", "to see it"),
        ("Please Sign-in", "Please Sign-in"),
        ("one two three four five six seven eight nine ten Read more...", None),
    ],
)
def test_phrases_go_from_short_lines_at_their_places(line, rest):
    assert without_phrases(line, RefinedWeb()) == (line if rest is None else rest)


def test_a_page_is_corrected_and_its_lines_are_counted():
    judged = judge_refinedweb(document(f"Home\n{PROSE}\n3 likes"), RefinedWeb())
    assert judged == (document(PROSE), None, {
        "refinedweb.changed": 1,
        "refinedweb.removed_short": 1,
        "refinedweb.removed_counter": 1,
    })  # fmt: skip
    assert judge_refinedweb(document(PROSE), RefinedWeb()) is None


def test_a_page_that_loses_more_than_a_twentieth_of_its_words_is_rejected():
    words = count_words(PROSE)
    few, many = (PROSE + "\nHome" * number for number in (words // 20, words // 19 + 1))
    assert isinstance(judge_refinedweb(document(few), RefinedWeb()), Judged)
    reason = judge_refinedweb(document(many), RefinedWeb())
    assert (reason.rule, reason.threshold) == ("refinedweb.removed_words", 0.05)
    assert reason.value > 0.05


@given(st.lists(pieces, max_size=20).map("\n".join))
def test_what_is_left_has_no_fault_and_is_corrected_no_further(text):
    rules = RefinedWeb(max_removed_words=1.0, anywhere=(), at_end=(), at_start=())
    judged = judge_refinedweb(document(text), rules)
    if isinstance(judged, Judged):
        assert not any(line_fault(line, rules) for line in judged.document.text.split("\n"))
        assert judge_refinedweb(judged.document, rules) is None
    else:
        assert judged is None or isinstance(judged, Reason)
