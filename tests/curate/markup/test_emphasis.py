"""Emphasis, code and links in lines of Markdown, read back by a parser: the same words, the same marks."""

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
from curate.markup.marks import marked_blocks
from curate.markup.render import as_text, number

PARSER = MarkdownIt("commonmark").enable("table")
PAGE = "https://harbour.example/tower/"
KINDS = {"strong": "strong", "em": "emphasis", "code": "code", "a": "link"}


def tree_of(body):
    return html.document_fromstring(f"<html><body>{body}</body></html>")


def blocks(body, **choice):
    return marked_blocks(tree_of(body), PAGE, **{"emphasis": True, "links": True} | choice)


def markdown(body, **choice):
    return as_markdown(blocks(body, **choice), has_marks=True)


def read_back(text):
    """The characters that a parser reads of Markdown, without white space, each with its marks and its address."""
    characters = []

    def read(element, marks):
        if element.tag == "pre":
            element.tag, element[0].tag = "div", "div"
        kind = KINDS.get(element.tag)
        inner = marks | {(kind, element.get("href", ""))} if kind else marks
        characters.extend((character, inner) for character in "".join((element.text or "").split()))
        for child in element:
            read(child, inner)
            characters.extend((character, inner) for character in "".join((child.tail or "").split()))

    read(tree_of(PARSER.render(text)), frozenset())
    return characters


def expected(page):
    """The same of blocks."""
    characters = []
    for block in page:
        if block.kind is CODE or is_indented(block):
            characters += [(character, frozenset()) for character in "".join(block.text.split())]
            continue
        text = "".join(block.cells) if block.kind is ROW else block.text
        prefix = number(block) if block.kind is HEADING else ""
        characters += [(character, frozenset()) for character in "".join(prefix.split())]
        for place, character in enumerate("".join(text.split())):
            marks = ((mark.kind, mark.address) for mark in block.marks if mark.start <= place < mark.end)
            characters += [(part, frozenset(marks)) for part in cleaned(character)]
    return characters


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>The <b>bell </b>was<i> old</i>.", "The **bell** was *old*."),
        ("<p><strong>One</strong><strong>two</strong> <b><b>three</b></b>", "**Onetwo** **three**"),
        ("<p><b>All <i>of it</i></b>, <i>or <b>none</b></i>", "**All *of it***, *or **none***"),
        ("<p><i><b>Both</b></i> in<b>si</b>de", "***Both*** in**si**de"),
        ("<p>the<b>end.</b>It", "theend.It"),
        ("<p><b>鐘。</b>鐘", "鐘。鐘"),
        ("<p>Type <code>a`b</code>, <kbd>`</kbd> or <code>*</code>", "Type ``a`b``, `` ` `` or `*`"),
        ("<p><code>f<b>oo</b></code><code>()</code>", "`foo()`"),
        ("<p><code>Map&lt;<a href=Key>Key</a>&gt;</code>", f"`Map<`[`Key`]({PAGE}Key)`>`"),
        ("<p>5 * 3 * 2, snake_case, _x_, a\\*b, `c`", "5 \\* 3 \\* 2, snake_case, \\_x\\_, a\\\\\\*b, \\`c\\`"),
        (
            "<p>Ah!<a href=/b>b</a> [1] [c]<a href=d>(d)</a>",
            f"Ah\\![b](https://harbour.example/b) [1] [c\\][(d)]({PAGE}d)",
        ),
        ("<p><a href='a(b)'>x[1]</a> <a href=':)'>y</a>", f"[x\\[1\\]]({PAGE}a(b)) [y]({PAGE}:\\))"),
        (
            "<p><a href='a b&lt;c'>x</a> <a href=\"?a=1&amp;copy;=2\">y</a>",
            f"[x]({PAGE}a%20b%3Cc) [y]({PAGE}?a=1\\&copy;=2)",
        ),
        ("<p><a href='javascript:x()'>x</a> <a href='data:,y'>y</a> <a>z</a> <a href='http://['>u</a>", "x y z u"),
        ("<p><a href=a><img src=b></a>x <a href=mailto:a@b.example>post</a>", "x [post](mailto:a@b.example)"),
        ("<h2><b>Bells</b> <i>and</i> #</h2>", "## Bells *and* \\#"),
        ("<ul><li><b>Name</b>: it<li><i>--</i></ul>", "- **Name**: it\n- *--*"),
        ("<p>See<sup><a href=#n>1</a></sup> <b>10<sup>6</sup></b>", "See[1] **10^6**"),
        ("<p><b>one<br>two</b><br>- three", "**one**\n**two**\n\\- three"),
        ("<div><a href=x><h3>Title</h3><p>Words</p></a></div>", f"### [Title]({PAGE}x)\n\n[Words]({PAGE}x)"),
    ],
)
def test_marks_of_a_line(body, text):
    assert markdown(body) == text
    assert {character for character, _ in read_back(text)} <= set(as_text(blocks(body)))


def test_cells_keep_their_marks():
    row = "<tr><td><ul><li>iron,<li>tin<li><b>zinc</b></ul><td><code>a|b</code><td><a href=c|d>|</a>"
    text = markdown(f"<table><tr><th>Of<th><i>By</i><th></tr>{row}</table>")
    assert text.split("\n") == [
        "| Of | *By* |  |",
        "| --- | --- | --- |",
        f"| iron, tin; **zinc** | `a\\|b` | [\\|]({PAGE}c%7Cd) |",
    ]
    assert ("|", frozenset({("link", f"{PAGE}c%7Cd")})) in read_back(text)


def test_formulas_stay_as_they_are_and_break_no_mark():
    formula = "<script type='math/tex'>a^*b^*</script>"
    assert markdown(f"<p><b>Now {formula}</b> <a href=x>y</a>") == f"Now $a^*b^*$ [y]({PAGE}x)"
    assert markdown("<p>Let <i>all $x_1$</i> be") == "Let *all $x_1$* be"
    assert markdown("<p>From $5 to $6*, <i>say</i>") == "From $5 to $6\\*, *say*"


def test_addresses_are_relative_to_the_base_of_the_page():
    page = "<html><head><base href='/archive/'></head><body><p>The <a href=x>bell</a> of <b>iron</b></body></html>"
    choice = {"extractor": "visible", "format": "markdown"}
    assert main_text(page, PAGE, Extract(**choice, links=True)).text == (
        "The [bell](https://harbour.example/archive/x) of iron"
    )
    assert main_text(page, PAGE, Extract(**choice, emphasis=True)).text == "The bell of **iron**"
    assert main_text(page, "", Extract(**choice, links=True)).text == "The bell of iron"
    assert main_text(page, PAGE, Extract(**choice)).text == "The bell of iron"


@pytest.mark.parametrize("name", ["emphasis", "links"])
def test_marks_need_markdown(name):
    with pytest.raises(ValueError, match=f"{name} = true needs format = 'markdown', got 'text'"):
        Extract(**{name: True})


PIECES = (
    "a",
    "é",
    "鐘",
    "b́",
    "€",
    "。",
    "_",
    "*",
    "#",
    "`",
    "|",
    "-",
    ">",
    "[",
    "]",
    "(",
    ")",
    "!",
    "\\",
    ".",
    " ",
    "1",
    "+",
    "=",
)
MORE = ("~", "\n", "<br>", "&lt;", "&amp;copy;", ":", "&nbsp;", "&shy;")
WORDS = st.lists(st.sampled_from((*PIECES, *MORE)), min_size=1, max_size=6).map("".join)
LINES = ("b", "i", "strong", "em", "code", "a href=x", "a href='?(y'", "b", "i", "sup", "span")
LONG = ("p", "div", "ul", "ol", "li", "blockquote", "h2", "dl", "dt", "dd", "pre", "table", "tr", "td")


def elements(tags, inner):
    def element(tag, parts):
        return f"<{tag}>{''.join(parts)}</{tag.split()[0]}>"

    return st.recursive(
        inner, lambda parts: st.builds(element, st.sampled_from(tags), st.lists(parts, max_size=4)), max_leaves=12
    )


@given(elements((*LINES, *LONG), WORDS))
def test_a_parser_reads_the_same_words_and_no_other_marks(body):
    tree = tree_of(body)
    page = marked_blocks(tree, PAGE, emphasis=True, links=True)
    assert [block._replace(marks=()) for block in page] == blocks_of(tree)
    characters, others = read_back(as_markdown(page, has_marks=True)), expected(page)
    assert "".join(character for character, _ in characters) == "".join(character for character, _ in others)
    for (_, marks), (character, limits) in zip(characters, others, strict=True):
        assert marks <= limits, character


@given(elements(LINES, st.sampled_from(("bell ", "of ", "iron, ", "a_b ", "* ", "`x` "))))
def test_a_parser_reads_all_marks_of_words_with_blanks_around(body):
    page = blocks(f"<p>The {body} end")
    marks = {(kind, address) for block in page for _, _, kind, address in block.marks}
    characters = read_back(as_markdown(page, has_marks=True))
    assert marks <= set().union(*(own for _, own in characters))
