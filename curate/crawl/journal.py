"""What a lot has asked for, in lines that outlive the process: which hosts are to be left alone until when."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from curate.crawl.lots import url_id
from curate.storage.writing import write_bytes

PAUSES = "pauses-*.json"


def write_pauses(work: Path, lot: str, waiting: dict[str, float]) -> None:
    """Tell the lots of later waves which hosts are to be left alone for so many seconds yet."""
    if waiting:
        told = {host: time.time() + seconds for host, seconds in waiting.items()}
        write_bytes(work / PAUSES.replace("*", lot), json.dumps(told).encode())


def read_pauses(work: Path) -> Iterator[tuple[str, float]]:
    """What the lots so far have told: hosts and unix times, of those that are still to come."""
    for path in work.glob(PAUSES):
        yield from ((host, ready) for host, ready in json.loads(path.read_bytes()).items() if ready > time.time())


class Journal:
    """Appends a line per request. ready: unix time per host; asked: ids of URLs, both from what an earlier run left."""

    def __init__(self, path: Path) -> None:
        self.ready: dict[str, float] = {}
        self.asked: set[bytes] = set()
        for line in path.read_bytes().split(b"\n") if path.exists() else ():
            self._read(line)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def _read(self, line: bytes) -> None:
        """Take note of a line; the last one may be cut."""
        fields = line.split(b" ")
        try:
            host, ready = fields[0].decode(), float(fields[1])
            self.ready[host] = max(ready, self.ready.get(host, 0.0))
            if len(fields) == 3 and len(fields[2]) == 32:
                self.asked.add(bytes.fromhex(fields[2].decode()))
        except (ValueError, IndexError):
            return

    def asking(self, host: str, pause: float, url: str) -> None:
        """A request starts."""
        self._put(f"{host} {time.time() + pause:.3f} {url_id(url).hex()}\n")

    def asked_for(self, host: str, pause: float) -> None:
        """A request ended, and this is the pause after it."""
        self._put(f"{host} {time.time() + pause:.3f}\n")

    def _put(self, line: str) -> None:
        os.write(self._file, line.encode())

    def close(self) -> None:
        """End it."""
        os.close(self._file)
