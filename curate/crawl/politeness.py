"""When a host may be asked again: one request at a time, and a pause after each that grows with the host's trouble.

A state machine without a clock: whoever drives it says what time it is.
"""

import asyncio
import fcntl
import mmap
import os
import struct
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from curate.crawl.config import Crawl

LAG_S = 0.05  # by which a host may see a request last longer than we do, as it counts five times
SPARE_S = 0.03  # on top of each pause, as a busy host may take note of a request's end after we do
MAX_RETRY_AFTER = 3600.0


@dataclass(slots=True)
class HostPauses:
    """ready: when the next request may start. asked: what robots.txt asks for. failures: in a row."""

    ready: float = 0.0
    ended: float | None = None
    asked: float = 0.0
    failures: int = 0
    busy: bool = False


class Politeness:
    """The pauses of all hosts of a lot."""

    def __init__(self, rules: Crawl) -> None:
        self._rules = rules
        self._hosts: dict[str, HostPauses] = {}

    def host(self, name: str) -> HostPauses:
        """The state of a host."""
        return self._hosts.setdefault(name, HostPauses())

    def ask_for_delay(self, name: str, seconds: float) -> None:
        """What the host's robots.txt asks for; it can only make the pauses longer."""
        host = self.host(name)
        host.asked = max(host.asked, seconds)
        if host.ended is not None:
            host.ready = max(host.ready, host.ended + _longer(host.asked))

    def hold(self, name: str, until: float) -> None:
        """Keep a host waiting at least until then."""
        host = self.host(name)
        host.ready = max(host.ready, until)

    def waiting(self, now: float) -> dict[str, float]:
        """The seconds that each host is yet to be left alone, of those that are."""
        return {name: host.ready - now for name, host in self._hosts.items() if host.ready > now}

    def wait(self, name: str, now: float) -> float:
        """Seconds until a request may start, 0 if it may now; RuntimeError while one is under way."""
        host = self.host(name)
        if host.busy:
            raise RuntimeError(f"{name} is being asked")
        return max(0.0, host.ready - now)

    def start(self, name: str, now: float) -> None:
        """A request starts; RuntimeError where that is too early."""
        if self.wait(name, now) > 0:
            raise RuntimeError(f"{name} may not be asked before {self.host(name).ready}, it is {now}")
        self.host(name).busy = True

    def end(self, name: str, now: float, seconds: float, *, failed: bool, retry_after: float | None = None) -> float:
        """The request that took so long ended now; the pause until the next."""
        host = self.host(name)
        host.busy, host.ended = False, now
        host.failures = host.failures + 1 if failed else 0
        pause = self._pause(host, seconds)
        if retry_after is not None:
            pause = max(pause, min(max(retry_after, 1.0), MAX_RETRY_AFTER))
        pause = _longer(pause)
        host.ready = max(host.ready, now + pause)
        return pause

    def _pause(self, host: HostPauses, seconds: float) -> float:
        rules = self._rules
        adaptive = min(max(rules.delay_factor * (seconds + LAG_S), rules.min_delay), rules.max_delay)
        backed_off = min(rules.min_delay * 2**host.failures, rules.max_delay) if host.failures else 0.0
        return max(adaptive, backed_off, host.asked)

    def in_trouble(self, name: str) -> bool:
        """Has the host failed so often that it is left alone?"""
        return self.host(name).failures >= self._rules.trouble


def _longer(pause: float) -> float:
    return pause + SPARE_S


SLOTS = 1 << 16  # two addresses that share one only make us slower
TIME = struct.Struct("d")
LOCKS = SLOTS * TIME.size  # where the bytes to lock begin; they need not exist
POLL_S = 0.02
STALE_S = 3600.0  # a time so far ahead is another boot's


class AddressGuard:
    """Gives turns on addresses; one per process and file at a time, as closing any handle would free all locks."""

    def __init__(self, path: Path, *, delay: float, requests: int) -> None:
        self._delay, self._requests = delay, requests
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            os.posix_fallocate(self._file, 0, LOCKS)  # on a full disk the first write to a hole would kill the process
        except OSError:
            os.close(self._file)
            raise
        self._times = mmap.mmap(self._file, LOCKS)
        self._queues: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._held: set[int] = set()

    def close(self) -> None:
        """Let go of the file; no turn may be under way."""
        self._times.close()
        os.close(self._file)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait until a request to the address may start; it lasts as long as the block."""
        slot = zlib.crc32(address.encode()) % SLOTS
        async with self._queues[slot]:
            while (held := self._take(slot)) is None:
                await asyncio.sleep(POLL_S)
            try:
                await asyncio.sleep(self._until_start(slot))
                self._started(slot)
            except BaseException:
                self._give(held)
                raise
        try:
            yield
        finally:
            self._give(held)

    def _take(self, slot: int) -> int | None:
        """The byte that stands for one of the requests at once, now ours; None where all are taken."""
        for byte in range(LOCKS + slot * self._requests, LOCKS + (slot + 1) * self._requests):
            if byte not in self._held:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                except OSError:
                    continue
                self._held.add(byte)
                return byte
        return None

    def _give(self, byte: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)
        self._held.discard(byte)

    def _until_start(self, slot: int) -> float:
        """Seconds until our start, which is entered as the last one."""
        with self._last_start(slot) as (last, enter):
            now = time.monotonic()
            start = max(now, last + self._delay) if last < now + STALE_S else now
            enter(start)
            return start - now

    def _started(self, slot: int) -> None:
        """Enter a start that came later than it was due, as a loop may stand still."""
        with self._last_start(slot) as (last, enter):
            enter(max(last, time.monotonic()))

    @contextmanager
    def _last_start(self, slot: int) -> Iterator[tuple[float, Callable[[float], None]]]:
        """The time of the last start on an address, and how to enter a new one, while nobody else does."""
        at = slot * TIME.size
        fcntl.lockf(self._file, fcntl.LOCK_EX, TIME.size, at)
        try:
            yield TIME.unpack_from(self._times, at)[0], partial(TIME.pack_into, self._times, at)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, TIME.size, at)
