"""When to ask a server again, and how all readers of one process slow down together.

Delays are drawn evenly from zero to a bound that doubles (full jitter), from one second to two minutes. They belong to
the host: once one reader is told to wait, every reader of the process waits.
"""

import random
import threading
import time
from dataclasses import dataclass
from functools import lru_cache

BLOCK_S = 600.0  # after a 403 in the midst of good answers nothing is asked of the host for this long
AFTER_LONGEST_S = 600.0  # of a Retry-After no more than this is waited


class RemoteError(OSError):
    """A remote file that cannot be read; the message is one line that names it."""


class ChangedError(RemoteError):
    """A remote file that is no longer what it was when the reading began, or when the stage was planned."""


class BlockedError(RemoteError):
    """A host that refuses this machine for the rate of its requests."""


class Again(Exception):
    """An answer that is worth another try; later: the server asks for patience, after: for how many seconds."""

    def __init__(self, told: str, *, later: bool = False, after: float | None = None) -> None:
        super().__init__(told)
        self.later, self.after = later, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a reader tries: in a row without one byte, where the server says "later", or the connection breaks."""

    tries_later: int = 100
    tries_broken: int = 10
    first_s: float = 1.0
    longest_s: float = 120.0
    timeout_s: float = 60.0  # without a byte


class HostPatience:
    """What a process has seen of a host; shared by all readers of it."""

    def __init__(self, name: str) -> None:
        self.name, self.served = name, False
        self._lock = threading.Lock()
        self._refusals = 0
        self._not_before = 0.0
        self._blocked_until = 0.0

    def wait(self, stop: threading.Event) -> None:
        """Wait until the host may be asked; BlockedError where it refuses this machine, RemoteError after `stop`."""
        while True:
            now = time.monotonic()
            if now < self._blocked_until:
                raise self._block(f"nothing is asked of it for {self._blocked_until - now:.0f} s more")
            if stop.wait(max(0.0, self._not_before - now)):
                raise RemoteError(f"{self.name}: the reader was closed")
            if time.monotonic() >= self._not_before:
                return

    def answered(self) -> None:
        """The host has sent bytes of a file."""
        with self._lock:
            self.served, self._refusals = True, 0

    def slow(self, patience: Patience, after: float | None) -> None:
        """Put off every request: by the host's own word, as far as it is bearable, else by the doubling bound."""
        with self._lock:
            bound = min(patience.longest_s, patience.first_s * 2.0 ** min(self._refusals, 30))
            self._refusals += 1
            delay = random.uniform(0, bound) if after is None else min(max(after, 0.0), AFTER_LONGEST_S)
            self._not_before = max(self._not_before, time.monotonic() + delay)

    def block(self, told: str) -> BlockedError:
        """Note that the host has begun to refuse this machine; the error to raise."""
        self._blocked_until = time.monotonic() + BLOCK_S
        return self._block(told)

    def _block(self, told: str) -> BlockedError:
        mend = f"wait {BLOCK_S / 60:.0f} minutes or more, then the same command with fewer --workers"
        return BlockedError(
            f"{self.name}: refuses with 403 after good answers, so it blocks this machine ({told}); {mend}"
        )


@lru_cache(maxsize=1024)
def host(name: str) -> HostPatience:
    """The one Host of this name in this process."""
    return HostPatience(name)


class Attempts:
    """The tries of one reading; `moved` when bytes came, `again` when another try is due."""

    def __init__(self, name: str, host: HostPatience, patience: Patience) -> None:
        self.name, self.host, self.patience = name, host, patience
        self._later = self._broken = 0

    def moved(self) -> None:
        """Bytes have come, so the tries are counted from the start."""
        self._later = self._broken = 0
        self.host.answered()

    def again(self, error: Again) -> None:
        """Slow the host down; RemoteError where the tries are used up."""
        if error.later:
            self._later += 1
        else:
            self._broken += 1
        if self._later >= self.patience.tries_later or self._broken >= self.patience.tries_broken:
            tries = self._later + self._broken
            raise RemoteError(f"{self.name}: given up after {tries} tries in a row: {error}") from error
        self.host.slow(self.patience, error.after)
