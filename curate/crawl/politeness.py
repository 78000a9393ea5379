"""The pauses of hosts and of IP addresses, which together decide when a request may start.

A host has one request at a time, and a pause after each that grows with the host's failures. `Politeness` has no clock:
its caller gives the time, in seconds of any monotonic clock. `AddressGuard` counts for all processes of a machine.
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

LAG_S = 0.05  # a host may see a request last this much longer than we do; delay_factor multiplies it
SPARE_S = 0.03  # added to each pause, as a busy host may see a request's end after we do
MAX_RETRY_AFTER = 3600.0  # a host's longer Retry-After counts as this one (s)

SLOTS = 1 << 16  # two addresses that share one only make us slower
TIME = struct.Struct("d")  # of the last start, of time.monotonic (s)
LOCKS = SLOTS * TIME.size  # where the bytes to lock begin; they need not exist
POLL_S = 0.02  # between two looks for a free turn
STALE_S = 3600.0  # a time so far ahead is another boot's


@dataclass(slots=True)
class HostPauses:
    """The state of one host."""

    ready: float = 0.0  # time when the next request may start (s)
    ended: float | None = None  # time when the last request ended (s)
    delay: float = 0.0  # the pause that robots.txt demands (s)
    failures: int = 0  # in a row
    busy: bool = False  # a request is under way


class Politeness:
    """The pauses of all hosts of a lot."""

    def __init__(self, rules: Crawl) -> None:
        self._rules = rules
        self._hosts: dict[str, HostPauses] = {}

    def host(self, name: str) -> HostPauses:
        """Returns the state of a host."""
        return self._hosts.setdefault(name, HostPauses())

    def ask_for_delay(self, name: str, seconds: float) -> None:
        """Takes note of the delay that the host's robots.txt demands; it can only make the pauses longer."""
        host = self.host(name)
        host.delay = max(host.delay, seconds)
        if host.ended is not None:
            host.ready = max(host.ready, host.ended + _with_spare(host.delay))

    def hold(self, name: str, until: float) -> None:
        """Keeps a host waiting at least until this time."""
        host = self.host(name)
        host.ready = max(host.ready, until)

    def waiting(self, now: float) -> dict[str, float]:
        """Returns the hosts that are to be left alone yet, each with its seconds."""
        return {name: host.ready - now for name, host in self._hosts.items() if host.ready > now}

    def wait(self, name: str, now: float) -> float:
        """Returns the seconds until a request may start; raises RuntimeError while one is under way."""
        host = self.host(name)
        if host.busy:
            raise RuntimeError(f"a request to {name} is under way")
        return max(0.0, host.ready - now)

    def start(self, name: str, now: float) -> None:
        """Takes note that a request starts. Raises RuntimeError where that is too early."""
        if self.wait(name, now) > 0:
            raise RuntimeError(f"{name} may not be asked before {self.host(name).ready}, it is {now}")
        self.host(name).busy = True

    def end(self, name: str, now: float, seconds: float, *, failed: bool, retry_after: float | None = None) -> float:
        """Takes note that the request ended, which lasted `seconds`; returns the pause until the next (s)."""
        host = self.host(name)
        host.busy, host.ended = False, now
        host.failures = host.failures + 1 if failed else 0
        pause = self._pause(host, seconds)
        if retry_after is not None:
            pause = max(pause, min(max(retry_after, 1.0), MAX_RETRY_AFTER))
        pause = _with_spare(pause)
        host.ready = max(host.ready, now + pause)
        return pause

    def _pause(self, host: HostPauses, seconds: float) -> float:
        rules = self._rules
        adaptive = min(max(rules.delay_factor * (seconds + LAG_S), rules.min_delay), rules.max_delay)
        backed_off = min(rules.min_delay * 2**host.failures, rules.max_delay) if host.failures else 0.0
        return max(adaptive, backed_off, host.delay)

    def in_trouble(self, name: str) -> bool:
        """Returns True where the host failed so often in a row that it is not asked again in this wave."""
        return self.host(name).failures >= self._rules.trouble


def _with_spare(pause: float) -> float:
    return pause + SPARE_S


class AddressGuard:
    """Limits the requests to each IP address, for all processes of a machine, by a file of times and locks.

    A process opens a file once at a time, as closing any handle would free all its locks.
    """

    def __init__(self, path: Path, *, delay: float, requests: int) -> None:
        """Opens the file. delay: between two starts on an address (s); requests: on an address at once."""
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
        """Closes the file; no turn may be under way."""
        self._times.close()
        os.close(self._file)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Waits until a request to the address may start. The turn lasts as long as the block."""
        slot = zlib.crc32(address.encode()) % SLOTS
        async with self._queues[slot]:
            while (held := self._lock(slot)) is None:
                await asyncio.sleep(POLL_S)
            try:
                await asyncio.sleep(self._reserve_start(slot))
                self._correct_start(slot)
            except BaseException:
                self._unlock(held)
                raise
        try:
            yield
        finally:
            self._unlock(held)

    def _lock(self, slot: int) -> int | None:
        """Locks one of the bytes that stand for the requests at once and returns it; None where all are taken."""
        for byte in range(LOCKS + slot * self._requests, LOCKS + (slot + 1) * self._requests):
            if byte not in self._held:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                except OSError:
                    continue
                self._held.add(byte)
                return byte
        return None

    def _unlock(self, byte: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)
        self._held.discard(byte)

    def _reserve_start(self, slot: int) -> float:
        """Returns the seconds until our start, and writes that as the last one."""
        with self._last_start(slot) as (last, write):
            now = time.monotonic()
            start = max(now, last + self._delay) if last < now + STALE_S else now
            write(start)
            return start - now

    def _correct_start(self, slot: int) -> None:
        """Writes the start again where it came later than it was due, as an event loop may stand still."""
        with self._last_start(slot) as (last, write):
            write(max(last, time.monotonic()))

    @contextmanager
    def _last_start(self, slot: int) -> Iterator[tuple[float, Callable[[float], None]]]:
        """Gives the time of the last start on an address and a function that writes a new one; locks out others."""
        offset = slot * TIME.size
        fcntl.lockf(self._file, fcntl.LOCK_EX, TIME.size, offset)
        try:
            yield TIME.unpack_from(self._times, offset)[0], partial(TIME.pack_into, self._times, offset)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, TIME.size, offset)
