"""Documents of every language: words by script, values by language, and English as ever."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters import gopher
from curate.filters.c4 import C4, C4FineWeb
from curate.filters.fineweb import FineWeb
from curate.filters.gopher import GopherQuality, GopherRepetition, word_tokens
from curate.filters.language import LANGUAGES, LanguageRules
from curate.filters.languages.profiles import RULES, adapted, meets_other_languages, profiles
from curate.filters.refinedweb import RefinedWeb
from curate.filters.refinedweb import line_fault as refinedweb_fault
from curate.filters.rules import Filter, judge, key_table, outside_digest, outside_digests
from curate.filters.signals.measuring import measured
from curate.filters.signals.reapplying import fault, rejudged
from curate.records import EPOCH, Document
from curate.text.segmentation import split

DEFAULTS = dict(zip(RULES, (GopherQuality(), GopherRepetition(), FineWeb(), C4(), C4FineWeb()), strict=True))
ALL = Filter(rules=("gopher_quality", "gopher_repetition"), language=LanguageRules(allowed=()))
CASES = json.loads((Path(__file__).parents[1] / "cases" / "languages.json").read_text(encoding="utf-8"))
PROSE = CASES["prose"]


def document(text, language="en", **values):
    return Document(
        id=bytes(16), url="", timestamp=EPOCH, source="web", text=text, language=language, language_score=0.9, **values
    )


@pytest.mark.parametrize("language", PROSE)
def test_prose_passes_by_its_own_language_and_not_by_english(language):
    text = PROSE[language]
    assert judge(document(text, language), ALL).reason is None
    assert judge(document(text, language), replace(ALL, per_language=False)).reason is not None


@pytest.mark.parametrize("language", ["zh", "ja", "th"])
def test_texts_without_blanks_are_counted_by_words_in_every_rule(language):
    text = PROSE[language]
    assert len(word_tokens(text, split)) > 60 > len(text.split())
    few = GopherQuality(min_words=1000, min_stop_words=0)
    judged = judge(document(text, language), Filter(rules=("gopher_quality",), gopher_quality=few))
    assert judged.reason[:2] == ("gopher_quality.too_few_words", len(word_tokens(text, split)))
    assert refinedweb_fault(text, RefinedWeb(), split) is None
    again = judge(document(f"{text}\n{text}", language), Filter(rules=("gopher_repetition",)))
    assert again.reason.rule == "gopher_repetition.duplicate_lines"
    nested = judge(document(f"1. {text} 2. {text}", language), Filter(rules=("gopher_repetition",)))
    assert nested.reason.rule.startswith("gopher_repetition.duplicate_")


@pytest.mark.parametrize(
    ("rule", "settings"), [("c4", C4(min_sentences=2)), ("c4_fineweb", C4FineWeb(min_sentences=2))]
)
def test_c4_counts_words_and_sentences_of_chinese(rule, settings):
    values = {rule: settings}
    judged = judge(document(PROSE["zh"] + "\n菜单", "zh"), Filter(rules=(rule,), **values))
    assert judged.reason is None
    assert judged.document.text == PROSE["zh"]


@pytest.mark.parametrize(("rule", "settings"), [("c4", C4()), ("c4_fineweb", C4FineWeb())])
def test_c4_asks_for_no_end_marks_where_a_script_has_none(rule, settings):
    values = {rule: settings}
    text = PROSE["th"].replace("  ", "\n")
    assert judge(document(text, "th"), Filter(rules=(rule,), **values)).reason is None
    assert judge(document(text, "en"), Filter(rules=(rule,), **values)).reason.rule == f"{rule}.too_few_sentences"


@given(st.text(alphabet="ab. #\n中文の…"), st.sampled_from(("en", None)))
def test_english_and_unidentified_texts_are_judged_by_the_published_values(text, language):
    chosen = Filter(rules=("gopher_quality", "gopher_repetition", "fineweb", "c4", "refinedweb"))
    assert judge(document(text, language), chosen) == judge(
        document(text, language), replace(chosen, per_language=False)
    )


@given(st.text(alphabet="ab. #\n中文の…"))
def test_english_words_are_those_between_blanks(text):
    reason = judge(document(text), Filter(rules=("gopher_quality", "gopher_repetition"))).reason
    assert reason == (gopher.quality(text, GopherQuality()) or gopher.repetition(text, GopherRepetition()))


@pytest.mark.parametrize("variant", ["datatrove", "dclm", "dolma"])
def test_the_variants_of_programs_keep_their_english_values(variant):
    rules = GopherQuality(variant=variant)
    assert adapted("gopher_quality", rules, "de") == (rules, "")


def test_the_values_of_a_user_go_before_those_of_a_language():
    rules = adapted("gopher_quality", GopherQuality(stop_words=("quux",), min_words=7), "de").rules
    assert (rules.stop_words, rules.min_words) == (("quux",), 7)
    assert rules.max_mean_word_length == profiles()["de"]["gopher_quality"]["max_mean_word_length"] > 10


def test_a_language_without_data_skips_its_stop_words_and_is_counted():
    text = CASES["without_data"]
    chosen = replace(ALL, rules=("gopher_quality",))
    assert "or" in LANGUAGES - profiles().keys()
    assert judge(document(text, "or"), chosen) == (
        document(text, "or"),
        None,
        {"gopher_quality.stop_words_skipped": 1},
    )
    own = replace(chosen, gopher_quality=GopherQuality(stop_words=("the", "of")))
    assert judge(document(text, "or"), own).reason.rule == "gopher_quality.stop_words"


def test_profiles_name_languages_and_settings_that_there_are():
    assert len(profiles()) > 120
    for language, profile in profiles().items():
        assert language in LANGUAGES - {"en"}
        for rule, values in profile.items():
            assert {*values} <= {field.name for field in fields(DEFAULTS[rule])}
            assert replace(DEFAULTS[rule], **values) != DEFAULTS[rule] or rule != "gopher_quality"


def test_each_profile_has_stop_words_that_words_can_equal():
    for language, profile in profiles().items():
        words = profile["gopher_quality"]["stop_words"]
        assert len(words) >= 8 == len({*words[:8]}), language
        assert all(gopher.bare_words(word) == [word] for word in words), language


def test_english_stages_keep_their_keys_and_others_have_the_digest_of_the_profiles():
    assert key_table(Filter(per_language=False)) == key_table(Filter())
    assert outside_digests((Filter(),)) == {}
    assert key_table(replace(ALL, per_language=False))["per_language"] is False
    for chosen in (ALL, Filter(signals=True)):
        assert outside_digests((Filter(), chosen)) == {"languages": outside_digest("languages")}


@pytest.mark.parametrize("language", [*PROSE, "or", "en"])
def test_signals_and_limits_applied_again_are_those_of_the_language(language):
    one = document(PROSE.get(language, CASES["without_data"]), language)
    seen = measured(one, replace(ALL, signals=True))
    assert seen.judged == judge(one, ALL)
    assert rejudged(one, seen.values, ALL) == seen
    strict = replace(ALL, gopher_quality=GopherQuality(min_words=1000))
    assert rejudged(one, seen.values, strict).judged == judge(one, strict)


def test_limits_are_not_applied_again_by_values_of_other_languages():
    assert fault(replace(ALL, signals=True), replace(ALL, per_language=False)).startswith("filter.per_language = false")


@pytest.mark.parametrize(
    ("rules", "allowed", "meets"),
    [
        (("language", "gopher_quality"), ("en",), False),
        (("language", "gopher_quality"), ("en", "de"), True),
        (("gopher_quality", "language"), ("en",), True),
        (("gopher_quality",), ("en",), True),
        (("url", "compression"), (), False),
    ],
)
def test_a_stage_meets_other_languages_unless_the_rule_before_keeps_english_alone(rules, allowed, meets):
    assert meets_other_languages(rules, allowed) == meets
