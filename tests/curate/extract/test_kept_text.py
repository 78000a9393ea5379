"""Text that looks like furniture by a word of it or by a class around it, and stays in a page's main text."""

import pytest

from curate.extract.config import Extract
from curate.extract.main_text import main_text

BIRDS = ("gull", "tern", "crane", "heron", "swift", "crow", "finch", "wren", "owl", "stork")
LINES = [
    f"In the year {year} the keeper wrote that the {bird} had come home to the old tower by the harbour again."
    for year, bird in enumerate((*BIRDS, *BIRDS), 1901)
]
BODY = "".join(f"<p>{line}</p>" for line in LINES)


def text_of(body):
    """The main text of a page with this body."""
    page = f"<!DOCTYPE html><html><head><title>Birds</title></head><body>{body}</body></html>"
    return main_text(page, "https://harbour.example/birds", Extract()).text


@pytest.mark.parametrize("heading", ["Related work", "Print", "Loading", "Comments"])
def test_a_heading_of_a_stock_phrase_stays_above_text(heading):
    text = text_of(f"<article><h1>Birds</h1>{BODY}<h2>{heading}</h2>{BODY.replace('keeper', 'printer')}</article>")
    assert f"\n\n{heading}\n\nIn the year 1901 the printer wrote" in text


def test_a_stock_heading_with_no_text_below_it_is_left_out():
    text = text_of(f"<article><h1>Birds</h1>{BODY}<h2>Comments</h2><h2>Print</h2></article>")
    assert text.endswith(LINES[-1])


@pytest.mark.parametrize(
    "holder",
    ["article class='post tag-social-media'", "article class='post category-sponsored'", "div class='related'"],
)
def test_what_holds_most_of_a_page_is_no_furniture(holder):
    text = text_of(f"<p>{LINES[0].replace('keeper', 'printer')}</p><{holder}>{BODY}</{holder.split()[0]}>")
    assert all(line in text for line in LINES)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "share-prices",
            "The shares of the harbour rose by a third in that year, as more ships came in than ever before.",
        ),
        ("related-concepts", "A lighthouse differs from a beacon in that a keeper lives in it."),
    ],
)
def test_sentences_under_a_class_with_a_word_of_furniture_stay(name, sentence):
    text = text_of(f"<article><h1>Birds</h1>{BODY}<div class='{name}'><p>{sentence}</p></div>{BODY}</article>")
    assert sentence in text


@pytest.mark.parametrize(
    "sentence",
    [
        "Don't miss the second proof, which is shorter than the first.",
        "Also see the appendix, where the proof is given in full.",
        "Also see the <a href='#a'>appendix</a>, where the proof is given in full.",
        "Source: this study by the group shows that rain falls.",
        "Created the new school in 1954",
        "Published a first novel on the keepers in May 1954",
    ],
)
def test_sentences_that_begin_as_teasers_and_dates_do_stay(sentence):
    text = text_of(f"<article><h1>Birds</h1>{BODY}<p>{sentence}</p><p>{LINES[0]}</p></article>")
    assert sentence.replace("<a href='#a'>", "").replace("</a>", "") in text


def test_items_of_a_life_are_no_dates_of_publication():
    items = ["Born on 2 May 1931 in Hull", "Published his first novel in 1954", "Died on 3 June 1999 in York"]
    text = text_of(f"<article><h1>Birds</h1>{BODY}<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul></article>")
    assert all(f"- {item}" in text for item in items)


def test_letters_set_upright_behind_the_text_are_left_out():
    letters = "".join(f"<p>{letter}</p>" for letter in "SHARE")
    assert text_of(f"<article><h1>Birds</h1>{BODY}{letters}</article>").endswith(LINES[-1])
