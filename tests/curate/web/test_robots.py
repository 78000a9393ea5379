"""robots.txt by RFC 9309: groups, matches, values, and the hostile files of the requirements (R…)."""

import pytest

from curate.web.optouts import Preference, decide
from curate.web.robots import MAX_BYTES, MAX_LINE, Rate, Verdict, parse

SITE = "https://example.com"


def allowed(body: str | bytes, path: str, token: str = "curate") -> bool:
    octets = body if isinstance(body, bytes) else body.encode()
    return parse(octets).verdict(token, SITE + path).allowed


def test_r52_a_byte_order_mark_hides_no_rule():
    assert not allowed(b"\xef\xbb\xbfUser-agent: *\nDisallow: /", "/a")


@pytest.mark.parametrize(
    "line", ["Content-Signal: ai-train=no", "Crawl-delay: 5", "Sitemap: https://x/y", "Noindex: /z", "junk"]
)
def test_r53_other_lines_do_not_part_the_agents_of_a_group(line):
    robots = parse(f"User-agent: one\n{line}\nUser-agent: two\nDisallow: /a\n".encode())
    assert [robots.verdict(token, f"{SITE}/a").allowed for token in ("one", "two", "three")] == [False, False, True]


def test_a_content_usage_line_is_a_rule_and_ends_the_agents_of_a_group():
    robots = parse(b"User-agent: one\nContent-Usage: train-ai=n\nUser-agent: two\nDisallow: /a\n")
    assert robots.verdict("one", f"{SITE}/a").allowed
    assert robots.preferences("two", f"{SITE}/b") == ()


@pytest.mark.parametrize("name", ["FooBot/1.0", "FooBot/2.1 (x)", "foobot", "FooBot Bar", "FOOBOT; x"])
def test_r54_a_user_agent_line_stands_for_its_product_token(name):
    body = f"User-agent: {name}\nDisallow: /a\n"
    assert not allowed(body, "/a", "FooBot")
    assert allowed(body, "/a", "Foo")
    assert allowed(body, "/a", "FooBots")


@pytest.mark.parametrize("mark", ["\u2028", "\v", "\x85", "\x1c"])
def test_r55_other_characters_end_no_line(mark):
    assert allowed(f"User-agent: *\nDisallow: /a{mark}Disallow: /b\n", "/b")
    assert allowed(f"User-agent: *\nAllow: /x{mark}\nDisallow: /a\n", "/b")
    assert not allowed(f"User-agent: * # {mark}User-agent: x\nDisallow: /b\n", "/b")


def test_r56_a_rule_beyond_500_kib_does_not_count_and_the_cut_line_neither():
    head = b"User-agent: *\n" + b"# padding\n" * 60_000
    long = parse(head[:599_000] + b"\nDisallow: /a\n")
    assert long.cut
    assert long.verdict("curate", f"{SITE}/a").allowed
    line = b"\nDisallow: /abc\n"
    split = parse(head[: MAX_BYTES - len(line) + 4] + line)
    assert split.cut
    assert split.verdict("curate", f"{SITE}/a").allowed
    whole = parse(head[: MAX_BYTES - len(line)] + line)
    assert not whole.cut
    assert not whole.verdict("curate", f"{SITE}/abc").allowed


def test_r57_only_the_first_500_kib_of_a_huge_file_are_parsed():
    robots = parse(b"User-agent: *\nDisallow: /a\n" + b"x" * 5_000_000)
    assert not robots.verdict("curate", f"{SITE}/a").allowed


def test_r61_a_page_in_place_of_rules_is_flagged_and_has_none():
    page = parse(b"\xef\xbb\xbf\n<!doctype html>\n<p>Allow us to disallow: everything</p>\n<!-- User-agent: * -->")
    assert page.html
    assert page.verdict("curate", f"{SITE}/a") == Verdict(True)
    assert not parse(b"User-agent: *\n").html


@pytest.mark.parametrize(
    ("rule", "path", "matches"),
    [
        ("/%7Efoo", "/~foo", True),
        ("/~foo", "/%7efoo", True),
        ("/ツ", "/%E3%83%84", True),
        ("/%e3%83%84", "/%E3%83%84", True),
        ("/a%2Fb", "/a/b", False),
        ("/a/b", "/a%2fb", False),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz", True),
        ("/foo/bar?baz=http://foo.bar", "/foo/bar?baz=http%3A%2F%2Ffoo.bar", True),
        ("/a%2Ab", "/a*b", True),
        ("/a%24", "/a$", True),
        ("/a$b", "/a$bc", True),
        ("/{a}", "/%7Ba%7D", True),
        ("/a b", "/a%20b", True),
        ("/A", "/a", False),
    ],
)
def test_r63_escapes_are_compared_as_the_rfc_says(rule, path, matches):
    assert allowed(f"User-agent: *\nDisallow: {rule}\n", path) is not matches


def test_a_pattern_in_latin_1_meets_the_octet_it_holds():
    assert not allowed(b"User-agent: *\nDisallow: /caf\xe9\n", "/caf%E9")


def test_an_allow_must_match_as_written_too_as_googles_does():
    body = "User-agent: *\nDisallow: /\nAllow: /%7Efoo\n"
    assert allowed(body, "/%7Efoo")
    assert not allowed(body, "/~foo")


def test_r64_allow_wins_a_tie_and_the_longest_match_counts():
    body = "User-agent: *\nDisallow: /ab\nAllow: /ab\nDisallow: /abc\n"
    assert [allowed(body, path) for path in ("/ab", "/abx", "/abc")] == [True, True, False]


@pytest.mark.parametrize("path", ["/a", "/:a"])
def test_the_anchor_counts_as_an_octet(path):
    assert not allowed(f"User-agent: *\nAllow: {path}\nDisallow: {path}$\n", path)


def test_r64_equal_paths_of_content_usage_refuse_if_one_does():
    robots = parse(b"User-agent: *\nContent-Usage: /a train-ai=y\nContent-Usage: /a train-ai=n\n")
    assert decide(robots.preferences("curate", f"{SITE}/a")) == "optout_content_usage"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1e308", 1e308),
        ("-5", None),
        ("nan", None),
        ("0.5", 0.5),
        ("3600", 3600),
        ("٣", None),
        ("1e999", float("inf")),
        ("10s", 10),
        (".5", 0.5),
        ("", None),
        ("inf", None),
        ("5 # slow", 5),
    ],
)
def test_r65_a_crawl_delay_is_a_number_in_ascii(value, seconds):
    assert parse(f"User-agent: *\nCrawl-delay: {value}\n".encode()).crawl_delay("curate") == seconds


def test_the_groups_of_an_agent_are_merged_and_the_longest_delay_counts():
    robots = parse(
        b"User-agent: a\nCrawl-delay: 2\nDisallow: /x\nUser-agent: *\nDisallow: /\n"
        b"User-agent: A\nCrawl-delay: 9\nDisallow: /y\n"
    )
    assert [robots.verdict("a", SITE + path).allowed for path in ("/x", "/y", "/z")] == [False, False, True]
    assert robots.crawl_delay("a") == 9
    assert robots.crawl_delay("b") is None


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("1/5", Rate(1, 5)),
        ("30/1m", Rate(30, 60)),
        ("1/10m 1300-1659", Rate(1, 600)),
        ("0/5", None),
        ("1/0", None),
        ("x", None),
    ],
)
def test_a_request_rate_is_requests_in_seconds(value, rate):
    assert parse(f"User-agent: *\nRequest-rate: {value}\n".encode()).request_rate("curate") == rate


@pytest.mark.parametrize(
    "line", ["disalow: /a", "Dissallow : /a", "disallow /a", "disallow /a:b", "DISALLOW:/a#b", "Disallow: a"]
)
def test_misspelt_rules_are_read_where_that_is_stricter(line):
    assert not allowed(f"User-agent: *\n{line}\n", "/a:b")


@pytest.mark.parametrize("line", ["useragent: curate", "user agent: curate", "user-agent curate", "User agent curate"])
def test_misspelt_agents_are_read(line):
    assert not allowed(f"{line}\nDisallow: /a\n", "/a")


def test_a_whole_url_in_a_disallow_is_held_to_mean_its_path_and_in_an_allow_nothing():
    assert not allowed("User-agent: *\nDisallow: https://example.com/a\n", "/ab")
    assert not allowed("User-agent: *\nDisallow: /\nAllow: https://example.com/a\n", "/ab")


def test_a_line_beyond_its_cap_is_cut_and_allows_nothing():
    stars = "*" * MAX_LINE
    assert not allowed(f"User-agent: *\nDisallow: /{stars}x\n", "/a")
    assert not allowed(f"User-agent: *\nDisallow: /\nAllow: /{stars}x\n", "/a")


def test_an_empty_disallow_and_no_group_allow_all():
    assert allowed("User-agent: *\nDisallow:\n", "/a")
    assert allowed("Disallow: /\n", "/a")
    assert allowed("", "/a")


def test_the_verdict_names_the_line_and_the_pattern():
    robots = parse("# x\r\nUser-agent: *\r\nDisallow: /ツ*\r\n".encode())
    assert robots.verdict("curate", f"{SITE}/%E3%83%84a") == Verdict(False, 3, "/ツ*")


def test_sitemaps_and_licenses_hold_for_everyone():
    robots = parse(
        b"License: https://x/l.xml\nUser-agent: a\nSitemap: https://x/s.xml\nDisallow: /a\nsite-map: https://x/t.xml\n"
    )
    assert robots.sitemaps == ["https://x/s.xml", "https://x/t.xml"]
    assert robots.licenses == ["https://x/l.xml"]
    assert robots.preferences("b", f"{SITE}/") == (Preference("license", "https://x/l.xml", "robots license"),)


def test_preferences_come_from_the_longest_path_of_the_agents_group():
    robots = parse(
        b"User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /ok/ train-ai=y\n"
        b"Disallow: /no\nContent-Signal: search=yes, ai-train=no\n"
    )
    signal = [Preference(*pair, "robots:L5 content-signal") for pair in (("search", "y"), ("train-ai", "n"))]
    assert robots.preferences("curate", f"{SITE}/a") == (
        Preference("train-ai", "n", "robots:L2 content-usage"),
        *signal,
    )
    assert robots.preferences("curate", f"{SITE}/ok/a") == (
        Preference("train-ai", "y", "robots:L3 content-usage"),
        *signal,
    )
    assert robots.preferences("curate", f"{SITE}/no") == ()


def test_a_signal_before_any_group_holds_for_everyone():
    robots = parse(b"Content-Signal: ai-train=no\nUser-agent: curate\nDisallow: /x\n")
    assert decide(robots.preferences("curate", f"{SITE}/a")) == "optout_content_signal"
