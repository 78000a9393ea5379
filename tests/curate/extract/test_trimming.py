"""Furniture among selected blocks is left out, and blocks that only look like it stay."""

import pytest
from lxml import html

from curate.extract.trimming import trimmed
from curate.markup.blocks import blocks_of

PROSE = (
    "The lighthouse keeper walked down to the harbour every morning to look at the boats and the gulls, and wrote"
    " into his book which of them had come home and which of them had stayed out at sea."
)
OTHER = "In the spring of that year the council voted to repair the mechanism that had not been cleaned since."


def kept(body, *unselected):
    """The texts that stay where all blocks are chosen, and the extractor selected those without these texts."""
    blocks = blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))
    selected = [block.text not in unselected for block in blocks]
    return [
        block.text
        for block, is_kept in zip(blocks, trimmed(blocks, selected, [True] * len(blocks)), strict=True)
        if is_kept
    ]


@pytest.mark.parametrize(
    "furniture",
    [
        "<div class='shareLinks'><ul><li>Tweet this<li>Link this</ul></div>",
        "<div id='newsletter'><p>Get our stories by post</p></div>",
        "<p class='related'>The tower reopens</p>",
        "<p>Updated 1:39 am EST, Wednesday, November 20, 2019</p>",
        "<p>First published on 20 November 2019</p>",
        "<p>By Ann Other on Monday, November 18th, 2019 at 11:04 a.m.</p>",
        "<div class='post-meta'><span>18. November 2019</span></div>",
        "<p class='timestamp'>19:09</p>",
        "<h2>More in Harbours</h2>",
        "<p>Read more: <a href='/tower'>The tower reopens after a year</a></p>",
        "<p><a href='/tower'>The tower reopens after a year</a></p>",
        "<p>Follow us on <a href='/t'>Twitter</a></p>",
        "<p>Follow The Harbour News on Facebook and Instagram.</p>",
        "<p>Get the latest updates in your inbox!</p>",
        "<p>Updated: Tue., Nov. 19, 2019</p>",
        "<p>© 2019 Harbour News</p>",
        "<p>Copyright 2013 Harbour News. All rights reserved.</p>",
        "<p>Copyright ⓒ Harbour.co.kr. 무단전재 및 재배포 금지</p>",
        "<ul><li>© Harbour News</li></ul>",
        "<p>&lt;img height='1' src='/pixel'></p>",
        "<p>[button link='/kit' type='big'] Send us your review[/button]</p>",
        "<div>|</div>",
        "<p>Lesen Sie auch: <a href='/b'>Die Glocke</a></p>",
        "<p>Folgen Sie uns auf Twitter</p>",
        "<p>Подписывайтесь на наш канал</p>",
        "<p>Tags: bells, towers</p>",
    ],
)
def test_furniture_behind_the_text_is_left_out(furniture):
    assert kept(f"<p>{PROSE}</p><p>{OTHER}</p>{furniture}", "More in Harbours") == [PROSE, OTHER]


@pytest.mark.parametrize(
    "text",
    [
        f"<div class='related'><p>{PROSE}</p><p>The tower</p></div><p>{OTHER}</p>",
        f"<h3 class='date'>November 1902</h3><p>{OTHER}</p>",
        f"<p>By May 1902 the tower had lost its clock</p><p>{OTHER}</p>",
        f"<p>By 1902 the tower had lost its clock.</p><p>{OTHER}</p>",
        f"<p>The council met on 20 November 2019.</p><p>{OTHER}</p>",
        f"<h2 id='related-work'>Related work</h2><p>{OTHER}</p>",
        f"<article class='post-meta'><div><div><p>It rang at 11:04 again.</p></div></div></article><p>{OTHER}</p>",
        "<div class='share'><pre>ring(3)</pre></div>",
        f"<p>{PROSE}</p><p>Copyright law of that time knew no bells.</p>",
        f"<p>{PROSE}</p><p>Follow these steps on Facebook to ring a bell.</p>",
        f"<p>{PROSE}</p><p>[see the note on bells]</p><p>* * *</p><p>{OTHER}</p>",
        f"<p>{PROSE}</p><p><a href='/x'>https://harbour.example/tower-reopens</a></p>",
        f"<p>{PROSE}</p><p><a href='/x'>The tower reopens after a year.</a></p>",
        "<p><a href='/a'>The tower reopens after a year</a></p><p><a href='/b'>The bell is cast again</a></p>",
    ],
)
def test_text_that_looks_like_furniture_stays(text):
    blocks = blocks_of(html.document_fromstring(f"<html><body>{text}</body></html>"))
    assert kept(text) == [block.text for block in blocks]


def test_a_lead_that_is_repeated_in_the_text_stands_once():
    blocks = blocks_of(html.document_fromstring(f"<header><p>{OTHER}</p></header><p>{PROSE}</p><p>{OTHER}</p>"))
    assert trimmed(blocks, [False, True, True], [True, True, True]) == [False, True, True]


def test_headings_behind_the_text_stay_where_the_extractor_selected_a_few():
    assert kept(f"<p>{PROSE}</p><h2>Bells</h2>") == [PROSE, "Bells"]
    assert kept(f"<p>{PROSE}</p><h2>Bells</h2><h2>Ropes</h2><h2>Frames</h2>") == [PROSE]
    assert kept(f"<p>{PROSE}</p><h2><a href='/'>Bells</a></h2>") == [PROSE]
    assert kept(f"<p>{PROSE}</p><h2>Bells</h2><h2>Schon gelesen?</h2>") == [PROSE, "Bells"]


def test_the_dates_of_many_entries_stay():
    entries = "".join(f"<p class='date'>{day} May 1902</p><p>{OTHER}</p>" for day in range(1, 6))
    assert kept(entries).count(OTHER) == 5
    assert "3 May 1902" in kept(entries)


def test_a_page_of_furniture_alone_stays():
    assert kept("<div class='share'><p>Tweet this</p></div>") == ["Tweet this"]
