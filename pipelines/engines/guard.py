"""Runs a command, and kills it with all that it started as soon as the parent of this process ends, however it ends.

    python -m curate.pipelines.engines.guard FOLDER COMMAND [ARGUMENT ...]

The parent holds the other end of this process's standard input; `kill -9` closes it as well as a good end does. FOLDER,
where the command keeps its files, is then removed. A byte that the parent writes asks the command to end by itself. If
the command ends first, all that it has started is killed too.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def main() -> None:
    """Runs the command in a session of its own, and exits with its code."""
    folder, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    orphaned = threading.Event()
    watch = threading.Thread(target=_watch, args=(child.pid, folder, orphaned), daemon=True)
    watch.start()
    code = child.wait()
    if orphaned.is_set():  # the other thread killed it, and has a folder to remove
        watch.join()
    _kill(child.pid)
    os._exit(code if code >= 0 else 128 - code)


def _watch(group: int, folder: str, orphaned: threading.Event) -> None:
    while os.read(0, 1 << 16):
        _kill(group, signal.SIGTERM)
    orphaned.set()
    _kill(group)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(128 + signal.SIGKILL)


def _kill(group: int, number: signal.Signals = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    main()
