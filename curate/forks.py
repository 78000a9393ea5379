"""Processes that are forked on call: a template imports what they need once, and copies itself for every caller.

A caller connects to the template's socket, one of Linux's abstract ones, which only processes of its user may use. The
template keeps that connection to end the fork when the caller asks for it or has ended, and to say how the fork ended;
the caller and its fork speak by a pair of sockets of their own. A template has one thread, and ends with its parent.
"""

import gc
import os
import secrets
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from curate.processes import PARENT_POLL_S

CALL = b"+"
CODE = struct.Struct("i")  # of a fork that has ended, as subprocess has it
CREDENTIALS = struct.Struct("3i")  # of the process at the other end of a socket: pid, uid, gid


class Fork:
    """A process that the template at an address forks for this one; OSError where none listens there."""

    def __init__(self, address: str) -> None:
        self._template = connected(address)
        self.channel, theirs = socket.socketpair()  # between this process and the fork
        try:
            with theirs:
                socket.send_fds(self._template, [CALL], [theirs.fileno()])
        except BaseException:
            self.channel.close()
            self._template.close()
            raise

    def end(self) -> int:
        """Kills the process if it still runs, waits for its end and returns its code; SIGKILL's if none tells it."""
        code = b""
        with self._template, suppress(OSError):
            self._template.shutdown(socket.SHUT_WR)
            code = self._template.recv(CODE.size, socket.MSG_WAITALL)
        return int(CODE.unpack(code)[0]) if len(code) == CODE.size else -signal.SIGKILL


def listen(name: str) -> tuple[socket.socket, str]:
    """Returns a socket that listens, and its address, which begins with this name and which nobody can guess."""
    address = f"{name}-{os.getpid()}-{secrets.token_hex(8)}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0{address}")
    listener.listen()
    return listener, address


def connected(address: str) -> socket.socket:
    """Returns a connection to the process of this user that listens at an address; OSError where there is none."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"\0{address}")
        if not _is_ours(connection):
            raise PermissionError(f"{address}: a process of another user listens there")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_ours(connection: socket.socket) -> bool:
    """Returns whether a process of this user is at the other end."""
    _, user, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return bool(user == os.getuid())


def accept(listener: socket.socket) -> socket.socket | None:
    """Returns the next connection; None for one of another user, which is closed unread."""
    caller, _ = listener.accept()
    if _is_ours(caller):
        return caller
    caller.close()  # after a shutdown, what was sent before could still be read
    return None


def name_process(name: str) -> None:
    """Sets the name that tools such as top show for this process."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def serve(listener: socket.socket, work: Callable[[socket.socket], None], parent: int) -> NoReturn:
    """Forks for every caller a process that runs `work` with its end of the pair, until the parent ends."""
    gc.collect()
    gc.freeze()  # so that no fork's collector touches, and so copies, the pages of memory that they share
    forks: dict[socket.socket, int] = {}
    while os.getppid() == parent:
        ready, _, _ = select.select([listener, *forks], [], [], PARENT_POLL_S)
        for connection in ready:
            if connection is not listener:
                _end(connection, forks.pop(connection))
            elif caller := accept(listener):
                if channel := _called(caller):
                    if (pid := os.fork()) == 0:
                        _run(work, channel, (listener, caller, *forks))
                    forks[caller] = pid
                    channel.close()
                else:
                    caller.close()
    for connection, pid in forks.items():
        _end(connection, pid)
    os._exit(0)


def _called(caller: socket.socket) -> socket.socket | None:
    """Returns the fork's end of the pair that a caller sends; None where it has ended instead."""
    with suppress(OSError):
        _, descriptors, _, _ = socket.recv_fds(caller, len(CALL), 1)
        return socket.socket(fileno=descriptors[0]) if descriptors else None
    return None


def _end(caller: socket.socket, pid: int) -> None:
    """Ends a fork that may have ended already, and says to its caller how it ended."""
    os.kill(pid, signal.SIGKILL)  # none but this process waits for it, so the number is still its own
    _, status = os.waitpid(pid, 0)
    with caller, suppress(OSError):
        caller.send(CODE.pack(os.waitstatus_to_exitcode(status)))


def _run(work: Callable[[socket.socket], None], channel: socket.socket, others: tuple[socket.socket, ...]) -> NoReturn:
    """Runs a fork's work, and ends; nothing of the template is unwound."""
    code = 1
    try:
        for other in others:
            other.close()
        work(channel)
        code = 0
    except ConnectionError:  # the caller has ended
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
