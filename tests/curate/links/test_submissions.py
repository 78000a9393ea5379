"""Submissions through twenty years of their schema (crawl.md 1.3), and lines that are none (1.2, 6.5 W96)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.links.sieve import LinkCandidate
from curate.links.submissions import SELF, is_submission, parse_row, submission, target
from curate.records import Reason, Skipped

DAY = 86_400
ROW = {
    "id": "abc",
    "url": "http://a.example/x",
    "score": 5,
    "created_utc": 1_500_000_000,
    "is_self": False,
    "subreddit": "news",
    "over_18": False,
}
PARENT = {"crosspost_parent": "t3_par", "crosspost_parent_list": [{"url": "http://a.example/parent"}]}


def read(**fields):
    return submission(ROW | fields, "file#0", DAY)


def test_a_plain_submission_is_a_link():
    assert read() == LinkCandidate(
        url="http://a.example/x", kind="submission", id="abc", score=5, time=1_500_000_000, subreddit="news"
    )


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ({"score": None}, "score", None),
        ({"score": -3}, "score", -3),
        ({"score": 4.0}, "score", 4),
        ({"created_utc": "1400000000"}, "time", 1_400_000_000),
        ({"created_utc": 1_400_000_000.0}, "time", 1_400_000_000),
        ({"created_utc": None}, "time", None),
        ({"retrieved_on": 1_500_000_100}, "seen", 1_500_000_100),
        ({"retrieved_utc": 1_500_000_100}, "seen", 1_500_000_100),
        ({"retrieved_on": 1_500_000_100, "_meta": {"retrieved_2nd_on": 1_500_200_000}}, "seen", 1_500_200_000),
        ({"retrieved_on": 1_500_000_100}, "marks", ("immature",)),
        ({"retrieved_on": 1_500_086_400}, "marks", ()),
        ({"retrieved_on": 1_500_000_100, "_meta": {"retrieved_2nd_on": 1_500_200_000}}, "marks", ()),
        ({"over_18": True}, "marks", ("over_18",)),
        ({"quarantine": True}, "marks", ("quarantined",)),
        ({"removed_by_category": "moderator"}, "marks", ("removed",)),
        ({"removed_by_category": None}, "marks", ()),
        ({"removal_reason": "legal"}, "marks", ("removed",)),
        ({"_meta": {"was_deleted_later": True}}, "marks", ("removed",)),
        ({"_meta": {"removal_type": "deleted"}}, "marks", ("removed",)),
        ({"_meta": None}, "marks", ()),
        ({"author": "[deleted]", "selftext": "[removed]"}, "marks", ()),
        ({"promoted": True}, "marks", ("promoted",)),
        ({"subreddit": None}, "subreddit", ""),
        ({"id": None}, "id", "file#0"),
        ({"id": None, "name": "t3_xyz"}, "id", "xyz"),
        ({"id": 17}, "id", "17"),
        ({"id": "\ud800"}, "id", "?"),
        (PARENT, "parent", "par"),
        (PARENT | {"crosspost_parent": None}, "parent", ""),
    ],
)
def test_what_changed_in_the_schema_is_survived(fields, name, expected):
    assert getattr(read(**fields), name) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"url": None, "url_overridden_by_dest": "http://a.example/dest"}, "http://a.example/dest"),
        ({"url": "/r/x/comments/1/", "url_overridden_by_dest": "http://a.example/dest"}, "http://a.example/dest"),
        (
            {"url": "https://www.reddit.com/r/x/comments/1/", "url_overridden_by_dest": "http://a.example/dest"},
            "http://a.example/dest",
        ),
        ({"url_overridden_by_dest": "http://a.example/dest"}, "http://a.example/x"),
        ({"url": "/r/x/comments/1/"} | PARENT, "http://a.example/parent"),
        ({"url": "/r/x/comments/1/", "crosspost_parent_list": [None]}, "/r/x/comments/1/"),
        ({"url": "/gallery/abc"}, "/gallery/abc"),
        ({"url": None}, Reason("links.missing:url")),
        ({"url": ""}, Reason("links.missing:url")),
        ({"url": 7}, Reason("links.type:url", detail="7")),
    ],
)
def test_where_a_submission_leads_to(fields, expected):
    assert target(ROW | fields) == expected


def test_posts_without_a_link_are_none_by_nature():
    assert read(is_self=True, url=None, score="x") is SELF
    assert read(is_self=None, domain="self.news") is SELF
    assert Skipped("self") == SELF


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"score": "many"}, "links.type:score"),
        ({"score": "1e3"}, "links.type:score"),
        ({"score": "²"}, "links.type:score"),
        ({"score": True}, "links.type:score"),
        ({"score": 4.5}, "links.type:score"),
        ({"score": [1]}, "links.type:score"),
        ({"score": float("nan")}, "links.type:score"),
        ({"score": float("inf")}, "links.type:score"),
        ({"created_utc": "yesterday"}, "links.type:created_utc"),
        ({"created_utc": 10**30}, "links.type:created_utc"),
        ({"created_utc": "nan"}, "links.type:created_utc"),
        ({"created_utc": []}, "links.type:created_utc"),
        ({"retrieved_on": {"a": 1}}, "links.type:retrieved_on"),
    ],
)
def test_a_field_of_another_type_costs_the_row_and_is_named(fields, rule):
    assert read(**fields).rule == rule


def test_a_missing_score_costs_the_row_and_is_named():
    row = {key: value for key, value in ROW.items() if key != "score"}
    assert submission(row, "file#0", DAY) == Reason("links.missing:score")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
        (b'{"a": NaN}', None),
        (b'{"a": 1', "links.json"),
        (b'{"a": 1}{"b": 2}', "links.json"),
        (b"\0\0\0", "links.json"),
        (b'{"a": "\xff"}', "links.utf8"),
        (b"[1, 2]", "links.json"),
        (b"7", "links.json"),
        (b"", "links.json"),
        (b"[" * 100_000, "links.json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "links.json"),
    ],
)
def test_a_line_is_an_object_or_told_why_not(line, expected):
    parsed = parse_row(line)
    if isinstance(expected, str):
        assert parsed.rule == expected
    elif expected is not None:
        assert parsed == expected
    else:
        assert isinstance(parsed, dict)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
NAMES = (*ROW, "domain", "retrieved_on", "_meta", "crosspost_parent", "crosspost_parent_list", "url_overridden_by_dest")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ANY))
def test_no_row_whatever_raises(fields):
    assert isinstance(submission(ROW | fields, "file#0", DAY), LinkCandidate | Reason | Skipped)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.booleans()))
def test_a_line_that_json_wrote_is_read_back(row):
    assert parse_row(json.dumps(row).encode()) == row


def test_a_row_of_the_users_own_is_no_submission():
    assert is_submission(ROW)
    assert not is_submission({"url": "http://a.example/", "score": 3})
