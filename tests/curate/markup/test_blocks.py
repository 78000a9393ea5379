"""The blocks of a page: one per run of text that a browser sets on lines of its own, in the page's order."""

import pytest
from lxml import html

from curate.markup.blocks import PARAGRAPH, blocks_of
from curate.markup.code import _names_holder
from curate.markup.elements import SPECIAL
from curate.markup.mathematics import _names_formula

DEEP = 2000  # elements in each other; libxml2 takes up to 2048


def blocks(body):
    return blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))


def texts(body):
    return [block.text for block in blocks(body)]


@pytest.mark.parametrize(
    ("body", "expected_texts"),
    [
        ("<p>One</p><p>Two</p>", ["One", "Two"]),
        ("<div>Loose <b>words</b><p>a paragraph</p>and more</div>", ["Loose words", "a paragraph", "and more"]),
        ("<p> White\n\n  space&nbsp;\tfalls </p>", ["White space falls"]),
        ("<center><font>One.<br><br>Two.<br>Three.</font></center>", ["One.", "Two.\nThree."]),
        ("<p>On <time>5 May</time> the <output>42</output> <label>ropes</label>.</p>", ["On 5 May the 42 ropes."]),
        ("<p>He said <q>ring</q>, <abbr>NASA</abbr> <x-y>too</x-y>.</p>", ["He said “ring”, NASA too."]),
        ("<p>Press <button>Go</button> twice.</p>", ["Press Go twice."]),
        ("<p>super<wbr>cali<b>fra</b>gilistic</p>", ["supercalifragilistic"]),
        ("<p><ruby>鐘<rp>(</rp><rt>かね</rt><rp>)</rp></ruby>は</p>", ["鐘は"]),
        ("<p>CO<sub>2</sub> on 10<sup>6</sup> m<sup>2</sup></p>", ["CO_2 on 10^6 m^2"]),
        ("<p>of 1702<sup><a href='#n'>3</a></sup>, the 19<sup>th</sup></p>", ["of 1702[3], the 19th"]),
        ("<p>the mills closed.<sup>1</sup> Then x<sup>n</sup></p>", ["the mills closed.[1] Then x^n"]),
        ("<p>Smith<sup>1</sup><sup>,</sup><sup>2</sup> and Jones<sup>3-5</sup></p>", ["Smith[1],[2] and Jones[3-5]"]),
        ("<p>Smith<sup>1</sup><sup>2</sup> and Jones<sup>1, 2</sup></p>", ["Smith[1][2] and Jones[1, 2]"]),
        ("<p>Comments<sup>(New!)</sup> f<sup>(n+1)</sup></p>", ["Comments (New!) f^(n+1)"]),
        ("<p>5 metres<sup>3</sup>, 9 square feet<sup>4</sup></p>", ["5 metres^3, 9 square feet[4]"]),
        ("<p>500 acres<sup>2</sup>, 5 km<sup>2</sup></p>", ["500 acres[2], 5 km^2"]),
        ("<p>and then&#x85; nothing</p>", ["and then… nothing"]),
        ("<p>A<span hidden>b</span><span aria-hidden=true>c</span><span aria-hidden=false>d</span></p>", ["Ad"]),
        ("<p><span aria-hidden=true>A</span><span class=sr-only>B</span></p>", ["A"]),
        ("<h1 aria-label=Hi><span aria-hidden=true>H</span><span aria-hidden=true>i</span></h1>", ["Hi"]),
        ("<h2><time>1702</time></h2><p>Text</p>", ["1702", "Text"]),
        ("<script>var x</script><style>p {}</style><p>Text<select><option>a</select></p>", ["Text"]),
        ("<p>One<!-- not this --> two</p>", ["One two"]),
        ("<table role=none><tr><td>One<td>Two<tr><td><p>Three</table>", ["One", "Two", "Three"]),
        ("<p>One<div style='display: inline-block'><div>two</div></div> three</p>", ["One", "two three"]),
        ("<div>A <div style='display:inline'><div></div></div>line</div>", ["A line"]),
        ("<p>می‌گویند</p>", ["می‌گویند"]),
    ],
)
def test_the_text_of_a_block_is_what_a_reader_sees(body, expected_texts):
    assert texts(body) == expected_texts


def test_values_of_a_nutrition_label_stand_apart():
    def item(name, value, unit, end=""):
        inner = f"<span class=label>{name}: </span><span>{value}</span><span>{unit}</span>"
        return f"<span class='wprm-label-text-nutrition-container'>{inner}</span>{end}"

    assert texts(f"<div>{item('Sodium', 6, 'mg')}{item('Fiber', 2, 'g')}</div>") == ["Sodium: 6mg Fiber: 2g"]
    assert texts(f"<div>{item('Fat', 7, 'g', '<span>, </span>')}{item('Sugar', 2, 'g')}.") == ["Fat: 7g, Sugar: 2g."]
    label = "<span class='mv-create-nutrition-item mv-create-{0}'><span class=l>{0}:</span> {1}</span>"
    assert texts(f"<p>{label.format('calories', 356)}{label.format('fat', '11g')}") == ["calories: 356 fat: 11g"]
    assert texts("<p><span class=nutritionist>Bell</span><span class=container>s") == ["Bells"]


def test_lists_know_their_markers_and_their_depth():
    body = (
        "<ul><li>Tea<ul><li>Green<li>Black</ul>and sugar</li><li><p>Milk</p><p>cold</p></li></ul>"
        "<ol start=3><li>Third<li value=7>Seventh<li>Eighth</ol><ol reversed><li>two<li>one</ol>"
    )
    assert [(block.marker, block.level, block.text) for block in blocks(body)] == [
        *(
            ("-", 1, "Tea"),
            ("-", 2, "Green"),
            ("-", 2, "Black"),
            ("", 1, "and sugar"),
            ("-", 1, "Milk"),
            ("", 1, "cold"),
        ),
        *(("3.", 1, "Third"), ("7.", 1, "Seventh"), ("8.", 1, "Eighth"), ("2.", 1, "two"), ("1.", 1, "one")),
    ]


def test_headings_captions_terms_and_quotations_say_what_they_are():
    body = (
        "<h1>Title</h1><div><h3><span>Part</span></h3></div><dl><dt>Clapper<dd>iron</dl>"
        "<figure><figcaption>The tower</figcaption></figure>"
        "<blockquote><p>Ring it</p><blockquote>twice</blockquote></blockquote>"
    )
    assert [(block.kind, block.level, block.quotes, block.text) for block in blocks(body)] == [
        *(
            ("heading", 1, 0, "Title"),
            ("heading", 3, 0, "Part"),
            ("term", 1, 0, "Clapper"),
            ("paragraph", 1, 0, "iron"),
        ),
        *(("caption", 0, 0, "The tower"), ("paragraph", 0, 1, "Ring it"), ("paragraph", 0, 2, "twice")),
    ]


def test_a_table_of_data_gives_its_rows_and_one_that_lays_out_a_page_its_cells():
    data = "<table><caption>Bells</caption><tr><th>Part<th>Made of<tr><td>Clapper<td><ul><li>iron<li>tin</ul></table>"
    assert [(block.kind, block.text, block.cells) for block in blocks(data)] == [
        ("caption", "Bells", ()),
        ("row", "Part Made of", ("Part", "Made of")),
        ("row", "Clapper iron; tin", ("Clapper", "iron; tin")),
    ]
    layout = f"<table><tr><td>Menu<td><p>{'The bell rang. ' * 30}</p><p>Twice.</p></table>"
    assert [block.kind for block in blocks(layout)] == ["paragraph"] * 3


def test_formulas_stand_once_inside_their_line_or_on_their_own():
    inline = "<p>Where <math><mi>n</mi><mo>&gt;</mo><mn>2</mn></math> holds.</p>"
    assert texts(inline) == ["Where $n > 2$ holds."]
    display = "<p>We have <script type='math/tex; mode=display'>a = b</script> and so it rings.</p>"
    assert [(block.kind, block.text) for block in blocks(display)] == [
        ("paragraph", "We have"),
        ("formula", "$$a = b$$"),
        ("paragraph", "and so it rings."),
    ]


def test_a_heading_has_no_anchor_and_no_words_for_screen_readers():
    assert texts("<h2>Bells<a href='#bells'>¶</a></h2><h2><span class='sr-only'>Link to</span>Ropes</h2>") == [
        *("Bells", "Ropes"),
    ]


@pytest.mark.parametrize(
    ("markup", "kind", "text"),
    [
        ("<p><script type='math/tex'>x_1</script>.</p>", "formula", "$x_1$."),
        (r"<p>\[F = ma\]</p>", "formula", r"\[F = ma\]"),
        ("<p>$5 to $6</p>", "paragraph", "$5 to $6"),
        ("<ul><li><script type='math/tex; mode=display'>x</script></ul>", "item", "$x$"),
        ("<h2><script type='math/tex; mode=display'>x</script></h2>", "heading", "$x$"),
    ],
)
def test_a_formula_alone_is_a_block_of_its_kind_but_in_headings_and_lists(markup, kind, text):
    [block] = blocks(markup)
    assert (block.kind, block.text) == (kind, text)


def test_code_stays_as_it_stands():
    code = "def ring(n):\n\n    for i in range(n):\n\tprint(  i  )"
    [before, block, after] = blocks(f"<p>Run<pre><code>\n{code}\n</code></pre>It rings.")
    assert (before.text, block.text, after.text) == ("Run", code, "It rings.")
    assert block.kind == "code"


def test_the_characters_of_links_are_counted_per_block():
    [menu, prose, linked] = blocks(
        "<div><a>Home</a> <a>Archive</a></div><p>A text with <a>one link</a> in it.</p><a><div>A card</div></a>"
    )
    assert (menu.links, prose.links, linked.links) == (11, 8, 6)


def test_a_block_names_its_element_and_the_page_stays_as_it_is():
    tree = html.document_fromstring("<body><div>One<p>Two</p>three</div></body>")
    before = html.tostring(tree)
    assert [block.element.tag for block in blocks_of(tree)] == ["div", "p", "div"]
    assert html.tostring(tree) == before


def test_elements_nested_as_deep_as_a_parser_takes_them_are_read():
    tree = html.document_fromstring("<body><p>top</p></body>")
    inner = tree.find("body")
    for _ in range(DEEP):
        inner = html.etree.SubElement(inner, "div")
    inner.text = "bottom"
    assert [block.text for block in blocks_of(tree)] == ["top", "bottom"]


def test_a_heading_without_its_end_tag_is_no_heading_of_all_that_follows():
    markup = "<h4>A date<div>One sentence.</div><div>Another one.</div><div>A third.</div></h4>"
    assert {block.kind for block in blocks_of(html.fromstring(f"<html><body>{markup}"))} == {PARAGRAPH}


def test_long_classes_are_not_remembered():
    long = "highlight math " + "x" * 300
    markup = "".join(f"<{tag} class='{long}{tag}'>text</{tag}>" for tag in ("div", "span", "p"))
    blocks("<div class='short'>text</div>")
    before = len(SPECIAL), _names_formula.cache_info().currsize, _names_holder.cache_info().currsize
    assert texts(markup)
    assert before == (len(SPECIAL), _names_formula.cache_info().currsize, _names_holder.cache_info().currsize)
