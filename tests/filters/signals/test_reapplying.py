"""Limits that are applied to measured values give the verdicts of a full measurement, for every rule that measures."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from curate.filters.rules import MEASURES, SIGNALS, Filter, judge, variants_of
from curate.filters.signals.measuring import bounds, columns, measured
from curate.filters.signals.reapplying import LIMITS, NO_LIMITS, fault, rejudged
from curate.records import EPOCH, Document

NAMES = [(name, settings) for name in MEASURES for settings in variants_of(name).values() or (None,)]
WORDS = ("the", "and", "have", "Menu", "#", "...", "…", "{", "1", "harbor.", "don't", "Ã©", "сat", "und", "•")
LINES = (
    " ".join(WORDS),
    "Home",
    "The ferry left the old harbor at noon.",
    "",
    "It was warm, and they have to go. It is",
)
texts = st.text(max_size=40) | st.lists(st.sampled_from((*WORDS, *LINES, "\n")), max_size=30).map(" ".join)
texts |= st.tuples(texts, st.integers(2, 60)).map(lambda pair: "\n".join([pair[0]] * pair[1]))


def document(text, **values):
    return Document(id=bytes(16), url="http://a.example/", timestamp=EPOCH, source="web", text=text, **values)


def filter_of(name, settings):
    chosen = Filter(rules=(name,), signals=True)
    return replace(chosen, **{name: settings}) if settings else chosen


@st.composite
def other_limits(draw, name, settings):
    """Draws the settings of a rule with other limits."""
    values = {}
    for setting in (entry.name for entry in fields(settings)):
        value = getattr(settings, setting)
        if setting.startswith(LIMITS) and setting not in NO_LIMITS.get(name, ()) and draw(st.booleans()):
            if isinstance(value, tuple):
                values[setting] = tuple(draw(st.floats(0, 1)) for _ in value)
            else:
                values[setting] = draw(st.integers(0, 200) if isinstance(value, int) else st.floats(0, 5))
    return replace(settings, **values)


@pytest.mark.parametrize(("name", "settings"), NAMES, ids=lambda value: value if isinstance(value, str) else "")
@examples(max_examples=10)
@given(data=st.data(), text=texts)
def test_other_limits_on_measured_values_are_a_full_measurement(name, settings, data, text):
    before = filter_of(name, settings)
    after = replace(before, **{name: data.draw(other_limits(name, getattr(before, name)))})
    assert not fault(before, after)
    full = measured(document(text), after)
    assert rejudged(document(text), measured(document(text), before).values, after) == full
    assert full.judged == judge(document(text), after)
    assert [measure.name for measure in bounds(name, getattr(after, name), None)] == [
        column.removeprefix(f"{name}.") for column in full.values
    ]


@pytest.mark.parametrize("name", SIGNALS)
@examples(max_examples=10)
@given(text=texts)
def test_a_rule_that_changes_texts_measures_and_judges_as_without_signals(name, text):
    chosen = Filter(rules=(name,), signals=True)
    full = measured(document(text), chosen)
    assert full.judged == judge(document(text), chosen)
    assert tuple(full.values) == columns([chosen])
    assert fault(chosen, chosen) == f"{name} changes texts, and so what is measured of them"


@examples(max_examples=10)
@given(text=texts, first=st.sampled_from(("language", "gopher_quality")))
def test_a_language_that_was_identified_is_not_identified_again(text, first):
    rules = tuple(sorted(("language", "gopher_quality"), key=lambda rule: rule != first))
    before, after = (Filter(rules=rules, signals=True), Filter(rules=rules))
    values = measured(document(text), before).values
    assert rejudged(document(text), values, after) == measured(document(text), after)


def test_all_reasons_are_those_of_the_rules_alone():
    text = "\n".join(["# Menu ..."] * 9)
    chosen = Filter(rules=("gopher_quality", "url", "fineweb"))
    reasons = [reason.rule for reason in measured(document(text), chosen).reasons]
    assert reasons[0] == "gopher_quality.too_few_words"
    assert reasons[-1] == "fineweb.duplicate_line_chars"
    for name in ("gopher_quality", "fineweb"):
        alone = judge(document(text), replace(chosen, rules=(name,))).reason
        assert alone.rule in reasons
