"""The lots of a wave, planned in memory: the plain reading of the rules, which the planning by sorting must equal."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from curate.crawl.config import Crawl
from curate.crawl.lots import Target, politeness_key, request_host


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """URLs that are fetched together."""

    id: str
    targets: tuple[Target, ...]  # by host and id
    floor: float  # the seconds that it takes at least


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
