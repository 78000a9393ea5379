"""An extractor in a process of its own, which a page may kill: with a bound on the CPU time and the memory of each.

One such process serves a worker for all its pages. The kernel ends it where a page takes too long (a profiling timer
stops C code too); that page is then a failure, as is one at which two processes are lost, and the next has a new one.
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
from curate.records import Document, Failure, Page, Reason

LENGTH = struct.Struct(">Q")
MEMORY = 4 << 30  # bytes of address space; a page of ten megabytes takes about one gigabyte
PARENT_POLL_S = 1.0
READY = b"ready"

Outcome = Document | Reason | Failure


class Sandbox:
    """Extracts pages one by one in another process, which is started with the first and anew after each loss."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def extract(self, page: Page, source: str, settings: Extract, gates: Gates) -> tuple[Outcome, float]:
        """What became of a page, and the CPU seconds that this took."""
        with self._lock:
            for attempt in (1, 2):
                process = self._started()
                try:
                    _send(process.stdin, (page, source, settings, gates))
                    answer: tuple[Outcome, float] | None = _received(process.stdout)
                except BrokenPipeError:
                    answer = None
                except BaseException:  # an interrupt leaves half a conversation
                    self.close()
                    raise
                if answer is not None:
                    return answer
                self._process = None
                code = process.wait()
                if attempt == 2 or code == -signal.SIGPROF:  # another end may be none of the page's doing
                    break
            return loss(page, code, settings), settings.max_seconds

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [
                sys.executable,
                "-P",
                "-m",
                "curate.extract.sandbox",
            ]  # -P: nothing is imported from the working folder
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if _received(process.stdout) != READY:
                raise RuntimeError(f"the extractor's process did not start: code {process.wait()} of {command}")
            self._process = process
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()


def loss(page: Page, code: int, settings: Extract) -> Failure:
    """The failure of a page at which the process ended with this code."""
    from curate.extract.page import lost

    if code == -signal.SIGPROF:
        return lost(page, "timeout", f"the page took more than {settings.max_seconds:g} s of CPU")
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return lost(page, "crash", f"the extractor's process was lost twice at this page: {name}")


@lru_cache(maxsize=1)
def shared() -> Sandbox:
    """The sandbox of this process."""
    sandbox = Sandbox()
    atexit.register(sandbox.close)
    return sandbox


def _send(stream: IO[bytes] | None, value: Any) -> None:
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    if stream:
        stream.write(LENGTH.pack(len(content)) + content)
        stream.flush()


def _received(stream: IO[bytes] | None) -> Any:
    """The next value, or None where the other side has gone."""
    head = stream.read(LENGTH.size) if stream else b""
    if not stream or len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    content = stream.read(size)
    return pickle.loads(content) if len(content) == size else None


def end_with_parent() -> None:
    """End this process once the one that started it has gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serve pages until there are no more; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    end_with_parent()
    logging.disable(logging.CRITICAL)  # trafilatura talks of each page that it gives up
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends this process
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from curate.extract.page import attempt, warm_up

    warm_up()  # so that no page's time is spent on imports
    _send(answers, READY)
    while job := _received(sys.stdin.buffer):
        page, source, settings, gates = job
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, settings.max_seconds)
        outcome = attempt(page, source, settings, gates)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(answers, (outcome, time.process_time() - started))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody waits for an answer any more
        os._exit(1)
