"""Starts local worker processes quickly: forks of a copy of this process, in which Beam is imported already.

A process that has used gRPC, or has threads of its own, cannot be forked soundly; so the copy is made before it has
any (libraries keep some, which they stop at a fork). It only waits, and forks a worker at every call: one of this
process, or one of a `curate-worker-boot` of the same user, which a job server on this machine has started with the
nursery's address in its environment.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import NoReturn

from curate.forks import accept, connected, listen, name_process

DONE = b"done"
CALL = b"+"
ADDRESS = "CURATE_NURSERY"  # the variable that tells a boot where a nursery listens: a name of Linux's abstract sockets
BOOT = "CURATE_BOOT_ARGUMENTS"  # the variable by which a boot sends its arguments
MEMBER = "CURATE_CREW"  # set in the environment of a worker that is one of a crew


def can_fork() -> bool:
    """Returns whether this process can be forked soundly, now and until Beam is imported."""
    return sys.platform == "linux" and "grpc" not in sys.modules and threading.active_count() == 1


class Nursery:
    """A copy of this process that forks workers until `close`, or until this process ends."""

    def __init__(self, closed: int | None = None) -> None:
        """Makes the copy, which closes this descriptor: another process waits for the end of all that have it."""
        self._calls, theirs = socket.socketpair()
        boots, self.address = listen("curate-nursery")
        with boots:
            self.pid = os.fork()
            if self.pid == 0:
                try:
                    self._calls.close()
                    if closed is not None:
                        os.close(closed)
                    _serve(theirs, boots)
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(1)  # nothing of the copied process is unwound
        theirs.close()

    def run(self, environment: dict[str, str]) -> None:
        """Runs a worker with this environment to its end; raises RuntimeError if it ends before its work does."""
        with self.call(environment) as worker:
            if not _ended_well(worker):
                raise RuntimeError("a worker process ended before its work did")

    def call(self, environment: dict[str, str]) -> socket.socket:
        """Starts a worker with this environment; returns the socket between this process and it."""
        mine, theirs = socket.socketpair()
        with theirs, suppress(OSError):
            socket.send_fds(self._calls, [CALL], [theirs.fileno()])
        _send(mine, environment)
        return mine

    def wait(self) -> None:
        """Waits until the copy has ended, and its workers with it."""
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def close(self) -> None:
        """Ends the copy and the workers that still run."""
        self._calls.close()
        os.waitpid(self.pid, 0)


def run_boot(address: str, arguments: list[str]) -> bool:
    """Runs a worker of the nursery at this address as the container contract's arguments ask for, to its end.

    Returns whether the worker ended after its work; raises OSError where no nursery is there.
    """
    with connected(address) as nursery:
        _send(nursery, {**os.environ, BOOT: json.dumps(arguments)})
        return _ended_well(nursery)


def _send(worker: socket.socket, environment: dict[str, str]) -> None:
    """Sends a worker its environment; nothing is raised where it has ended, as `_ended_well` says so."""
    with suppress(OSError):
        worker.sendall(json.dumps(environment).encode() + b"\n")


def _ended_well(worker: socket.socket) -> bool:
    """Waits for a worker's end; returns whether it ended after its work."""
    with suppress(OSError):
        return worker.recv(len(DONE)) == DONE
    return False


def _serve(calls: socket.socket, boots: socket.socket) -> NoReturn:
    """Forks a worker for every call and every boot, until the other end of the calls is closed."""
    name_process("curate-nursery")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent, which is interrupted too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # so that no worker's collector touches, and so copies, the pages of memory that they share
    workers = []
    while True:
        ready, _, _ = select.select([calls, boots], [], [])
        if calls in ready:
            runner = _called(calls)
            if runner is None:
                break
        elif (runner := accept(boots)) is None:  # a boot of another user has no worker
            continue
        workers.append(os.fork())
        if workers[-1] == 0:
            calls.close()
            boots.close()
            _work(runner)
        runner.close()
    for pid in workers:  # those that have sent DONE are ending; the others have no runner to work for
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os._exit(0)


def _called(calls: socket.socket) -> socket.socket | None:
    """Returns the socket of the runner that calls for a worker; None once there are no more calls."""
    _, descriptors, _, _ = socket.recv_fds(calls, len(CALL), 1)
    return socket.socket(fileno=descriptors[0]) if descriptors else None


def _work(runner: socket.socket) -> NoReturn:
    """Runs a worker with the environment that the runner sends, and ends; nothing of the copied process is unwound."""
    from curate.pipelines.engines import contract, member, worker

    name_process("curate-worker")
    code = 1
    try:
        stream = runner.makefile("rb")
        os.environ.update(json.loads(stream.readline()))
        if os.environ.pop(MEMBER, ""):
            member.serve(stream, runner)
        threading.Thread(target=_end_with, args=(runner,), daemon=True).start()
        if arguments := os.environ.pop(BOOT, ""):
            os.environ.update(contract.worker_environment(contract.parsed(json.loads(arguments))))
        worker.main()
        runner.sendall(DONE)
        code = 0
    except BaseException:
        traceback.print_exc()  # into the worker's log
    finally:
        sys.stderr.flush()
        os._exit(code)


def _end_with(runner: socket.socket) -> None:
    """Ends this process once its runner, which sends nothing more, has ended."""
    from curate.extract.sandbox import shared

    runner.recv(1)
    shared().close()
    os._exit(1)
