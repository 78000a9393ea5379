"""Blocks as text and as Markdown: where lines and blank lines stand, and that both forms hold the same words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from curate.markup.blocks import Block, blocks_of
from curate.markup.markdown import as_markdown
from curate.markup.render import as_text

WORD = re.compile(r"\w+")
PAGE = (
    "<h2>Bells</h2><p>Two<br>lines</p><p>of text</p><ul><li>Tea<ul><li>Green</ul><li>Milk</ul><ol><li>First</ol>"
    "<pre>a\n\n\n    b</pre><blockquote><p>Ring</p><p>it</p></blockquote><dl><dt>Clapper<dd>iron</dl>"
)


def blocks(body):
    return blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))


def test_text_has_blank_lines_between_paragraphs_and_none_in_a_list():
    assert as_text(blocks(PAGE)).split("\n") == [
        *("Bells", "", "Two", "lines", "", "of text", "", "- Tea", "  - Green", "- Milk", "1. First", ""),
        *("a", "", "", "    b", "", "Ring", "", "it", "", "Clapper", "iron"),
    ]


def test_markdown_adds_marks():
    assert as_markdown(blocks(PAGE)).split("\n") == [
        *("## Bells", "", "Two", "lines", "", "of text", "", "- Tea", "  - Green", "- Milk", "1. First", ""),
        *("```", "a", "", "", "    b", "```", "", "> Ring", ">", "> it", "", "Clapper", "iron"),
    ]


def test_rows_stand_between_bars_and_a_row_with_one_filled_cell_stays_a_row():
    table = object()
    rows = [
        Block("row", "Part Made of", table, cells=("Part", "Made of")),
        Block("row", "Bells", table, cells=("Bells", "")),
        Block("row", "a|b c", table, cells=("a|b", "c\nd")),
    ]
    assert as_text(rows) == "| Part | Made of |\n| Bells |  |\n| a\\|b | c d |"
    assert as_markdown(rows) == "| Part | Made of |\n| --- | --- |\n| Bells |  |\n| a\\|b | c d |"


def test_a_fence_is_longer_than_any_run_of_backticks_in_the_code():
    assert as_markdown(blocks("<pre>```\nx\n```</pre>")) == "````\n```\nx\n```\n````"


@pytest.mark.parametrize(
    ("text", "expected_text"),
    [
        ("Unter\u00adnehmen, zero\u200bwidth\ufeff", "Unternehmen, zerowidth"),
        ("\x93don\x92t\x94 \x96 5\x80, Core\x99\x81", "“don’t” – 5€, Core™"),  # windows-1252 that was taken for Latin-1
        ("می\u200cگویند അവന്\u200d ភាសា\u200bខ្មែរ 👨\u200d👩", "می\u200cگویند അവന്\u200d ភាសា\u200bខ្មែរ 👨\u200d👩"),
        ("\u0645\u06cc\u200c\u06af", "\u0645\u06cc\u200c\u06af"),
        ("\U0001f468\u200d\U0001f467", "\U0001f468\u200d\U0001f467"),
        ("\u1780\u200b\u1781", "\u1780\u200b\u1781"),
    ],
)
def test_characters_that_nobody_sees_go_and_joiners_stay(text, expected_text):
    assert as_text(blocks(f"<p>{text}</p>")) == expected_text


WORDS = st.text("abc é鐘_*#`|->. 1\n", min_size=1, max_size=12).map(lambda text: text.replace("<", ""))
INLINE = ("b", "i", "a", "span", "q", "sup", "sub", "code", "time")
OUTER = ("div", "p", "ul", "ol", "li", "blockquote", "h1", "h4", "dl", "dt", "dd", "figure")
TABLES = ("pre", "table", "tr", "td", "th")  # of which text outside of lines and cells is no text


def markup(tags):
    return st.recursive(
        WORDS,
        lambda inner: st.builds(
            lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", st.sampled_from(tags), st.lists(inner, max_size=4)
        ),
        max_leaves=20,
    )


@given(markup(INLINE + OUTER))
def test_no_word_of_a_page_is_lost_or_torn(body):
    page = html.document_fromstring(f"<html><body>{body}</body></html>")
    letters = "".join(re.findall(r"[^\W\d_]", "".join(page.itertext())))
    assert "".join(re.findall(r"[^\W\d_]", as_text(blocks_of(page)))) == letters


@pytest.mark.parametrize(
    ("markup", "text", "markdown"),
    [
        (
            "<li><h3>Mix</h3><p>Well.</p><li><h3>Bake</h3>",
            "1. Mix\n\nWell.\n\n2. Bake",
            "### 1. Mix\n\nWell.\n\n### 2. Bake",
        ),
        ("<li><pre>ls -l</pre><li><p>Read.</p>", "1.\nls -l\n\n2. Read.", "1. ```\n   ls -l\n   ```\n\n2. Read."),
    ],
)
def test_a_numbered_item_keeps_its_number_before_a_heading_and_before_code(markup: str, text: str, markdown: str):
    blocks = blocks_of(html.document_fromstring(f"<html><body><ol>{markup}</ol></body></html>"))
    assert as_text(blocks) == text
    assert as_markdown(blocks) == markdown
