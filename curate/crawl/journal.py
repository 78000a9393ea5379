"""Records a lot's requests on disk, so that after a crash the next process still keeps each host's pause.

`Place` is where a lot is worked on, on one machine: a folder in the output. `curate/crawl/sharing/` is for many.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from curate import storage
from curate.crawl.lots import url_id
from curate.errors import writing
from curate.storage.writing import write_bytes

STOP = "stop.curate"  # asks all lots to finish what is in flight
PAUSES = "pauses.json"  # unix time by host, for the lots of a wave: the pauses that lots of earlier waves have left
PARTS = 10_000  # numbers of parts of a lot for each process that has had it
Turn = Callable[[str], AbstractAsyncContextManager[None]]  # an IP address to a block in which a request may be made


def write_pauses(work: Path, lot: str, waiting: dict[str, float]) -> None:
    """Writes, for the lots of later waves, the pauses that hosts still have; waiting: seconds by host."""
    if waiting:
        pauses = {host: time.time() + seconds for host, seconds in waiting.items()}
        write_bytes(work / f"pauses-{lot}.json", json.dumps(pauses).encode())


def gather_pauses(work: Path) -> None:
    """Puts the pauses that are not over yet of all lots into one file, which the lots of the next wave read."""
    names = sorted(name for name in storage.names(work) if name.startswith("pauses-") and name.endswith(".json"))
    pauses: dict[str, float] = {}
    for content in storage.contents(work / name for name in names):
        for host, ready in json.loads(content or b"{}").items():
            if ready > time.time():
                pauses[host] = max(ready, pauses.get(host, 0.0))
    write_bytes(work / PAUSES, json.dumps(pauses).encode())


def read_pauses(work: Path) -> Iterator[tuple[str, float]]:
    """Yields the hosts whose pause from an earlier wave is not over yet, with the unix time of its end."""
    content = storage.contents([work / PAUSES])[0]
    yield from ((host, ready) for host, ready in json.loads(content or b"{}").items() if ready > time.time())


class Journal:
    """Appends a line at the start and at the end of each request; first reads those of an earlier process."""

    def __init__(self, path: Path) -> None:
        self.ready: dict[str, float] = {}  # unix time when a host may be asked again
        self.asked: set[bytes] = set()  # ids of the URLs that an earlier process requested
        for line in path.read_bytes().split(b"\n") if path.exists() else ():
            self._read(line)
        self._path, self._file = path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def _read(self, line: bytes) -> None:
        """Takes note of a line; the last one may be cut."""
        fields = line.split(b" ")
        try:
            host, ready = fields[0].decode(), float(fields[1])
            self.ready[host] = max(ready, self.ready.get(host, 0.0))
            if len(fields) == 3 and len(fields[2]) == 32:
                self.asked.add(bytes.fromhex(fields[2].decode()))
        except (ValueError, IndexError):
            return

    def asking(self, host: str, pause: float, url: str) -> None:
        """Writes that a request starts, and that the host is to be left alone for so many seconds."""
        self._note(host, pause, f" {url_id(url).hex()}")

    def asked_for(self, host: str, pause: float) -> None:
        """Writes that a request ended, and the pause after it (s)."""
        self._note(host, pause, "")

    def _note(self, host: str, pause: float, more: str) -> None:
        ready = time.time() + pause
        self.ready[host] = max(ready, self.ready.get(host, 0.0))
        with writing(self._path):
            os.write(self._file, f"{host} {ready:.3f}{more}\n".encode())

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


class Place:
    """The place on one machine at which a lot is worked on.

    work: the folder that all lots of a crawl share; machine: the one that those of this machine share; folder: of this
    lot, for its committed outcomes; cooldown: for how long no host may be asked at first (s); first: the least number
    of a part that is written, so that of two processes which both take the lot for theirs none writes over a file of
    the other.
    """

    def __init__(self, work: Path, lot: str, *, machine: Path | None = None, cooldown: float = 0.0) -> None:
        self.work, self.machine, self.folder = work, machine or work, work / lot
        self.cooldown, self.first = cooldown, 0
        self.journal = Journal(self.machine / lot / "journal")

    @property
    def holds(self) -> bool:
        """Returns whether the lot is this process's to work on: always, as a lock keeps others away."""
        return True

    def stopped(self) -> bool:
        """Returns whether the crawl is asked to stop."""
        return (self.work / STOP).exists()

    def turns(self, turn: Turn) -> Turn:
        """Returns the turns on addresses, out of those that hold among the processes of this machine."""
        return turn

    async def tend(self) -> None:
        """Does what is to be done now and then while a lot is worked on: nothing."""

    def pause_is_long(self) -> None:
        """Takes note that a host asked to be left alone for long: the journal has it on disk."""

    def forget(self) -> None:
        """Removes what is not needed once the lot is sealed: nothing, as its folder is the output's."""

    def close(self) -> None:
        """Ends the work."""
        self.journal.close()
