"""Runs Beam's worker in this process, with curate's logging set up before Beam sets up its own."""

import faulthandler
import logging
import os
import signal
import sys
from pathlib import Path

from curate.extract.sandbox import shared
from curate.pipelines.engines.inspection import inspect_once, never_sample
from curate.processes import end_with_parent

LOGS = "CURATE_WORKER_LOGS"  # names a folder in which each worker keeps a log, a crash of the interpreter included


def main() -> None:
    """Runs Beam's SDK worker with the arguments and the environment that the runner gave."""
    set_up()
    end_with_parent()  # Beam may wait a minute for a runner that has ended
    from apache_beam.runners.worker import sdk_worker_main

    inspect_once()
    never_sample()
    try:
        sdk_worker_main.main(sys.argv)
    finally:
        shared().close()


def set_up() -> None:
    """Sends what libraries say to the worker's log, if one is asked for, and leaves interrupts to the command."""
    folder = os.environ.get(LOGS)
    log = Path(folder) / f"worker-{os.getpid()}.log" if folder else Path(os.devnull)
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr = log.open("a")  # a failure reaches the runner as an exception; all else here are messages of Beam's own
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING if folder else logging.CRITICAL)
    logging.getLogger().addHandler(handler)
    if folder:
        faulthandler.enable(sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what an interrupt ends


if __name__ == "__main__":
    main()
