"""Leases: which process of many machines may work on a thing, by numbered files in a store that all of them write to.

The file with the highest number in a folder is the lease that counts. Its holder writes it anew in good time; a process
that sees it unchanged for a whole term may make the next number, by a write that fails where the file is there. No two
clocks are compared: a holder stops by its own clock after two thirds of a term, others wait a whole one by theirs.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate import storage

SHARE = 2 / 3  # of a term, in which its holder may act; the rest is for a process or a request that stands still
SETTLE_S = 4.0  # in a store without conditional writes: how long a write waits for rivals to show
CONDITIONAL = ("s3", "s3a", "gs", "gcs")  # protocols whose stores write a file only if it is not there yet
REFUSALS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")  # codes of S3, for a file that is there

State = dict[str, Any]


def clock() -> float:
    """Returns the seconds of a clock that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A folder of leases, as it was looked at."""

    number: int = -1  # of the lease that counts; -1 where there is none
    holder: str = ""  # the process that made it
    ended: bool = True  # it was given back, or there is none
    idle: float = 0.0  # since when we have seen no change of it (s)
    state: State = field(default_factory=dict)  # what its holder wrote with it


class Watch:
    """Looks at a folder of leases again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last: tuple[int, bytes | None] = (-1, None)
        self._since = clock()

    def look(self) -> Look:
        """Reads the lease that counts."""
        number = max(_numbers(self.folder), default=-1)
        if number < 0:
            return Look()
        content = storage.contents([self.folder / _name(number)])[0]
        if (number, content) != self._last:
            self._last, self._since = (number, content), clock()
        try:
            stored = json.loads(content or b"")
            holder, ended, state = stored["holder"], stored["ended"], stored["state"]
        except (ValueError, KeyError, TypeError):  # it is being written, or removed
            return Look(number=number, ended=False, idle=clock() - self._since)
        return Look(number=number, holder=holder, ended=ended, idle=clock() - self._since, state=state)


class Lease:
    """A lease that this process holds."""

    def __init__(self, folder: Path, number: int, term: float, began: float) -> None:
        self.folder, self.number, self.holder = folder, number, ""
        self._term, self._until = term, began + term * SHARE
        self._changes = 0

    @property
    def holds(self) -> bool:
        """Returns whether the holder may still act."""
        return clock() < self._until

    def renew(self, state: State, *, ended: bool = False) -> None:
        """Writes the lease anew; one that was written too late stays lost."""
        began = clock()
        self._changes += 1
        (self.folder / _name(self.number)).write_bytes(_content(self.holder, self._changes, state, ended=ended))
        if ended or clock() >= self._until:
            self._until = 0.0
        else:
            self._until = began + self._term * SHARE


def take(folder: Path, after: int, term: float, state: State) -> Lease | None:
    """Takes the lease behind the number `after`; None where another process was faster.

    The caller has seen that the lease of that number has ended, or was unchanged for a whole term.
    """
    lease = Lease(folder, after + 1, term, clock())
    lease.holder = secrets.token_hex(8)
    path = folder / _name(lease.number)
    if not create(path, _content(lease.holder, 0, state, ended=False)):
        return None
    numbers = _numbers(folder)
    if max(numbers, default=lease.number) > lease.number:  # we made one that was removed, as it had been followed
        path.unlink(missing_ok=True)
        return None
    for number in numbers:
        if number < lease.number:
            (folder / _name(number)).unlink(missing_ok=True)
    return lease if lease.holds else None


def shortest(path: Path) -> float:
    """Returns the least term of a lease there (s); one that waits for rivals is made in twice the settling time."""
    return 0.0 if _is_conditional(path) else 2 * SETTLE_S / SHARE


def _is_conditional(path: Path) -> bool:
    return str(path).partition("://")[0] in CONDITIONAL


def create(path: Path, content: bytes, settle: float = SETTLE_S, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Writes a file that is not there yet; False where it is there, or another process writes it at this time."""
    remote: Any = path
    if _is_conditional(path):
        try:
            remote.fs.pipe_file(remote.path, content, mode="create")
        except OSError as error:
            if isinstance(error, FileExistsError) or _code(error) in REFUSALS:
                return False
            raise
        return True
    return _created_after_rivals(path, content, settle, sleep)


def _created_after_rivals(path: Path, content: bytes, settle: float, sleep: Callable[[float], None]) -> bool:
    """Creates a file where the store has no conditional writes: of all who try at one time the least name wins.

    Each writes a file of its own within half of the settling time after it has looked, waits that time, and looks
    again: so whoever looked before our file was there has shown by then, and whoever looks later sees our file. A file
    that stays for longer is of a process that has ended, and is removed.
    """
    began, names = clock(), storage.names(path.parent)
    if path.name in names:
        return False
    if rivals := _rivals(path, names):
        sleep(2 * settle)
        for name in {*rivals} & {*_rivals(path, storage.names(path.parent))}:
            path.with_name(name).unlink(missing_ok=True)
        return False
    own = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    own.write_bytes(content)
    try:
        if clock() - began > settle / 2:
            return False
        sleep(settle)
        began, names = clock(), storage.names(path.parent)
        if path.name in names or min(_rivals(path, names), default="") != own.name:
            return False
        path.write_bytes(content)
        return clock() - began <= settle / 2
    finally:
        own.unlink(missing_ok=True)


def _rivals(path: Path, names: set[str]) -> list[str]:
    return [name for name in names if name.startswith(f"{path.name}.")]


def _code(error: OSError) -> str:
    """Returns the code of a store's own error behind one of Python's."""
    response = getattr(error.__cause__, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _numbers(folder: Path) -> list[int]:
    names = (name.removeprefix("lease-") for name in storage.names(folder) if name.startswith("lease-"))
    return [int(name) for name in names if name.isdecimal()]


def _name(number: int) -> str:
    return f"lease-{number:05d}"


def _content(holder: str, changes: int, state: State, *, ended: bool) -> bytes:
    return json.dumps({"holder": holder, "changes": changes, "ended": ended, "state": state}).encode()
