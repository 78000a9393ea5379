"""Judges the politeness of a client by the ledger of the loopback web, and how fast the client could have been.

`python tests/servers/judge.py FOLDER [--min-delay 1]` judges a folder of the loopback web. Times are the server's, and
such that no client is blamed for a busy machine: a request starts when the server notices it, at the latest, and ends
just before the last bytes of its answer are handed over, at the earliest. So no pause that a client keeps is shorter
here.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from loopback.plan import Plan
from loopback.robots import robots


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the ledger, in seconds of a clock that only goes forward.

    start: when the server noticed the request. came: when the system had it, earlier where the server was busy.
    """

    start: float
    end: float
    scheme: str
    host: str
    port: int
    address: str
    path: str
    method: str
    agent: str
    connection: int
    status: int | None
    retry_after: float | None
    sent: int = 0  # bytes that the system took, some of which the client may not have read
    came: float | None = None

    @property
    def authority(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def earliest(self) -> float:
        """Returns the earliest time at which the request may have been sent."""
        return self.start if self.came is None else min(self.came, self.start)

    @property
    def seconds(self) -> float:
        """Returns the least time that the client waited for its answer."""
        return max(0.0, self.end - self.start)

    @property
    def asks_robots(self) -> bool:
        """Tells whether it is for robots.txt, or a hop of its redirects."""
        return self.path.startswith("/robots") and self.path.endswith(".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The pauses of a polite client, in seconds."""

    min_delay: float = 1.0
    factor: float = 5.0  # times the last answer's duration, up to max_delay
    max_delay: float = 30.0
    address_delay: float = 0.25  # between two starts on one address
    address_requests: int = 2  # on one address at once
    late: float = 1.0  # how long after its turn a request may arrive, as connecting and a busy machine take time
    max_retry_after: float = 3600.0
    contact: bool = True  # the User-Agent must name one


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that a polite client does not do."""

    kind: str
    host: str
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """floor: the seconds that the slowest host or address takes at least; wall: what it took.

    repeats: how often a URL was asked again. sent: bytes of all answers.
    """

    requests: int
    hosts: int
    violations: tuple[Violation, ...]
    floor: float
    wall: float
    repeats: int
    sent: int

    @property
    def efficiency(self) -> float:
        return self.floor / self.wall if self.wall else 1.0

    @property
    def kinds(self) -> Counter[str]:
        return Counter(violation.kind for violation in self.violations)


def entries(path: Path) -> list[Entry]:
    """Reads a ledger, in the order in which the requests began."""
    lines = path.read_text().splitlines() if path.exists() else []
    return sorted((Entry(**json.loads(line)) for line in lines), key=lambda entry: entry.start)


def judge(ledger: Iterable[Entry], plan: Plan, rules: Rules) -> Verdict:
    """Returns what a client did wrong, and how its time compares with the least that the rules allow."""
    requests = sorted(ledger, key=lambda entry: entry.start)
    by_host, by_address, by_authority = (grouped(requests, name) for name in ("host", "address", "authority"))
    hosts = {host.name: host for host in plan.hosts}
    delays = {name: plan.crawl_delay if robots(host.robots, 1).delay else 0.0 for name, host in hosts.items()}
    violations: list[Violation] = []
    for name, group in by_host.items():
        violations += between(group, rules, delays.get(name, 0.0))
    for group in by_authority.values():
        host = hosts.get(group[0].host)
        rules_there = robots(host.robots if host else "missing", 1)
        unreadable = bool(rules_there.act) and rules_there.closed == ("/",)
        violations += robots_first(group, rules_there.closed, unreadable=unreadable)
        violations += one_connection(group)
    for group in by_address.values():
        violations += on_address(group, rules)
    violations += agents(requests, rules)
    floors = [floor(group, rules, delays.get(name, 0.0)) for name, group in by_host.items()]
    floors += [rules.address_delay * (len(group) - 1) for group in by_address.values()]
    urls = Counter((entry.authority, entry.path) for entry in requests)
    return Verdict(
        requests=len(requests),
        hosts=len(by_host),
        violations=tuple(violations),
        floor=max(floors, default=0.0),
        wall=max((entry.end for entry in requests), default=0.0)
        - min((entry.earliest for entry in requests), default=0.0),
        repeats=sum(times - 1 for times in urls.values()),
        sent=sum(entry.sent for entry in requests),
    )


def grouped(asked: Iterable[Entry], name: str) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in asked:
        groups[getattr(entry, name)].append(entry)
    return groups


def required(entry: Entry, rules: Rules, crawl_delay: float) -> float:
    """Returns the pause that must follow a request, Retry-After aside."""
    adaptive = min(rules.factor * entry.seconds, rules.max_delay)
    return max(rules.min_delay, adaptive, crawl_delay)


def between(group: list[Entry], rules: Rules, crawl_delay: float) -> Iterator[Violation]:
    """Yields the faults between the requests to one host: overlaps, short pauses, Retry-After not kept."""
    busy_until, wait_until, pause = 0.0, 0.0, 0.0
    for entry, later in pairwise(group):
        busy_until = max(busy_until, entry.end)
        gap, needed = later.start - busy_until, required(entry, rules, crawl_delay)
        if entry.status in (429, 503) and entry.retry_after:
            pause = min(entry.retry_after, rules.max_retry_after)
            wait_until = max(wait_until, entry.end + pause)
        if gap < 0:
            yield Violation(kind="overlap", host=later.host, path=later.path, detail=f"{-gap:.3f} s")
        elif gap < needed:
            yield Violation(kind="delay", host=later.host, path=later.path, detail=f"{gap:.3f} of {needed:.3f} s")
        if later.start < wait_until:
            detail = f"{wait_until - later.start:.3f} s before {pause:g} s were over"
            yield Violation(kind="retry_after", host=later.host, path=later.path, detail=detail)


def robots_first(group: list[Entry], closed: tuple[str, ...], *, unreadable: bool = False) -> Iterator[Violation]:
    """Yields the faults with robots.txt at one authority: not asked first, asked again once read, not obeyed."""
    answered = [entry.end for entry in group if entry.path == "/robots.txt"]
    for entry in group:
        if entry.asks_robots:
            continue
        if not answered or entry.start < answered[0]:
            yield Violation(kind="before_robots", host=entry.host, path=entry.path)
        if entry.path.startswith(closed):
            yield Violation(kind="closed", host=entry.host, path=entry.path)
    good = [entry for entry in group if entry.path == "/robots.txt"]
    again = sum(one.status in (200, 404, 403, 410) for one, _ in pairwise(good))
    if again and not unreadable:
        yield Violation(kind="robots_again", host=group[0].host, path="/robots.txt", detail=f"{again} times")


def one_connection(group: list[Entry]) -> Iterator[Violation]:
    """Yields connections to one authority that were open at once: one is used again after another was."""
    used: list[int] = []
    for entry in group:
        if entry.connection in used[:-1]:
            yield Violation(kind="connections", host=entry.host, path=entry.path, detail=f"{len(used)} open")
        if entry.connection not in used:
            used.append(entry.connection)


def on_address(group: list[Entry], rules: Rules) -> Iterator[Violation]:
    """Yields the faults on one address: starts before their turn, too many requests at once.

    Turns are apart by the pause, and a request may arrive late, so that the next seems too close. But all of them
    together cannot be faster than their turns by more than the one that came latest was late.
    """
    running: list[Entry] = []
    turn = 0.0
    for entry in group:
        running = [other for other in running if other.end > entry.start] + [entry]
        if len(running) > rules.address_requests:
            yield Violation(kind="address_requests", host=entry.host, path=entry.path, detail=f"{len(running)} at once")
        if entry.start < turn:
            detail = f"{turn - entry.start:.3f} s before its turn"
            yield Violation(kind="address_delay", host=entry.host, path=entry.path, detail=detail)
        else:
            turn = max(turn, entry.earliest - rules.late) + rules.address_delay


def agents(asked: Iterable[Entry], rules: Rules) -> Iterator[Violation]:
    """Yields User-Agents that hide who asks: a browser's name, or no contact."""
    for agent in sorted({entry.agent for entry in asked}) if rules.contact else ():
        if agent.startswith("Mozilla/") or not ("http" in agent or "@" in agent):
            yield Violation(kind="agent", host="", path="", detail=agent[:80])


def floor(group: list[Entry], rules: Rules, crawl_delay: float) -> float:
    """Returns the least seconds that these requests to one host take: their durations and the pauses between."""
    pauses = 0.0
    for entry in group[:-1]:
        retry_after = min(entry.retry_after or 0.0, rules.max_retry_after) if entry.status in (429, 503) else 0.0
        pauses += max(required(entry, rules, crawl_delay), retry_after)
    return pauses + sum(entry.seconds for entry in group)


def main() -> None:
    """Prints the verdict on a folder; exit code 1 where there are violations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--min-delay", type=float, default=1.0)
    parser.add_argument("--address-delay", type=float, default=0.25)
    options = parser.parse_args()
    rules = Rules(min_delay=options.min_delay, address_delay=options.address_delay)
    verdict = judge(entries(options.folder / "ledger.jsonl"), Plan.read(options.folder / "plan.json"), rules)
    for violation in verdict.violations[:50]:
        print(f"{violation.kind:18} {violation.host}{violation.path}  {violation.detail}")
    print(f"{verdict.requests} requests, {verdict.hosts} hosts, {len(verdict.violations)} violations, ", end="")
    print(f"floor {verdict.floor:.1f} s, wall {verdict.wall:.1f} s, efficiency {verdict.efficiency:.2f}")
    raise SystemExit(bool(verdict.violations))


if __name__ == "__main__":
    main()
