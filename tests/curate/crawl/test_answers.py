"""Tests of the outcomes of answers, by their headers and bodies alone."""

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.crawl.answers import redirect_url, retry_after, settle
from curate.crawl.config import Crawl
from curate.crawl.fetch import Answer
from curate.crawl.outcomes import KEPT, NAMES, TERMINAL, TRANSIENT, next_step, of_status
from curate.web.optouts import Preference
from curate.web.sniff import media_type

RULES = Crawl(contact="a@b.test", max_bytes=1 << 16, max_decoded=1 << 22)
PAGE = b"<!DOCTYPE html><html><head><title>A</title></head><body>" + b"<p>some words</p>" * 100
HTML = {"Content-Type": "text/html; charset=utf-8"}
GZIP = {**HTML, "Content-Encoding": "gzip"}


def answer(status=200, headers=HTML, body=PAGE, **more) -> Answer:
    fields = tuple((name.encode(), value.encode("latin-1")) for name, value in headers.items())
    return Answer(
        url="http://a.test/x/y", date=datetime.now(UTC), status=status, headers=fields, body=body,
        status_line=b"HTTP/1.1 %d" % status, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "outcome"),
    [
        (answer(), "ok"),
        (answer(203), "ok"),
        (answer(204, body=b""), "http_other"),
        (answer(206), "http_other"),
        (answer(404), "http_404"),
        (answer(418), "http_4xx"),
        (answer(502), "http_5xx"),
        (answer(body=b""), "empty_body"),
        (answer(body=gzip.compress(PAGE), headers=GZIP), "ok"),
        (answer(headers=GZIP), "content_coding_corrupt"),
        (answer(headers={**HTML, "Content-Encoding": "lzma"}), "content_coding_unknown"),
        (answer(body=gzip.compress(PAGE)[:-20], headers=GZIP), "content_coding_corrupt"),
        (answer(body=gzip.compress(PAGE)[:-20] + bytes(20), headers=GZIP), "content_coding_corrupt"),
        (answer(body=gzip.compress(PAGE)[:-8] + bytes(8), headers=GZIP), "ok"),  # as browsers show it
        (answer(body=gzip.compress(PAGE)[:-1] + b"x", headers=GZIP), "ok"),
        (answer(body=gzip.compress(bytes(1 << 23)), headers=GZIP), "decompression_bomb"),
        (answer(headers={"Content-Type": "image/png"}), "ok"),
        (answer(body=b"\x89PNG\r\n\x1a\n" + bytes(99)), "content_type_unwanted"),
        (answer(body=b"%PDF-1.7\n" + PAGE), "content_type_unwanted"),
        (answer(body=b'{"a": 1}', headers={"Content-Type": "application/json"}), "content_type_unwanted"),
        (answer(body=b"words", headers={}), "ok"),
        (answer(truncated="length", why="length"), "ok_truncated"),
        (answer(truncated="disconnect", why="disconnect"), "ok_truncated"),
        (answer(truncated="disconnect", why="disconnect", body=PAGE[:500]), "disconnect"),
        (answer(truncated="time", why="too_slow", body=b"x" * 5000, headers={}), "too_slow"),
        (answer(headers={**HTML, "X-Robots-Tag": "noai"}), "optout_x_robots"),
        (answer(headers={**HTML, "X-Robots-Tag": "otherbot: noai"}), "ok"),
        (answer(headers={**HTML, "X-Robots-Tag": "noai"}, status=404), "http_404"),
        (answer(body=b'<meta name="curate" content="noindex">' + PAGE), "optout_meta"),
        (answer(outcome="ttfb_timeout"), "ttfb_timeout"),
    ],
)  # fmt: skip
def test_what_an_answer_comes_to(given_, outcome):
    settled = settle(given_, RULES)
    assert settled.outcome == outcome
    assert settled.outcome in NAMES


def test_what_robots_txt_says_of_use_counts_too_and_all_is_told():
    before = (Preference("train-ai", "n", "robots:L2 content-signal"),)
    settled = settle(answer(headers={**HTML, "tdm-reservation": "0"}), RULES, before)
    assert settled.outcome == "optout_content_signal"
    assert [preference.category for preference in settled.preferences] == ["train-ai", "tdm"]


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/z", "http://a.test/z"),
        ("z?q#f", "http://a.test/x/z?q"),
        ("//b.test/", "http://b.test/"),
        ("HTTPS://B.test:443/%7Ex", "https://b.test/%7Ex"),
        ("http://user:pw@b.test/", "http://b.test/"),
        ("/\xc3\xa9", "http://a.test/%C3%A9"),
        ("/a\r\nX: y", "http://a.test/aX:%20y"),
        ("http://2130706433/", "http://127.0.0.1/"),
    ],
)
def test_where_a_redirect_leads(location, leads):
    assert redirect_url(answer(302, {"Location": location})) == leads


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "javascript:x", "http://[::1%25eth0]/", "http://a..b/"])
def test_a_redirect_to_what_cannot_be_asked_is_none(location):
    with pytest.raises(ValueError, match="Location"):
        redirect_url(answer(301, {"Location": location}))


def test_only_redirects_lead_on():
    assert redirect_url(answer(200, {"Location": "/z"})) is None
    assert redirect_url(answer(304, {"Location": "/z"})) is None
    assert redirect_url(answer(302, {"Location": "/z"}, outcome="disconnect")) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("99999999", 99999999), ("-5", None), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("", None)],
)
def test_retry_after_as_seconds_as_a_date_or_as_rubbish(value, seconds):
    assert retry_after(answer(503, {"Retry-After": value})) == seconds
    assert retry_after(answer(200, {"Retry-After": value})) is None


@given(st.integers(-10, 2000))
def test_every_status_has_a_name(status):
    assert of_status(status) in NAMES


def test_an_outcome_is_an_end_or_worth_another_try():
    assert not TERMINAL & TRANSIENT.keys()
    assert KEPT < TERMINAL
    assert {next_step(outcome) for outcome in TERMINAL} == {"end"}
    assert {next_step(outcome) for outcome in TRANSIENT} == {"retry", "later"}


@given(st.binary(max_size=2000), st.sampled_from(["", "text/html", "image/png", "application/json", "text/plain"]))
def test_any_bytes_are_something(body, declared):
    assert bool(media_type(body, declared)) == bool(body)


@pytest.mark.parametrize(
    ("body", "declared", "kind"),
    [
        (b"  \n<HTML>", "", "text/html"),
        (b"<!-- a --><html>", "text/plain", "text/html"),
        (b"<brother", "", "text/plain"),
        (b"<?xml version='1.0'?><rss/>", "text/html", "text/xml"),
        (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", "", "application/xhtml+xml"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "", "image/webp"),
        (b"\x00\x00\x00\x20ftypisom", "text/html", "video/mp4"),
        (b"\xff\xfb\x90\x64" + bytes(40), "audio/mpeg", "audio/mpeg"),
        (b"\xef\xbb\xbf<p>", "", "text/html"),
        (b"a\x00b", "text/plain", "application/octet-stream"),
        (b"# Words", "text/markdown", "text/markdown"),
    ],
)
def test_what_a_body_is(body, declared, kind):
    assert media_type(body, declared) == kind
