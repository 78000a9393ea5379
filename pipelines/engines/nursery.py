"""Starts local worker processes quickly: forks of a copy of this process, in which Beam is imported already.

A process that has used gRPC, or has threads, cannot be forked soundly; so the copy is made before there are any. It
only waits, and forks a worker at every call.
"""

import gc
import json
import os
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

DONE = b"done"
CALL = b"+"


def can_fork() -> bool:
    """Returns whether this process can be forked soundly, now and until Beam is imported."""
    return sys.platform == "linux" and "grpc" not in sys.modules and threading.active_count() == 1


class Nursery:
    """A copy of this process that forks workers until `close`, or until this process ends."""

    def __init__(self) -> None:
        self._calls, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._calls.close()
                _serve(theirs)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)  # nothing of the copied process is unwound
        theirs.close()

    def run(self, environment: dict[str, str]) -> None:
        """Runs a worker with this environment to its end; raises RuntimeError if it ends before its work does."""
        mine, theirs = socket.socketpair()
        with mine, suppress(OSError):
            with theirs:
                socket.send_fds(self._calls, [CALL], [theirs.fileno()])
            mine.sendall(json.dumps(environment).encode() + b"\n")
            if mine.recv(len(DONE)) == DONE:
                return
        raise RuntimeError("a worker process ended before its work did")

    def close(self) -> None:
        """Ends the copy and the workers that still run."""
        self._calls.close()
        os.waitpid(self.pid, 0)


def _serve(calls: socket.socket) -> NoReturn:
    """Forks a worker for every call, until the other end is closed."""
    _name_process("curate-nursery")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent, which is interrupted too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # so that no worker's collector touches, and so copies, the pages of memory that they share
    workers = []
    while True:
        _, descriptors, _, _ = socket.recv_fds(calls, len(CALL), 1)
        if not descriptors:
            break
        workers.append(os.fork())
        if workers[-1] == 0:
            calls.close()
            _work(socket.socket(fileno=descriptors[0]))
        os.close(descriptors[0])
    for pid in workers:  # those that have sent DONE are ending; the others have no runner to work for
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os._exit(0)


def _work(runner: socket.socket) -> NoReturn:
    """Runs a worker with the environment that the runner sends, and ends; nothing of the copied process is unwound."""
    from curate.pipelines.engines import worker

    _name_process("curate-worker")
    code = 1
    try:
        with runner.makefile("r") as lines:
            os.environ.update(json.loads(lines.readline()))
        worker.main()
        runner.sendall(DONE)
        code = 0
    except BaseException:
        traceback.print_exc()  # into the worker's log
    finally:
        sys.stderr.flush()
        os._exit(code)


def _name_process(name: str) -> None:
    """Sets the name that tools such as top show for this process."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)
