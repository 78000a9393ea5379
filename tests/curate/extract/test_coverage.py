"""Prose around the blocks that an extractor selected is restored, and furniture is left out."""

import pytest
from lxml import html

from curate.extract.coverage import completed, paragraphs, rescued, without_furniture
from curate.extract.trimming import visible
from curate.markup.blocks import blocks_of

SENTENCE = "The lighthouse keeper walked down to the harbour every morning to look at the boats and the gulls."
OTHER = "In the spring of that year the council voted to repair the mechanism that had not been cleaned since."
THIRD = "A carpenter from the next valley rebuilt the frame, and his daughter painted the numerals in a new blue."


def kept(body, *selected_texts):
    """The texts that are main text where the blocks with these texts are selected."""
    blocks = blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))
    chosen = completed(blocks, [block.text in selected_texts for block in blocks])
    return [block.text for block, is_chosen in zip(blocks, chosen, strict=True) if is_chosen]


@pytest.mark.parametrize(
    "body",
    [
        f"<p>{SENTENCE}</p><div>{OTHER}</div><p>{THIRD}</p>",
        f"<article><p>{SENTENCE}</p><h2>{OTHER}</h2><p>{THIRD}</p></article>",
        f"<p>{SENTENCE}</p><pre>{OTHER}</pre><p>{THIRD}</p>",
        f"<p>{SENTENCE}</p><section><ol><li>{OTHER}</li></ol></section><p>{THIRD}</p>",
        f"<p>{SENTENCE}</p><p>{THIRD}</p><p>{OTHER}</p>",
        f"<article><p>{SENTENCE}</p></article><article><p>{THIRD}</p></article><article><p>{OTHER}</p></article>",
        f"<div><p>{SENTENCE}</p></div><figure><pre>{OTHER}</pre></figure><div><p>{THIRD}</p></div>",
        f"<h2>{OTHER}</h2><section><p>{SENTENCE}</p><p>{THIRD}</p></section>",
        f"<header><p>{OTHER}</p></header><div><p>{SENTENCE}</p><p>{THIRD}</p></div>",
        f"<div><h1>{OTHER}</h1><p>{SENTENCE}</p><p>{THIRD}</p></div>",
        f"<p>{SENTENCE}</p><figure><blockquote><p>{OTHER}</p></blockquote></figure><p>{THIRD}</p>",
        f"<p>{SENTENCE}</p><figure class='listing'><pre>{OTHER}</pre></figure><p>{THIRD}</p>",
        f"<div><p>{SENTENCE}</p><p>{THIRD}</p><ol><li>{OTHER}</li></ol></div>",
        f"<div><p>{SENTENCE}</p><p>{THIRD}</p><div class='highlight'><pre>{OTHER}</pre></div></div>",
    ],
)
def test_what_stands_among_selected_blocks_is_restored(body):
    assert sorted(kept(body, SENTENCE, THIRD)) == sorted([SENTENCE, OTHER, THIRD])


def test_a_list_of_links_is_text_where_a_heading_or_a_colon_announces_it():
    links = "<ul><li><a href='/acorn'>Acorn</a></li><li><a href='/napkin'>Napkin</a></li></ul>"
    for body in (f"<h2>What I use</h2>{links}", f"<div>What I use today:</div>{links}"):
        texts = kept(f"<p>{SENTENCE}</p>{body}<p>{THIRD}</p>", SENTENCE, THIRD)
        assert [text for text in texts if text in ("Acorn", "Napkin")] == ["Acorn", "Napkin"]
    for body in (links, f"<h2>More stories</h2>{links}", f"<h2>Contents</h2>{links.replace('/', '#', 1)}"):
        assert "Acorn" not in kept(f"<p>{SENTENCE}</p>{body}<p>{THIRD}</p>", SENTENCE, THIRD)


@pytest.mark.parametrize(
    "furniture",
    [
        f"<nav><p>{OTHER}</p></nav>",
        f"<div class='related-stories'><a href='/tower'>The tower</a><p>{OTHER}</p></div>",
        f"<div class='StoryPromo'><p>{OTHER}</p></div>",
        f"<div id='newsletter'><div><p>{OTHER}</p></div></div>",
        f"<p style='display: none'>{OTHER}</p>",
        f"<div hidden>{OTHER}</div>",
        f"<p><a href='/'>{OTHER}</a></p>",
        f"<figure><figcaption>{OTHER}</figcaption></figure>",
        "<p>READ MORE</p>",
        "<p>Advertisement</p>",
        "<div>Photo: me</div>",
    ],
)
def test_furniture_among_selected_blocks_is_not(furniture):
    assert kept(f"<p>{SENTENCE}</p>{furniture}<p>{THIRD}</p>", SENTENCE, THIRD) == [SENTENCE, THIRD]


@pytest.mark.parametrize(
    "special",
    [
        "<figure class='highlight'><pre>ring(3)</pre></figure>",
        "<div class='code-toolbar'><pre>ring(3)</pre></div>",
        "<p><script type='math/tex'>ring(3)</script></p>",
    ],
)
def test_code_and_formulas_are_text_whatever_holds_them_unless_a_menu_does_or_they_are_hidden(special):
    assert len(kept(f"<p>{SENTENCE}</p>{special}<p>{THIRD}</p>", SENTENCE, THIRD)) == 3
    assert len(kept(f"<p>{SENTENCE}</p><nav>{special}</nav><p>{THIRD}</p>", SENTENCE, THIRD)) == 2
    assert len(kept(f"<p>{SENTENCE}</p><div hidden>{special}</div><p>{THIRD}</p>", SENTENCE, THIRD)) == 2


def test_code_behind_the_last_selected_block_is_text_where_its_wrapper_stands_beside():
    body = f"<article><p>{SENTENCE}</p><div class='highlight'><pre>ring(3)</pre></div></article><p>ring(4)</p>"
    assert kept(body, SENTENCE) == [SENTENCE, "ring(3)"]


def test_of_a_table_all_rows_are_kept_or_none():
    table = "<table><tr><th>Part<th>Made of<tr><td>Bell<td>tin<tr><td>Rope<td>hemp</table>"
    assert kept(f"<p>{SENTENCE}</p>{table}", SENTENCE, "Bell tin") == [
        SENTENCE,
        "Part Made of",
        "Bell tin",
        "Rope hemp",
    ]


def test_an_element_around_selected_blocks_is_no_furniture_whatever_its_class():
    body = f"<div class='has-sidebar'><p>{SENTENCE}</p><p>{OTHER}</p><p>{THIRD}</p></div>"
    assert kept(body, SENTENCE, THIRD) == [SENTENCE, OTHER, THIRD]


def test_stock_phrases_go_even_where_they_were_selected():
    assert kept(f"<p>{SENTENCE}</p><p>Read more »</p>", SENTENCE, "Read more »") == [SENTENCE]


def test_nothing_below_a_heading_of_other_stories_is_restored():
    body = f"<p>{SENTENCE}</p><h3>Related stories</h3><p>{OTHER}</p>"
    assert kept(body, SENTENCE) == [SENTENCE]


def test_of_a_page_with_hardly_any_choice_all_text_outside_of_menus_is_taken():
    page = f"<nav>{OTHER * 3}</nav><p>Short.</p><div class='menu-of-the-day'>{SENTENCE}</div><p hidden>{THIRD}</p>"
    blocks = blocks_of(html.document_fromstring(f"<html><body>{page}</body></html>"))
    choice = rescued(blocks, [block.text == "Short." for block in blocks])
    assert [block.text for block, is_chosen in zip(blocks, choice, strict=True) if is_chosen] == ["Short.", SENTENCE]
    enough = [len(block.text) > 250 for block in blocks]
    assert rescued(blocks, enough) == enough


def rescue(body, *chosen_texts):
    """The texts of a short page of which these are chosen."""
    blocks = blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))
    choice = rescued(blocks, [block.text in chosen_texts for block in blocks])
    return [block.text for block, is_chosen in zip(blocks, choice, strict=True) if is_chosen]


def test_an_aside_that_holds_most_of_the_prose_is_the_text():
    notice = "We use cookies to improve this site."
    body = f"<div class='cookie-banner'><p>{notice}</p></div><aside><p>{SENTENCE}</p><p>{OTHER}</p></aside>"
    assert rescue(body, notice) == [SENTENCE, OTHER]
    body = f"<p>{SENTENCE}</p><p>{OTHER}</p><aside><p>{THIRD}</p></aside>"
    assert rescue(body, "nothing") == [SENTENCE, OTHER]


def test_captions_are_text_between_the_lines_of_a_short_page():
    caption = "<figure><img src='x'><figcaption>The bell</figcaption></figure>"
    assert rescue(f"<h1>Notice</h1>{caption}<p>{SENTENCE}</p>{caption}", "Notice", SENTENCE) == [
        "Notice",
        "The bell",
        SENTENCE,
    ]


def test_what_a_browser_hides_is_not_visible():
    body = "<div hidden><p>a</p></div><p style='Display : NONE'>b</p><p style='visibility:hidden'>c</p><p>d</p>"
    assert visible(blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))) == [False] * 3 + [True]


def test_a_choice_loses_its_menus_and_notices_and_keeps_what_holds_most_prose_whatever_its_name():
    links = "".join(f"<td><a>Menu {word}</a></td>" for word in ("one", "two", "three", "four"))
    notice = "<div class='cookie-banner'>We use cookies on this site.</div>"
    page = f"<table role=none><tr>{links}</table>{notice}<form><p>{SENTENCE}</p><p>{OTHER}</p></form>"
    blocks = blocks_of(html.document_fromstring(f"<html><body>{page}</body></html>"))
    choice = without_furniture(blocks, [True] * len(blocks))
    assert [block.text for block, is_chosen in zip(blocks, choice, strict=True) if is_chosen] == [SENTENCE, OTHER]


def test_of_a_page_without_a_main_part_the_paragraphs_outside_of_furniture_are_taken():
    page = f"<div id=footer><p>{OTHER}</p></div><div>{THIRD}<p>{SENTENCE}</p><p>{SENTENCE}</p></div><pre>x = 1</pre>"
    blocks = blocks_of(html.document_fromstring(f"<html><body>{page}</body></html>"))
    choice = paragraphs(blocks)
    chosen_texts = [block.text for block, is_chosen in zip(blocks, choice, strict=True) if is_chosen]
    assert chosen_texts == [SENTENCE, SENTENCE, "x = 1"]


def test_a_heading_that_links_to_its_article_is_kept_above_selected_prose_and_not_above_a_teaser():
    long_text = f"{OTHER} {THIRD}"
    body = f"<p>{SENTENCE}</p><h2><a href='/1'>The bell</a></h2><div>By me</div><p>{long_text}</p>"
    assert kept(body, SENTENCE, long_text) == [SENTENCE, "The bell", long_text]
    teaser = f"<p>{SENTENCE}</p><h2><a href='/1'>The bell</a></h2><p><a>A bell</a></p><p>Short one</p><p>{THIRD}</p>"
    assert kept(teaser, SENTENCE, THIRD) == [SENTENCE, THIRD]


def test_headings_that_link_to_their_posts_are_kept_above_restored_prose_too():
    title = "<h2><a href='/{0}'>Post {0}</a></h2>"
    post = f"<article>{title}<div>By me</div><div class=body><p>{{1}}</p></div></article>"
    body = post.format(1, SENTENCE) + post.format(2, OTHER) + post.format(3, THIRD)
    assert kept(body, SENTENCE, OTHER) == ["Post 1", SENTENCE, "Post 2", OTHER, "Post 3", THIRD]
    assert kept(post.format(1, SENTENCE), SENTENCE) == [SENTENCE]


@pytest.mark.parametrize(
    "heading",
    [
        "<h2><a href='#bell'>The bell</a></h2>",
        "<h2><a name=bell>The bell</a></h2>",
        "<h3><button>The bell</button></h3>",
        "<a href='/clock#bell'><h3>The bell</h3></a>",
    ],
)
def test_a_heading_that_links_to_itself_or_unfolds_its_text_is_no_link(heading):
    assert kept(f"<p>{SENTENCE}</p>{heading}<p>{THIRD}</p>", SENTENCE, THIRD) == [SENTENCE, "The bell", THIRD]
    buttons = heading.replace("The bell", "<button>1x</button><button>2x</button>")
    assert "1x" not in kept(f"<p>{SENTENCE}</p>{buttons}<ul><li>Flour</ul><p>{THIRD}</p>", SENTENCE, THIRD)


def test_a_standfirst_is_kept_below_the_title_even_where_it_is_a_heading():
    lines = "<div>By me</div><div>Harbour News</div><div>1 May</div><ul><li>A<li>A<li>A</ul><div>Share</div>"
    for text in (OTHER, "The bell rings again after ten silent years."):
        header = f"<header><h1>The bell</h1><h2>{text}</h2>{lines}</header>"
        assert kept(f"{header}<div><p>{SENTENCE}</p></div>", SENTENCE) == [text, SENTENCE]
    for header in (
        f"<header><h2>{OTHER}</h2>{lines}</header>",
        f"<header><h1>The bell</h1><h2>Bells</h2>{lines}</header>",
    ):
        assert kept(f"{header}<div><p>{SENTENCE}</p></div>", SENTENCE) == [SENTENCE]


def test_short_lines_above_a_list_a_table_or_code_are_its_label():
    table = "<table><tr><td>Ctrl+S</td><td>Save</td></tr><tr><td>Ctrl+R</td><td>Read</td></tr></table>"
    cells = f"<table><tr><td>Files{table}</td></tr></table>"
    assert kept(f"<h1>Keys</h1><h3>All of them</h3>{cells}", "Ctrl+S Save", "Ctrl+R Read") == [
        *("Keys", "All of them", "Files", "Ctrl+S Save", "Ctrl+R Read"),
    ]
    for below in ("<ul><li>Flour</li></ul>", "<pre>x = 1</pre>"):
        texts = kept(f"<p>{SENTENCE}</p><p>Needed</p>{below}<p>4</p>{below}<p>{THIRD}</p>", SENTENCE, THIRD)
        assert [text for text in texts if text in ("Needed", "4")] == ["Needed"]


def test_a_list_of_points_directly_above_the_text_is_kept_and_one_of_figures_is_not():
    points = [f"{place}. {OTHER[:40]}" for place in range(3)]
    items = "".join(f"<li>{point}</li>" for point in points)
    assert kept(f"<ul>{items}</ul><div><p>{SENTENCE}</p></div>", SENTENCE) == [*points, SENTENCE]
    figures = "".join(f"<li>{place} views</li>" for place in range(30))
    assert kept(f"<ul>{figures}</ul><div><p>{SENTENCE}</p></div>", SENTENCE) == [SENTENCE]


@pytest.mark.parametrize(("title", "is_section"), [("Sources", True), ("See also", True), ("Related", False)])
def test_a_list_of_links_ends_a_text_below_a_heading_like_the_others(title, is_section):
    links = "<ul><li><a href='/a'>Acorn</a></li><li><a href='/n'>Napkin</a></li></ul>"
    text = f"<h2>History</h2><p>{SENTENCE}</p><p>{OTHER}</p><p>{THIRD}</p>"
    texts = kept(f"<main>{text}<h2>{title}</h2>{links}</main>", "History", SENTENCE, OTHER, THIRD)
    assert texts == ["History", SENTENCE, OTHER, THIRD, *([title, "Acorn", "Napkin"] if is_section else [])]
    texts = kept(f"<main>{text}<h4>{title}</h4>{links}</main>", "History", SENTENCE, OTHER, THIRD)
    assert "Acorn" not in texts
