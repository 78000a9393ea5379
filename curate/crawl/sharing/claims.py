"""Claims on IP addresses: of the processes of all machines one at a time asks an address, whatever hosts are there.

A claim is a lease in the store that names the lot whose run made it, and holds as long as that run does: until it gives
the claim or its lot back, or another run takes the lot over. Who meets a claimed address leaves a note with that run,
which gives the address away at its next renewal, and waits. A claim of a run that broke off is taken over once the
requests of that run must have ended. A store that does not answer is asked again for a term; by then the lot is lost.
"""

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from curate import storage
from curate.crawl.sharing import leases
from curate.crawl.sharing.leases import Lease, Watch

POLL_S, LONGEST_POLL_S = 1.0, 30.0  # between two looks at an address that another run asks; each wait is longer
LASTING = (PermissionError, IsADirectoryError, NotADirectoryError)  # errors that no patience mends
Turn = Callable[[str], AbstractAsyncContextManager[None]]
T = TypeVar("T")


class Claim:
    """An address as one run has it."""

    def __init__(self) -> None:
        self.lease: Lease | None = None  # None while the run does not hold the address
        self.users = 0  # requests that wait for their turn, or are under way
        self.since = 0.0  # when it was taken (s)
        self.lock = asyncio.Lock()  # of whoever takes the lease, or gives it back


class Claims:
    """The addresses that the run of a lot asks; `turn` gives a request its turn.

    work: the folder in the store that all lots of a crawl share; lot: the name of the lot's folder there; number: of
    the lot's lease; pause: between two starts on an address (s); longest: a request lasts at most so long (s).
    """

    def __init__(
        self, work: Path, lot: str, number: int, *, term: float, pause: float, longest: float, turn: Turn
    ) -> None:
        self._work, self._lot, self._number = work, lot, number
        self._term, self._pause, self._longest, self._turn = term, pause, longest, turn
        self._claims: dict[str, Claim] = defaultdict(Claim)  # by the names of addresses

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Waits until a request to the address may start, by the claims of all runs and the pause of the address."""
        claim = self._claims[name := _name(address)]
        async with claim.lock:
            if claim.lease is None:
                await self._take(claim, name)
            claim.users += 1
        try:
            async with self._turn(address):
                yield
        finally:
            claim.users -= 1

    async def _take(self, claim: Claim, name: str) -> None:
        """Waits until no other run has the address, and takes it."""
        place, wait = Watch(self._work / "addresses" / name), POLL_S
        owner: Watch | None = None
        rest = 0.0  # until requests of a run that broke off must have ended (s)
        while True:
            look = await self._store(place.look)
            if not look.ended:
                if not look.holder:  # it is being written, or followed by another
                    await asyncio.sleep(POLL_S)
                    continue
                lot, number = str(look.state.get("lot", "")), look.state.get("number", -1)
                owner = owner if owner and owner.folder.name == lot else Watch(self._work / lot)
                run = await self._store(owner.look)
                mine = lot == self._lot  # of an earlier run, too: no request of ours begins before its last have ended
                if not mine and run.number == number and not run.ended and run.idle < self._term:
                    await self._store(partial(_note, self._work / lot / "wanted" / name))
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, LONGEST_POLL_S, self._term / 3)
                    continue
                rest = 0.0 if mine or (run.number == number and run.ended) else self._longest
            state = {"lot": self._lot, "number": self._number}
            claim.lease = await self._store(partial(leases.take, place.folder, look.number, self._term, state))
            if claim.lease:
                claim.since = time.monotonic()
                await asyncio.sleep(rest + (self._pause if look.number >= 0 else 0.0))
                return

    async def give_away(self, awaited: set[str]) -> None:
        """Gives back the addresses of these names that the run has had for a while, once their requests have ended."""
        for name in awaited:
            claim = self._claims[name]
            if claim.lease and time.monotonic() - claim.since < self._term / 3:
                continue  # its note stays
            if claim.lease:  # else the lock is of a request that waits for another run
                async with claim.lock:  # so no request begins
                    while claim.users:
                        await asyncio.sleep(self._pause / 2)
                    await self._store(partial(claim.lease.renew, {}, ended=True))
                    claim.lease = None
            note = self._work / self._lot / "wanted" / name
            await self._store(partial(note.unlink, missing_ok=True))

    async def _store(self, call: Callable[[], T]) -> T:
        """Calls the store in a thread; where it does not answer, again and again for a term, with longer waits."""
        over, wait = time.monotonic() + self._term, POLL_S
        while True:
            try:
                return await asyncio.to_thread(call)
            except OSError as error:
                if isinstance(error, LASTING) or time.monotonic() + wait > over:
                    raise
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_POLL_S)


def _note(path: Path) -> None:
    storage.make_folder(path.parent)
    path.write_bytes(b"")


def _name(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:32]
