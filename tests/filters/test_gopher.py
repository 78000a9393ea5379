"""Gopher's rules against published vectors, edge cases and a slow, obvious implementation."""

import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters.gopher import (
    GopherQuality,
    GopherRepetition,
    bare_words,
    line_duplicates,
    ngram_chars,
    paragraph_duplicates,
    quality,
    quality_measures,
    repetition,
    repetition_measures,
)

CASES = json.loads((Path(__file__).parents[1] / "cases" / "gopher.json").read_text(encoding="utf-8"))
LONGEST = range(2, 11)

few_words = st.lists(st.sampled_from(["a", "be", "sea", "gull"]), max_size=40)
texts = st.text() | st.text(alphabet="ab .#…-•\n\r1é") | few_words.map(" ".join)


def cases(kind):
    return [pytest.param(case, id=case["name"]) for case in CASES[kind]]


def text_of(case):
    return case["text"] or "".join(itertools.repeat(*case.get("repeat", ["", 0])))


def settings(case):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in case.get("settings", {}).items()}


def assert_reason(reason, case, family):
    if case["rule"] is None:
        assert reason is None
        return
    assert reason is not None
    assert reason.rule == f"{family}.{case['rule']}"
    assert reason.value == pytest.approx(case.get("value", reason.value), abs=1e-6)
    assert reason.threshold == case.get("threshold", reason.threshold)
    assert reason.detail == case.get("detail", "")


def slow_ngram_chars(words):
    """The definitions word for word, in quadratic time."""
    total = len("".join(words)) or 1
    for n in LONGEST:
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        counts = {gram: count for gram, count in Counter(grams).items() if count > 1}
        if n <= 4:
            most = max(counts.values(), default=0)
            longest = max((len("".join(gram)) for gram, count in counts.items() if count == most), default=0)
            yield min(1, most * longest / total)
        else:
            covered = {i + j for i, gram in enumerate(grams) if gram in counts for j in range(n)}
            yield sum(len(words[i]) for i in covered) / total


@pytest.mark.parametrize("case", cases("measures"))
def test_measures_match_the_published_vectors(case):
    text = case["text"]
    assert line_duplicates(text) == pytest.approx(case["lines"], abs=5e-5)
    assert paragraph_duplicates(text) == pytest.approx(case["paragraphs"], abs=5e-5)
    shares = dict(zip(LONGEST, ngram_chars(bare_words(text)), strict=True))
    assert {n: shares[int(n)] for n in case["ngrams"]} == pytest.approx(case["ngrams"], abs=5e-5)


@pytest.mark.parametrize("case", cases("quality"))
def test_quality_names_the_first_broken_rule(case):
    assert_reason(quality(text_of(case), GopherQuality(**settings(case))), case, "gopher_quality")


@pytest.mark.parametrize("case", cases("repetition"))
def test_repetition_names_the_first_broken_rule(case):
    assert_reason(repetition(text_of(case), GopherRepetition(**settings(case))), case, "gopher_repetition")


@given(few_words)
def test_ngram_shares_agree_with_the_definitions(words):
    assert list(ngram_chars(words)) == pytest.approx(list(slow_ngram_chars(words)))


@given(st.text(alphabet="ab \n"))
def test_duplicate_lines_agree_with_the_definition(text):
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    copies = [line for i, line in enumerate(lines) if line in lines[:i]]
    expected = (len(copies) / (len(lines) or 1), len("".join(copies)) / (len("".join(lines)) or 1))
    assert line_duplicates(text) == pytest.approx(expected)


@given(few_words)
def test_longer_ngrams_never_duplicate_more(words):
    shares = list(ngram_chars(words))[3:]
    assert shares == sorted(shares, reverse=True)


@given(texts)
def test_any_text_is_measured_and_shares_lie_in_0_to_1(text):
    assert all(0 <= measure.value <= 1 for measure in repetition_measures(text, GopherRepetition()))
    bounds = dict.fromkeys(("bullet_lines", "ellipsis_lines", "alphabetic_words"), 1)
    for measure in quality_measures(text, GopherQuality()):
        assert 0 <= measure.value <= bounds.get(measure.rule, len(text))


@given(texts)
def test_the_first_value_out_of_bounds_is_the_reason(text):
    rules = GopherQuality(min_words=1)
    out = [measure for measure in quality_measures(text, rules) if not measure.low <= measure.value <= measure.high]
    reason = quality(text, rules)
    assert (reason and reason.rule) == (f"gopher_quality.{out[0].rule}" if out else None)
    assert reason is None or reason.threshold in out[0]


@given(texts)
def test_a_repetition_exceeds_its_limit(text):
    reason = repetition(text, GopherRepetition())
    assert reason is None or reason.value > reason.threshold


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1), unique=True))
def test_distinct_words_repeat_nothing(words):
    assert repetition(" ".join(words), GopherRepetition()) is None
    assert list(ngram_chars(words)) == [0.0] * len(LONGEST)


@given(few_words, st.sampled_from(["“{}”", "{}.", "({}),", "*{}*", "…{}?!", "→{}©"]))
def test_outer_punctuation_and_case_change_no_word(words, dress):
    assert bare_words(" ".join(dress.format(word.title()) for word in words) + " -- | •") == words


@given(texts)
def test_a_doubled_text_has_half_its_lines_duplicated_or_more(text):
    share, chars = line_duplicates(f"{text}\n{text}")
    assert (share >= 0.5 and chars >= 0.5) or not any(map(str.isalnum, text))


def test_lines_without_a_blank_one_are_no_paragraphs():
    assert paragraph_duplicates("the same\nthe same\nthe same") == (0.0, 0.0)


def test_later_rules_are_not_measured():
    measures = quality_measures("short", GopherQuality())
    assert next(measures).rule == "too_few_words"


def test_every_rule_of_the_paper_is_measured_once():
    rules = [measure.rule for measure in repetition_measures("", GopherRepetition())]
    assert len(rules) == len(set(rules)) == 13
    assert len({measure.rule for measure in quality_measures("", GopherQuality())}) == 8


@given(few_words)
def test_later_copies_are_the_words_of_repeats_without_the_first(words):
    total = len("".join(words)) or 1
    shares = list(ngram_chars(words, "later"))
    for n in range(5, 11):
        seen, covered = set(), set()
        for start in range(len(words) - n + 1):
            gram = tuple(words[start : start + n])
            if gram in seen:
                covered.update(range(start, start + n))
            seen.add(gram)
        assert shares[n - 2] == pytest.approx(sum(len(words[place]) for place in covered) / total)
