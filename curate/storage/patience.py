"""Pauses and retries per server (429, 503, Retry-After, 403), so that all readers of a process slow down together.

Delays are drawn evenly from zero to a bound that doubles (full jitter), from one second to two minutes. They belong to
the host: once it asks one reader to wait, every reader of the process waits.
"""

import random
import threading
import time
from dataclasses import dataclass
from functools import lru_cache

BLOCK_S = 600.0  # seconds without a request to a host after a 403 in the midst of good answers
AFTER_LONGEST_S = 600.0  # seconds; a longer Retry-After is cut to this


class RemoteError(OSError):
    """A remote file that cannot be read; the message is one line that names it."""


class ChangedError(RemoteError):
    """A file, remote or not, that is no longer what it was when reading began, or when the stage was planned."""


CHANGED_INPUT = "was changed after the stage was planned; the same command plans anew"


class BlockedError(RemoteError):
    """A host that refuses this machine for the rate of its requests."""


class TryAgain(Exception):
    """A request failed and may succeed if it is tried again.

    later: the server itself asks for patience. after: for how many seconds, or None where it does not say.
    """

    def __init__(self, message: str, *, later: bool = False, after: float | None = None) -> None:
        super().__init__(message)
        self.later, self.after = later, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The limits of a reader's tries; they are counted in a row, without one byte in between."""

    tries_later: int = 100  # answers in which the server asks for patience
    tries_broken: int = 10  # connections that break
    first_s: float = 1.0  # the bound of the first delay (s)
    longest_s: float = 120.0  # the bound of the longest delay (s)
    timeout_s: float = 60.0  # without a byte (s)


class HostPatience:
    """A host's state for all readers of this process: when the next request may start, and whether it blocks us."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.served = False  # True once it has sent bytes of a file
        self._lock = threading.Lock()
        self._refusals = 0  # in a row
        self._not_before = 0.0  # seconds on the monotonic clock
        self._blocked_until = 0.0  # seconds on the monotonic clock

    def wait(self, stop: threading.Event) -> None:
        """Waits until the host may be asked; raises BlockedError if it blocks this machine, RemoteError on `stop`."""
        while True:
            now = time.monotonic()
            if now < self._blocked_until:
                raise self._blocked_error(f"nothing is asked of it for {self._blocked_until - now:.0f} s more")
            if stop.wait(max(0.0, self._not_before - now)):
                raise RemoteError(f"{self.name}: the reader was closed")
            if time.monotonic() >= self._not_before:
                return

    def note_answer(self) -> None:
        """Notes that the host has sent bytes of a file."""
        with self._lock:
            self.served, self._refusals = True, 0

    def delay(self, patience: Patience, after: float | None) -> None:
        """Delays all requests to the host by `after` seconds, at most AFTER_LONGEST_S, else by the doubling bound."""
        with self._lock:
            bound_s = min(patience.longest_s, patience.first_s * 2.0 ** min(self._refusals, 30))
            self._refusals += 1
            pause_s = random.uniform(0, bound_s) if after is None else min(max(after, 0.0), AFTER_LONGEST_S)
            self._not_before = max(self._not_before, time.monotonic() + pause_s)

    def block(self, details: str) -> BlockedError:
        """Notes that the host blocks this machine, and returns the error to raise."""
        self._blocked_until = time.monotonic() + BLOCK_S
        return self._blocked_error(details)

    def _blocked_error(self, details: str) -> BlockedError:
        mend = f"wait {BLOCK_S / 60:.0f} minutes or more, then the same command with fewer --workers"
        return BlockedError(
            f"{self.name}: refuses with 403 after good answers, so it blocks this machine ({details}); {mend}"
        )


@lru_cache(maxsize=1024)
def host(name: str) -> HostPatience:
    """Returns the one HostPatience of this name in this process."""
    return HostPatience(name)


class Attempts:
    """Counts the tries of one reading."""

    def __init__(self, name: str, host: HostPatience, patience: Patience) -> None:
        self.name, self.host, self.patience = name, host, patience
        self._later = self._broken = 0  # tries in a row without a byte

    def note_bytes(self) -> None:
        """Notes that bytes have come, so that the tries are counted from the start."""
        self._later = self._broken = 0
        self.host.note_answer()

    def note_failure(self, error: TryAgain) -> None:
        """Delays the next request to the host; raises RemoteError where the tries are used up."""
        if error.later:
            self._later += 1
        else:
            self._broken += 1
        if self._later >= self.patience.tries_later or self._broken >= self.patience.tries_broken:
            tries = self._later + self._broken
            raise RemoteError(f"{self.name}: given up after {tries} tries in a row: {error}") from error
        self.host.delay(self.patience, error.after)
