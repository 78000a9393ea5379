"""Local worker processes that import nothing: forks of a copy of this process, set aside as soon as Beam was imported.

A process that has used gRPC, or has threads, cannot be forked soundly; so the copy is made before there are any, does
nothing itself but wait, and forks a worker whenever it is told to.
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


def possible() -> bool:
    """Can this process be forked soundly, now and until Beam is imported?"""
    return sys.platform == "linux" and "grpc" not in sys.modules and threading.active_count() == 1


class Nursery:
    """The copy of this process, of which workers are made until `close`, or until this process has gone."""

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
        """Have a worker of this environment run to its end; RuntimeError where it does not come to one."""
        mine, theirs = socket.socketpair()
        with mine, suppress(OSError):
            with theirs:
                socket.send_fds(self._calls, [CALL], [theirs.fileno()])
            mine.sendall(json.dumps(environment).encode() + b"\n")
            if mine.recv(len(DONE)) == DONE:
                return
        raise RuntimeError("a worker process ended before its work did")

    def close(self) -> None:
        """End the copy; workers that still run end as well."""
        self._calls.close()
        os.waitpid(self.pid, 0)


def _serve(calls: socket.socket) -> NoReturn:
    """Fork a worker for every call, until the other end is closed."""
    _called("curate-nursery")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it goes with its parent, which is interrupted too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # so that no worker's collector touches, and so copies, what they share
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
    for pid in workers:  # those that have told their end are ending; others have nobody to work for
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os._exit(0)


def _work(runner: socket.socket) -> NoReturn:
    """Be a worker of the environment that the runner sends; nothing of the copied process is unwound."""
    from curate.pipelines.engines import worker

    _called("curate-worker")
    signal.signal(signal.SIGINT, signal.default_int_handler)
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


def _called(name: str) -> None:
    """Have tools such as top show this name."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)
