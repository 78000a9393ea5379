"""A pause between starts, and few requests at once, on each IP address: for all processes of a machine.

Many hosts may share an address, in lots of different workers. What is shared lies in one file: the time of the last
start per slot of a hash, and locks on bytes for the requests under way, which the system frees when a process dies.
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
from functools import partial
from pathlib import Path

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
