"""The measures of extraction: what they ask for, and that they see a fault of each kind."""

import pytest
from structure import html_blocks, markdown_blocks
from structure_measures import KINDS, blocks_in_source, source_of, tallies

MARKDOWN = """# The clock

One paragraph
on two lines.[^1] And $E_u$.

3. first
4. second

```c
int f(void) {
    return  1;
}
```

| Year | Bell |
| --- | --- |
| 1702 | Anna |

[^1]: A note.
"""
HTML = """<div><h1>The <i>clock</i></h1><p>One paragraph
on two lines.<sup><a href="#n">[1]</a></sup> And <math><mi>E</mi><annotation encoding="application/x-tex">E_u
</annotation></math>.</p><ol start="3"><li>first</li><li><p>second</p></li></ol>
<pre><code>int f(void) {<br>    return  1;
}</code></pre><table><tr><th>Year<th>Bell<tr><td>1702<td>Anna</table><p>A note.</p></div>"""
WHOLE = """The clock

One paragraph on two lines. And $E_u$.

3. first
4. second

int f(void) {
    return  1;
}

Year | Bell
1702 | Anna

[1] A note."""
FAULTS = {
    "code": ("return  1;", "return 1;"),
    "indentation": ("    return", "  return"),
    "headings": ("The clock\n\n", "The clock "),
    "items": ("3. first\n4.", "3. first 4."),
    "numbers": ("4. second", "- second"),
    "rows": ("Year | Bell", "Year\nBell"),
    "formulas": ("E_u", "E"),
    "paragraphs": ("on two", "\non two"),
}


def test_html_and_markdown_of_one_page_are_the_same_blocks():
    names = [(block.kind, " ".join(block.text.split()), block.number) for block in markdown_blocks(MARKDOWN)]
    assert names == [(block.kind, " ".join(block.text.split()), block.number) for block in html_blocks(HTML)]


def test_a_whole_text_keeps_every_part():
    kept = tallies(WHOLE, blocks_in_source(markdown_blocks(MARKDOWN), source_of(HTML)))
    assert {kind: tally.lost for kind, tally in kept.items()} == {kind: [] for kind in KINDS}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_a_kind_costs_parts_of_that_kind(kind):
    faulty = WHOLE.replace(*FAULTS[kind])
    assert faulty != WHOLE
    assert tallies(faulty, markdown_blocks(MARKDOWN))[kind].share < 1


def test_marks_of_markdown_cost_nothing():
    marked = MARKDOWN.replace("\non two", " on two")
    assert {kind: tally.lost for kind, tally in tallies(marked, markdown_blocks(MARKDOWN)).items() if tally.lost} == {}


def test_what_the_source_lacks_is_not_blocks_in_source():
    source = source_of("<p>first</p><script>var note = 'second'</script><img alt='The clock'>")
    assert [block.text for block in blocks_in_source(markdown_blocks(MARKDOWN), source)] == [
        "The clock",
        "first",
        "second",
    ]
