"""The time of an extraction grows with the length of a page, not with its square.

Each input is so long that a pattern which looks at its rest from every place in it would take minutes.
"""

import pytest

from curate.extract import linked_data
from curate.extract.config import Extract
from curate.extract.main_text import main_text
from curate.extract.selection import bare
from curate.extract.structured import Statement, plain_lines
from curate.extract.supplements import Blocks, additions
from curate.markup.mathematics import _in_address, _is_latex
from curate.text.passages import Words

MANY = 50_000


def text_of(body: str) -> str:
    return main_text(f"<html><body>{body}</body></html>", "", Extract(), quick="").text


def test_labels_before_code_are_read_in_linear_time():
    assert "x = 1" in text_of("<pre>" + "copy code " * 20_000 + "z<code>x = 1</code></pre>")


@pytest.mark.parametrize("raised", ["a", "(", "1,", "1 - ", "[", " a"])
def test_raised_text_is_read_in_linear_time(raised: str):
    assert text_of(f"<p>The river<sup>({raised * MANY}</sup> runs by the old town.</p>").startswith("The river")


def test_a_line_of_many_marks_is_written_in_linear_time():
    settings = Extract(extractor="visible", format="markdown", emphasis=True, links=True)
    body = "<i>a<a href=x>(b</i>c</a> \\( `d` " * 1_500
    text = main_text(f"<html><body><p>{body}</p></body></html>", "https://harbour.example/", settings).text
    assert text.count("[") == 1_500


@pytest.mark.parametrize("blank", [" ", "\n"])
def test_white_space_inside_code_is_read_in_linear_time(blank: str):
    assert text_of(f"<pre>a{blank * MANY}b</pre>") == f"a{blank * MANY}b"


def test_lines_of_blanks_around_code_go_and_its_indentation_stays():
    assert text_of("<pre>\n  \n\t\n  a\n   b \n \n</pre><p>c</p>").startswith("  a\n   b\n")


@pytest.mark.parametrize("opening", ["\\( x ", "\\[ x ", "\\) \\( "])
def test_formulas_without_an_end_are_looked_for_in_linear_time(opening: str):
    assert bare(opening * MANY).startswith(opening.replace(" ", ""))


def test_what_stands_between_the_signs_of_formulas_is_left_out():
    assert bare(r"a \(x\) b \[y \( z\] c \( d \[ e") == r"abc\(d\[e"


@pytest.mark.parametrize("start", ["<script ", "<!-- ", "<style>", "</script <script "])
def test_markup_without_an_end_is_looked_for_in_linear_time(start: str):
    assert plain_lines("a " + start * MANY)[0].startswith("a")


def test_scripts_and_comments_in_statements_are_left_out():
    assert plain_lines("a<script>b</SCRIPT >c<!-- <style> -->d<style>e</style>f") == ["acdf"]


@pytest.mark.parametrize("run", [",", '\\"', '"\\', "/*", "'", " '\\", "//", "[,", "\\u"])
def test_scripts_that_are_no_json_are_mended_in_linear_time(run: str):
    assert linked_data.parsed('{"a": ' + run * MANY) == []


def test_comments_and_superfluous_commas_of_a_script_are_left_out():
    assert linked_data.parsed("{'a': [\"b, ]\", , ], /* , */ \"c\": 'd\\'e' }") == [{"a": ["b, ]"], "c": "d'e"}]


@pytest.mark.parametrize(("tag", "count"), [("", 0), ('<script type="', 0), ('<script type="application/ld+json">', 1)])
def test_scripts_are_looked_for_in_linear_time(tag: str, count: int):
    assert len(list(linked_data.scripts(f"{tag}{linked_data.TYPE}" * MANY))) == count


@pytest.mark.parametrize(
    ("alt", "is_latex"), [("\\a", True), ("\\aaaaaaa", True), ("a" * 9, True), ("aaa ", False), ("\\aa{", True)]
)
def test_alternative_texts_are_looked_at_in_linear_time(alt: str, is_latex: bool):
    assert _is_latex(alt * MANY, of_class=True) is is_latex


@pytest.mark.parametrize("part", ["latex.php?", "latex.php?&", "cht=tx", "render/math?", "%5Caa", "%5Caa{"])
def test_addresses_are_looked_at_in_linear_time(part: str):
    assert _in_address(part * MANY) == ""


def test_updates_of_a_live_blog_are_compared_with_the_earlier_ones_once(monkeypatch: pytest.MonkeyPatch):
    lengths: list[int] = []
    compared = Words.__init__

    def counted(words: Words, text: str) -> None:
        lengths.append(len(text))
        compared(words, text)

    monkeypatch.setattr(Words, "__init__", counted)
    updates = [
        Statement(
            kind="LiveBlogPosting.updates", lines=(" ".join(f"{chr(97 + number)}{word}x" for word in "abcdefghij"),)
        )
        for number in range(26)
    ]
    added = additions([*updates, *updates], Blocks(["A text about something else."], {}, {}))
    assert [addition.statement for addition in added] == updates
    assert sum(lengths) < 100


def test_words_that_grow_are_those_of_the_whole_text():
    first, second = "One of the rivers runs by the town", "and carries\nthe rain of one night"
    grown, whole = Words(first), Words(f"{first}\n{second}")
    assert grown.places
    assert grown.trigrams
    assert grown.occurrences([b"riversruns"])
    grown.add(second)
    assert (grown.words, grown.places, grown.trigrams) == (whole.words, whole.places, whole.trigrams)
    assert (grown.text, grown.bare, grown.joined) == (whole.text, whole.bare, whole.joined)
    assert grown.occurrences([b"therain"]) == whole.occurrences([b"therain"]) != []
