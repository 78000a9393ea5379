"""Blocks that are notes of a text are told from others."""

import pytest
from lxml import html

from curate.markup.blocks import blocks_of
from curate.markup.notes import add_notes

PROSE = "The lighthouse keeper walked down to the harbour every morning"
NOTE = "See the book of the harbour, page 12."


def chosen_texts(body):
    """The texts that are chosen where the first block is, and its notes are added."""
    blocks = blocks_of(html.document_fromstring(f"<html><body>{body}</body></html>"))
    chosen = [place == 0 for place in range(len(blocks))]
    add_notes(blocks, chosen)
    return [block.text for block, is_chosen in zip(blocks, chosen, strict=True) if is_chosen][1:]


@pytest.mark.parametrize(
    "notes",
    [
        f"<section><ol><li id='n1'>{NOTE}</li></ol></section>",
        f"<p><a name='n1'></a>{NOTE}</p>",
        f"<div id='n1'><div><p>{NOTE}</p></div></div>",
        f"<div class='foot-notes'><p>{NOTE}</p></div>",
        f"<aside role='doc-footnote'><p>{NOTE}</p></aside>",
    ],
)
def test_notes_are_what_signs_point_to_and_what_is_named_so(notes):
    assert chosen_texts(f"<p>{PROSE}<a href='#n1'>[1]</a>.</p><p>Other words.</p>{notes}") == [NOTE]


def test_the_heading_of_named_notes_comes_with_them():
    notes = f"<div class='footnotes'><h4>Notes</h4><ol><li>{NOTE}</li></ol></div>"
    assert chosen_texts(f"<p>{PROSE}<sup>1</sup>.</p><p>Other words.</p>{notes}") == ["Notes", NOTE]


@pytest.mark.parametrize(
    "body",
    [
        f"<p>{PROSE} <a href='#n1'>and the tower</a>.</p><p id='n1'>{NOTE}</p>",  # a link, no sign
        f"<p>{PROSE}.</p><div class='footnotes'><p>{NOTE}</p></div>",  # a text without signs
        f"<p>{PROSE}<a href='#n1'>[1]</a>.</p><p id='n1'><a href='/x'>{NOTE}</a></p>",  # only a link
    ],
)
def test_other_blocks_are_not(body):
    assert chosen_texts(body) == []
