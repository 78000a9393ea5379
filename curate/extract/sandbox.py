"""The extractor in a process of its own, so that a page that kills it is a failure and the worker goes on.

One such process serves a worker for all its pages, within a bound on memory and on each page's CPU time. The kernel
ends the process when a page takes too long (a profiling timer stops C code too). That page is then a failure, as is a
page at which two processes end for another cause; the next page gets a new process.

A command that has several workers on this machine starts a template, which imports the extractor's libraries once for
all; the processes are forks of it. Where no template answers, each process imports them itself.
"""

import atexit
import logging
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

from curate import forks
from curate.extract.config import Extract, Gates
from curate.processes import end_with_parent
from curate.records import Document, Failure, Page, Reason

LENGTH = struct.Struct(">Q")  # of a pickled value, which follows it
MEMORY = 4 << 30  # bytes of address space; a page of ten megabytes takes about one gigabyte
TEMPLATE = "CURATE_EXTRACTOR"  # the variable that holds the address of the template

Outcome = Document | Reason | Failure

_template_pids: list[int] = []  # of the template that this process runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """A process that extracts pages."""

    pid: int
    start_s: float  # CPU seconds that it took to start
    jobs: IO[bytes]
    answers: IO[bytes]
    end: Callable[[], int]  # kills it if it still runs, and returns its code


class Sandbox:
    """Extracts pages one by one in another process, started with the first page and again after each loss."""

    def __init__(self) -> None:
        self._process: Extractor | None = None
        self._lock = threading.Lock()
        self.start_s = 0.0  # CPU seconds that the processes took to start

    def extract(self, page: Page, source: str, settings: Extract, gates: Gates) -> tuple[Outcome, float]:
        """Returns the document, the reason or the failure of a page, and the CPU seconds that it took."""
        with self._lock:
            for attempt in (1, 2):
                process = self._running_process()
                try:
                    _send(process.jobs, (page, source, settings, gates))
                    answer: tuple[Outcome, float] | None = _receive(process.answers)
                except ConnectionError:
                    answer = None
                except BaseException:  # an interrupt leaves half a conversation
                    self.close()
                    raise
                if answer is not None:
                    return answer
                self._process = None
                code = process.end()
                if attempt == 2 or code == -signal.SIGPROF:  # any other end may not be the page's fault: try once more
                    break
            return loss_failure(page, code, settings), settings.max_seconds

    def close(self) -> None:
        """Kills the process, if there is one."""
        process, self._process = self._process, None
        if process:
            process.end()

    def _running_process(self) -> Extractor:
        """Returns the process, started if there is none; RuntimeError if it cannot start."""
        if self._process is None:
            self._process = _forked() or _started_anew()
            self.start_s += self._process.start_s
        return self._process


def _forked() -> Extractor | None:
    """Returns a fork of the template; None where there is none, or it has ended."""
    if not (address := os.environ.get(TEMPLATE)):
        return None
    with suppress(OSError):
        fork = forks.Fork(address)
        return _ready(fork.channel, fork.end)
    return None


def _started_anew() -> Extractor:
    """Returns a process that imports by itself what it needs."""
    # -P: nothing is imported from the working folder
    command = [sys.executable, "-P", "-m", "curate.extract.sandbox"]
    channel, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(command, stdin=theirs.fileno())

    def end() -> int:
        process.kill()
        return process.wait()

    if extractor := _ready(channel, end):
        return extractor
    raise RuntimeError(f"the extractor's process did not start: code {process.wait()} of {command}")


def _ready(channel: socket.socket, end: Callable[[], int]) -> Extractor | None:
    """Waits until a process is ready for pages; returns None if it has ended before."""
    with channel:  # which stays open for the two files
        jobs, answers = channel.makefile("wb"), channel.makefile("rb")
    with suppress(ConnectionError):
        if started := _receive(answers):
            pid, start_s = started
            return Extractor(pid=pid, start_s=start_s, jobs=jobs, answers=answers, end=end)
    return None


@contextmanager
def template(*, needed: bool) -> Iterator[None]:
    """Runs the template, if one is needed and possible, of which processes are forked during the block."""
    if not needed or sys.platform != "linux":
        yield
        return
    listener, address = forks.listen("curate-extractor")
    command = [sys.executable, "-P", "-m", "curate.extract.sandbox", str(os.getpid())]
    with listener:
        process = subprocess.Popen(command, stdin=listener.fileno())
    os.environ[TEMPLATE] = address
    _template_pids.append(process.pid)
    try:
        yield
    finally:
        del os.environ[TEMPLATE]
        _template_pids.pop()
        shared().close()  # small work is done in this process
        process.kill()
        process.wait()


def template_pid() -> int | None:
    """Returns the number of the template that this process has started and that runs; None where there is none."""
    return _template_pids[-1] if _template_pids else None


@lru_cache(maxsize=1)
def shared() -> Sandbox:
    """Returns the sandbox that all pages of this process share; it is closed when this process ends."""
    sandbox = Sandbox()
    atexit.register(sandbox.close)
    return sandbox


def loss_failure(page: Page, code: int, settings: Extract) -> Failure:
    """Returns the failure of a page at which the process ended with this return code."""
    from curate.extract.page import failure_of

    if code == -signal.SIGPROF:
        return failure_of(page, "timeout", f"the page took more than {settings.max_seconds:g} s of CPU")
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return failure_of(page, "crash", f"the extractor's process was lost twice at this page: {name}")


def main() -> None:
    """Serves the pages that come by the socket in place of standard input, or is the template of the process named."""
    is_template = len(sys.argv) > 1
    os.dup2(2, 1)  # what libraries print goes to standard error
    if not is_template:
        end_with_parent()
    logging.disable(logging.CRITICAL)  # trafilatura logs each page that it gives up
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends this process
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from curate.extract.page import warm_up

    warm_up()  # so that no page's time is spent on imports
    if not is_template:
        serve(socket.socket(fileno=0))
    elif threading.active_count() == 1:  # a process of several threads cannot be forked soundly
        forks.name_process("curate-template")
        forks.serve(socket.socket(fileno=0), serve_fork, int(sys.argv[1]))


def serve_fork(channel: socket.socket) -> None:
    """Serves pages in a fork of the template, until its caller ends."""
    forks.name_process("curate-extract")
    end_with_parent()
    serve(channel)


def serve(channel: socket.socket) -> None:
    """Answers each page with its outcome and its CPU time, until there are no more."""
    from curate.extract.page import attempt

    jobs, answers = channel.makefile("rb"), channel.makefile("wb")
    counted = time.process_time()
    _send(answers, (os.getpid(), counted))
    while job := _receive(jobs):
        page, source, settings, gates = job
        signal.setitimer(signal.ITIMER_PROF, settings.max_seconds)
        outcome = attempt(page, source, settings, gates)
        signal.setitimer(signal.ITIMER_PROF, 0)
        before, counted = counted, time.process_time()
        _send(answers, (outcome, counted - before))  # what goes to and fro counts too


def _send(stream: IO[bytes], value: Any) -> None:
    """Writes a value with its length before it."""
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(content)) + content)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """Returns the next value, or None if the other side has ended."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    content = stream.read(size)
    return pickle.loads(content) if len(content) == size else None


if __name__ == "__main__":
    try:
        main()
    except ConnectionError:  # the parent no longer waits for an answer
        os._exit(1)
