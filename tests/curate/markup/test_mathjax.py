"""Formulas as MathJax 3.2 sets them, without their source, as LaTeX; mathjax.json holds what it makes of sources."""

import json
from pathlib import Path

import pytest
from lxml import html

from curate.markup.blocks import blocks_of

CASES = json.loads(Path(__file__).with_name("mathjax.json").read_text())


def text_of(body):
    blocks = blocks_of(html.document_fromstring(f"<html><body><p>Let {body} be.</p></body></html>"))
    return "\n".join(block.text for block in blocks)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["source"])
def test_a_formula_that_mathjax_has_set_is_latex(case):
    assert text_of(case["html"]) == f"Let ${case['latex']}$ be."
    latex = case.get("latex_of_svg", case["latex"])
    assert text_of(case["svg"]) == (f"Let ${latex}$ be." if latex else "Let be.")


@pytest.mark.parametrize(
    "inner",
    [
        "<mjx-mmultiscripts><mjx-mi><mjx-c class=mjx-c78></mjx-c></mjx-mi></mjx-mmultiscripts>",
        "<mjx-msup><mjx-mi><mjx-c class=mjx-c78></mjx-c></mjx-mi></mjx-msup>",
        "<mjx-munderover><mjx-over></mjx-over></mjx-munderover>",
        "<mjx-msub></mjx-msub>",
        "<mjx-mi><mjx-c class=mjx-cD800></mjx-c></mjx-mi>",
        "<mjx-mi><mjx-c class=mjx-c1></mjx-c></mjx-mi>",
        "<mjx-mi><mjx-c class=mjx-cFFFFFF></mjx-c></mjx-mi>",
        "<mjx-mrow>" * 120 + "<mjx-mi><mjx-c class=mjx-c78></mjx-c></mjx-mi>",
    ],
)
def test_a_formula_whose_parts_cannot_be_told_is_left_out(inner):
    assert text_of(f"<mjx-container><mjx-math>{inner}</mjx-math></mjx-container>").startswith("Let")
    assert "$" not in text_of(f"<mjx-container><mjx-math>{inner}</mjx-math></mjx-container>")


def test_a_formula_on_its_own_lines_is_a_block():
    inner = "<mjx-math><mjx-mi><mjx-c class='mjx-c1D465 TEX-I'></mjx-c></mjx-mi></mjx-math>"
    assert text_of(f"<mjx-container display=true>{inner}</mjx-container>") == "Let\n$$x$$\nbe."
