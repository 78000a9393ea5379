"""Pages whose elements stand so deep in one another that libxml2 parses no further."""

import pytest

from curate.extract.config import VISIBLE, Extract
from curate.extract.main_text import main_text, quick_text

SENTENCE = "of the survey is about the river that runs by the old town, and about what it carries to the sea."
FONTS = "".join(f"<font><p>Part {number} {SENTENCE}</p>\n" for number in range(2_500))
TITLE = "<html><head><title>The river</title></head><body>"


@pytest.mark.parametrize("extractor", ["trafilatura", "resiliparse", VISIBLE])
def test_what_stands_behind_many_unclosed_elements_is_text(extractor: str):
    page = main_text(f"{TITLE}{FONTS}", "", Extract(extractor=extractor))
    assert page.title == "The river"
    assert page.text.count(SENTENCE) == 2_500
    assert page.text.endswith(f"Part 2499 {SENTENCE}")


def test_a_hundred_thousand_nested_divisions_give_the_quick_text():
    html = f"{TITLE}{'<div>' * 100_000}<p>Part 1 {SENTENCE}</p>"
    assert main_text(html, "", Extract(), quick=f"Part 1 {SENTENCE}").text == f"Part 1 {SENTENCE}"


@pytest.mark.parametrize("extractor", ["trafilatura", "resiliparse", VISIBLE])
def test_elements_as_deep_as_the_parser_goes_are_walked(extractor: str):
    html = f"{TITLE}{'<div>' * 250}<p>Part 1 {SENTENCE}</p><p>Part 2 {SENTENCE}</p>{'</div>' * 250}"
    assert main_text(html, "", Extract(extractor=extractor)).text == f"Part 1 {SENTENCE}\n\nPart 2 {SENTENCE}"


def test_a_page_that_ends_deep_keeps_its_blocks_where_they_hold_more_than_the_quick_text():
    html = f"{TITLE}<h2>A heading</h2>{f'<p>Part 1 {SENTENCE}</p>' * 3}{'<div>' * 300}"
    assert main_text(html, "", Extract(), quick=quick_text(html)).text.startswith("A heading\n\nPart 1")
