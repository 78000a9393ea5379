"""The extractor in a process of its own, so that a page that kills it is a failure and the worker goes on.

One such process serves a worker for all its pages, within a bound on memory and on each page's CPU time. The kernel
ends the process when a page takes too long (a profiling timer stops C code too). That page is then a failure, as is a
page at which two processes end for another cause; the next page gets a new process.
"""

import atexit
import logging
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import lru_cache
from typing import IO, Any

from curate.extract.config import Extract, Gates
from curate.processes import end_with_parent
from curate.records import Document, Failure, Page, Reason

LENGTH = struct.Struct(">Q")  # of a pickled value, which follows it
MEMORY = 4 << 30  # bytes of address space; a page of ten megabytes takes about one gigabyte

Outcome = Document | Reason | Failure


class Sandbox:
    """Extracts pages one by one in another process, started with the first page and again after each loss."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.start_s = 0.0  # CPU seconds that the process took to start, each time that it did

    def extract(self, page: Page, source: str, settings: Extract, gates: Gates) -> tuple[Outcome, float]:
        """Returns the document, the reason or the failure of a page, and the CPU seconds that it took."""
        with self._lock:
            for attempt in (1, 2):
                process = self._running_process()
                try:
                    _send(process.stdin, (page, source, settings, gates))
                    answer: tuple[Outcome, float] | None = _receive(process.stdout)
                except BrokenPipeError:
                    answer = None
                except BaseException:  # an interrupt leaves half a conversation
                    self.close()
                    raise
                if answer is not None:
                    return answer
                self._process = None
                code = process.wait()
                if attempt == 2 or code == -signal.SIGPROF:  # any other end may not be the page's fault: try once more
                    break
            return loss_failure(page, code, settings), settings.max_seconds

    def close(self) -> None:
        """Kills the process, if there is one."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def _running_process(self) -> subprocess.Popen[bytes]:
        """Returns the process, started if there is none; RuntimeError if it cannot start."""
        if self._process is None:
            # -P: nothing is imported from the working folder
            command = [sys.executable, "-P", "-m", "curate.extract.sandbox"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if not isinstance(start_s := _receive(process.stdout), float):
                raise RuntimeError(f"the extractor's process did not start: code {process.wait()} of {command}")
            self._process, self.start_s = process, self.start_s + start_s
        return self._process


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
    """Serves pages until standard input ends; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    end_with_parent()
    logging.disable(logging.CRITICAL)  # trafilatura logs each page that it gives up
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends this process
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from curate.extract.page import attempt, warm_up

    warm_up()  # so that no page's time is spent on imports
    counted = time.process_time()
    _send(answers, counted)
    while job := _receive(sys.stdin.buffer):
        page, source, settings, gates = job
        signal.setitimer(signal.ITIMER_PROF, settings.max_seconds)
        outcome = attempt(page, source, settings, gates)
        signal.setitimer(signal.ITIMER_PROF, 0)
        before, counted = counted, time.process_time()
        _send(answers, (outcome, counted - before))  # what goes to and fro counts too


def _send(stream: IO[bytes] | None, value: Any) -> None:
    """Writes a value with its length before it."""
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    if stream:
        stream.write(LENGTH.pack(len(content)) + content)
        stream.flush()


def _receive(stream: IO[bytes] | None) -> Any:
    """Returns the next value, or None if the other side has ended."""
    head = stream.read(LENGTH.size) if stream else b""
    if not stream or len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    content = stream.read(size)
    return pickle.loads(content) if len(content) == size else None


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the parent no longer waits for an answer
        os._exit(1)
