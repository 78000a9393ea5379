"""Address rules against cases, and what holds for any string."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters import urls
from curate.filters.urls import UrlRules
from curate.web.domains import MEDIA_EXTENSIONS

CASES = json.loads((Path(__file__).parents[1] / "cases" / "urls.json").read_text(encoding="utf-8"))
RULES = UrlRules(domains=tuple(CASES["domains"]), extensions=MEDIA_EXTENSIONS)
labels = st.text(alphabet="abcdefgh", min_size=1, max_size=5)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES["cases"]])
def test_addresses_are_refused_with_the_matching_entry(case):
    reason = urls.reason(case["url"], RULES)
    assert (reason.rule if reason else None) == case["rule"]
    assert (reason.detail if reason else "") == case["detail"]


def test_length_is_measured_in_characters_and_the_limit_is_kept():
    url = "https://example.org/é"
    assert urls.reason(url, UrlRules(max_length=len(url))) is None
    assert urls.reason(url, UrlRules(max_length=20)) == ("url.length", 21, 20, "")


def test_extensions_may_have_two_parts_and_lack_their_dot():
    rules = UrlRules(extensions=("tar.GZ",))
    assert urls.reason("https://example.org/a.b.tar.gz", rules).detail == "tar.GZ"
    assert urls.reason("https://example.org/a.gz", rules) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://en.wikipedia.org/wiki/Node.js",
        "https://code.example/blob/main/setup.json",
        "https://example.org/page.html.gz",
        "https://example.org/wiki/File:Tower.jpg",
        "https://example.org/feed.xml",
        "https://ja.wikipedia.org/wiki/ASP.NET",
    ],
)
def test_no_extension_refuses_a_page_by_default_as_its_media_type_is_known(url):
    assert urls.reason(url, UrlRules()) is None


def test_other_schemes_can_be_allowed():
    assert urls.reason("ftp://example.org/", UrlRules(schemes=("FTP",))) is None


def test_equal_rules_give_equal_answers():
    first, second = (UrlRules(domains=("evil.com",)) for _ in range(2))
    assert urls.reason("https://evil.com/", first) == urls.reason("https://evil.com/", second)


@pytest.mark.parametrize("entry", ["http://evil.com", "evil.com/path", "user@evil.com", "evil.com:81", "", "a b"])
def test_an_entry_that_is_no_host_name_is_an_error(entry):
    with pytest.raises(ValueError, match="bare host names"):
        urls.reason("https://example.org/", UrlRules(domains=(entry,)))


@given(st.text() | st.text().map("http://{}".format))
def test_any_string_gets_an_answer(url):
    reason = urls.reason(url, RULES)
    assert reason is None or reason.rule.startswith("url.")


@given(st.lists(labels, min_size=1, max_size=3), labels)
def test_a_domain_refuses_its_sub_domains_and_no_longer_label(parts, label):
    domain = ".".join([*parts, "com"])
    rules = UrlRules(domains=(domain,))
    assert urls.reason(f"https://{label}.{domain}/", rules).detail == domain
    assert urls.reason(f"https://x{domain}/", rules) is None
