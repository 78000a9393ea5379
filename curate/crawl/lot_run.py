"""The run of one lot: robots.txt first, each host at its own pace, every URL to one outcome.

`run_lot` opens what a lot needs. `Requests` makes each request when its host and address are due, `RobotsDesk` decides
by robots.txt which URLs may be requested, `LotRun` leads each target to its outcome.
"""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from curate.crawl.addresses import parse_cidrs, parse_resolve
from curate.crawl.answers import Settled, codings, glance, redirect_url, retry_after, settle
from curate.crawl.config import Crawl
from curate.crawl.fetch import Answer, Client, Glance, ask, session
from curate.crawl.journal import Place, Turn, read_pauses, write_pauses
from curate.crawl.lot_writer import LotWriter
from curate.crawl.lots import Target, request_host
from curate.crawl.outcomes import TROUBLE, next_step, of_status
from curate.crawl.politeness import AddressGuard, Politeness
from curate.crawl.resolver import RefusedAddress, Resolver
from curate.crawl.robots_cache import Access, RobotsCache
from curate.crawl.rows import Row, exchange_of, row_of
from curate.warc.payloads import decode_body
from curate.web.optouts import Preference, from_tdmrep
from curate.web.robots import MAX_BYTES, access, cache_seconds

TICK_S = 0.5  # between two looks whether to stop or to commit
GRACE_S = 2.0  # for requests in flight when the crawl is to stop; an interrupted command has 4 s in all
ROBOTS_REDIRECTS = 5
HANGING_UP_S = 0.2  # a server may go on sending for so long after we hang up
TDMREP_BYTES = 1 << 18


class Stopped(Exception):
    """Raised when the crawl is to stop; URLs that were not requested yet are left for its next run."""


async def run_lot(targets: list[Target], writer: LotWriter, rules: Crawl, place: Place) -> bool:
    """Fetches the targets of a lot that are not committed yet. Returns False where it was stopped before the end."""
    politeness, stopping = Politeness(rules), asyncio.Event()
    resolver = Resolver(parse_resolve(rules.resolve), parse_cidrs(rules.allow_networks))
    for host, ready in [*place.journal.ready.items(), *read_pauses(place.work)]:
        politeness.hold(host, time.monotonic() + ready - time.time())
    for target in targets if place.cooldown else ():
        politeness.hold(request_host(target.url), time.monotonic() + place.cooldown)
    path = place.machine / "addresses.curate"
    guard = AddressGuard(path, delay=rules.address_delay, requests=rules.address_requests)
    try:
        async with session(rules, resolver) as client:
            requests = Requests(
                rules,
                client=client,
                resolver=resolver,
                turn=place.turns(guard.turn),
                place=place,
                politeness=politeness,
                stopping=stopping,
            )
            robots = RobotsDesk(rules, requests, RobotsCache(place.work / "robots"))
            await LotRun(targets, writer, rules, requests=requests, robots=robots).fetch_all(place)
        if place.holds:
            writer.commit()
            write_pauses(place.work, writer.work.name, politeness.waiting(time.monotonic()))
    finally:
        writer.abandon()
        guard.close()
    return not stopping.is_set()


class Requests:
    """Makes the requests of a lot, each when its host and its address are due.

    away: hosts that ask to be left alone for long, and until when (unix time); stopping: set when no request may start.
    """

    def __init__(
        self,
        rules: Crawl,
        *,
        client: Client,
        resolver: Resolver,
        turn: Turn,
        place: Place,
        politeness: Politeness,
        stopping: asyncio.Event,
    ) -> None:
        self.resolver, self.place, self.politeness, self.stopping = resolver, place, politeness, stopping
        self.away: dict[str, float] = {}
        self._rules, self._client, self._turn = rules, client, turn
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by host
        self._slots = asyncio.Semaphore(rules.connections)

    async def get(self, url: str, limit: int, glance: Glance = lambda *_: "") -> Answer:
        """Makes one request and reads at most `limit` bytes of its body. Raises Stopped before a request if need be."""
        host = request_host(url)
        async with self._locks[host]:
            await self._wait_for(host)
            try:
                address = await self.resolver.address(host, _port(url))
            except RefusedAddress as error:
                return Answer.refused(url, error.outcome, error.detail)
            async with self._slots, self._turn(address):
                if self.stopping.is_set() or not self.place.holds:
                    raise Stopped
                self.place.journal.asking(host, self._rules.min_delay, url)
                self.politeness.start(host, time.monotonic())
                answer = await ask(self._client, url, self._rules, limit=limit, glance=glance)
                self._end(host, answer)
                return answer

    def _end(self, host: str, answer: Answer) -> None:
        """Takes note that a request ended: how long the host is to be left alone after it."""
        failed = bool({answer.outcome, answer.why} & TROUBLE) or answer.status == 429 or answer.status >= 500
        wait = retry_after(answer)
        seconds = answer.seconds + (HANGING_UP_S if answer.cut else 0.0)
        pause = self.politeness.end(host, time.monotonic(), seconds, failed=failed, retry_after=wait)
        self.place.journal.asked_for(host, pause)
        if pause > self._rules.max_delay:
            self.place.pause_is_long()
        if wait is not None and wait > self._rules.max_wait:
            self.away[host] = time.time() + max(pause, wait)

    async def _wait_for(self, host: str) -> None:
        """Waits until a request to the host may start. Raises Stopped once the crawl is to stop."""
        while (seconds := self.politeness.wait(host, time.monotonic())) > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self.stopping.wait()
            except TimeoutError:
                continue
            raise Stopped
        if self.stopping.is_set():
            raise Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The answer of a site's robots.txt, and of its TDMRep file, about one URL."""

    line: str = ""  # the line and pattern of robots.txt that decided
    preferences: tuple[Preference, ...] = ()  # about the use of the page
    refusal: Settled | None = None  # the outcome, where the URL may not be requested


class RobotsDesk:
    """Decides by the robots.txt of a site whether a URL may be requested; fetches that file, and TDMRep, as needed."""

    def __init__(self, rules: Crawl, requests: Requests, cache: RobotsCache) -> None:
        self._rules, self._requests, self._cache = rules, requests, cache
        self._closed: dict[str, Access] = {}  # authorities without a robots.txt that could be fetched in this run
        self._tdm: dict[str, bytes] = {}  # tdmrep.json by authority, b"" for none

    async def check(self, url: str) -> Permission:
        """Returns whether a URL may be requested; a Crawl-delay makes the host's pauses longer from now on."""
        authority, rules = _authority(url), self._rules
        site = await self._access(authority)
        if site.outcome:
            return Permission(refusal=Settled(outcome=site.outcome, detail=site.detail))
        robots = site.robots
        verdict = robots.verdict(rules.agent, url)
        line = f"L{verdict.line} {verdict.pattern}" if verdict.line else ""
        if not verdict.allowed:
            return Permission(line=line, refusal=Settled(outcome="robots_disallow", detail=line))
        rate = robots.request_rate(rules.agent)
        delay = max(robots.crawl_delay(rules.agent) or 0.0, rate.seconds / rate.requests if rate else 0.0)
        if delay > rules.max_crawl_delay:
            return Permission(line=line, refusal=Settled(outcome="robots_delay_too_long", detail=f"{delay:g} s"))
        self._requests.politeness.ask_for_delay(request_host(url), delay)
        preferences = robots.preferences(rules.agent, url)
        if rules.tdmrep:
            preferences = (*preferences, *from_tdmrep(await self._tdmrep(authority), url))
        return Permission(line=line, preferences=preferences)

    async def _access(self, authority: str) -> Access:
        """Returns what may be requested of an authority, from the cache or by its robots.txt."""
        if site := await self._apart(self._cache.find, authority) or self._closed.get(authority):
            return site
        answer, error, hops = await self._fetch(authority)
        if error and hops == 1 and error.startswith(("dns_", "ip_")):
            return self._closed.setdefault(authority, Access(outcome=error, detail=answer.detail))
        return await self._judge(authority, answer, error)

    async def _apart(self, call: Callable[..., Access | None], authority: str, *more: Any) -> Access | None:
        """Calls the cache: in a thread where it asks a store, so that no other host waits."""
        if self._cache.is_remote and (more or not self._cache.holds(authority)):
            return await asyncio.to_thread(call, authority, *more)
        return call(authority, *more)

    async def _fetch(self, authority: str) -> tuple[Answer, str | None, int]:
        """Fetches robots.txt through redirects; returns the last answer, its error, and the number of requests."""
        url, hops = f"{authority}/robots.txt", list[str]()
        while True:
            answer = await self._requests.get(url, MAX_BYTES + 1)
            hops.append(url)
            error = answer.outcome or (answer.why if answer.truncated != "length" else "") or None
            try:
                onward = redirect_url(answer)
            except ValueError:
                return answer, "redirect_bad_target", len(hops)
            if onward is None:
                return answer, error, len(hops)
            if onward in hops:
                return answer, "redirect_loop", len(hops)
            if len(hops) > ROBOTS_REDIRECTS:
                return answer, "redirect_too_many", len(hops)
            url = onward

    async def _judge(self, authority: str, answer: Answer, error: str | None) -> Access:
        """Returns what an answer to the request for robots.txt permits, and remembers it."""
        permission = access(answer.status or None, error, forbidden=self._rules.forbidden == "deny")
        if permission == "unreachable":
            detail = error or of_status(answer.status)
            return self._closed.setdefault(authority, Access(outcome="robots_unreachable", detail=detail))
        until = time.time() + cache_seconds(answer.fields)
        plain = decode_body(answer.body, codings(answer), MAX_BYTES + 1)[0] if permission == "rules" else None
        return await self._apart(self._cache.keep, authority, plain, until) or Access()

    async def _tdmrep(self, authority: str) -> bytes:
        """Returns the TDMRep file of an authority, b"" where it has none."""
        if authority not in self._tdm:
            answer = await self._requests.get(f"{authority}/.well-known/tdmrep.json", TDMREP_BYTES)
            plain, _ = decode_body(answer.body, codings(answer), TDMREP_BYTES)
            self._tdm[authority] = plain if answer.status == 200 else b""
        return self._tdm[authority]


class LotRun:
    """Leads each target of a lot that is not committed yet to its outcome, and writes that."""

    def __init__(
        self, targets: list[Target], writer: LotWriter, rules: Crawl, *, requests: Requests, robots: RobotsDesk
    ) -> None:
        self._rules, self._writer, self._requests, self._robots = rules, writer, requests, robots
        committed = {row["id"] for row in writer.rows}
        self._targets = [target for target in targets if target.id not in committed]
        self._seen = {target.url for target in targets} | {row["final_url"] for row in writer.rows}
        self._lost = requests.place.journal.asked - committed  # ids of URLs whose answers a crash lost

    async def fetch_all(self, place: Place) -> None:
        """Runs all hosts side by side until each is done or the crawl is to stop; commits when due."""
        queues: dict[str, list[Target]] = defaultdict(list)
        for target in self._targets:
            queues["" if target.verdict else request_host(target.url)].append(target)
        pending = {asyncio.create_task(self._fetch_host(host, queue)) for host, queue in queues.items()}
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=TICK_S, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                if place.stopped() or not place.holds:
                    self._requests.stopping.set()
                    if pending:
                        done, pending = await asyncio.wait(pending, timeout=GRACE_S)
                    break
                await place.tend()
                if self._writer.due:
                    await self._writer.commit_beside()
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _fetch_host(self, host: str, targets: list[Target]) -> None:
        """Fetches all targets of a host, one after another; the rest waits for the next wave if the host fails."""
        politeness, away = self._requests.politeness, self._requests.away
        queue, retries = deque(targets), Counter[bytes]()
        not_before = max((target.not_before for target in targets), default=0.0)
        politeness.hold(host, time.monotonic() + not_before - time.time())
        while queue:
            target = queue.popleft()
            try:
                row, page = await self._outcome(target)
            except Stopped:
                return
            may_retry = retries[target.id] < self._rules.retries and host not in away
            if next_step(row["outcome"]) == "retry" and may_retry and not politeness.in_trouble(host):
                retries[target.id] += 1
                queue.append(target)
                continue
            self._write(target, row, page)
            if queue and (host in away or politeness.in_trouble(host)):
                for rest in queue:
                    self._write(rest, row_of(rest, Settled(outcome="deferred_host_backoff", detail=row["outcome"])))
                return

    async def _outcome(self, target: Target) -> tuple[Row, Answer | None]:
        """Returns the row of a target, and its answer if that is kept; an error of ours costs only this target.

        A full disk (OSError) ends the run instead, which can go on from what is committed.
        """
        if target.verdict:
            return row_of(target, Settled(outcome=target.verdict, detail=target.detail)), None
        try:
            return await self._visit(target)
        except (Stopped, OSError):
            raise
        except Exception as error:
            detail = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            return row_of(target, Settled(outcome="internal_error", detail=detail)), None

    async def _visit(self, target: Target) -> tuple[Row, Answer | None]:
        """Requests a target, and follows its redirects within its host; returns as `_outcome` does."""
        url, hops, host = target.url, list[str](), request_host(target.url)
        while True:
            permission = await self._robots.check(url)
            line = permission.line
            if permission.refusal:
                return row_of(target, permission.refusal, hops=hops, robots=line), None
            answer = await self._requests.get(url, self._rules.max_bytes, partial(glance, rules=self._rules))
            hops.append(url)
            try:
                onward = redirect_url(answer)
            except ValueError as error:
                settled = Settled(outcome="redirect_bad_target", detail=str(error))
                return row_of(target, settled, answer, hops=hops, robots=line), None
            if onward is None:
                settled = settle(answer, self._rules, permission.preferences)
                return row_of(target, settled, answer, hops=hops, robots=line), answer
            if end := self._end_of_chain(target, hops, onward, host):
                location = onward if end.outcome == "redirect_cross_host" else None
                return row_of(target, end, answer, hops=hops, robots=line, location=location), None
            self._seen.add(onward)
            url = onward

    def _end_of_chain(self, target: Target, hops: list[str], onward: str, host: str) -> Settled | None:
        """Returns the outcome of a redirect that is not followed here; None where it is."""
        redirects = len(hops) + len(target.via)
        if onward in hops or onward in target.via:
            return Settled(outcome="redirect_loop", detail=onward)
        if redirects > self._rules.redirects:
            return Settled(outcome="redirect_too_many", detail=f"{redirects} redirects")
        if request_host(onward) != host:
            if reason := self._requests.resolver.refused_literal(request_host(onward)):
                return Settled(outcome="redirect_denied", detail=reason)
            return Settled(outcome="redirect_cross_host", detail=onward)
        if onward in self._seen:
            return Settled(outcome="redirect_same_host", detail=onward)
        return None

    def _write(self, target: Target, row: Row, answer: Answer | None = None) -> None:
        """Writes an outcome, and its page if that is kept; decides whether the next wave tries the URL again."""
        row["refetched"] = target.id in self._lost
        wait = self._rules.defer_seconds if row["outcome"] != "http_429" else 0.0
        not_before = max(self._requests.away.get(request_host(target.url), 0.0), time.time() + wait)
        again = target.tries + 1 < self._rules.waves and not_before - time.time() <= self._rules.max_defer
        row["deferred"] = next_step(row["outcome"]) != "end" and again
        if row["deferred"]:
            row |= {"tries": target.tries + 1, "not_before": not_before}
        self._writer.add(row, exchange_of(target, row, answer) if answer and row["kept"] else None)


def _authority(url: str) -> str:
    """Returns the scheme, host and port of a URL, as one string."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _port(url: str) -> int:
    """Returns the port of a URL, its scheme's own where it names none."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
