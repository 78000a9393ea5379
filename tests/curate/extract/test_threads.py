"""The posts of a thread are read by the markup of its software: all of them, in order, without what surrounds them."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from curate.extract.threads import HEAD, SOFTWARE, thread

CASES = json.loads(Path(__file__).with_name("threads.json").read_text())
BY_NAME = {case["name"]: case for case in CASES}
COMMENTS = (
    '<html><body><h1>Anchors</h1><article><p>A long story.</p></article><ol itemscope itemtype="http://schema.org/Comment">'
    '<li class="comment"><div itemprop="text">First!</div></li></ol></body></html>'
)


def texts(elements):
    return [" ".join(" ".join(element.itertext()).split()) for element in elements]


def read(markup, **settings):
    return thread(html.document_fromstring(markup), markup, **settings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_thread_is_its_title_and_all_its_posts(case):
    result = read(case["markup"])
    assert (texts([result.title])[0] if result.title is not None else None) == case["title"]
    assert texts(result.posts) == case["posts"]
    assert (
        sum(len(post.findall(".//blockquote")) + (post.tag == "blockquote") for post in result.posts) == case["quotes"]
    )
    assert not any(post.tag == "noscript" for posts in result.posts for post in posts.iterancestors())
    with_comments = read(case["markup"], comments=True)
    assert texts(with_comments.posts) == case.get("comments", case["posts"])


def test_comments_below_an_article_are_no_thread():
    assert read(COMMENTS) is None
    assert read(f"<!-- {'x' * HEAD} -->" + BY_NAME["phpBB 3"]["markup"]) is None


@settings(max_examples=30)
@given(
    st.sampled_from(
        [
            ("phpbb", '<div class="postbody"><div class="content">{}</div></div>{}'),
            ("shreddit", '<shreddit-comment><div slot="comment">{}</div>{}</shreddit-comment>'),
            ('op="item"', '<div class="comment-tree"><div class="commtext">{}</div>{}</div>'),
        ]
    ),
    st.lists(st.integers(0, 99), min_size=1, max_size=9),
)
def test_posts_keep_their_order_however_deep_replies_nest(software, numbers):
    sign, reply = software
    replies = ""
    for number in reversed(numbers):
        replies = reply.format(number, replies)
    assert texts(read(f"<html><!-- {sign} --><body>{replies}</body></html>").posts) == [
        str(number) for number in numbers
    ]


def test_every_software_has_a_case():
    signs = [sign for software in SOFTWARE for sign in software.signs]
    assert len(signs) == len(set(signs))
    heads = [case["markup"].lower() for case in CASES]
    unproved = [
        software.signs[0] for software in SOFTWARE if not any(sign in head for sign in software.signs for head in heads)
    ]
    assert unproved == []
