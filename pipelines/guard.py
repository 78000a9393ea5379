"""Runs a command that dies with its parent: however the parent ends, the command's process group is killed.

    python -m curate.pipelines.guard COMMAND [ARGUMENT ...]

The parent holds the other end of this process's standard input; `kill -9` closes it as well as a good end does.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    """Start the command in a group of its own, with this process in it; exit as it does."""
    os.setsid()
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_watch, daemon=True).start()
    sys.exit(child.wait())


def _watch() -> None:
    while os.read(0, 1 << 16):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
