"""The place of a lot whose output lies in a store: one process at a time has it, of all machines.

The machine has a folder of its own among its temporary files, with the journal of each lot. The store has the lot's
lease, which holds the pauses of its hosts as the journal has them at each renewal, the committed outcomes, robots.txt
files and claims on addresses.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate import storage
from curate.crawl.config import Crawl
from curate.crawl.journal import PARTS, STOP, Place, Turn
from curate.crawl.sharing import leases
from curate.crawl.sharing.claims import Claims
from curate.crawl.sharing.leases import Lease, State, Watch
from curate.errors import SettingsError

TICK_S = 0.25  # between two looks whether to renew or to stop
STOP_S = 2.0  # between two looks whether the store asks to stop


def machine_folder(work: Path) -> Path:
    """Returns the folder of a crawl among the temporary files of this machine, which outlives those of one command."""
    name = hashlib.sha256(storage.uri(work).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir())
    above = folder.parent if os.environ.get("CURATE_SCRATCH") == str(folder) else folder
    return above / f"curate-crawl-{name}-{os.getuid()}"


def forget_machine(work: Path) -> None:
    """Removes the folder of a crawl on this machine, once the crawl is finished."""
    shutil.rmtree(machine_folder(work), ignore_errors=True)


def check_store(work: Path, rules: Crawl) -> None:
    """Raises SettingsError where a store cannot be written, or writes a file again although it is asked not to.

    It raises too where leases are so short that each is over before the store has it.
    """
    least = leases.shortest(work)
    if rules.lease_seconds < least:
        raise SettingsError(f"crawl.lease_seconds: on this store {least:g} or more, got {rules.lease_seconds:g}")
    probe = storage.notice(work / "probe")
    with storage.one_line(str(work), "cannot write there"):
        written = [leases.create(probe, b"", settle=0.5) for _ in range(2)]
        probe.unlink()
    if written != [True, False]:
        raise SettingsError(
            f"{work}: this store has no conditional writes (If-None-Match), by which machines share lots; name another"
        )


class StorePlace(Place):
    """A lot that this process has, by a lease that a thread renews."""

    def __init__(self, work: Path, lot: str, rules: Crawl, *, lease: Lease, state: State, cooldown: float) -> None:
        super().__init__(work, lot, machine=machine_folder(work), cooldown=cooldown)
        for host, ready in state.get("ready", {}).items():
            self.journal.ready[host] = max(ready, self.journal.ready.get(host, 0.0))
        self.first = lease.number * PARTS
        self._lease, self._rules = lease, rules
        self._stop, self._closing, self._hurry = threading.Event(), threading.Event(), threading.Event()
        self._awaited: set[str] = set()  # names of addresses that other lots wait for
        self._claims: Claims | None = None
        self._giving: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    @property
    def holds(self) -> bool:
        """Returns whether the lot is this process's to work on."""
        return self._lease.holds

    def stopped(self) -> bool:
        """Returns whether the crawl is asked to stop, as the thread has last seen it."""
        return self._stop.is_set()

    def turns(self, turn: Turn) -> Turn:
        """Returns the turns on addresses, of which this lot may ask those that no other does."""
        self._claims = Claims(
            self.work,
            self.folder.name,
            self._lease.number,
            term=self._rules.lease_seconds,
            pause=self._rules.address_delay,
            longest=self._rules.total_seconds,
            turn=turn,
        )
        return self._claims.turn

    async def tend(self) -> None:
        """Gives away the addresses that other lots wait for."""
        if self._giving and self._giving.done():
            self._giving.result()
            self._giving = None
        if self._awaited and self._claims and self._giving is None:
            awaited, self._awaited = self._awaited, set()
            self._giving = asyncio.create_task(self._claims.give_away(awaited))

    def pause_is_long(self) -> None:
        """Has the lease renewed now, so that the store has the pause of the host."""
        self._hurry.set()

    def close(self) -> None:
        """Gives the lot back, with all pauses that its hosts still have."""
        self._closing.set()
        self._thread.join()
        with suppress(OSError):  # it then ends as that of a process that is lost
            if self._lease.holds:
                self._lease.renew(self._state(), ended=True)
        super().close()

    def forget(self) -> None:
        """Removes the lot's folder on this machine, once the lot is sealed."""
        shutil.rmtree(self.machine / self.folder.name, ignore_errors=True)

    def _state(self) -> State:
        now = time.time()
        return {"ready": {host: ready for host, ready in self.journal.ready.copy().items() if ready > now}}

    def _renew(self) -> None:
        """Renews the lease; a pause that is to be in the store at once stays due where the store does not answer."""
        hurried = self._hurry.is_set()
        self._hurry.clear()
        try:
            self._lease.renew(self._state())
        except BaseException:
            if hurried:
                self._hurry.set()
            raise

    def _keep(self) -> None:
        """Renews the lease, and looks for what the store asks of this lot, until the place is closed."""
        renewed = looked = leases.clock()
        while not self._closing.wait(TICK_S):
            now = leases.clock()
            with suppress(Exception):  # a store that does not answer is asked again, until the lease is lost
                if now - renewed >= self._rules.lease_seconds / 4 or self._hurry.is_set():
                    self._renew()
                    renewed = now
                    self._awaited = self._awaited | storage.names(self.folder / "wanted")
                if now - looked >= STOP_S:
                    looked = now
                    if (self.work / STOP).exists():
                        self._stop.set()


@contextmanager
def held(work: Path, lot: str, rules: Crawl, ended: Callable[[], bool]) -> Iterator[StorePlace | None]:
    """Yields the place of a lot once this process has it; None where there is nothing left to do first."""
    machine = machine_folder(work) / lot
    machine.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    machine.mkdir(exist_ok=True)
    with (machine / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watch, lease = Watch(work / lot), None
        while not ended():
            look, own = watch.look(), _ours(machine)
            free = look.ended or look.holder == own or look.idle >= rules.lease_seconds
            if free and (lease := leases.take(watch.folder, look.number, rules.lease_seconds, look.state)):
                break
            time.sleep(min(1.0, rules.lease_seconds / 10))
        if lease is None:
            yield None
            return
        if look.number < 0:  # a journal is of an output that was removed
            (machine / "journal").unlink(missing_ok=True)
        (machine / "holder").write_text(lease.holder)
        cooldown = 0.0 if look.ended or look.holder == own else longest_pause(rules)
        place = StorePlace(work, lot, rules, lease=lease, state=look.state, cooldown=cooldown)
        try:
            yield place
        finally:
            place.close()


def _ours(machine: Path) -> str:
    """Returns which lease of a lot a process of this machine made last; it has ended, as the lot's lock is free."""
    path = machine / "holder"
    return path.read_text() if path.exists() else "none"


def longest_pause(rules: Crawl) -> float:
    """Returns how long hosts are left alone after a process was lost: its last request, and any pause behind that (s).

    A longer pause, which a Retry-After asked for, was put in the store at once.
    """
    return rules.total_seconds + max(rules.min_delay, rules.max_delay, rules.max_crawl_delay)
