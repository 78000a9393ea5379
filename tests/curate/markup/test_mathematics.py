"""Formulas of a page as LaTeX, each of them once, in every way in which pages write them."""

import json
from html import escape
from pathlib import Path

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from curate.markup.mathematics import Formula, formula, may_be_formula
from curate.markup.mathml import latex_of

CASES = json.loads(Path(__file__).with_name("mathematics.json").read_text())
MATHML = json.loads(Path(__file__).with_name("mathml.json").read_text())
latex = st.text("xyzabc12+-=^_ ", min_size=1).map(lambda text: " ".join(text.split())).filter(lambda text: text)


def formulas(markup: str) -> list[Formula]:
    """The formulas that a walk over a page meets."""
    met: list[Formula] = []

    def walk(element):
        if isinstance(element.tag, str) and may_be_formula(element):
            made = formula(element)
            if made is not None:
                met.append(made)
                return
        for child in element:
            walk(child)

    walk(lxml.html.document_fromstring(f"<body>{markup}</body>"))
    return met


@pytest.mark.parametrize("case", CASES["formulas"], ids=lambda case: case["name"])
def test_a_formula_is_given_as_latex(case):
    met = formulas(case["markup"])
    assert [(made.latex, made.is_display) for made in met] == [tuple(expected) for expected in case["formulas"]]


@pytest.mark.parametrize("case", CASES["none"], ids=lambda case: case["name"])
def test_what_is_no_formula_is_left_to_the_walk(case):
    assert formulas(case["markup"]) == []


@pytest.mark.parametrize("case", MATHML, ids=lambda case: case["latex"])
def test_mathml_becomes_latex(case):
    assert latex_of(lxml.html.fragment_fromstring(f"<math>{case['markup']}</math>")) == case["latex"]


@given(latex)
def test_a_formula_that_a_page_writes_several_times_is_given_once(text):
    math = f"<math><semantics><mi>x</mi><annotation encoding='application/x-tex'>{text}</annotation></semantics></math>"
    script = f"<script type='math/tex'>{text}</script>"
    image = f'<img class="mwe-math-fallback-image-inline" alt="{text}">'
    pages = (
        f"<span class='mwe-math-element'><span style='display: none'>{math}</span>{image}</span>",
        f"{math}{image}",
        f"<span class='katex'><span class='katex-mathml'>{math}</span><span class='katex-html'>{text}</span></span>",
        f"<span class='MathJax_Preview'>{text}</span><span class='MathJax'>{text}{math}</span>{script}",
        f"<mjx-container><mjx-math></mjx-math><mjx-assistive-mml>{math}</mjx-assistive-mml></mjx-container>",
        f"<span class='ztext-math' data-tex='{text}'><span class='MathJax'>{math}</span>{script}</span>",
    )
    for page in pages:
        assert [made.latex for made in formulas(page) if made.latex] == [text]


@given(
    st.recursive(
        st.text(max_size=5).map(escape),
        lambda inner: (
            st.lists(inner, max_size=4)
            .map("".join)
            .flatmap(
                lambda text: st.sampled_from(
                    [
                        "mi",
                        "mo",
                        "mn",
                        "mtext",
                        "mrow",
                        "mfrac",
                        "msup",
                        "msubsup",
                        "munderover",
                        "mover",
                        "mtable",
                        "mtr",
                        "mtd",
                        "mmultiscripts",
                        "mfenced",
                        "mprescripts",
                        "msqrt",
                        "mroot",
                        "mspace",
                        "semantics",
                        "menclose",
                    ]
                ).map(lambda tag: f"<{tag}>{text}</{tag}>")
            )
        ),
        max_leaves=20,
    )
)
def test_any_mathml_becomes_one_line_of_latex(markup):
    try:
        math = lxml.html.fragment_fromstring(f"<math>{markup}</math>")
    except etree.ParserError:
        return
    assert "\n" not in latex_of(math)


def test_deep_mathml_keeps_its_text():
    assert latex_of(lxml.html.fragment_fromstring(f"<math>{'<mrow>' * 240}<mi>x</mi></math>")) == "x"
