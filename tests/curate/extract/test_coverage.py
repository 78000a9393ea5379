"""Prose around the blocks that an extractor selected is restored, and furniture is left out."""

import pytest
from lxml import html

from curate.extract.coverage import completed, paragraphs, rescued, visible, without_furniture
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
