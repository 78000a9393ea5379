"""The run of one lot: robots.txt first, each host in its own pace, every URL to one outcome."""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from curate.crawl import journal
from curate.crawl.addresses import parse_cidrs, parse_resolve
from curate.crawl.answers import Settled, codings, glance, redirected, retry_after, settled
from curate.crawl.config import Crawl
from curate.crawl.fetch import Answer, Glance, ask, session
from curate.crawl.journal import Journal
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

TICK_S = 0.5
GRACE_S = 10.0  # for what is in flight when the crawl is to stop
ROBOTS_REDIRECTS = 5
HANGING_UP_S = 0.2  # in which a server may go on with an answer that we no longer read
TDMREP_BYTES = 1 << 18


class Stopped(Exception):
    """The crawl is to stop; what has not begun is left for the next time."""


class LotRun:
    """Fetches the targets of a lot into its writer. stop: asked every now and then whether to stop."""

    def __init__(self, targets: list[Target], writer: LotWriter, rules: Crawl, work: Path, stop: Callable[[], bool]):
        self.rules, self.writer, self._work, self._stop = rules, writer, work, stop
        done = {row["id"] for row in writer.rows}
        self._targets = [target for target in targets if target.id not in done]
        self._seen = {target.url for target in targets} | {row["final_url"] for row in writer.rows}
        self._cache = RobotsCache(work / "robots")
        self._closed: dict[str, Access] = {}
        self._away: dict[str, float] = {}  # unix time before which a host asks to be left alone
        self._tdm: dict[str, bytes] = {}

    async def run(self) -> bool:
        """Fetch what is not committed yet; False where it was stopped before the end."""
        rules = self.rules
        self._polite = Politeness(rules)
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._slots = asyncio.Semaphore(rules.connections)
        self._stopping = asyncio.Event()
        self._resolver = Resolver(parse_resolve(rules.resolve), parse_cidrs(rules.allow_networks))
        self._journal = Journal(self.writer.work / "journal")
        self._lost = self._journal.asked - {row["id"] for row in self.writer.rows}
        for host, ready in [*self._journal.ready.items(), *journal.read_pauses(self._work)]:
            self._polite.hold(host, time.monotonic() + ready - time.time())
        self._guard = AddressGuard(self._work / "addresses", delay=rules.address_delay, requests=rules.address_requests)
        try:
            async with session(rules, self._resolver) as self._client:
                await self._all_hosts()
            self.writer.commit()
            journal.write_pauses(self._work, self.writer.work.name, self._polite.waiting(time.monotonic()))
        finally:
            self.writer.abandon()
            self._guard.close()
            self._journal.close()
        return not self._stopping.is_set()

    async def _all_hosts(self) -> None:
        queues: dict[str, list[Target]] = defaultdict(list)
        for target in self._targets:
            queues["" if target.verdict else request_host(target.url)].append(target)
        pending = {asyncio.create_task(self._host(host, queue)) for host, queue in queues.items()}
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=TICK_S, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                if self._stop():
                    self._stopping.set()
                    done, pending = await asyncio.wait(pending, timeout=GRACE_S)
                    break
                if self.writer.due:
                    self.writer.commit()
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _host(self, host: str, targets: list[Target]) -> None:
        """All targets of a host, one after another."""
        queue, again = deque(targets), Counter[bytes]()
        late = max((target.not_before for target in targets), default=0.0)
        self._polite.hold(host, time.monotonic() + late - time.time())
        while queue:
            target = queue.popleft()
            try:
                row, page = await self._outcome(target)
            except Stopped:
                return
            patient = again[target.id] < self.rules.retries and host not in self._away
            if next_step(row["outcome"]) == "retry" and patient and not self._polite.in_trouble(host):
                again[target.id] += 1
                queue.append(target)
                continue
            self._write(target, row, page)
            if queue and (host in self._away or self._polite.in_trouble(host)):
                for rest in queue:
                    self._write(rest, row_of(rest, Settled(outcome="deferred_host_backoff", detail=row["outcome"])))
                return

    async def _outcome(self, target: Target) -> tuple[Row, Answer | None]:
        """What becomes of a target, and its answer if that is kept; a fault of ours costs the one target.

        But not a disk that is full: that ends the run, which goes on from what is committed.
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

    def _write(self, target: Target, row: Row, answer: Answer | None = None) -> None:
        row["refetched"] = target.id in self._lost
        wait = self.rules.defer_seconds if row["outcome"] != "http_429" else 0.0
        then = max(self._away.get(request_host(target.url), 0.0), time.time() + wait)
        again = target.tries + 1 < self.rules.waves and then - time.time() <= self.rules.max_defer
        row["deferred"] = next_step(row["outcome"]) != "end" and again
        if row["deferred"]:
            row |= {"tries": target.tries + 1, "not_before": then}
        self.writer.add(row, exchange_of(target, row, answer) if answer and row["kept"] else None)

    async def _visit(self, target: Target) -> tuple[Row, Answer | None]:
        """Ask for a target, and on, as far as it leads within its host."""
        url, hops, host = target.url, list[str](), request_host(target.url)
        while True:
            told, preferences, refusal = await self._allowed(url)
            if refusal:
                return row_of(target, refusal, hops=hops, robots=told), None
            answer = await self._request(url, self.rules.max_bytes, lambda seen, head: glance(seen, head, self.rules))
            hops.append(url)
            try:
                onward = redirected(answer)
            except ValueError as error:
                found = Settled(outcome="redirect_bad_target", detail=str(error))
                return row_of(target, found, answer, hops=hops, robots=told), None
            if onward is None:
                found = settled(answer, self.rules, preferences)
                return row_of(target, found, answer, hops=hops, robots=told), answer
            if stop := self._end_of_chain(target, hops, onward, host):
                across = onward if stop.outcome == "redirect_cross_host" else None
                return row_of(target, stop, answer, hops=hops, robots=told, location=across), None
            self._seen.add(onward)
            url = onward

    def _end_of_chain(self, target: Target, hops: list[str], onward: str, host: str) -> Settled | None:
        """Why a redirect is not followed here, or None where it is."""
        if onward in hops or onward in target.via:
            return Settled(outcome="redirect_loop", detail=onward)
        if len(hops) + len(target.via) > self.rules.redirects:
            return Settled(outcome="redirect_too_many", detail=f"{len(hops) + len(target.via)} redirects")
        if request_host(onward) != host:
            if refused := self._resolver.refused_literal(request_host(onward)):
                return Settled(outcome="redirect_denied", detail=refused)
            return Settled(outcome="redirect_cross_host", detail=onward)
        if onward in self._seen:
            return Settled(outcome="redirect_same_host", detail=onward)
        return None

    async def _allowed(self, url: str) -> tuple[str, tuple[Preference, ...], Settled | None]:
        """What robots.txt says of a URL: the deciding line, preferences, and why it is not asked for, if so."""
        authority, rules = _authority(url), self.rules
        known = await self._robots(authority)
        if known.outcome:
            return "", (), Settled(outcome=known.outcome, detail=known.detail)
        robots = known.robots
        verdict = robots.verdict(rules.agent, url)
        told = f"L{verdict.line} {verdict.pattern}" if verdict.line else ""
        if not verdict.allowed:
            return told, (), Settled(outcome="robots_disallow", detail=told)
        rate = robots.request_rate(rules.agent)
        delay = max(robots.crawl_delay(rules.agent) or 0.0, rate.seconds / rate.requests if rate else 0.0)
        if delay > rules.max_crawl_delay:
            return told, (), Settled(outcome="robots_delay_too_long", detail=f"{delay:g} s")
        self._polite.ask_for_delay(request_host(url), delay)
        preferences = robots.preferences(rules.agent, url)
        if rules.tdmrep:
            preferences = (*preferences, *from_tdmrep(await self._tdmrep(authority), url))
        return told, preferences, None

    async def _robots(self, authority: str) -> Access:
        """What may be asked of an authority, fetched if need be."""
        if found := self._cache.find(authority) or self._closed.get(authority):
            return found
        url, hops, error = f"{authority}/robots.txt", list[str](), None
        while True:
            answer = await self._request(url, MAX_BYTES + 1)
            hops.append(url)
            error = answer.outcome or (answer.why if answer.truncated != "length" else "") or None
            if error and len(hops) == 1 and error.startswith(("dns_", "ip_")):
                return self._closed.setdefault(authority, Access(outcome=error, detail=answer.detail))
            try:
                onward = redirected(answer)
            except ValueError:
                onward, error = None, "redirect_bad_target"
            if onward is None:
                break
            if onward in hops or len(hops) > ROBOTS_REDIRECTS:
                error = "redirect_loop" if onward in hops else "redirect_too_many"
                break
            url = onward
        return self._judged(authority, answer, error)

    def _judged(self, authority: str, answer: Answer, error: str | None) -> Access:
        found = access(answer.status or None, error, forbidden=self.rules.forbidden == "deny")
        if found == "unreachable":
            detail = error or of_status(answer.status)
            return self._closed.setdefault(authority, Access(outcome="robots_unreachable", detail=detail))
        until = time.time() + cache_seconds(answer.fields)
        plain = decode_body(answer.body, codings(answer), MAX_BYTES + 1)[0] if found == "rules" else None
        return self._cache.keep(authority, plain, until)

    async def _tdmrep(self, authority: str) -> bytes:
        if authority not in self._tdm:
            answer = await self._request(f"{authority}/.well-known/tdmrep.json", TDMREP_BYTES)
            plain, _ = decode_body(answer.body, codings(answer), TDMREP_BYTES)
            self._tdm[authority] = plain if answer.status == 200 else b""
        return self._tdm[authority]

    async def _request(self, url: str, limit: int, glance: Glance = lambda *_: "") -> Answer:
        """One request, when host and address are due; Stopped where the crawl is to stop before it."""
        host, polite = request_host(url), self._polite
        async with self._locks[host]:
            await self._pause(host)
            try:
                address = await self._resolver.address(host, _port(url))
            except RefusedAddress as error:
                return Answer.refused(url, error.outcome, error.detail)
            async with self._slots, self._guard.turn(address):
                if self._stopping.is_set():
                    raise Stopped
                self._journal.asking(host, self.rules.min_delay, url)
                polite.start(host, time.monotonic())
                answer = await ask(self._client, url, self.rules, limit=limit, glance=glance)
                failed = bool({answer.outcome, answer.why} & TROUBLE) or answer.status == 429 or answer.status >= 500
                wanted = retry_after(answer)
                spent = answer.seconds + (HANGING_UP_S if answer.cut else 0.0)
                pause = polite.end(host, time.monotonic(), spent, failed=failed, retry_after=wanted)
                self._journal.asked_for(host, pause)
                if wanted is not None and wanted > self.rules.max_wait:
                    self._away[host] = time.time() + max(pause, wanted)
                return answer

    async def _pause(self, host: str) -> None:
        while (wait := self._polite.wait(host, time.monotonic())) > 0:
            try:
                async with asyncio.timeout(wait):
                    await self._stopping.wait()
            except TimeoutError:
                continue
            raise Stopped
        if self._stopping.is_set():
            raise Stopped


def _authority(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
