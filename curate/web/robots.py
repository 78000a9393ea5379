"""Reads robots.txt by RFC 9309: who may fetch what, how fast, and the site's preferences about use.

If Google's matcher and the RFC differ, a URL may be fetched only where both allow it. Misspelt lines are read if that
makes us stricter. Lines of unknown kinds never change how the other lines are read (RFC 9309, 2.2.4).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from curate.web.optouts import Preference, content_signal, content_usage
from curate.web.robot_paths import Pattern, matches, matches_strictly, pattern, target

MAX_BYTES = 512_000  # 500 KiB (RFC 9309, 2.5); hand over one byte more, so that a longer file is seen to be cut
MAX_LINE = 16_664  # as in Google's parser: eight times the longest URL of 2,083 octets
DAY, HOUR = 86_400, 3_600  # seconds
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
MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,18})", re.A | re.I)
INDEX_PAGE = re.compile(r"/(index\.html?)\Z")
BARE = re.compile(r"(user[ -]?agent|[a-z]+)[ \t]+([^ \t]+)\Z", re.I)
BARE_KINDS = ("user-agent", "disallow", "allow")


class Verdict(NamedTuple):
    """States whether a URL may be fetched, and the line that decided, if one did."""

    allowed: bool
    line: int | None = None  # from 1
    pattern: str | None = None


class Rate(NamedTuple):
    """A Request-rate: at most this many requests in this many seconds."""

    requests: int
    seconds: int


class Rule(NamedTuple):
    """An Allow or Disallow line."""

    allow: bool
    line: int
    text: str
    pattern: Pattern


class Usage(NamedTuple):
    """A Content-Usage or Content-Signal line; the source of each preference names the line."""

    kind: str
    pattern: Pattern
    preferences: tuple[Preference, ...]


@dataclass(slots=True)
class Group:
    """The lines that follow some User-agent lines.

    In a merged group they are all lines of one agent, the rule that decides first.
    """

    agents: set[str] = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    closed: bool = False  # a rule was seen, so that a User-agent line starts the next group


@dataclass(slots=True)
class Robots:
    """A parsed robots.txt."""

    groups: list[Group] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    licenses: list[str] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)  # stated before any User-agent line; they hold for everyone
    cut: bool = False  # bytes beyond MAX_BYTES were ignored
    html: bool = False  # it starts like a page, so it most likely holds no rules
    _merged: dict[str, Group] = field(default_factory=dict, repr=False, compare=False)

    def verdict(self, token: str, url: str) -> Verdict:
        """Returns whether the agent of this product token may fetch the URL.

        The longest match counts, and of two equally long ones the Allow. A product token holds ASCII letters, `_` and
        `-` only, as `TOKEN` says; any other name gets the rules of `*`.
        """
        request = target(url)
        for rule in self._group(token).rules:
            if (matches_strictly if rule.allow else matches)(rule.pattern, request):
                return Verdict(rule.allow, rule.line, rule.text)
        return Verdict(True)

    def crawl_delay(self, token: str) -> float | None:
        """Returns the longest pause between requests that the agent's groups ask for, in seconds; may be infinite."""
        return max(self._group(token).delays, default=None)

    def request_rate(self, token: str) -> Rate | None:
        """Returns the slowest Request-rate of the agent's groups; the hours of the day in it are ignored."""
        return min(self._group(token).rates, key=lambda rate: rate.requests / rate.seconds, default=None)

    def preferences(self, token: str, url: str) -> tuple[Preference, ...]:
        """Returns the preferences about using a URL that the agent's groups allow to fetch.

        Of the lines of each kind, those with the longest match count.
        """
        if not self.verdict(token, url).allowed:
            return ()
        request = target(url)
        usages = [usage for usage in (*self.usages, *self._group(token).usages) if matches(usage.pattern, request)]
        longest: dict[str, int] = {}
        for usage in usages:
            longest[usage.kind] = max(longest.get(usage.kind, 0), usage.pattern.octets)
        preferences: list[Preference] = []
        for usage in usages:
            if usage.pattern.octets == longest[usage.kind]:
                preferences += usage.preferences
        return (*preferences, *(Preference("license", address, "robots license") for address in self.licenses))

    def _group(self, token: str) -> Group:
        """Returns all groups of an agent as one, or those of `*` if it has none."""
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
    """Returns what a robots.txt says; any bytes are accepted, and what cannot be read is passed over."""
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
    """Returns what follows from the fetch of a robots.txt (RFC 9309, 2.3.1).

    "rules": its rules hold. "allow": the file is unavailable, so everything is allowed. "unreachable": nothing is, for
    now.
    error: an outcome's name; redirects without end make the file unavailable, every other error makes it unreachable.
    unreachable_s: seconds for which it has been unreachable; after 30 days it counts as unavailable.
    forbidden: True if the statuses 401 and 403 keep us away.
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
    """Returns the seconds for which a robots.txt may be used (RFC 9309, 2.4).

    It is the max-age of the headers, at least an hour and at most a day, or a day where there is none.
    """
    for name, value in headers:
        age = MAX_AGE.search(value)
        if age and name.lower() == "cache-control":
            return min(max(int(age[1]), HOUR), DAY)
    return DAY


def _directive(line: str) -> tuple[str, str] | None:
    """Returns the kind and value of a line, or None if its kind is unknown.

    The colon may be missing if nothing but a name and a value is there.
    """
    line = line.partition("#")[0].strip(BLANK)
    name, colon, value = line.partition(":")
    kind = NAMES.get("-".join(name.lower().split()))
    if colon and kind:
        return kind, value.strip(BLANK)
    bare = BARE.match(line)
    kind = NAMES.get(bare[1].lower().replace(" ", "-")) if bare else None
    return (kind, bare[2]) if bare and kind in BARE_KINDS else None


def _add(robots: Robots, number: int, kind: str, value: str) -> None:
    """Adds a line of this kind to what was read so far."""
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
        _add_to_group(robots.groups[-1], number, kind, value)


def _add_to_group(group: Group, number: int, kind: str, value: str) -> None:
    """Adds an Allow, Disallow, Crawl-delay or Request-rate line to a group."""
    if kind == "crawl-delay":
        delay = NUMBER.match(value)
        if delay:
            group.delays.append(float(delay[0]))
        return
    if kind == "request-rate":
        rate = RATE.match(value)
        if rate and int(rate[1]) and int(rate[2]):
            group.rates.append(Rate(int(rate[1]), int(rate[2]) * SECONDS[rate[3].lower()]))
        return
    group.closed = True
    allow = kind == "allow"
    if value:
        group.rules.append(Rule(allow, number, _utf8(value), pattern(value if allow else _path_meant(value))))
    page = INDEX_PAGE.search(value)
    if allow and page:  # as Google and Protego do: a site that allows the index page allows its folder
        group.rules.append(Rule(True, number, _utf8(value), pattern(value[: page.start(1)] + "$")))


def _path_meant(value: str) -> str:
    """Returns the path that a Disallow means, which may lack the leading slash or name a whole URL."""
    if value.startswith(("http://", "https://")):
        value = "/" + value.split("://", 1)[1].partition("/")[2]
    return value if value[0] in "/*$" else f"/{value}"


def _agents(value: str) -> set[str]:
    """Returns the product token that a User-agent line starts with, in lower case, if any.

    `FooBot/2.1 (x)` stands for FooBot.
    """
    if value == "*" or value[:2] in ("* ", "*\t"):
        return {"*"}
    token = TOKEN.match(value)
    return {token[0].lower()} if token else set()


def _usage(number: int, kind: str, value: str) -> Usage:
    """Returns a line of preferences, which may begin with the path for which they hold."""
    path, preferences = "", value
    if value.startswith("/"):
        path, preferences = (*re.split(r"[ \t]", value, maxsplit=1), "")[:2]
    read = content_usage if kind == "content-usage" else content_signal
    return Usage(kind, pattern(path), tuple(read(preferences, f"robots:L{number} {kind}")))


def _utf8(value: str) -> str:
    """Returns the text of octets that were read as Latin-1."""
    return value.encode("latin-1").decode("utf-8", "replace")
