"""C4's rules against the vectors of its own code, edge cases and laws."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import recipe
from curate.errors import SettingsError
from curate.filters.c4 import (
    C4,
    CITATION,
    FLANKS,
    C4FineWeb,
    Cleaned,
    clean,
    count_sentences,
    has_bad_word,
    line_fault,
)
from curate.filters.rules import Filter, key_table
from curate.pipelines.stages import filter as stage
from curate.pipelines.stages.given import Given

CASES = json.loads((Path(__file__).parents[1] / "cases" / "c4.json").read_text(encoding="utf-8"))
PUBLISHED = [case for case in CASES["cases"] if "TensorFlow" in case.get("source", "")]
DATATROVE = C4(end_marks=(".", "?", "!", '"', "'"), min_line_words=3, min_sentences=5)  # C4QualityFilter's defaults

marked = ["see[1]", "[edit]", "{", "JavaScript", "lorem ipsum", "Use cookies here."]
pieces = st.sampled_from(["The sea was calm and grey.", "Menu", "Why? ", *marked])
texts = st.text() | st.lists(pieces | st.sampled_from(["\n", "\r\n", " "]), max_size=30).map("".join)
rules = st.builds(
    C4,
    end_marks=st.sampled_from([(), (".", "?", "!", '"')]),
    min_line_words=st.integers(0, 6),
    max_word_length=st.integers(1, 20),
    citations=st.booleans(),
    min_sentences=st.integers(1, 4),
) | st.just(C4FineWeb())


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


def rules_of(case):
    stated = case.get("settings", {})
    changed = {key: tuple(value) if isinstance(value, list) else value for key, value in stated.items()}
    return (C4FineWeb if case.get("fineweb") else C4)(**changed)


def nonempty(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("case", named(CASES["cases"]))
def test_a_page_is_cleaned_or_rejected_as_the_case_says(case):
    result = clean(case["text"], rules_of(case))
    if "rule" in case:
        assert result == (f"c4.{case['rule']}", case.get("value"), case.get("threshold"), case.get("detail", ""))
    else:
        assert result == (case["kept"], Counter(case["removed"]))


@pytest.mark.parametrize(("text", "number"), CASES["sentences"])
def test_sentences_end_where_a_reader_would_end_them(text, number):
    assert count_sentences(text) == number


@pytest.mark.parametrize("case", named(PUBLISHED[:1]))
@pytest.mark.parametrize("swapped", [DATATROVE, C4FineWeb()], ids=["datatrove", "fineweb"])
def test_datatrove_s_swapped_numbers_do_not_give_c4_s_own_answer(case, swapped):
    assert clean(case["text"], C4()) == (case["kept"], Counter(case["removed"]))
    assert clean(case["text"], swapped) != (case["kept"], Counter(case["removed"]))


def test_the_reason_bears_the_name_under_which_the_rule_runs():
    assert clean("", C4FineWeb(), "c4_fineweb").rule == "c4_fineweb.too_few_sentences"


@given(texts, rules)
def test_each_line_is_kept_or_counted_and_none_is_made_up(text, rules):
    result = clean(text, rules)
    if not isinstance(result, Cleaned):
        return
    lines = nonempty(text)
    kept = [line for line in lines if not line_fault(line, CITATION.sub("", line) if rules.citations else line, rules)]
    dropped = sum(result.removed[fault] for fault in result.removed if fault != "citations")
    assert len(lines) == len(kept) + dropped
    expected = "\n".join(CITATION.sub("", line) if rules.citations else line for line in kept).strip()
    assert result.text == expected
    assert result.text


@given(texts.filter(lambda text: "[" not in text), rules)
def test_a_clean_text_is_left_as_it_is(text, rules):
    result = clean(text, rules)
    if isinstance(result, Cleaned):
        again = clean(result.text, rules)
        assert again == (result.text, Counter())


@given(texts, rules)
def test_a_value_breaks_its_limit(text, rules):
    result = clean(text, rules)
    if not isinstance(result, Cleaned) and result.rule == "c4.too_few_sentences":
        assert result.value < result.threshold == rules.min_sentences


@given(st.lists(st.sampled_from(["We saw it.", "“Why?”", "He went!", "It is 3.5 m.", "(So be it.)"]), max_size=20))
def test_sentences_in_a_row_are_all_counted(parts):
    assert count_sentences(" ".join(parts)) == len(parts)


@given(st.text())
def test_a_text_has_a_sentence_unless_it_is_blank(text):
    assert (count_sentences(text) > 0) == bool(text.strip())


PADDING = """This page starts out with some text.
Everything looks good at first, since these are sentences.
But then, all of a sudden, there's a badword... or not?
"""


@pytest.mark.parametrize(
    ("line", "is_bad"),
    [  # TensorFlow Datasets, c4_utils_test.py (Apache-2.0)
        ("I asked my friend for assistance polishing my cutlass.", False),
        ("He took the saddle and put it on his ass in preparation for travel.", True),
        ('Ass is one of several species of small, horse-like animals.Donkey is one synonym for the word "ass".', True),
        # ours: the code sees no word at the beginning of a line, and none in a line that goes
        ("Ass is one of several species of small, horse-like animals.", False),
        ("He put it on his ass and did not say why", False),
    ],
)
def test_a_bad_word_in_a_line_that_stays_rejects_the_page(line, is_bad):
    result = clean(PADDING + line, C4(bad_words=("ass",)))
    assert isinstance(result, Cleaned) is not is_bad
    if is_bad:
        assert (result.rule, result.detail) == ("c4.bad_word", line[:100])


@pytest.mark.parametrize("variant", ["tfds-c4", "paper", "datatrove"])
@given(
    words=st.sets(st.sampled_from(["darn", "Heck", "s&m", "2g1c", "hot pocket", "\U0001f595"]), min_size=1),
    text=st.data(),
)
def test_a_bad_word_is_met_as_the_pattern_of_all_words_meets_it(variant, words, text):
    pieces = st.sampled_from([*words, "darned", "a", " ", ".", "é", "2"])
    line = "".join(text.draw(st.lists(pieces, max_size=8))).lower()
    before, after = FLANKS[variant]
    pattern = f"{before}(?:{'|'.join(re.escape(word.lower()) for word in words)}){after}"
    assert has_bad_word(line, C4(variant=variant, bad_words=tuple(words))) is bool(re.search(pattern, line))


def test_bad_words_of_a_file_are_in_the_key_and_none_leave_it_as_it_was(tmp_path):
    path = tmp_path / "en"
    path.write_text("ass\nhot pocket\n")
    assert has_bad_word("the hot pocket.", C4(bad_words=(f"@{path}",)))
    chosen = ('filter.rules=["c4"]', f'filter.c4.bad_words=["@{path}"]')
    plan = stage.plan(recipe.load("documents", chosen), tmp_path, Given())
    path.write_text("other\n")
    assert stage.plan(recipe.load("documents", chosen), tmp_path, Given()).key != plan.key
    assert "bad_words" not in key_table(Filter(rules=("c4",)))["c4"]
    absent = recipe.load("documents", ('filter.rules=["c4"]', 'filter.c4.bad_words=["@absent.txt"]'))
    with pytest.raises(SettingsError, match=r"filter.c4.bad_words: @absent.txt: No such file"):
        stage.plan(absent, tmp_path, Given())


WRONG = [{"min_sentences": 0}, {"policy_phrases": ("Terms of Use",)}, {"policy_phrases": (" ",)}]


@pytest.mark.parametrize("wrong", WRONG)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        C4(**wrong)
