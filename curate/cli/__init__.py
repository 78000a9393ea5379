"""The command line; imports every other folder inside its commands.

Reading order: supervisor, entry, app, options, extras, run, stages, look, dataset, quality, runners, tables.
"""

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import Any

# New objects before a collection, and collections before an older generation is looked at. With Python's 700, 10 and 10
# collections take a tenth of a command's start, as modules and graphs are made and stay.
COLLECTED = (50_000, 20, 50)

_code: Any = 1  # with which the command ends, as `sys.exit` has it


def main() -> None:
    """Runs the command that the arguments name in a process of its own, and exits with its code."""
    global _code
    _open_streams()
    gc.set_threshold(*COLLECTED)
    atexit.register(_end)  # the first is called last
    from curate.cli import supervisor

    supervisor.divide()  # before the others are imported, so that an interrupt is answered from the first moment
    from curate.cli import entry

    try:
        entry.main()
    except SystemExit as ended:
        _code = ended.code
        raise


def _open_streams() -> None:
    """Opens /dev/null for each standard stream that is closed, so that no other file gets its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def _end() -> None:
    """Ends the process, whose threads have ended; to take down the modules of a run would take 0.2 s."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(_code if isinstance(_code, int) else _code is not None)
