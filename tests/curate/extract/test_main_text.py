"""The main text: plain trafilatura's where that is asked for, the quick text where its main extractor finds little."""

import logging
import re
from collections import Counter

import pytest
from lxml.html import tostring
from trafilatura import extract as plainly
from trafilatura.utils import load_html

from curate.extract.config import Extract
from curate.extract.main_text import SHORT, main_text, parsed, quick_text, tidy
from curate.records import Page
from curate.warc.reader import read_file
from curate.web.encoding import decode

WORD = re.compile(r"\w{2,}")
SENTENCE = "The lighthouse keeper walked down to the harbour every morning to look at the boats and the gulls. "
ARTICLE = (
    f"<html><head><title> The\n keeper </title></head><body><article><p>{SENTENCE * 5}</p></article></body></html>"
)
# An old page: its text stands between line breaks, in which trafilatura's main extractor finds nothing.
OLD = f"<html><body><center>{f'<font>{SENTENCE}</font><br>' * 16}</center></body></html>"
# A page that scripts fill: its text is in the metadata alone.
SCRIPTED = (
    '<html><head><script type="application/ld+json">{"@type": "NewsArticle", "datePublished": "2021-03-04T05:06:07Z",'
    f' "articleBody": "{SENTENCE * 5}"}}</script></head><body><div id="app"></div><p>Loading</p></body></html>'
)


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def pages(data):
    """The first real pages of one file: URL and markup."""
    outcomes = read_file(data("web") / "pages-00005.warc.gz")
    return [(page.url, decode(page.body, page.charset)) for page in outcomes if isinstance(page, Page)][:120]


@pytest.mark.parametrize("choice", [{}, {"precision": True}, {"recall": True}, {"comments": True}, {"tables": False}])
def test_with_its_own_fallback_it_is_plain_trafilatura_to_the_letter(pages, choice):
    settings = Extract(fallback="trafilatura", **choice)
    renamed = {"precision": "favor_precision", "recall": "favor_recall", "comments": "include_comments"}
    options = {"include_comments": False} | {
        renamed.get(name, f"include_{name}"): value for name, value in choice.items()
    }
    for url, markup in pages[:40]:
        assert main_text(markup, url, settings).text == tidy(plainly(markup, url=url, **options) or "").strip(), url


def test_the_text_holds_the_words_of_trafilatura_s_main_extractor_on_real_pages(pages):
    shares = []
    for url, markup in pages:
        mine = main_text(markup, url, Extract())
        plain = plainly(markup, url=url, include_comments=False, fast=True) or ""
        if mine.extractor == "trafilatura" and len(plain) > 3000:  # from there on, trafilatura never tries again
            mine_words, its_words = Counter(WORD.findall(mine.text)), Counter(WORD.findall(plain))
            shares.append((mine_words & its_words).total() / its_words.total())
    assert len(shares) > 20
    assert sum(share < 0.9 for share in shares) <= 1  # of one page trafilatura's search takes the readers' comments
    assert sum(shares) / len(shares) > 0.97


def test_a_page_in_which_the_main_extractor_finds_nothing_gives_its_quick_text():
    main = main_text(OLD, "", Extract())
    assert main.extractor == "resiliparse"
    assert main.text.count("lighthouse") == 16
    assert main_text(OLD, "", Extract(extractor="resiliparse")).text == main.text


def test_an_article_gives_the_main_extractor_s_text_and_its_title():
    main = main_text(ARTICLE, "", Extract())
    assert main == ((SENTENCE * 5).strip(), "The keeper", None, "trafilatura", ())
    assert main_text(ARTICLE, "", Extract(), quick_text(ARTICLE)) == main


def test_the_quick_text_takes_over_below_a_share_of_its_length_and_not_above():
    short = main_text(ARTICLE, "", Extract(), "word " * int(len(SENTENCE) * 5 / SHORT / 5 * 0.9))
    assert short.extractor == "trafilatura"
    assert (
        main_text(ARTICLE, "", Extract(), "word " * int(len(SENTENCE) * 5 / SHORT / 5 * 1.1)).extractor == "resiliparse"
    )


def test_an_article_in_the_metadata_alone_is_found_and_so_is_its_day():
    main = main_text(SCRIPTED, "", Extract())
    assert main.text.count("lighthouse") == 5
    assert main.date == "2021-03-04"


@pytest.mark.parametrize("extractor", ["trafilatura", "resiliparse"])
def test_ingredients_that_only_the_metadata_hold_stand_before_the_instructions(extractor):
    steps = "".join(f"<li>{SENTENCE * 2}{step}</li>" for step in ("Stir the soup.", "Serve it with bread."))
    article = f"<article><h1>Soup</h1><p>{SENTENCE * 3}</p><h2>Method</h2><ol>{steps}</ol></article>"
    linked = (
        '<script type="application/ld+json">{"@type": "Recipe", "recipeIngredient": ["3 leeks", "1 l of water"],'
        f' "recipeInstructions": ["{SENTENCE * 2}Stir the soup.", "{SENTENCE * 2}Serve it with bread."]}}</script>'
    )
    main = main_text(f"<html><head>{linked}</head><body>{article}</body></html>", "", Extract(extractor=extractor))
    assert "\n\n- 3 leeks\n- 1 l of water\n\nMethod\n\n1. " in main.text
    assert (main.text.count("Stir the soup."), main.flags) == (1, ("structured:Recipe.ingredients",))
    shown = article.replace("<h2>", "<ul><li>3 leeks</li><li>1 l of water</li></ul><h2>")
    whole = f"<html><head>{linked}</head><body>{shown}</body></html>"
    assert main_text(whole, "", Extract(extractor=extractor)).flags == ()
    assert (
        "- 3 leeks"
        not in main_text(f"<html><head>{linked}</head><body>{article}", "", Extract(extractor="visible")).text
    )


def test_a_thread_keeps_all_posts_and_nothing_around_them():
    card = "<div class='userinfo'><a>Ann</a> Senior member, joined in 2011, 1,302 posts</div>"
    posts = "".join(
        f"<li>{card}<div id='post_message_{number}'><blockquote class='postcontent'>{text}</blockquote></div>"
        "<a>Reply with quote</a></li>"
        for number, text in enumerate([SENTENCE * 6, "Why?", f"<div class='bbcode_quote'>Why?</div>{SENTENCE}"])
    )
    page = (
        "<html><head><meta name='generator' content='vBulletin 4.2'></head><body><ul><li>Home</li></ul>"
        f"<h1><span class='threadtitle'>The keeper</span></h1><ol>{posts}</ol><h3>Similar threads</h3></body></html>"
    )
    main = main_text(page, "", Extract(format="markdown"))
    assert main.text == f"# The keeper\n\n{(SENTENCE * 6).strip()}\n\nWhy?\n\n> Why?\n\n{SENTENCE.strip()}"
    assert main.flags == ("thread:vBulletin",)


@pytest.mark.parametrize(
    ("head", "date"),
    [
        ('<meta property="article:published_time" content="2019-08-07T06:05:04+02:00">', "2019-08-07"),
        ('<meta itemprop="datePublished" content="2019-08-07">', "2019-08-07"),
        ('<meta name="date" content="yesterday"><meta name="DC.date.issued" content="1999-12-31">', "1999-12-31"),
        ('<meta name="date" content="2019-13-07">', None),
        ('<meta name="viewport" content="2019-08-07">', None),
        ("", None),
    ],
)
def test_the_day_is_the_one_that_the_metadata_state(head, date):
    assert main_text(ARTICLE.replace("<head>", f"<head>{head}"), "", Extract()).date == date


@pytest.mark.parametrize("markup", ["", "   ", "<html></html>", "<", "{}", "\ufffd"])
def test_what_is_hardly_a_page_has_hardly_a_text(markup):
    assert len(main_text(markup, "", Extract()).text) <= len(markup)


def test_a_page_with_control_characters_that_trafilatura_gives_up_gives_its_quick_text():
    markup = f"<html><body><article><ul><li>&#1;{SENTENCE}</li></ul><p>{SENTENCE * 4}</p></article></body></html>"
    assert plainly(markup) is None
    main = main_text(markup, "", Extract())
    assert main.extractor == "resiliparse"
    assert main.text.count("lighthouse") >= 4


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("a\n| | |\n|\nb | c\n", "a\nb | c"),
        ("- one\n-\n•\n- two", "- one\n- two"),
        ("| | one | |\n| two |\n| | three\nfour. | |", "one\ntwo\nthree\nfour."),
        ("| | 2019 | 2020 |\n|x|\n| a \\| b | |", "| | 2019 | 2020 |\n|x|\na | b"),
        ("---\n -- \n|-|", "---\n --\n|-|"),
        ("a \t b\r\n\r\n\r\n\r\n  c  d", "a b\n\n  c d"),
    ],
)
def test_layout_is_no_text(text, tidied):
    assert tidy(text) == tidied


def test_the_lists_of_the_quick_text_look_like_trafilatura_s():
    lists = "<p>• One thing</p><p>• Another</p><ol><li>First</li><li>Second</li></ol>"
    lines = quick_text(f"<html><body><article>{lists}</article></body></html>").split("\n")
    assert [line for line in lines if line] == ["- One thing", "- Another", "1. First", "2. Second"]


def test_the_visible_text_of_a_page_has_its_menus_and_footers_and_nothing_hidden():
    page = (
        "<html><head><title>Light</title><style>p {}</style><script>var x</script></head><body><nav><ul><li>Home</li>"
        "<li>About</li></ul></nav><article><h1>The light</h1><p>The keeper walked to the harbour.</p></article>"
        '<div hidden>later</div><div style="display: none">never</div><img alt="boats"><form><input value="name">'
        "</form><div class='cookie-banner'>We use cookies.</div><footer>© The harbour</footer></body></html>"
    )
    main = main_text(page, "", Extract(extractor="visible"))
    assert main.text.split("\n") == [
        *("- Home", "- About", "", "The light", "", "The keeper walked to the harbour.", ""),
        *("We use cookies.", "", "© The harbour"),
    ]
    assert (main.extractor, main.title) == ("visible", "Light")
    assert "cookies" not in main_text(page, "", Extract(extractor="resiliparse")).text
    with pytest.raises(ValueError, match="fallback is trafilatura or resiliparse, got 'visible'"):
        Extract(fallback="visible")


@pytest.mark.parametrize(
    "start",
    [
        "<html>",
        "<!DOCTYPE html>\n<html lang='en'>",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1.dtd"><html>',
        "<!DOCTYPE html />\n<html>",
        "<html lang='en'/>",
        "<?xml version='1.0' encoding='iso-8859-1'?><html>",
        "",
        "<p>",
    ],
)
def test_a_page_is_parsed_as_trafilatura_parses_it(start):
    markup = f"{start}<head><meta charset='latin-1'><title>é</title></head><body><p>鐘 \x01 \u00a0 &#1; 😀<p>b</body>"
    assert tostring(parsed(markup)).replace(b"\n", b"") == tostring(load_html(markup)).replace(b"\n", b"")


def test_real_pages_are_parsed_as_trafilatura_parses_them(pages):
    for url, markup in pages:
        tree = load_html(markup)
        assert tree is None or tostring(parsed(markup)) == tostring(tree), url


@pytest.mark.parametrize(
    "start",
    [
        "<nav class=navbar><ul><li><a href=/>Home</a></ul><main>",
        "<ul class=menu><li><nav><a href=/>Home</a><div>",
        "<aside><div>",
        "<footer><main>",
    ],
)
@pytest.mark.parametrize("extractor", ["trafilatura", "resiliparse"])
def test_a_text_in_a_menu_without_its_end_tag_is_text(start, extractor):
    article = "".join(f"<p>{number}. {SENTENCE}</p>" for number in range(6))
    text = main_text(f"<html><body>{start}<h1>The keeper</h1>{article}", "", Extract(extractor=extractor)).text
    assert [number for number in range(6) if f"{number}. {SENTENCE.strip()}" not in text] == []


@pytest.mark.parametrize("name", ["nav", "footer", "aside"])
def test_a_menu_with_few_paragraphs_is_none(name):
    menu = f"<{name}><p>Call us</p><a href=/>Home</a></{name}>"
    text = main_text(ARTICLE.replace("<article>", f"{menu}<article>"), "", Extract()).text
    assert "Call us" not in text
    assert SENTENCE.strip() in text


@pytest.mark.parametrize("way", ["trafilatura", "resiliparse"])
def test_hidden_divisions_are_no_text_unless_they_are_all_of_it(way: str):
    sentence = "The river runs by the old town, and what it carries lies there for all to see, all year."
    shown, hidden = (
        f"<p>{sentence}</p>" * 3,
        "<div hidden><p>Your session ran out, so please sign in again to read on.</p></div>",
    )
    page = f"<html><body><article>{shown}{hidden}<p>{sentence} End.</p></article></body></html>"
    assert "session" not in main_text(page, "", Extract(extractor=way)).text
    page = f"<html><body><article hidden>{shown}</article></body></html>"
    assert "river" in main_text(page, "", Extract(extractor=way), quick=sentence).text


def test_data_of_scripts_are_no_text():
    state = '{"dragByHandle":true,"selector":"thumbnail","bindings":{"bind0":{"type":"selected"}}}'
    page = ARTICLE.replace("<article>", f"<article><p class=widgetState>{state}</p>")
    page = page.replace(
        "</article>", "<script type='text/javascript'/>(function() { show(1 < 2); })();</script></article>"
    )
    for way in ("trafilatura", "resiliparse"):
        text = main_text(page, "", Extract(extractor=way)).text
        assert SENTENCE.strip() in text
        assert "dragByHandle" not in text
        assert "function" not in text


@pytest.mark.parametrize("script", ["<script src='a.js'/>", "<script src='a.js'/><script>run()</script>"])
def test_a_script_without_an_end_tag_of_its_own_holds_no_text(script: str):
    assert SENTENCE.strip() in main_text(ARTICLE.replace("<article>", f"{script}<article>"), "", Extract()).text
