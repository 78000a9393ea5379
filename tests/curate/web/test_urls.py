"""Addresses by two keys: what is fetched, what is compared, what is unwrapped, and hostile addresses (crawl.md 6.1)."""

import json
from pathlib import Path

import pytest
from ada_url import idna
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.records import Reason
from curate.web.urls import (
    MAX_RAW,
    Address,
    address,
    archived_url,
    comparable,
    dedupe_key,
    fetch_url,
    is_shortener,
    repeats_itself,
    stored_form,
)

CASES = json.loads((Path(__file__).parents[2] / "cases" / "links_urls.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_what_is_fetched(name):
    raw, expected = CASES[name]
    result = fetch_url(raw)
    assert (result.rule if isinstance(result, Reason) else result) == expected


def test_whatwg_own_cases_are_taken_as_browsers_take_them(data):
    """Every case of the web platform tests without a base: its address less what is never sent, or a refusal."""
    cases = json.loads((data("url") / "urltestdata.json").read_text())
    checked = 0
    for case in cases:
        if not isinstance(case, dict) or case.get("base") not in (None, "about:blank"):
            continue
        checked += 1
        result = fetch_url(case["input"])
        if case.get("failure") or case["protocol"] not in ("http:", "https:"):
            assert isinstance(result, Reason), case
        elif isinstance(result, str):
            host = case["hostname"].removesuffix(".") + (f":{case['port']}" if case["port"] else "")
            _, _, rest = case["href"].partition("#")[0].partition("//")
            assert result == f"{case['protocol']}//{host}/{rest.partition('/')[2]}", case
        else:
            assert result.rule == "links.invalid"
            assert is_faulty(case["hostname"].removesuffix(".")) or "\0" in case["input"], case
    assert checked > 200


def is_faulty(host: str) -> bool:
    """Returns True for a host that browsers take and a crawler on the public web cannot."""
    punycode = any(label.startswith("xn--") for label in idna.decode(host).split("."))
    return "." not in host or ".." in host or host.startswith(".") or host.endswith(".") or punycode


def test_u8_an_endless_address_is_refused_unread():
    assert fetch_url("http://example.com/" + "a" * 10_000_000) == Reason("links.length", 10_000_019.0, float(MAX_RAW))
    many = "http://example.com/?" + "&".join(f"a{number}={number}" for number in range(100_000))
    assert fetch_url(many).rule == "links.length"
    assert len(comparable("http://example.com/?" + "&".join(f"{n}=" for n in range(9000)))) > 9000


def test_u10_userinfo_is_neither_fetched_nor_shown():
    result = address("http://me:secret@example.com/")
    assert result == Address("http://example.com/", "example.com", ("userinfo",))
    wrapped = address("https://www.google.com/url?q=http%3A%2F%2Fme%3Asecret%40example.com%2F")
    assert wrapped == Address("http://example.com/", "example.com", ("google", "userinfo"))
    assert stored_form("x http://me:secret@example.com/ y") == "x http://example.com/ y"
    assert stored_form("http://example.com/a@b") == "http://example.com/a@b"


@pytest.mark.parametrize(
    ("raw", "expected", "rewrites"),
    [
        ("http://a.example/?a=1&amp;b=2", "http://a.example/?a=1&b=2", ("html_unescape",)),
        (r"http://a.example/Foo_(bar\)\_x", "http://a.example/Foo_(bar)_x", ("markdown_unescape",)),
        (r"http://a.example/a\b", "http://a.example/a/b", ()),
        ("\u200bhttp://a.example/x\u200b\ufeff", "http://a.example/x", ()),
        ("http://a.example/?a=1&amp;amp;b=2", "http://a.example/?a=1&amp;b=2", ("html_unescape",)),
        ("http://a.example/?copy=1&copy=2&lt;", "http://a.example/?copy=1&copy=2&lt;", ()),
        ("https://www.google.com/amp/s/a.example/x?y=1", "https://a.example/x?y=1", ("amp",)),
        ("https://www.google.com/amp/a.example/x", "http://a.example/x", ("amp",)),
        ("https://a-example.cdn.ampproject.org/c/s/a.example/x", "https://a.example/x", ("amp",)),
        ("https://www.google.com/url?sa=t&q=https%3A%2F%2Fa.example%2F%3Fb%3D1", "https://a.example/?b=1", ("google",)),
        ("http://l.facebook.com/l.php?u=http%3A%2F%2Fa.example%2F&h=X", "http://a.example/", ("facebook",)),
        ("https://t.umblr.com/redirect?z=https%3A%2F%2Fa.example%2Fb&t=Y", "https://a.example/b", ("umblr",)),
        ("https://out.reddit.com/t3_x?url=https%3A%2F%2Fa.example%2F&token=Z", "https://a.example/", ("out_reddit",)),
        (
            "https://out.reddit.com/?url=https%3A%2F%2Fwww.google.com%2Famp%2Fs%2Fa.example%2Fb",
            "https://a.example/b",
            ("out_reddit", "amp"),
        ),
        ("https://www.google.com/url?q=%E9t%E9", "https://www.google.com/url?q=%E9t%E9", ()),
        ("https://www.google.com/url?q=http%3A%2F%2Fa.example%2F%E9", "http://a.example/%E9", ("google",)),
        (
            "https://www.google.com/search?q=http%3A%2F%2Fa.example",
            "https://www.google.com/search?q=http%3A%2F%2Fa.example",
            (),
        ),
        ("https://a.example/x/amp/", "https://a.example/x/amp/", ()),
    ],
)
def test_wrappers_are_taken_off_and_named(raw, expected, rewrites):
    result = address(raw)
    assert isinstance(result, Address)
    assert (result.fetch_url, result.rewrites) == (expected, rewrites)


def test_amp_paths_are_taken_off_only_when_asked():
    for raw in ("https://a.example/x/amp/", "https://a.example/x/amp", "https://a.example/x/?amp=1"):
        assert address(raw, amp_paths=True).fetch_url == "https://a.example/x/"
    assert address("https://a.example/amp/x", amp_paths=True).fetch_url == "https://a.example/amp/x"
    assert address("https://amp.example/amp", amp_paths=True).rewrites == ()


def test_a_copy_in_the_web_archive_is_fetched_there_and_compared_as_the_page():
    copy = "https://web.archive.org/web/20120102030405id_/http://www.a.example:80/x?b=1"
    result = address(copy)
    assert (result.fetch_url, result.host, result.rewrites) == (copy, "www.a.example", ("web_archive",))
    assert dedupe_key(copy) == dedupe_key("https://a.example/x?b=1")
    assert dedupe_key("https://web.archive.org/web/2012/a.example/x") == dedupe_key("http://a.example/x")
    assert archived_url("https://web.archive.org/web/*/http://a.example/") is None
    assert archived_url("https://archive.org/details/x") is None
    nested = copy
    for _ in range(50):
        nested = f"https://web.archive.org/web/2012/{nested}"
    assert dedupe_key(nested)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.example/x", "https://www.a.example/x"),
        ("http://m.a.example/x", "http://mobile.a.example/x/"),
        ("http://a.example/", "http://a.example/index.html"),
        ("http://a.example/x/INDEX.PHP", "http://a.example/x"),
        ("http://a.example/%7euser/%c3%a9", "http://a.example/~user/%C3%A9"),
        ("http://a.example/x;jsessionid=1F?a=1", "http://a.example/x?a=1"),
        ("http://a.example/?b=2&a=1", "http://a.example/?a=1&b=2&&"),
        ("http://a.example/?a=1&UTM_Source=x&fbclid=y&PHPSESSID=z", "http://a.example/?a=1"),
        ("http://a.example/?a=&a=1", "http://a.example/?a=1"),
        ("https://www.youtube.com/watch?v=x&feature=share&t=4", "http://m.youtube.com/watch?v=x"),
        ("http://www.amazon.co.uk/dp/B1/ref=sr_1_1?ie=UTF8&tag=me", "https://www.amazon.co.uk/dp/B1"),
        ("https://www.nytimes.com/a.html?smid=tw&_r=0", "https://nytimes.com/a.html"),
        ("http://a.example/?", "http://a.example"),
    ],
)
def test_one_page_under_two_addresses_has_one_key(one, other):
    assert dedupe_key(fetch_url(one)) == dedupe_key(fetch_url(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.example/x", "http://b.a.example/x"),
        ("http://a.example/X", "http://a.example/x"),
        ("http://a.example/", "http://a.example:8080/"),
        ("http://a.example/%E9", "http://a.example/%C3%A9"),
        ("http://a.example/%2F", "http://a.example//"),
        ("http://a.example/?a=1&a=2", "http://a.example/?a=2"),
        ("http://a.example/?a=", "http://a.example/"),
        ("http://a.example/?v=1&b=2", "http://a.example/?v=1"),
        ("http://www.com/", "http://m.com/"),
        ("https://www.nytimes.com/a.html?pagewanted=2", "https://www.nytimes.com/a.html"),
        ("https://www.amazon.com/s?k=pen", "https://www.amazon.com/s?k=ink"),
    ],
)
def test_two_pages_have_two_keys(one, other):
    assert dedupe_key(fetch_url(one)) != dedupe_key(fetch_url(other))


LABEL = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True).filter(lambda label: label not in ("amazon", "xn"))
WORD = st.from_regex(r"[A-Za-z0-9_.~%-]{1,8}", fullmatch=True).filter(lambda word: word not in (".", ".."))
PAIR = st.tuples(st.from_regex(r"[a-z]{1,4}", fullmatch=True), st.from_regex(r"[A-Za-z0-9]{1,5}", fullmatch=True))


@settings(deadline=None)
@given(host=LABEL, path=st.lists(LABEL, max_size=4), pairs=st.lists(PAIR, max_size=5), rest=st.randoms())
def test_the_key_does_not_hear_scheme_www_order_or_tracking(host, path, pairs, rest):
    query = [f"{key}={value}" for key, value in pairs]
    plain = fetch_url(f"http://{host}.example/{'/'.join(path)}?{'&'.join(query)}")
    shuffled = [*query, "utm_medium=x", "gclid=1"]
    rest.shuffle(shuffled)
    slash = "/" if path else ""
    other = fetch_url(f"HTTPS://www.{host}.EXAMPLE./{'/'.join(path)}{slash}?{'&'.join(shuffled)}#end")
    assert dedupe_key(plain) == dedupe_key(other)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_nothing_raises_and_what_is_fetched_stays_as_it_is(raw):
    for text in (raw, f"http://{raw}", f"http://a.example/{raw}", f"https://www.google.com/url?q={raw}"):
        result = address(text)
        if isinstance(result, Address):
            again = fetch_url(result.fetch_url)
            assert again == result.fetch_url
            assert "@" not in result.fetch_url.split("/")[2]
            assert "#" not in result.fetch_url
            assert result.fetch_url.isascii()
            assert not set(result.fetch_url) & set(map(chr, range(33)))
            assert len(dedupe_key(result.fetch_url)) == 16
        else:
            assert result.rule in ("links.invalid", "links.scheme", "links.length")
        stored_form(text)


@settings(deadline=None)
@given(st.lists(WORD, min_size=1, max_size=6))
def test_an_address_fetched_again_is_fetched_the_same(words):
    once = fetch_url(f"http://a.example/{'/'.join(words)}?{'&'.join(words)}")
    assert fetch_url(once) == once
    assert comparable(once) == comparable(fetch_url(once))


def test_the_key_is_a_hash_of_its_version_and_what_is_compared():
    """Pinned, as a key that changes must get another version: outputs are joined by it."""
    assert comparable("https://www.example.com/a/index.html?utm_source=x&b=2&a=1") == "example.com/a?a=1&b=2"
    assert dedupe_key("http://example.com/").hex() == "9670f031bd08a58016adbbde6c8c5180"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b/a/b/a/b/", True),
        ("/x/x/x/x", True),
        ("/a/b/c/a/b/c/a/b/c", True),
        ("/2011/11/11/11", False),
        ("/a/b/a/b/c", False),
        ("/", False),
        ("/a" * 1000, True),
        ("/" + "/".join(map(str, range(1000))), False),
    ],
)
def test_u13_a_path_that_goes_round_is_told(path, expected):
    assert repeats_itself(path) is expected


def test_shorteners_are_told():
    assert is_shortener("bit.ly")
    assert is_shortener("www.tinyurl.com")
    assert not is_shortener("notbit.ly")
