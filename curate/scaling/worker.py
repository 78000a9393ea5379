"""The process of one run: `python -m curate.scaling.worker MANIFEST OUT SETTINGS EVERY [anew]`.

It trains by `curate.gpt.train` and prints lines of JSON: {"say": …}, {"step": …, "loss": …} after every so many steps,
and {"error": …} before it exits with code 1. SIGINT ends it after a checkpoint, with code 130.
"""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from curate.errors import one_line
from curate.processes import end_with_parent
from curate.settings import build

INTERRUPTED_CODE = 130


def main(arguments: list[str]) -> int:
    """Trains the run that the arguments name, and returns the exit code."""
    return done(lambda: train_run(*arguments))


def done(work: Callable[[], None]) -> int:
    """Does the work of a process, and returns its exit code; an error is printed as a line."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        work()
    except KeyboardInterrupt:
        return INTERRUPTED_CODE
    except Exception as error:  # any of them is one line for whoever waits, whose other runs go on
        tell(error=one_line(error))
        return 1
    return 0


def train_run(manifest: str, out: str, table: str, every: str, anew: str = "") -> None:
    """Trains a model and prints its progress."""
    from curate.gpt.config import Train
    from curate.gpt.logs import Progress
    from curate.gpt.train import train

    def report(progress: Progress) -> None:
        if progress.step % int(every) == 0:
            tell(step=progress.step, loss=progress.loss)

    settings = build(Train, json.loads(table))
    train(Path(manifest), Path(out), settings, report, say=lambda line: tell(say=line), anew=bool(anew))


def tell(**values: Any) -> None:
    """Prints a line of JSON for the process that waits."""
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
