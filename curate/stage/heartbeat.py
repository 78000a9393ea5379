"""Heartbeats: small files in which the workers of a stage record their progress inside the parts that they make.

A process keeps one such file in the stage's folder of receipts, writes it about once a second from a thread of its own,
and removes it once it makes no part. Its name is that of a draft, so that what a killed process leaves is removed as
its other drafts are. No output depends on it; a store gets none.
"""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from curate import storage

PERIOD_S = 1.0
NAME = "progress.json"
TOP = 8  # reasons of rejections that a heartbeat holds


class Seekable(Protocol):
    """A file whose place of reading can be asked for."""

    def tell(self) -> int:
        """Returns the offset of the next read."""


class Counted(Protocol):
    """The counts of a part, as `curate.stage.parts` keeps them."""

    read: int
    kept: int
    rejected: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The progress of one piece of work at the time of a heartbeat."""

    number: int  # of the part; -1 for a step that makes none
    step: str = ""  # the step of a stage that works in several; "" makes the part itself
    share: float = 0.0  # of the item that was read, from 0 to 1
    size: int = 0  # of the item, where a step states it
    read: int = 0
    kept: int = 0
    rejected: int = 0
    reasons: dict[str, int] | None = None  # rejections by reason, the most frequent


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The heartbeat of one process: its pieces of work for a stage."""

    beats: tuple[Beat, ...]  # what it works on
    steps: dict[str, tuple[int, int]]  # the steps that it has ended, by name: how often, and the bytes of their items


class Work:
    """A piece of work in progress: the reader of its item moves it forward, the thread of the heartbeats reads it."""

    def __init__(
        self, folder: Path, number: int, counts: Counted | None = None, step: str = "", size: int = 0, expected: int = 0
    ) -> None:
        self.folder, self.number, self.counts = folder, number, counts
        self.step, self.size = step, size  # what the work is where it makes no part, and the bytes of its item
        self.documents = 0  # that were read, of which a stage that sorts has not counted any yet
        self.expected = expected  # documents, where their number tells how far the work is
        self._done, self._total = 0, 0
        self._file: Seekable | None = None
        self._start = 0

    def follow(self, file: Seekable, start: int, stop: int) -> None:
        """Measures the work by the offset of reading in a file; start, stop: the item's range of the file."""
        self._file, self._start, self._done, self._total = file, start, 0, stop - start

    def advance(self, done: int, total: int) -> None:
        """Sets the progress of the work, in any unit."""
        self._file, self._done, self._total = None, done, total

    def beat(self) -> Beat:
        """Returns the progress so far; another thread calls it."""
        counts = self.counts
        reasons = Counter(dict(counts.reasons)) if counts else Counter[str]()
        return Beat(
            number=self.number,
            step=self.step,
            share=self._share(),
            size=self.size,
            read=max(counts.read if counts else 0, self.documents),
            kept=counts.kept if counts else 0,
            rejected=counts.rejected if counts else 0,
            reasons=dict(reasons.most_common(TOP)),
        )

    def _share(self) -> float:
        if self._file is not None:
            with suppress(OSError, ValueError):  # it may be closed by now
                self._done = self._file.tell() - self._start
        done, total = (self._done, self._total) if self._total else (self.documents, self.expected)
        return min(1.0, max(0.0, done / total)) if total > 0 else 0.0


class _File:
    """A file that is written over and over in its place: cutting it first would make a file system flush it."""

    def __init__(self, path: Path) -> None:
        self._path, self._size = path, 0
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC)

    def write(self, content: bytes) -> None:
        """Writes the content, with blanks behind it where there was more."""
        self._size = max(self._size, len(content))
        os.pwrite(self._descriptor, content.ljust(self._size), 0)

    def remove(self) -> None:
        """Removes the file."""
        os.close(self._descriptor)
        self._path.unlink()


class _Writer:
    """Writes the heartbeats of this process while there is work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: list[Work] = []
        self._steps: dict[Path, dict[str, tuple[int, int]]] = {}
        self._files: dict[Path, _File] = {}
        self._thread: threading.Thread | None = None

    def add(self, work: Work) -> None:
        with self._lock:
            self._works.append(work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

    def remove(self, work: Work) -> None:
        """Ends a piece of work; with the last one of a stage its file goes."""
        with self._lock:
            if work not in self._works:
                return
            self._works.remove(work)
            if work.step:
                steps = self._steps.setdefault(work.folder, {})
                times, size = steps.get(work.step, (0, 0))
                steps[work.step] = (times + 1, size + work.size)
            if all(other.folder != work.folder for other in self._works):
                with suppress(OSError, KeyError):
                    self._files.pop(work.folder).remove()

    def _run(self) -> None:
        while True:
            time.sleep(PERIOD_S)
            with self._lock:
                if not self._works:
                    self._thread = None
                    return
                for folder in {work.folder for work in self._works}:
                    self._write(folder)

    def _write(self, folder: Path) -> None:
        """Writes the file of a stage; an error is ignored, as nothing but progress depends on the file."""
        beats = [asdict(work.beat()) for work in self._works if work.folder == folder]
        with suppress(OSError):
            if folder not in self._files:
                self._files[folder] = _File(storage.draft(folder / "receipts" / NAME))
            self._files[folder].write(json.dumps({"beats": beats, "steps": self._steps.get(folder, {})}).encode())


_writer = _Writer()
_here = threading.local()


def _forget() -> None:
    """Forgets the parent's files in a forked process, so that only the parent writes and removes them."""
    global _writer
    _writer = _Writer()


os.register_at_fork(after_in_child=_forget)


def begin(work: Work) -> None:
    """Begins a piece of work of this thread, until `end`; outputs on a store get no heartbeats."""
    if not storage.is_remote(work.folder):
        _stack().append(work)
        _writer.add(work)


def end(work: Work) -> None:
    """Ends a piece of work; for a part, call it once the receipt is there."""
    if work in _stack():
        _stack().remove(work)
    _writer.remove(work)


@contextmanager
def beating(folder: Path, number: int, *, step: str = "", size: int = 0, expected: int = 0) -> Iterator[None]:
    """Writes heartbeats of the block's work: of a part, or of a step without parts, on an item of so many bytes.

    expected: the number of documents, where counting them tells how far the work is.
    """
    work = Work(folder, number, None, step, size, expected)
    begin(work)
    try:
        yield
    finally:
        end(work)


def follow(file: Seekable, start: int, stop: int) -> None:
    """Measures this thread's work by the offset of reading in a file; start, stop: the item's range of the file."""
    if stack := _stack():
        stack[-1].follow(file, start, stop)


def follow_whole(file: BinaryIO) -> None:
    """Puts a file at its start, and measures this thread's work by the offset of reading in it."""
    if stack := _stack():
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        stack[-1].follow(file, 0, size)


def advance(done: int, total: int) -> None:
    """Sets the progress of this thread's work, in any unit."""
    if stack := _stack():
        stack[-1].advance(done, total)


def count(documents: int) -> None:
    """Adds to the documents that this thread's work has read."""
    if stack := _stack():
        stack[-1].documents += documents


def _stack() -> list[Work]:
    if not hasattr(_here, "works"):
        _here.works = []
    works: list[Work] = _here.works
    return works


def files(folder: Path) -> list[Path]:
    """Returns the heartbeats that lie in a local stage's folder."""
    receipts = folder / "receipts"
    return [receipts / name for name in sorted(storage.names(receipts)) if name.startswith(f".{NAME}.")]


def read(file: Path) -> Heartbeat | None:
    """Reads a heartbeat; None where it has gone or is being written."""
    try:
        stored: dict[str, Any] = json.loads(file.read_bytes())
        return Heartbeat(
            beats=tuple(Beat(**beat) for beat in stored["beats"]),
            steps={name: (times, size) for name, (times, size) in stored["steps"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clear(folder: Path) -> None:
    """Removes the heartbeats of processes that have ended from a stage's folder, as far as that can be done."""
    with suppress(OSError):
        for file in [] if storage.is_remote(folder) else files(folder):
            file.unlink(missing_ok=True)
