"""The judge of politeness: what a client did wrong by the ledger of the loopback web, and how fast it could have been.

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
        """When the request was sent, at the earliest."""
        return self.start if self.came is None else min(self.came, self.start)

    @property
    def seconds(self) -> float:
        """What the client waited for its answer, at least."""
        return max(0.0, self.end - self.start)

    @property
    def asks_robots(self) -> bool:
        """Is it for robots.txt, or a hop of its redirects?"""
        return self.path.startswith("/robots") and self.path.endswith(".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is polite, in seconds. factor: of the last answer's duration, up to max_delay. address_*: of one address.

    late: how long after its turn on an address a request may arrive, as connecting and a busy machine take time.
    """

    min_delay: float = 1.0
    factor: float = 5.0
    max_delay: float = 30.0
    address_delay: float = 0.25
    address_requests: int = 2
    late: float = 1.0
    max_retry_after: float = 3600.0
    contact: bool = True


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
        return Counter(each.kind for each in self.violations)


def entries(path: Path) -> list[Entry]:
    """A ledger, in the order in which the requests began."""
    lines = path.read_text().splitlines() if path.exists() else []
    return sorted((Entry(**json.loads(line)) for line in lines), key=lambda entry: entry.start)


def judge(ledger: Iterable[Entry], plan: Plan, rules: Rules) -> Verdict:
    """What a client did wrong, and how its time compares with the least that the rules allow."""
    asked = sorted(ledger, key=lambda entry: entry.start)
    by_host, by_address, by_authority = (grouped(asked, name) for name in ("host", "address", "authority"))
    known = {host.name: host for host in plan.hosts}
    delays = {name: plan.crawl_delay if robots(host.robots, 1).delay else 0.0 for name, host in known.items()}
    found: list[Violation] = []
    for name, group in by_host.items():
        found += between(group, rules, delays.get(name, 0.0))
    for group in by_authority.values():
        host = known.get(group[0].host)
        rules_there = robots(host.robots if host else "missing", 1)
        unreadable = bool(rules_there.act) and rules_there.closed == ("/",)
        found += robots_first(group, rules_there.closed, unreadable=unreadable)
        found += one_connection(group)
    for group in by_address.values():
        found += on_address(group, rules)
    found += agents(asked, rules)
    floors = [floor(group, rules, delays.get(name, 0.0)) for name, group in by_host.items()]
    floors += [rules.address_delay * (len(group) - 1) for group in by_address.values()]
    urls = Counter((entry.authority, entry.path) for entry in asked)
    return Verdict(
        requests=len(asked),
        hosts=len(by_host),
        violations=tuple(found),
        floor=max(floors, default=0.0),
        wall=max((entry.end for entry in asked), default=0.0) - min((entry.earliest for entry in asked), default=0.0),
        repeats=sum(times - 1 for times in urls.values()),
        sent=sum(entry.sent for entry in asked),
    )


def grouped(asked: Iterable[Entry], name: str) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in asked:
        groups[getattr(entry, name)].append(entry)
    return groups


def required(entry: Entry, rules: Rules, crawl_delay: float) -> float:
    """The pause that must follow a request, but for Retry-After."""
    adaptive = min(rules.factor * entry.seconds, rules.max_delay)
    return max(rules.min_delay, adaptive, crawl_delay)


def between(group: list[Entry], rules: Rules, crawl_delay: float) -> Iterator[Violation]:
    """What is wrong between the requests to one host: overlaps, short pauses, Retry-After not kept."""
    busy_until, wait_until, told = 0.0, 0.0, 0.0
    for one, two in pairwise(group):
        busy_until = max(busy_until, one.end)
        gap, needed = two.start - busy_until, required(one, rules, crawl_delay)
        if one.status in (429, 503) and one.retry_after:
            told = min(one.retry_after, rules.max_retry_after)
            wait_until = max(wait_until, one.end + told)
        if gap < 0:
            yield Violation(kind="overlap", host=two.host, path=two.path, detail=f"{-gap:.3f} s")
        elif gap < needed:
            yield Violation(kind="delay", host=two.host, path=two.path, detail=f"{gap:.3f} of {needed:.3f} s")
        if two.start < wait_until:
            detail = f"{wait_until - two.start:.3f} s before {told:g} s were over"
            yield Violation(kind="retry_after", host=two.host, path=two.path, detail=detail)


def robots_first(group: list[Entry], closed: tuple[str, ...], *, unreadable: bool = False) -> Iterator[Violation]:
    """What is wrong with robots.txt at one authority: not asked first, asked again though it was read, not obeyed."""
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
    """Connections to one authority that were open at once: one is used again after another was."""
    used: list[int] = []
    for entry in group:
        if entry.connection in used[:-1]:
            yield Violation(kind="connections", host=entry.host, path=entry.path, detail=f"{len(used)} open")
        if entry.connection not in used:
            used.append(entry.connection)


def on_address(group: list[Entry], rules: Rules) -> Iterator[Violation]:
    """What is wrong on one address: starts before their turn, too many requests at once.

    Turns are apart by the pause, and a request may arrive late, so that the next seems too close. But all of them
    together cannot be faster than their turns by more than the one that came latest was late.
    """
    running: list[Entry] = []
    turn = 0.0
    for entry in group:
        running = [each for each in running if each.end > entry.start] + [entry]
        if len(running) > rules.address_requests:
            yield Violation(kind="address_requests", host=entry.host, path=entry.path, detail=f"{len(running)} at once")
        if entry.start < turn:
            detail = f"{turn - entry.start:.3f} s before its turn"
            yield Violation(kind="address_delay", host=entry.host, path=entry.path, detail=detail)
        else:
            turn = max(turn, entry.earliest - rules.late) + rules.address_delay


def agents(asked: Iterable[Entry], rules: Rules) -> Iterator[Violation]:
    """User-Agents that hide who asks: a browser's name, or no contact."""
    for agent in sorted({entry.agent for entry in asked}) if rules.contact else ():
        if agent.startswith("Mozilla/") or not ("http" in agent or "@" in agent):
            yield Violation(kind="agent", host="", path="", detail=agent[:80])


def floor(group: list[Entry], rules: Rules, crawl_delay: float) -> float:
    """The seconds that these requests to one host take at least: their own durations and the pauses between."""
    pauses = 0.0
    for entry in group[:-1]:
        told = min(entry.retry_after or 0.0, rules.max_retry_after) if entry.status in (429, 503) else 0.0
        pauses += max(required(entry, rules, crawl_delay), told)
    return pauses + sum(entry.seconds for entry in group)


def main() -> None:
    """Print the verdict on a folder; exit code 1 where there are violations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--min-delay", type=float, default=1.0)
    parser.add_argument("--address-delay", type=float, default=0.25)
    told = parser.parse_args()
    rules = Rules(min_delay=told.min_delay, address_delay=told.address_delay)
    verdict = judge(entries(told.folder / "ledger.jsonl"), Plan.read(told.folder / "plan.json"), rules)
    for each in verdict.violations[:50]:
        print(f"{each.kind:18} {each.host}{each.path}  {each.detail}")
    print(f"{verdict.requests} requests, {verdict.hosts} hosts, {len(verdict.violations)} violations, ", end="")
    print(f"floor {verdict.floor:.1f} s, wall {verdict.wall:.1f} s, efficiency {verdict.efficiency:.2f}")
    raise SystemExit(bool(verdict.violations))


if __name__ == "__main__":
    main()
