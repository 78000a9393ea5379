"""Blocks as Markdown, read back by a parser of CommonMark: the same words, the same code, lists in lists."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from markdown_it import MarkdownIt

from curate.extract.config import Extract
from curate.extract.main_text import main_text
from curate.markup.blocks import CODE, HEADING, ROW, blocks_of
from curate.markup.inline import cleaned
from curate.markup.markdown import as_markdown, is_indented
from curate.markup.render import number

PARSER = MarkdownIt("commonmark").enable("table")


def blocks(body):
    return blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))


def rendered(markdown):
    """The elements that a parser makes of Markdown."""
    return html.document_fromstring(f"<html><body>{PARSER.render(markdown)}</body></html>")


def code_of(tree):
    return [(element.text or "").removesuffix("\n") for element in tree.iterfind(".//pre/code")]


def letters(text):
    return re.findall(r"[^\W_]", text)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "# x",
            "- x",
            "1. x",
            "7) x",
            "+ x",
            "* x",
            "> x",
            "```",
            "~~~",
            "---",
            "===",
            "- - -",
            "***",
            "| x |",
            "<div> x",
        ),
        *("x <b>y</b> z", "&copy; x", "[x](y)", "[x]: y", "    x", ":--", "--", "#"),
    ],
)
def test_prose_that_begins_as_marks_do_is_read_as_text(line):
    escaped_line = line.replace("&", "&amp;").replace("<", "&lt;")
    for body in (f"<p>{escaped_line}</p>", f"<p>Before<br>{escaped_line}<br>after</p>", f"<ul><li>{escaped_line}</ul>"):
        tree = rendered(as_markdown(blocks(f"{body}<p>Last</p>")))
        assert line.strip() in "".join(tree.itertext())
        assert tree.find(".//h1") is tree.find(".//h2") is tree.find(".//pre") is tree.find(".//table") is None


def test_what_stands_in_an_item_is_indented_below_its_text():
    tree = rendered(
        as_markdown(
            blocks(
                "<ol start=9><li>Nine<ul><li>Green</ul><li>Ten<p>Later</p><pre>a\n  b</pre><ol start=3><li>Three</ol>"
                "<blockquote><p>Said</p></blockquote></ol><p>Last</p>"
            )
        )
    )
    nine, ten = tree.findall("./body/ol/li")
    assert nine.findtext(".//ul/li") == "Green"
    assert [element.tag for element in ten] == ["p", "p", "pre", "ol", "blockquote"]
    assert code_of(tree) == ["a\n  b"]
    assert ten.find("ol").get("start") == "3"


def test_tables_beside_another_stay_apart_and_keep_all_cells():
    rows = "<tr><th>Part<th>Of</tr><tr><td>Bell<td>iron</tr><tr><td>Rope<td>hemp</tr>"
    body = f"<p>{'The keeper wrote of the tower. ' * 20}</p><table>{rows}</table><table>{rows}</table>"
    page = f"<!DOCTYPE html><html><head><title>x</title></head><body><article>{body}</article></body></html>"
    text = main_text(page, "https://harbour.example/", Extract()).text
    assert text.endswith("| Rope | hemp |\n\n| Part | Of |\n| Bell | iron |\n| Rope | hemp |")
    tree = rendered(main_text(page, "https://harbour.example/", Extract(format="markdown")).text)
    assert [len(table.findall(".//tr")) for table in tree.iterfind(".//table")] == [3, 3]


PIECES = (
    "a",
    "é",
    "鐘",
    "_",
    "*",
    "#",
    "`",
    "|",
    "-",
    ">",
    ".",
    " ",
    "1",
    "+",
    "=",
    "~",
    "\n",
    "&lt;",
    "&amp;copy;",
    ":",
)
WORDS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
TAGS = ("b", "a", "div", "p", "ul", "ol", "li", "blockquote", "h2", "dl", "dt", "dd", "pre", "table", "tr", "td")


@given(
    st.recursive(
        WORDS,
        lambda inner: st.builds(
            lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", st.sampled_from(TAGS), st.lists(inner, max_size=4)
        ),
        max_leaves=16,
    )
)
def test_a_parser_reads_the_same_words_and_the_same_code(body):
    page = blocks(body)
    tree = rendered(as_markdown(page))
    texts = [" ".join(map(cleaned, block.cells)) if block.kind is ROW else block.text for block in page]
    texts = [
        f"{number(block)}{text}" if block.kind is HEADING else text for block, text in zip(page, texts, strict=True)
    ]
    assert letters("".join(tree.itertext())) == letters("".join(texts))
    assert code_of(tree) == [block.text for block in page if block.kind is CODE or is_indented(block)]
