"""Which URLs are fetched together: lots of a wave, planned the same way wherever and however often it is done.

All hosts of one registrable domain are in one lot of a wave, so that politeness is a matter within a lot.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from curate.crawl.addresses import denied_port
from curate.crawl.config import Crawl
from curate.crawl.outcomes import NAMES

MAX_URL = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL of the plan. via: the URLs that led here. tries: the waves in which it was tried. not_before: unix time.

    verdict: the outcome of a URL that is not even asked for, else ''.
    """

    url: str
    dedupe_key: bytes = b""
    votes: int = 0
    source: str = "web"
    via: tuple[str, ...] = ()
    tries: int = 0
    not_before: float = 0.0
    verdict: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        if self.verdict and self.verdict not in NAMES:
            raise ValueError(f"no outcome is called {self.verdict!r}")

    @property
    def id(self) -> bytes:
        """The URL's id."""
        return url_id(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is fetched together: its id, its targets in the order of host and id, the seconds it takes at least."""

    id: str
    targets: tuple[Target, ...]
    floor: float


def url_id(url: str) -> bytes:
    """The 16 bytes that stand for a URL."""
    return hashlib.blake2b(url.encode("utf-8", "surrogateescape"), digest_size=16).digest()


@lru_cache(maxsize=1 << 12)
def request_host(url: str) -> str:
    """The host of a URL, '' where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=1)
def _domains():  # type: ignore[no-untyped-def]
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


@lru_cache(maxsize=1 << 16)
def politeness_key(host: str) -> str:
    """The registrable domain of a host, private suffixes counted as such; the host where it has none.

    >>> politeness_key("a.b.example.co.uk"), politeness_key("me.blogspot.com"), politeness_key("127.0.0.1")
    ('example.co.uk', 'me.blogspot.com', '127.0.0.1')
    """
    found = _domains()(host)
    return f"{found.domain}.{found.suffix}" if found.domain and found.suffix else host


def refused(url: str) -> tuple[str, str]:
    """The outcome and detail of a URL that is not asked for whatever its host, else two empty strings."""
    if len(url.encode("utf-8", "surrogateescape")) > MAX_URL:
        return "url_too_long", f"{len(url)} characters"
    try:
        port = urlsplit(url).port
    except ValueError:
        return "url_invalid", "port"
    closed = denied_port(port) if port is not None else None
    return ("skip_port", f"{port}: {closed}") if closed else ("", "")


def plan_wave(targets: Iterable[Target], rules: Crawl, *, wave: int, config: str) -> Iterator[Lot]:
    """The lots of a wave, the hosts that take longest first; of equal URLs one counts, the first."""
    distinct = {target.id: target for target in reversed([*targets])}
    by_host: dict[str, list[Target]] = defaultdict(list)
    for target in distinct.values():
        by_host["" if target.verdict else request_host(target.url)].append(target)
    by_key: dict[str, list[str]] = defaultdict(list)
    for host in by_host:
        by_key[politeness_key(host) if host else ""].append(host)
    longest = {key: max(len(by_host[host]) if host else 0 for host in hosts) for key, hosts in by_key.items()}
    taken: list[str] = []
    for key in sorted(by_key, key=lambda key: (-longest[key], key)):
        taken += sorted(by_key[key])
        if len(taken) >= rules.hosts_per_lot:
            yield _lot(taken, by_host, rules, wave, config)
            taken = []
    if taken:
        yield _lot(taken, by_host, rules, wave, config)


def _lot(hosts: list[str], by_host: dict[str, list[Target]], rules: Crawl, wave: int, config: str) -> Lot:
    targets = [target for host in hosts for target in sorted(by_host[host], key=lambda each: each.id)]
    told = "\0".join((config, str(wave), *sorted(target.url for target in targets)))
    name = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    most = max(len(by_host[host]) if host else 0 for host in hosts)
    return Lot(id=name, targets=tuple(targets), floor=max(0, most - 1) * rules.min_delay)


def floor(targets: Iterable[Target], rules: Crawl) -> tuple[float, str, int]:
    """The seconds that a wave takes at least, and the host that is to blame with its number of URLs."""
    counts = Counter(request_host(target.url) for target in targets if not target.verdict)
    if not counts:
        return 0.0, "", 0
    host, number = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
    return number * rules.min_delay, host, number


def within_budget(targets: Iterable[Target], most: int) -> Iterator[Target]:
    """The targets, those beyond so many of a host (most voted first) with the verdict `skip_budget`; 0 is no limit."""
    from dataclasses import replace

    counts: Counter[str] = Counter()
    for target in sorted(targets, key=lambda each: (-each.votes, each.id)) if most else targets:
        host = request_host(target.url)
        counts[host] += not target.verdict
        over = most and not target.verdict and counts[host] > most
        yield replace(target, verdict="skip_budget", detail=f"{most} of {host}") if over else target
