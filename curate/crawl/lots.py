"""The lots of a wave: URLs that are fetched together, planned the same way at each run and on each machine.

All hosts of one registrable domain are in one lot of a wave, so that pauses between requests are kept within a lot.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlsplit

from curate.crawl.addresses import denied_port
from curate.crawl.config import Crawl
from curate.crawl.outcomes import NAMES

MAX_URL = 2048  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that a crawl plans to fetch."""

    url: str
    dedupe_key: bytes = b""
    votes: int = 0
    source: str = "web"
    via: tuple[str, ...] = ()  # the URLs whose redirects led here
    tries: int = 0  # waves in which it was tried
    not_before: float = 0.0  # unix time before which it is not requested
    verdict: str = ""  # the outcome of a URL that is never requested, else ''
    detail: str = ""  # of the verdict

    def __post_init__(self) -> None:
        if self.verdict and self.verdict not in NAMES:
            raise ValueError(f"no outcome is called {self.verdict!r}")

    @property
    def id(self) -> bytes:
        """Returns the URL's id."""
        return url_id(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """URLs that are fetched together."""

    id: str
    targets: tuple[Target, ...]  # by host and id
    floor: float  # the seconds that it takes at least


def url_id(url: str) -> bytes:
    """Returns the 16 bytes that stand for a URL."""
    return hashlib.blake2b(url.encode("utf-8", "surrogateescape"), digest_size=16).digest()


@lru_cache(maxsize=1 << 12)
def request_host(url: str) -> str:
    """Returns the host of a URL, '' where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=1 << 16)
def politeness_key(host: str) -> str:
    """Returns the registrable domain of a host, private suffixes counted as such; the host where it has none.

    >>> politeness_key("a.b.example.co.uk"), politeness_key("me.blogspot.com"), politeness_key("127.0.0.1")
    ('example.co.uk', 'me.blogspot.com', '127.0.0.1')
    """
    parts = _domains()(host)
    return f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else host


def refusal_of(url: str) -> tuple[str, str]:
    """Returns the outcome and detail of a URL that is never requested (length, port); '' and '' for any other."""
    if len(url.encode("utf-8", "surrogateescape")) > MAX_URL:
        return "url_too_long", f"{len(url)} characters"
    try:
        port = urlsplit(url).port
    except ValueError:
        return "url_invalid", "port"
    reason = denied_port(port) if port is not None else None
    return ("skip_port", f"{port}: {reason}") if reason else ("", "")


def plan_wave(targets: Iterable[Target], rules: Crawl, *, wave: int, config: str) -> Iterator[Lot]:
    """Yields the lots of a wave, the domains that take longest first; of equal URLs the first one counts."""
    distinct = {target.id: target for target in reversed([*targets])}
    by_host: dict[str, list[Target]] = defaultdict(list)
    for target in distinct.values():
        by_host["" if target.verdict else request_host(target.url)].append(target)
    hosts_of: dict[str, list[str]] = defaultdict(list)
    for host in by_host:
        hosts_of[politeness_key(host) if host else ""].append(host)
    longest = {key: max(len(by_host[host]) if host else 0 for host in members) for key, members in hosts_of.items()}
    hosts: list[str] = []
    for key in sorted(hosts_of, key=lambda key: (-longest[key], key)):
        hosts += sorted(hosts_of[key])
        if len(hosts) >= rules.hosts_per_lot:
            yield _lot(hosts, by_host, rules, wave, config)
            hosts = []
    if hosts:
        yield _lot(hosts, by_host, rules, wave, config)


def _lot(hosts: list[str], by_host: dict[str, list[Target]], rules: Crawl, wave: int, config: str) -> Lot:
    """Returns the lot of these hosts; its id is a digest of the settings, the wave and its URLs."""
    targets = [target for host in hosts for target in sorted(by_host[host], key=lambda target: target.id)]
    content = "\0".join((config, str(wave), *sorted(target.url for target in targets)))
    name = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    longest = max(len(by_host[host]) if host else 0 for host in hosts)
    return Lot(id=name, targets=tuple(targets), floor=max(0, longest - 1) * rules.min_delay)


def floor(targets: Iterable[Target], rules: Crawl) -> tuple[float, str, int]:
    """Returns the least duration of a wave (s), the host that takes the longest, and that host's number of URLs."""
    counts = Counter(request_host(target.url) for target in targets if not target.verdict)
    if not counts:
        return 0.0, "", 0
    host, number = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
    return number * rules.min_delay, host, number


def within_budget(targets: Iterable[Target], most: int) -> Iterator[Target]:
    """Yields the targets; those of a host after its `most`, most votes first, get the verdict `skip_budget`.

    most: 0 is no limit.
    """
    counts: Counter[str] = Counter()
    for target in sorted(targets, key=lambda target: (-target.votes, target.id)) if most else targets:
        host = request_host(target.url)
        counts[host] += not target.verdict
        over = most and not target.verdict and counts[host] > most
        yield replace(target, verdict="skip_budget", detail=f"{most} of {host}") if over else target


@lru_cache(maxsize=1)
def _domains():  # type: ignore[no-untyped-def]
    """Returns the reader of the list of public suffixes that comes with tldextract."""
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
