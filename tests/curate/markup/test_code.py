"""Code of a page, byte for byte, through the markup of every highlighter."""

import json
from html import escape
from pathlib import Path

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.markup.code import Code, code, may_be_code

CASES = json.loads(Path(__file__).with_name("code.json").read_text())
line = st.text(st.sampled_from("ab1{};:|-+. \t<&\"'é漢#$"), max_size=12)
lines = st.lists(line, min_size=1, max_size=8).map("\n".join).filter(str.strip)


def tree(markup: str):
    return lxml.html.document_fromstring(f"<body>{markup}</body>")


def codes(markup: str) -> list[Code]:
    """The code that a walk over a page meets."""
    met: list[Code] = []

    def walk(element):
        if isinstance(element.tag, str) and may_be_code(element):
            made = code(element)
            if made is not None:
                met.append(made)
                return
        for child in element:
            walk(child)

    walk(tree(markup))
    return met


def trimmed(text: str) -> str:
    """The text without empty lines before its first line and white space behind its last."""
    before, first, _ = text.partition(text.strip())
    return before[before.rfind("\n") + 1 :] + first


@pytest.mark.parametrize("case", CASES["code"], ids=lambda case: case["name"])
def test_code_is_given_with_its_language(case):
    assert [(made.text, made.language) for made in codes(case["markup"])] == [(case["text"], case["language"])]


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_what_is_no_block_of_code_is_left_to_the_walk(case):
    assert code(next(tree(case["markup"]).iter(case["tag"]))) is None


@pytest.mark.parametrize("case", CASES["prose"], ids=lambda case: case["name"])
def test_prose_in_a_pre_is_told_from_code(case):
    assert [made.is_prose for made in codes(case["markup"])] == [case["is_prose"]]


def test_line_numbers_beside_the_code_are_left_out():
    markup = "<div><pre class='lineno'>1\n2\n</pre><pre>a\n  b</pre></div>"
    assert [made.text for made in codes(markup)] == ["", "a\n  b"]


def tokens(text: str) -> str:
    """The line as spans of a highlighter."""
    return "".join(f'<span class="k">{escape(text[place : place + 3])}</span>' for place in range(0, len(text), 3))


def numbered_table(rows: list[str]) -> str:
    cells = "".join(
        f'<tr><td class="blob-num" data-line-number="{number}"></td><td class="blob-code">{tokens(row)}</td></tr>'
        for number, row in enumerate(rows, 1)
    )
    return f'<table class="js-file-line-container">{cells}</table>'


def _numbered(spans: list[str]) -> list[str]:
    """The code with numbers that only their order tells, which takes two lines."""
    lines = "".join(f"<div><i>{number}</i><b>{span}</b></div>" for number, span in enumerate(spans, 8))
    return [f"<pre><code>{lines}</code></pre>"] if len(spans) > 1 else []


def highlighted(rows: list[str]) -> list[str]:
    """The code in the markup of many highlighters."""
    spans = [tokens(row) for row in rows]
    numbers = "\n".join(str(number) for number in range(1, len(rows) + 1))
    plain = "\n".join(spans)
    chroma = "".join(f'<span class="line"><span class="cl">{row}\n</span></span>' for row in spans)
    return [
        f"<pre>\n{escape(chr(10).join(rows))}</pre>",
        f"<pre><code>{plain}</code></pre>",
        f"<pre>{plain.replace(chr(10), '<br>')}</pre>",
        "<pre>" + "\n".join(f'<span class="linenos">1</span>{row}' for row in spans) + "</pre>",
        f'<table><td class="linenos"><pre>{numbers}</pre></td><td class="code"><pre>{plain}\n</pre></td></table>',
        f"<pre><code>{chroma}</code></pre>",
        "<pre><code>" + "\n".join(f'<span class="line">{row}</span>' for row in spans) + "</code></pre>",
        "<pre><code>" + "".join(f'<span data-line="">{row}</span>' for row in spans) + "</code></pre>",
        "<pre>" + "".join(f'<span class="token-line">{row}<br></span>' for row in spans) + "</pre>",
        "<pre>" + "\n".join(f'<div class="line">{row}</div>' for row in spans) + "</pre>",
        '<pre><ol class="linenums">' + "".join(f"<li>{row}</li>" for row in spans) + "</ol></pre>",
        '<div class="cm-content">' + "".join(f'<div class="cm-line">{row}<br></div>' for row in spans) + "</div>",
        numbered_table(rows),
        "<pre>" + "".join(f'<span class="line">{row}</span><br>' for row in spans) + "</pre>",
        *_numbered(spans),
        f'<div class="codeblock"><button>Copy</button><pre><code>{plain}</code></pre></div>',
    ]


@given(lines)
def test_code_is_the_same_byte_for_byte_through_any_highlighter(text):
    for markup in highlighted(text.split("\n")):
        if "cm-content" in markup:
            markup = f'<div class="cm-editor">{markup}</div>'
        assert [made.text for made in codes(markup) if made.text] == [trimmed(text)], markup
