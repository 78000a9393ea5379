"""Ends a child process with its parent, and the work of a command with the process that supervises it; its memory.

The command line runs in a child of `cli/supervisor.py`, which ends everything at an interrupt. Code that
needs a few seconds then, to close what is open on another machine, asks for them here.
"""

import ctypes
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

PARENT_POLL_S = 1.0
MOMENT_S = 4  # for what an interrupt waits for, at most 255
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h
FREED_BYTES = 1 << 30
MMAP_BYTES = 1 << 25  # glibc's largest: blocks of this size and more still go back to the kernel when they are freed
LAST_WORDS = 1 << 15  # bytes that a pipe surely takes at once

_words: int | None = None  # the child's end of a pipe to the supervisor, which prints the last line of the command
_asked: mmap.mmap | None = None  # one byte, shared with the supervisor: the seconds that an interrupt is to wait


def share_request() -> mmap.mmap:
    """Makes the byte by which a child asks for a moment; both processes see it if it is made before the fork."""
    global _asked
    _asked = mmap.mmap(-1, 1)
    return _asked


def hand_words_to(pipe: int) -> None:
    """Sets the pipe to the supervisor that takes the last line of the command."""
    global _words
    _words = pipe


def last_words(message: str) -> bool:
    """Hands the command's last line to the supervisor, which prints it; False if there is no supervisor to do so."""
    if _words is None:
        return False
    os.write(_words, message.encode("utf-8", "backslashreplace")[:LAST_WORDS])
    return True


@contextmanager
def left_to_supervisor() -> Iterator[None]:
    """Does nothing at SIGTERM during the block, where there is a supervisor that announces it: torchrun sends both."""
    if _asked is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # unlike SIG_IGN, no other program inherits it
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def announced(act: Callable[[], None], seconds: int = MOMENT_S) -> Iterator[None]:
    """Calls `act` once, in the main thread, if an interrupt comes during the block, and gives it some seconds.

    Without a supervisor, where this package is a library, nothing ends the process but a second interrupt. Inside such
    a block, or in another thread than the main one, another such block runs as it is.
    """
    heard = threading.Event()

    def announce(*_: Any) -> None:
        if not heard.is_set():
            heard.set()
            act()
        elif _asked is None:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or getattr(before, "__name__", "") == "announce":
        yield
        return
    signal.signal(signal.SIGINT, announce)
    _ask(seconds)
    try:
        yield
    finally:
        _ask(0)
        signal.signal(signal.SIGINT, before)


def _ask(value: int) -> None:
    if _asked is not None:
        _asked[0] = value


def end_with_parent() -> None:
    """Starts a thread that ends this process once the process that started it has ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def keep_freed_memory() -> None:
    """Keeps up to FREED_BYTES of freed memory in this process, where the C library is glibc.

    By default glibc hands large tensors back to the kernel after each step of training, and the kernel clears the same
    pages for the next step: half of the time of a small model's step.
    """
    with suppress(OSError, AttributeError):  # another C library has no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
        mallopt(M_TRIM_THRESHOLD, FREED_BYTES)
