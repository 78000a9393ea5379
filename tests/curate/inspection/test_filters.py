"""`curate filters` and `curate filters compare`: every rule with its variants, counts that add up, real examples."""

import json
import re
from pathlib import Path

import pytest

from curate.errors import SettingsError
from curate.filters.rules import RULES, Filter, variants_of
from curate.inspection.filters import BOTH_KEEP, ONLY_SECOND, OTHER_REASON, OTHER_TEXT, WORDS, chosen, compare, listing
from curate.recipe import bundled_names, load

CASES = json.loads((Path(__file__).parents[2] / "cases" / "variants.json").read_text(encoding="utf-8"))
HARBOUR = next(case["text"] for case in CASES["measures"] if case["name"] == "text A by dclm")
PROSE = "The ferry left the old harbor at noon.\nNobody on the deck said a word.\nBy evening the island was in sight."


@pytest.fixture
def documents(tmp_path):
    texts = (HARBOUR, PROSE, f"Menu\n{PROSE}", "Menu", "")
    rows = [{"text": text, "url": f"http://a.example/{number}"} for number, text in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(tmp_path / "in.jsonl")


def test_every_rule_is_listed_with_its_variants_and_their_values(call):
    rows = json.loads(call("filters", "--json").out)
    assert rows == listing()
    assert [row["rule"] for row in rows] == list(RULES)
    assert {row["rule"]: list(row["variants"]) for row in rows} == {name: list(variants_of(name)) for name in RULES}
    assert all(row["about"] for row in rows)
    text = call("filters").out
    assert "variant datatrove: end_marks = ['.', '?', '!', '\"', \"'\"], min_line_words = 3, min_sentences = 5" in text
    assert set(re.findall(r"^(\w+)(?:  \(on by default\))?$", text, re.MULTILINE)) == set(RULES)


def test_two_variants_disagree_where_their_programs_do(documents):
    result = compare(("gopher_repetition:datatrove", "gopher_repetition:dclm"), [documents])
    assert (result.documents, sum(result.counts.values())) == (4, 4)
    assert result.counts[OTHER_REASON] == 1
    assert result.pairs["gopher_repetition.duplicate_line_chars", "gopher_repetition.duplicate_lines"] == 1
    assert result.pairs["gopher_repetition.top_4_gram", ""] == 2  # of a short text, which stands once
    [example] = (example for example in result.examples if example.how == OTHER_REASON)
    assert (example.url, example.how) == ("http://a.example/0", OTHER_REASON)
    assert HARBOUR.startswith(example.text[:80])
    assert [round(reason.value, 4) for reason in example.reasons] == [0.2117, 0.4]


def test_a_rule_disagrees_with_itself_nowhere(documents):
    for name in RULES:
        result = compare((name, name), [documents])
        assert (result.pairs, result.examples) == ({}, ())


def test_texts_that_are_cleaned_in_another_way_are_told_apart(documents):
    result = compare(("c4", "c4:datatrove"), [documents], most=3)
    assert sum(result.counts.values()) == 3
    assert (result.counts[BOTH_KEEP], result.counts[ONLY_SECOND]) == (1, 2)
    assert compare(("c4", "mime"), [documents], most=3).counts[OTHER_TEXT] == 1


def test_the_command_prints_counts_and_examples(documents, call):
    ran = call("filters", "compare", "c4", "webtext", "--on", documents, "--examples", 1)
    assert ran.code == 0
    assert all(word in ran.out for word in WORDS)
    assert "c4.too_few_sentences" in ran.out
    assert "http://a.example/" in ran.out
    printed = json.loads(call("filters", "compare", "c4", "webtext", "--on", documents, "--json").out)
    assert (
        sum(row["documents"] for row in printed["pairs"])
        == 4 - printed["counts"]["both keep"] - printed["counts"]["both reject"]
    )


def test_a_recipe_stands_for_its_filter():
    assert chosen("webtext") == load("webtext").filter
    assert chosen("recipe:c4") == load("c4").filter
    assert chosen("c4") == Filter(rules=("c4",))


@pytest.mark.parametrize("name", [name for name in bundled_names() if load(name).filter.rules])
def test_every_bundled_recipe_can_be_compared(name, documents):
    assert compare((f"recipe:{name}", f"recipe:{name}"), [documents]).pairs == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gopher", "no rule and no recipe is called 'gopher'; curate filters lists the rules"),
        ("c4:dclm", "the rule c4 has no variant 'dclm'; it has tfds-c4, paper, datatrove"),
        ("url:paper", "the rule url has no variant 'paper'; it has none"),
        ("absent.module:rule", "absent.module:rule cannot be imported"),
    ],
)
def test_an_unknown_name_is_refused(name, message, documents):
    with pytest.raises(SettingsError, match=re.escape(message)):
        compare((name, "c4"), [documents])
