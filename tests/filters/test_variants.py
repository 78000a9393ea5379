"""The named readings of Gopher's, C4's and FineWeb's rules against values and verdicts of the programs they follow."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import recipe
from curate.errors import SettingsError
from curate.filters import gopher_readings
from curate.filters.c4 import C4, clean
from curate.filters.gopher import GopherQuality, GopherRepetition
from curate.filters.gopher_readings import QUALITY, REPETITION
from curate.filters.rules import FUNCTIONS, ROWS, Filter, judge, key_table, variants_of
from curate.records import EPOCH, Document
from curate.settings import Where, parse_toml
from curate.text.ngrams import repeated_ngrams, word_ends

CASES = json.loads((Path(__file__).parents[1] / "cases" / "variants.json").read_text(encoding="utf-8"))
C4_CASES = json.loads((Path(__file__).parents[1] / "cases" / "c4.json").read_text(encoding="utf-8"))
MEASURES = {"quality": (QUALITY, GopherQuality()), "repetition": (REPETITION, GopherRepetition())}
LONG = "The keeper of light number {} walked down to the harbour in the evening"
WITH_VARIANTS = [name for name in ROWS if variants_of(name)]

few_words = st.lists(st.sampled_from(["a", "be", "sea", "gull"]), max_size=40)
texts = st.text() | st.text(alphabet="ab .#…-•\n\r1é") | few_words.map(" ".join)


def named(kind):
    return [pytest.param(case, id=case["name"]) for case in CASES[kind]]


def document(text):
    return Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text)


def loaded(text):
    return recipe.from_table(parse_toml(f'name = "own"\n{text}', "own.toml"), Where("own.toml", text))


@pytest.mark.parametrize("case", named("measures"))
def test_values_are_those_of_the_program(case):
    readings, rules = MEASURES[case["rules"]]
    values = {measure.rule: measure.value for measure in readings[case["variant"]](case["text"], rules)}
    assert {rule: values[rule] for rule in case["values"]} == pytest.approx(case["values"], abs=5e-5)


@pytest.mark.parametrize("case", named("verdicts"))
def test_the_first_rule_broken_is_that_of_the_program(case):
    family = case["family"]
    rules = replace(variants_of(family)[case["variant"]], **case["settings"])
    reason = judge(document(case["text"]), Filter(rules=(family,), **{family: rules})).reason
    assert (reason and reason.rule) == (case["rule"] and f"{family}.{case['rule']}")


@pytest.mark.parametrize("variant", ["tfds-c4", "paper"])
def test_c4_s_own_vectors_hold_for_its_code_and_its_paper_and_not_for_datatrove(variant):
    case = C4_CASES["cases"][0]
    assert clean(case["text"], variants_of("c4")[variant]).text == case["kept"]
    assert clean(case["text"], variants_of("c4")["datatrove"]) != clean(case["text"], C4())


def test_datatrove_counts_words_before_citation_marks_go():
    line = "Two words [1] [2] here."
    assert clean(f"{line}\n" * 5, replace(variants_of("c4")["datatrove"], min_line_words=5)).removed == {
        "citations": 10
    }
    assert clean(f"{line}\n" * 5, C4()).rule == "c4.too_few_sentences"


@given(texts, st.sampled_from(["datatrove", "dclm", "dolma"]))
def test_any_text_is_measured_by_every_reading(text, variant):
    for readings, rules in MEASURES.values():
        assert all(measure.value >= 0 for measure in readings[variant](text, rules))


@given(texts, st.sampled_from(WITH_VARIANTS))
def test_every_variant_judges_any_text(text, name):
    for settings in variants_of(name).values():
        FUNCTIONS[name](document(text), settings)


@given(few_words, st.integers(2, 6))
def test_duplicates_are_counted_as_datatrove_meets_them(words, n):
    """Word by word: an n-gram that was met counts, and the words of it are passed over."""
    met, place, chars = set(), 0, 0
    while place <= len(words) - n:
        gram = tuple(words[place : place + n])
        if gram in met:
            chars += len("".join(gram))
            place += n
        else:
            met.add(gram)
            place += 1
    levels = dict(enumerate(repeated_ngrams(words), start=2))
    assert chars == (gopher_readings._met_again(*levels[n], word_ends(words), n) if n in levels else 0)


@pytest.mark.parametrize("name", WITH_VARIANTS)
def test_a_recipe_that_names_a_variant_has_its_values(name):
    for variant, settings in variants_of(name).items():
        assert getattr(loaded(f'[filter.{name}]\nvariant = "{variant}"').filter, name) == settings


def test_values_of_the_recipe_go_before_those_of_the_variant_in_sources_too():
    chosen = loaded(
        '[filter.c4]\nvariant = "datatrove"\nmin_sentences = 4\n[sources.web.filter.c4]\nmin_line_words = 2\n'
        '[sources.own.filter.c4]\nvariant = "paper"\n'
    )
    assert (chosen.filter.c4.min_sentences, chosen.filter.c4.min_line_words) == (4, 3)
    assert (chosen.sources["web"].filter.c4.min_sentences, chosen.sources["web"].filter.c4.min_line_words) == (4, 2)
    assert (chosen.sources["own"].filter.c4.min_sentences, chosen.sources["own"].filter.c4.min_line_words) == (4, 5)


@pytest.mark.parametrize("name", WITH_VARIANTS)
def test_an_unknown_variant_is_refused_with_the_names_of_those_there_are(name):
    with pytest.raises(SettingsError, match=f"filter.{name}: variant is one of .*, got 'dtrove'"):
        loaded(f'[filter.{name}]\nvariant = "dtrove"')


def test_the_key_has_what_was_added_later_only_where_it_counts():
    before = {"rules", "url", "mime", "language", "gopher_quality", "gopher_repetition", "c4", "c4_fineweb"}
    table = key_table(Filter())
    assert set(table) == before
    assert not any("variant" in settings for name, settings in table.items() if name != "rules")
    assert "fineweb" in key_table(Filter(rules=("fineweb",)))
    assert key_table(Filter(c4=variants_of("c4")["datatrove"]))["c4"]["variant"] == "datatrove"


def test_a_variant_among_the_names_of_rules_is_refused_with_its_place():
    with pytest.raises(
        SettingsError, match=r"rules name 'c4' alone; its variant is set by filter.c4.variant = 'datatrove'"
    ):
        loaded('[filter]\nrules = ["c4:datatrove"]')


@pytest.mark.parametrize(
    ("lines", "at_limit"),
    [
        ([LONG.format(number) + "." * (number < 3) for number in range(25)], "ended_lines"),  # 3 of 25 are .12
        (
            [f"Short {number}." for number in range(67)] + [LONG.format(number) + "." for number in range(33)],
            "short_lines",
        ),
        (["x" * 29 + ".", "y" * 90 + "."], None),
    ],
)
def test_fineweb_s_paper_drops_at_a_limit_and_its_code_beyond_it(lines, at_limit):
    rules = variants_of("fineweb")
    code = replace(rules["datatrove"], max_newlines_per_word=1.0)
    reason = FUNCTIONS["fineweb"](document("\n".join(lines)), rules["paper"])
    assert (reason and reason.rule) == (at_limit and f"fineweb.{at_limit}")
    assert FUNCTIONS["fineweb"](document("\n".join(lines)), code) is None


def test_a_line_of_thirty_characters_is_short_by_fineweb_s_code_alone():
    text = document("\n".join(f"{number:029}." for number in range(9)) + "\n" + LONG.format(1) + ".")
    assert FUNCTIONS["fineweb"](text, variants_of("fineweb")["paper"]) is None
    assert FUNCTIONS["fineweb"](text, variants_of("fineweb")["datatrove"]).rule == "fineweb.short_lines"
