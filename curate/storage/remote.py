"""Reads a remote file by ranges as a seekable one, from `https://` or any store that fsspec supports.

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
from curate.storage.patience import (
    CHANGED_INPUT,
    Attempts,
    ChangedError,
    HostPatience,
    Patience,
    RemoteError,
    TryAgain,
    host,
)

CHUNK = 4 << 20  # bytes fetched at a time while a file is read forward
GLANCE = 256 << 10  # bytes fetched after a jump, which may not be read on from
PROBE = Patience(tries_broken=3)  # so that the error of a host that is not there comes soon
UNTOLD = "listed:"  # begins the identity of a file that was not asked for when it was planned
# Names of the exceptions for a broken connection in the libraries below fsspec, as not all are OSErrors.
BROKEN = {
    *("OSError", "TimeoutError", "ClientError", "HTTPClientError", "IncompleteReadError", "HttpError"),
    "TransportError",
}
# Words of a store that asks for patience.
LATER_WORDS = ("slowdown", "slow down", "reduce your request rate", "toomanyrequests", "429", "503")


class Origin(Protocol):
    """A file of which ranges can be read."""

    name: str  # its URL
    host: HostPatience
    fact: Fact | None  # its size and identity; None before the first answer

    def pour(self, start: int, stop: int) -> Iterator[bytes]:
        """Yields the bytes from `start` up to `stop` or the end of the file."""

    def close(self) -> None:
        """Closes what is open."""


class StoreOrigin:
    """A file of a store, read by fsspec; after every range the store is asked for its identity again.

    watched: False where the reader checks the content itself, and no identity is asked for. size: of such a file.
    """

    def __init__(self, path: Path, stop: threading.Event, *, watched: bool = True, size: int | None = None) -> None:
        self.name = str(path)
        self.fact = None if size is None else Fact(size, "")
        self._path: Any = path
        self._stop, self._watched = stop, watched
        self.host: HostPatience = host("/".join(self.name.split("/")[:3]))

    def pour(self, start: int, stop: int) -> Iterator[bytes]:
        """Yields the bytes of a range in one piece, after a check that they are of the first version."""
        self.host.wait(self._stop)
        try:
            if self._watched and self.fact is None:
                self.fact = facts([self._path])[0]
            stop = min(stop, self.fact.size) if self.fact else stop
            piece = self._path.fs.cat_file(self._path.path, start=start, end=stop) if start < stop else b""
            now = facts([self._path])[0] if self._watched else self.fact
        except Exception as error:
            raise _as_try_again(error) from error
        if now != self.fact:
            raise ChangedError(f"{self.name}: was changed while it was read; the same command begins it anew")
        yield piece
        if len(piece) < stop - start:
            raise TryAgain(f"{len(piece)} of {stop - start} bytes from {start}")

    def close(self) -> None:
        """Closes nothing, as nothing is open."""


def _as_try_again(error: Exception) -> Exception:
    """Returns a TryAgain for an error that may pass, and the error itself for one that will not."""
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | RemoteError):
        return error
    if BROKEN.isdisjoint(kind.__name__ for kind in type(error).__mro__):
        return error
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
    return TryAgain(message, later=any(word in message.lower() for word in LATER_WORDS))


class RangeReader(io.RawIOBase):
    """A seekable remote file that is read by ranges; use it as a context manager."""

    def __init__(
        self,
        path: Path,
        *,
        chunk: int = CHUNK,
        patience: Patience | None = None,
        watched: bool = True,
        size: int | None = None,
    ) -> None:
        """Makes no request yet; watched: as of `StoreOrigin`, for a reader that only fetches ranges that it knows.

        size: of a file whose content the reader checks, which is not watched either.
        """
        super().__init__()
        self.name = str(path)
        self._chunk = chunk
        self._patience = patience or Patience()
        self._stop = threading.Event()
        self._origin: Origin = (
            HttpOrigin(self.name, self._patience, self._stop)
            if is_http(self.name)
            else StoreOrigin(path, self._stop, watched=watched and size is None, size=size)
        )
        self._position = 0  # of the next read
        self._start = 0  # of the chunk in memory
        self._held = memoryview(b"")  # the chunk in memory
        self._next: tuple[int, Future[memoryview]] | None = None  # the start of the chunk after it, and its bytes

    @property
    def fact(self) -> Fact:
        """Returns size and identity; asks for one byte where there was no answer yet."""
        if self._origin.fact is None:
            self.fetch(0, 1)
        assert self._origin.fact is not None
        return self._origin.fact

    @property
    def size(self) -> int:
        """Returns the size of the file in bytes."""
        return self.fact.size

    def check(self, identity: str) -> None:
        """Raises ChangedError if the file has another identity than this; one that no store stated is not compared."""
        if ":" in identity and not identity.startswith(UNTOLD) and identity != self.fact.identity:
            raise ChangedError(f"{self.name}: {CHANGED_INPUT}")

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def tell(self) -> int:
        """Returns the offset of the next read in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the offset of the next read; makes no request unless the size is needed and unknown."""
        target = offset
        if whence != io.SEEK_SET:
            target += self._position if whence == io.SEEK_CUR else self.size
        if target < 0:
            raise ValueError(f"{self.name}: seek to byte {target}")
        self._position = target
        return target

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, up to the end of the file, and returns the number of bytes."""
        if self.closed:
            raise ValueError(f"{self.name}: read after close")
        target = memoryview(buffer).cast("B")
        done = 0
        while done < len(target):
            piece = self._piece(self._position, len(target) - done)
            if not piece:
                break
            target[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def close(self) -> None:
        """Stops the fetching ahead and closes the connection."""
        if not self.closed:
            self._stop.set()
            if self._next is None:
                self._origin.close()
            self._held = memoryview(b"")
        super().close()

    def _piece(self, position: int, wanted: int) -> memoryview:
        """Returns at most `wanted` bytes from a position on, as many as one chunk holds; none at the end."""
        end = self._start + len(self._held)
        if not self._start <= position < end:
            fact = self._origin.fact
            if fact and position >= fact.size:
                return memoryview(b"")
            self._load(position, wanted, forward=position == end and bool(self._held))
        return self._held[position - self._start :][:wanted]

    def _load(self, position: int, wanted: int, *, forward: bool) -> None:
        """Replaces the chunk in memory by the one at this position; starts to fetch the next one if `forward`."""
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
            self._next = (following, self._fetch_ahead(following, following + self._chunk))

    def _fetch_ahead(self, start: int, stop: int) -> "Future[memoryview]":
        """Starts a thread that fetches a range, and returns the future of its bytes."""
        future: Future[memoryview] = Future()

        def work() -> None:
            try:
                future.set_result(self.fetch(start, stop))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True, name=f"read ahead {self.name}").start()
        return future

    def fetch(self, start: int, stop: int) -> memoryview:
        """Returns the bytes from `start` up to `stop` or the end; tries again where the connection breaks."""
        held = bytearray()
        attempts = Attempts(self.name, self._origin.host, self._patience)
        while start + len(held) < stop:
            try:
                for piece in self._origin.pour(start + len(held), stop):
                    held += piece
                    if piece:
                        attempts.note_bytes()
                fact = self._origin.fact
                if fact and start + len(held) >= min(stop, max(fact.size, start)):
                    break
            except TryAgain as error:
                attempts.note_failure(error)
        return memoryview(held)


def is_http(name: str) -> bool:
    """Returns True for a URL of http:// or https://."""
    return name.startswith(("http://", "https://"))


def http_fact(url: Path) -> Fact:
    """Returns size and identity of a URL; costs a request for its first byte."""
    with RangeReader(url, patience=PROBE) as reader:
        return reader.fact
