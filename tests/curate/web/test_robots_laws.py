"""Laws of the robots parser and its patterns, against slow and plain matchers."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curate.web.robot_paths import glob, matches, matches_strictly, pattern, target
from curate.web.robots import NAMES, parse

SITE = "https://example.com"
patterns = st.text("ab/*$", max_size=6)
paths = st.text("ab", max_size=6).map(lambda text: f"/{text}")
rules = st.tuples(st.sampled_from(["Allow", "Disallow"]), patterns.map(lambda text: f"/{text}"))
agents = st.lists(st.sampled_from(["*", "one", "two", "Three/1.0"]), min_size=1, max_size=2)
groups = st.lists(st.tuples(agents, st.lists(rules, min_size=1, max_size=5)), max_size=4)
junk = st.text("abcxyz :-/", max_size=20).filter(lambda text: not any(name in text for name in NAMES))


def lines_of(some_groups) -> list[str]:
    """Returns the lines of a robots.txt of these groups."""
    return [
        line
        for names, rules in some_groups
        for line in (*(f"User-agent: {name}" for name in names), *(f"{kind}: {path}" for kind, path in rules))
    ]


def slowly(text: str, path: str) -> bool:
    """Returns True if a pattern matches a prefix of a path, by trying everything."""
    if text == "":
        return True
    if text == "$":
        return path == ""
    if text[0] == "*":
        return any(slowly(text[1:], path[at:]) for at in range(len(path) + 1))
    return path[:1] == text[0] and slowly(text[1:], path[1:])


@given(patterns.map(lambda text: f"/{text}") | patterns, paths)
@example("/a*a$", "/a")
def test_a_linear_glob_equals_the_one_that_tries_everything(text, path):
    assert matches(pattern(text), target(SITE + path)) == slowly(text, path)


@given(groups, paths, st.sampled_from(["one", "TWO", "three", "four"]))
def test_a_verdict_is_that_of_the_longest_match_in_all_groups_of_the_agent(drawn_groups, path, token):
    by_tokens = [({name.partition("/")[0].lower() for name in names}, rules) for names, rules in drawn_groups]
    own = [rules for tokens, rules in by_tokens if token.lower() in tokens]
    own = own or [rules for tokens, rules in by_tokens if "*" in tokens]
    hits = [(len(text), kind == "Allow") for rules in own for kind, text in rules if slowly(text, path)]
    verdict = parse("\n".join(lines_of(drawn_groups)).encode()).verdict(token, SITE + path)
    assert verdict.allowed == max(hits, default=(0, True))[1]


@given(groups, paths, st.lists(st.tuples(st.integers(0, 40), junk), max_size=6))
def test_unknown_lines_never_change_a_verdict(drawn_groups, path, extra):
    lines = lines_of(drawn_groups)
    plain = parse("\n".join(lines).encode()).verdict("one", SITE + path)
    for at, line in extra:
        lines.insert(at, line)
    more = parse("\n".join(lines).encode()).verdict("one", SITE + path)
    assert (more.allowed, more.pattern) == (plain.allowed, plain.pattern)


@given(groups, st.sampled_from(["\n", "\r", "\r\n"]))
def test_all_line_ends_are_one(drawn_groups, end):
    assert parse(end.join(lines_of(drawn_groups)).encode()) == parse("\n".join(lines_of(drawn_groups)).encode())


@given(groups, rules, paths)
def test_one_more_rule_moves_a_verdict_only_its_own_way(drawn_groups, rule, path):
    drawn_groups = [*drawn_groups, (["one"], [("Disallow", "")])]
    before = parse("\n".join(lines_of(drawn_groups)).encode()).verdict("one", SITE + path).allowed
    after = parse("\n".join([*lines_of(drawn_groups), ": ".join(rule)]).encode()).verdict("one", SITE + path).allowed
    assert after == before or after == (rule[0] == "Allow")


@given(st.text(max_size=12), st.data())
def test_an_escape_of_an_unreserved_octet_is_that_octet_to_a_disallow(text, data):
    text = "".join(octet for octet in text if octet.isascii() and (octet.isalnum() or octet in "-._~"))
    some = "".join(f"%{ord(octet):02x}" if data.draw(st.booleans()) else octet for octet in text)
    assert matches(pattern(f"/{some}"), target(f"{SITE}/{text}"))
    assert matches(pattern(f"/{text}"), target(f"{SITE}/{some}"))


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_allow_matches_no_more_than_a_disallow(text, path):
    rule, url = pattern(text.encode().decode("latin-1")), target(f"{SITE}/{path}")
    assert matches(rule, url) or not matches_strictly(rule, url)


@given(st.binary(max_size=300), st.text(max_size=30), st.text(max_size=10))
def test_any_bytes_are_a_robots_txt_and_any_text_a_url(body, url, token):
    for octets in (body, b"User-agent: *\nContent-Usage: " + body, b"User-agent: *\nCrawl-delay: " + body):
        robots = parse(octets)
        robots.verdict(token, url)
        robots.preferences(token, url)
        robots.crawl_delay(token)
        robots.request_rate(token)


class Walked(str):
    """A path that counts the characters that searches in it walk over."""

    steps = 0

    def find(self, part, start=0):
        at = super().find(part, start)
        self.steps += 1 + (len(self) if at < 0 else at + len(part)) - start
        return at


@pytest.mark.parametrize("stars", [1, 10, 100, 1000])
@pytest.mark.parametrize("end", ["", "b", "b$", "*b*"])
def test_r62_a_pattern_walks_over_the_path_once_however_many_stars_it_has(stars, end):
    rule, path = pattern("*a" * stars + end), Walked("/" + "a" * 2_000)
    glob(rule.parts, rule.anchored, path)
    assert path.steps <= len(path) + len(rule.parts)
