"""Records a lot's requests on disk, so that after a crash the next process still keeps each host's pause."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from curate.crawl.lots import url_id
from curate.errors import writing
from curate.storage.writing import write_bytes

PAUSES = "pauses-*.json"  # a file of each lot: unix time by host


def write_pauses(work: Path, lot: str, waiting: dict[str, float]) -> None:
    """Writes, for the lots of later waves, the pauses that hosts still have; waiting: seconds by host."""
    if waiting:
        pauses = {host: time.time() + seconds for host, seconds in waiting.items()}
        write_bytes(work / PAUSES.replace("*", lot), json.dumps(pauses).encode())


def read_pauses(work: Path) -> Iterator[tuple[str, float]]:
    """Yields the hosts whose pause from an earlier lot is not over yet, with the unix time of its end."""
    for path in work.glob(PAUSES):
        yield from ((host, ready) for host, ready in json.loads(path.read_bytes()).items() if ready > time.time())


class Journal:
    """Appends a line at the start and at the end of each request; first reads those of an earlier process."""

    def __init__(self, path: Path) -> None:
        self.ready: dict[str, float] = {}  # unix time when a host may be asked again, as the earlier process left it
        self.asked: set[bytes] = set()  # ids of the URLs that it requested
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
        self._append(f"{host} {time.time() + pause:.3f} {url_id(url).hex()}\n")

    def asked_for(self, host: str, pause: float) -> None:
        """Writes that a request ended, and the pause after it (s)."""
        self._append(f"{host} {time.time() + pause:.3f}\n")

    def _append(self, line: str) -> None:
        with writing(self._path):
            os.write(self._file, line.encode())

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)
