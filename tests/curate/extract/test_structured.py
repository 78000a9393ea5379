"""Statements in JSON-LD and microdata are read as text, however broken they are."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from curate.extract.linked_data import parsed, scripts
from curate.extract.structured import Statement, statements

CASES = json.loads(Path(__file__).with_name("structured.json").read_text())
SIGN = '{"@type": "Recipe", "recipeIngredient": ["a", "b"], "acceptedAnswer": {"text": "\\u00e9 <b>x</b>"}}'
NAMES = ("Recipe", "HowTo", "Question", "HowToSection", "DiscussionForumPosting")
KEYS = (
    *("@type", "@graph", "mainEntity", "recipeIngredient", "recipeInstructions", "itemListElement", "name", "text"),
    *("acceptedAnswer", "suggestedAnswer", "articleBody", "liveBlogUpdate", "comment", "step", "tool"),
)
PIECES = st.text(alphabet='{}[]",:\\/*<>& \n\x00a1\ud800', max_size=6)
MICRODATA = """
<div itemscope itemtype="http://schema.org/Recipe"><h2 itemprop="name">Soup</h2>
<ul><li itemprop="recipeIngredient">3 <b>leeks</b></li><li itemprop="recipeIngredient">1 l water</li></ul>
<div itemprop="recipeInstructions"><p>Wash the leeks.</p><p>Boil &amp; stir.</p></div></div>
"""


def page(script):
    """Returns a page with a script of JSON-LD."""
    return f'<html><head><script type="application/ld+json">{script}</script></head><body><p>Hello</p></body></html>'


def stated(markup):
    return statements(html.document_fromstring(markup), markup)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_statements_are_read_out_of_json_ld(case):
    expected = [Statement(**(made | {"lines": tuple(made["lines"])})) for made in case["statements"]]
    assert stated(page(case["script"])) == expected


def test_microdata_are_read_where_json_ld_says_nothing_of_the_kind():
    ingredients, instructions = stated(f"<html><body>{MICRODATA}</body></html>")
    assert ingredients == Statement(kind="Recipe.ingredients", lines=("3 leeks", "1 l water"), is_list=True)
    assert instructions.lines == ("Wash the leeks.", "Boil & stir.")
    linked = page('{"@type": "Recipe", "recipeIngredient": ["5 leeks", "salt"]}').replace("<p>Hello</p>", MICRODATA)
    assert [statement.lines[0] for statement in stated(linked)] == ["5 leeks", "Wash the leeks."]


def test_scripts_are_found_by_their_type_alone():
    markup = """<script>var a = "application/ld+json";</script><SCRIPT id=x type='application/ld+json'>[1]</SCRIPT >
    <p title="application/ld+json">application/ld+json</p><script type="application/ld+json">[2]</div></script>
    <script type=application/ld+json>[3]"""
    assert list(scripts(markup)) == ["[1]", "[2]</div>", "[3]"]


def test_a_script_without_a_sign_is_not_parsed(monkeypatch):
    monkeypatch.setattr("curate.extract.linked_data.parsed", lambda script: pytest.fail(script))
    assert stated(page('{"@type": "WebSite", "name": "The harbour"}')) == []


@given(st.text())
def test_no_text_makes_the_parser_raise(script):
    assert isinstance(parsed(script), list)


@given(st.integers(0, len(SIGN)), st.integers(0, len(SIGN)), PIECES)
def test_no_damage_to_a_script_makes_the_reader_raise(start, end, between):
    damaged = SIGN[:start] + between + SIGN[end:]
    markup = page(damaged).encode("utf-8", "replace").decode()
    assert isinstance(stated(markup), list)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(NAMES),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(KEYS), values),
    max_leaves=20,
)


@settings(max_examples=40)
@given(VALUES)
def test_no_value_makes_the_reader_raise_and_a_line_is_never_blank(value):
    for statement in stated(page(json.dumps(value).replace("</", "<\\/"))):
        assert statement.lines
        assert all(line == " ".join(line.split()) and line for line in statement.lines)


def test_deep_nesting_is_left_out():
    assert stated(page("[" * 100_000 + '"recipeIngredient"')) == []
    assert stated(page('{"@graph": ' * 50 + '{"recipeIngredient": ["a", "b"]}' + "}" * 50)) == []
