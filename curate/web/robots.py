"""robots.txt by RFC 9309: who may fetch what, and what else a site says there about its use.

Where Google's matcher and the RFC differ, both must allow. Misspelt lines are read where that makes us stricter. Lines
of unknown kinds never change how known ones are read (RFC 9309, 2.2.4).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from curate.web.optouts import Preference, content_signal, content_usage
from curate.web.robot_paths import Pattern, matches, matches_strictly, pattern, target

MAX_BYTES = 512_000  # 500 KiB (RFC 9309, 2.5); hand over one byte more, so that a file cut there is known as such
MAX_LINE = 16_664  # as in Google's parser: eight times the longest URL of 2,083 octets
DAY, HOUR = 86_400, 3_600
BLANK = " \t\v\f\0"
BOM = "\xef\xbb\xbf"
LINE_END = re.compile(r"\r\n|\r|\n")
TOKEN = re.compile(r"[A-Za-z_-]+")
NUMBER = re.compile(r"(\d{1,400}(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,9})?", re.A | re.I)
RATE = re.compile(r"(\d{1,9})\s*/\s*(\d{1,9})\s*([smhd]?)", re.A | re.I)
SECONDS = {"": 1, "s": 1, "m": 60, "h": HOUR, "d": DAY}
KINDS = {  # how the names of lines are spelt in the wild; from Google's parser and Protego
    "user-agent": ["useragent"],
    "disallow": ["dissallow", "dissalow", "disalow", "diasllow", "disallaw"],
    "allow": [],
    "sitemap": ["sitemaps", "site-map"],
    "crawl-delay": ["crawldelay", "crawl_delay"],
    "request-rate": ["requestrate"],
    "content-signal": ["content-signals"],
    "content-usage": [],
    "license": [],
}
NAMES = {name: kind for kind, names in KINDS.items() for name in (kind, *names)}
BARE = re.compile(r"(user[ -]?agent|[a-z]+)[ \t]+([^ \t]+)\Z", re.I)
BARE_KINDS = ("user-agent", "disallow", "allow")


class Verdict(NamedTuple):
    """Whether a URL may be fetched, and the line (from 1) and pattern that decided, if one did."""

    allowed: bool
    line: int | None = None
    pattern: str | None = None


class Rate(NamedTuple):
    """At most so many requests in so many seconds."""

    requests: int
    seconds: int


class Rule(NamedTuple):
    """An Allow or Disallow line."""

    allow: bool
    line: int
    text: str
    pattern: Pattern


class Usage(NamedTuple):
    """A Content-Usage or Content-Signal line; the source of its preferences names the line."""

    kind: str
    pattern: Pattern
    preferences: tuple[Preference, ...]


@dataclass(slots=True)
class Group:
    """The lines under some User-agent lines; after parsing, those of one agent, the deciding rule first."""

    agents: set[str] = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    closed: bool = False  # a rule was seen, so that a User-agent line starts the next group


@dataclass(slots=True)
class Robots:
    """A parsed robots.txt.

    cut: bytes beyond 500 KiB were ignored. html: it starts like a page, so its rules are most likely none.
    usages: preferences stated before any User-agent line, which hold for everyone.
    """

    groups: list[Group] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    licenses: list[str] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    cut: bool = False
    html: bool = False
    _merged: dict[str, Group] = field(default_factory=dict, repr=False, compare=False)

    def verdict(self, token: str, url: str) -> Verdict:
        """Whether the agent of this product token may fetch the URL: the longest match counts, Allow wins a tie.

        A product token holds ASCII letters, `_` and `-` only, as `TOKEN` says; any other name gets the rules of `*`.
        """
        wanted = target(url)
        for rule in self._group(token).rules:
            if (matches_strictly if rule.allow else matches)(rule.pattern, wanted):
                return Verdict(rule.allow, rule.line, rule.text)
        return Verdict(True)

    def crawl_delay(self, token: str) -> float | None:
        """Seconds between requests, the longest that the agent's groups ask for; may be infinite."""
        return max(self._group(token).delays, default=None)

    def request_rate(self, token: str) -> Rate | None:
        """The slowest Request-rate of the agent's groups; hours of the day in it are not looked at."""
        return min(self._group(token).rates, key=lambda rate: rate.requests / rate.seconds, default=None)

    def preferences(self, token: str, url: str) -> tuple[Preference, ...]:
        """What the agent's groups say about using a URL that they allow to fetch; of each kind, the longest match."""
        if not self.verdict(token, url).allowed:
            return ()
        wanted = target(url)
        found = [each for each in (*self.usages, *self._group(token).usages) if matches(each.pattern, wanted)]
        longest: dict[str, int] = {}
        for each in found:
            longest[each.kind] = max(longest.get(each.kind, 0), each.pattern.octets)
        kept = [each for each in found if each.pattern.octets == longest[each.kind]]
        licenses = [Preference("license", address, "robots license") for address in self.licenses]
        return (*(preference for each in kept for preference in each.preferences), *licenses)

    def _group(self, token: str) -> Group:
        """All groups of an agent as one, else those of `*`."""
        name = token.lower()
        if name not in self._merged:
            own = [group for group in self.groups if name in group.agents]
            merged = Group()
            for group in own or [group for group in self.groups if "*" in group.agents]:
                merged.rules += group.rules
                merged.usages += group.usages
                merged.delays += group.delays
                merged.rates += group.rates
            merged.rules.sort(key=lambda rule: (-rule.pattern.octets, not rule.allow))
            self._merged[name] = merged
        return self._merged[name]


def parse(body: bytes) -> Robots:
    """Read a robots.txt; any bytes are one, and what cannot be read is passed over."""
    robots = Robots(cut=len(body) > MAX_BYTES)
    text = body[:MAX_BYTES].decode("latin-1")
    lines = LINE_END.split(text)
    if robots.cut:
        lines.pop()
    for size in (3, 2, 1):  # a mark may be cut short; Google's parser takes it off all the same
        if lines and lines[0].startswith(BOM[:size]):
            lines[0] = lines[0][size:]
            break
    robots.html = bool(lines) and text.lstrip(BLANK + "\r\n" + BOM).startswith("<")
    for number, line in enumerate(lines, 1):
        directive = _directive(line[:MAX_LINE]) if line else None
        if directive and not (directive[0] == "allow" and len(line) > MAX_LINE):
            _add(robots, number, *directive)
    return robots


def access(
    status: int | None, error: str | None, *, unreachable_s: float = 0, forbidden: bool = False
) -> Literal["rules", "allow", "unreachable"]:
    """What the fetch of a robots.txt comes to: read its rules, allow all, or keep away for now (RFC 9309, 2.3.1).

    error: an outcome's name; redirects without end make the file unavailable, all else makes it unreachable.
    unreachable_s: for how long it has been so; after 30 days it counts as unavailable.
    forbidden: 401 and 403 keep us away.
    """
    if error in ("redirect_too_many", "redirect_loop"):
        return "allow"
    if error is None and status is not None:
        if 200 <= status < 300:
            return "rules"
        if forbidden and status in (401, 403):
            return "unreachable"
        if 400 <= status < 500 and status != 429:
            return "allow"
    return "allow" if unreachable_s > 30 * DAY else "unreachable"


def cache_seconds(headers: Iterable[tuple[str, str]]) -> int:
    """For how long a robots.txt may be used: its max-age within an hour and a day, else a day (RFC 9309, 2.4)."""
    for name, value in headers:
        found = re.search(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,18})", value, re.A | re.I)
        if found and name.lower() == "cache-control":
            return min(max(int(found[1]), HOUR), DAY)
    return DAY


def _directive(line: str) -> tuple[str, str] | None:
    """The kind and value of a line; the colon may be missing where only a name and a value stand there."""
    line = line.partition("#")[0].strip(BLANK)
    name, colon, value = line.partition(":")
    kind = NAMES.get("-".join(name.lower().split()))
    if colon and kind:
        return kind, value.strip(BLANK)
    bare = BARE.match(line)
    kind = NAMES.get(bare[1].lower().replace(" ", "-")) if bare else None
    return (kind, bare[2]) if bare and kind in BARE_KINDS else None


def _add(robots: Robots, number: int, kind: str, value: str) -> None:
    if kind == "sitemap":
        robots.sitemaps.append(_utf8(value))
    elif kind == "license":
        robots.licenses.append(_utf8(value))
    elif kind == "user-agent":
        if not robots.groups or robots.groups[-1].closed:
            robots.groups.append(Group())
        robots.groups[-1].agents |= _agents(value)
    elif kind in ("content-usage", "content-signal"):
        usage = _usage(number, kind, value)
        if usage.preferences:
            (robots.groups[-1].usages if robots.groups else robots.usages).append(usage)
        if robots.groups and kind == "content-usage":
            robots.groups[-1].closed = True
    elif robots.groups:
        _add_rule(robots.groups[-1], number, kind, value)


def _add_rule(group: Group, number: int, kind: str, value: str) -> None:
    if kind == "crawl-delay":
        if found := NUMBER.match(value):
            group.delays.append(float(found[0]))
        return
    if kind == "request-rate":
        found = RATE.match(value)
        if found and int(found[1]) and int(found[2]):
            group.rates.append(Rate(int(found[1]), int(found[2]) * SECONDS[found[3].lower()]))
        return
    group.closed = True
    allow = kind == "allow"
    if value:
        group.rules.append(Rule(allow, number, _utf8(value), pattern(value if allow else _rooted(value))))
    page = re.search(r"/(index\.html?)\Z", value)
    if allow and page:  # as Google and Protego do: who allows the index page allows its folder
        group.rules.append(Rule(True, number, _utf8(value), pattern(value[: page.start(1)] + "$")))


def _rooted(value: str) -> str:
    """A Disallow that forgets the leading slash, or names a whole URL, is held to mean the path."""
    if value.startswith(("http://", "https://")):
        value = "/" + value.split("://", 1)[1].partition("/")[2]
    return value if value[0] in "/*$" else f"/{value}"


def _agents(value: str) -> set[str]:
    """The product token that a User-agent line starts with, if any; `FooBot/2.1 (x)` stands for FooBot."""
    if value == "*" or value[:2] in ("* ", "*\t"):
        return {"*"}
    token = TOKEN.match(value)
    return {token[0].lower()} if token else set()


def _usage(number: int, kind: str, value: str) -> Usage:
    """A line of preferences for the paths under the one before them, if there is one."""
    path, rest = "", value
    if value.startswith("/"):
        path, rest = (*re.split(r"[ \t]", value, maxsplit=1), "")[:2]
    read = content_usage if kind == "content-usage" else content_signal
    return Usage(kind, pattern(path), tuple(read(rest, f"robots:L{number} {kind}")))


def _utf8(value: str) -> str:
    return value.encode("latin-1").decode("utf-8", "replace")
