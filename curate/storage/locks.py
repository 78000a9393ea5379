"""Locks a folder of this machine for one process; the lock ends with the process, however that ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.errors import SettingsError

MOMENT_S = 0.05


def lock(folder: int) -> None:
    """Locks an open folder for this process alone; BlockingIOError where another process holds it for long."""
    for last in (False, False, True):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:  # one that only looks takes it for a moment
            if last:
                raise
            time.sleep(MOMENT_S)


def opened(folder: Path) -> int:
    """Returns the descriptor of a folder, made if it is not there; SettingsError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot write there: {error.strerror}") from None


@contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Makes a folder, if it is not there, and locks it for the length of the block; a new one left empty is removed.

    work: what another process does there, for the SettingsError. Raises it where the folder cannot be written too.
    """
    fresh = not folder.exists()
    descriptor = opened(folder)
    try:
        lock(descriptor)
        yield
    except BlockingIOError:
        raise SettingsError(f"{folder}: {work} there by another process; wait for its end") from None
    finally:
        if fresh:
            with suppress(OSError):
                folder.rmdir()
        os.close(descriptor)
