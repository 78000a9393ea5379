"""A remote file as a seekable one, by ranges: `https://`, and every store that fsspec knows.

A read that breaks goes on at the byte where it broke. Size and identity come with the first answer, and every later
range must be of the same version. At most two chunks are held: the one that is read, and the one after it, which a
thread fetches while a file is read forward.
"""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

from curate.storage.http_range import HttpOrigin
from curate.storage.identity import Fact, facts
from curate.storage.patience import Again, Attempts, ChangedError, HostPatience, Patience, RemoteError, host

CHUNK = 4 << 20
GLANCE = 256 << 10  # what is fetched after a jump, of which nobody knows yet whether it is read on from
PROBE = Patience(tries_broken=3)  # a host that is not there should be told soon
UNTOLD = "listed:"  # the identity of a file that was not asked for when it was planned
# What the libraries below fsspec raise for a broken connection, by name, as not all are OSErrors.
BROKEN = {"OSError", "TimeoutError", "ClientError", "HTTPClientError", "IncompleteReadError", "HttpError"}
LATER_WORDS = ("slowdown", "slow down", "reduce your request rate", "toomanyrequests", "429", "503")


class Origin(Protocol):
    """Where ranges come from; `fact` is the file's size and identity, None before the first answer."""

    name: str
    host: HostPatience
    fact: Fact | None

    def pour(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop` or the end of the file, in pieces."""

    def close(self) -> None:
        """Give up what is open."""


class StoreOrigin:
    """A file of a store, by fsspec; the store is asked after every range whether it is still the same."""

    def __init__(self, path: Path, stop: threading.Event) -> None:
        self.name = str(path)
        self.fact: Fact | None = None
        self._path: Any = path
        self._stop = stop
        self.host: HostPatience = host("/".join(self.name.split("/")[:3]))

    def pour(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a range, once they are known to be of the version that was met first."""
        self.host.wait(self._stop)
        try:
            if self.fact is None:
                self.fact = facts([self._path])[0]
            stop = min(stop, self.fact.size)
            piece = self._path.fs.cat_file(self._path.path, start=start, end=stop) if start < stop else b""
            now = facts([self._path])[0]
        except Exception as error:
            raise _translated(error, self.name) from error
        if now != self.fact:
            raise ChangedError(f"{self.name}: was changed while it was read; the same command begins it anew")
        yield piece
        if len(piece) < stop - start:
            raise Again(f"{len(piece)} of {stop - start} bytes from {start}")

    def close(self) -> None:
        """Nothing is open."""


def _translated(error: Exception, name: str) -> Exception:
    """Again for what may pass, the error itself for what will not."""
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | RemoteError):
        return error
    if BROKEN.isdisjoint(kind.__name__ for kind in type(error).__mro__):
        return error
    told = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
    return Again(told, later=any(word in told.lower() for word in LATER_WORDS))


class RangeReader(io.RawIOBase):
    """A remote file that is read by ranges; use as a context."""

    def __init__(self, path: Path, *, chunk: int = CHUNK, patience: Patience | None = None) -> None:
        super().__init__()
        self.name, self._chunk, self._patience = str(path), chunk, patience or Patience()
        self._stop = threading.Event()
        self._origin: Origin = (
            HttpOrigin(self.name, self._patience, self._stop) if is_http(self.name) else StoreOrigin(path, self._stop)
        )
        self._position = self._start = 0
        self._held = memoryview(b"")  # the chunk from _start on
        self._next: tuple[int, Future[memoryview]] | None = None  # the chunk after it

    @property
    def fact(self) -> Fact:
        """Size and identity; one byte is asked for where no answer has told them yet."""
        if self._origin.fact is None:
            self.fetch(0, 1)
        assert self._origin.fact is not None
        return self._origin.fact

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return self.fact.size

    def check(self, identity: str) -> None:
        """ChangedError where a store has told another identity before; one that no store tells is not compared."""
        if ":" in identity and not identity.startswith(UNTOLD) and identity != self.fact.identity:
            raise ChangedError(f"{self.name}: was changed after the stage was planned; the same command plans anew")

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; nothing is asked for before it is read."""
        target = offset
        if whence != io.SEEK_SET:
            target += self._position if whence == io.SEEK_CUR else self.size
        if target < 0:
            raise ValueError(f"{self.name}: seek to byte {target}")
        self._position = target
        return target

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, but for the end of the file."""
        if self.closed:
            raise ValueError(f"{self.name}: read after close")
        target = memoryview(buffer).cast("B")
        done = 0
        while done < len(target):
            piece = self._at(self._position, len(target) - done)
            if not piece:
                break
            target[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def close(self) -> None:
        """Stop what is under way."""
        if not self.closed:
            self._stop.set()
            if self._next is None:
                self._origin.close()
            self._held = memoryview(b"")
        super().close()

    def _at(self, position: int, wanted: int) -> memoryview:
        """What is at hand from a position on, at most as much as wanted; none at the end."""
        end = self._start + len(self._held)
        if not self._start <= position < end:
            known = self._origin.fact
            if known and position >= known.size:
                return memoryview(b"")
            self._load(position, wanted, forward=position == end and bool(self._held))
        return self._held[position - self._start :][:wanted]

    def _load(self, position: int, wanted: int, *, forward: bool) -> None:
        """Make the chunk that begins here the one at hand."""
        ahead, self._next = self._next, None
        self._held = memoryview(b"")
        if ahead and ahead[0] == position:
            self._held = ahead[1].result()
        else:
            if ahead:
                ahead[1].exception()  # wait: only one range is asked for at a time
            length = self._chunk if forward else min(self._chunk, max(wanted, GLANCE))
            self._held = self.fetch(position, position + length)
        self._start = position
        following = position + len(self._held)
        if forward and following < self.size:
            self._next = (following, self._ahead(following, following + self._chunk))

    def _ahead(self, start: int, stop: int) -> "Future[memoryview]":
        future: Future[memoryview] = Future()

        def work() -> None:
            try:
                future.set_result(self.fetch(start, stop))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True, name=f"read ahead {self.name}").start()
        return future

    def fetch(self, start: int, stop: int) -> memoryview:
        """The bytes from `start` up to `stop` or the end, and no others, tried again where they break."""
        held = bytearray()
        attempts = Attempts(self.name, self._origin.host, self._patience)
        while start + len(held) < stop:
            try:
                for piece in self._origin.pour(start + len(held), stop):
                    held += piece
                    if piece:
                        attempts.moved()
                known = self._origin.fact
                if known and start + len(held) >= min(stop, max(known.size, start)):
                    break
            except Again as error:
                attempts.again(error)
        return memoryview(held)


def is_http(name: str) -> bool:
    """Is this what the web's own protocol reads?"""
    return name.startswith(("http://", "https://"))


def http_fact(url: Path) -> Fact:
    """Size and identity of a URL, by asking for its first byte."""
    with RangeReader(url, patience=PROBE) as reader:
        return reader.fact
