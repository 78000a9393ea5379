"""Trains the runs of a ladder, several side by side, each in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from curate.processes import announced
from curate.scaling.rungs import Rung, is_done
from curate.scaling.worker import INTERRUPTED_CODE
from curate.settings import to_table
from curate.storage.locks import locked

INTERRUPT_S = 65  # for the checkpoints of all runs, each of which takes up to 60
REPORTS = 10  # lines that a run prints of its steps

Say = Callable[[str], None]


class Side:
    """The processes of a ladder that run at this moment."""

    def __init__(self) -> None:
        self.processes: set[subprocess.Popen[str]] = set()
        self.stopped = False
        self.lock = threading.RLock()  # a signal may come while the main thread has it

    def start(self, command: Sequence[str], threads: int) -> subprocess.Popen[str] | None:
        """Starts a process in a session of its own, which a terminal's interrupt does not reach; None once stopped."""
        numbers = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
        with self.lock:
            if self.stopped:
                return None
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=os.environ | numbers,
                start_new_session=True,
            )
            self.processes.add(process)
            return process

    def ended(self, process: subprocess.Popen[str]) -> None:
        """Forgets a process that has ended."""
        with self.lock:
            self.processes.discard(process)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Sends a signal to every process; none starts after this."""
        with self.lock:
            self.stopped = True
            for process in self.processes:
                with suppress(ProcessLookupError):
                    process.send_signal(number)


def run(
    rungs: Sequence[Rung],
    manifest: Path,
    out: Path,
    *,
    processes: int,
    say: Say = lambda line: None,
    anew: bool = False,
) -> dict[str, str]:
    """Trains the runs that are not done, the longest first; returns the reasons of those that failed, by name.

    A run that fails does not end the others. An interrupt ends all with KeyboardInterrupt, after a checkpoint of each;
    the same call goes on from there. anew: remove what is there of other settings.
    """
    left = [rung for rung in reversed(rungs) if not is_done(rung, manifest, out)]
    failures: dict[str, str] = {}
    side = Side()
    with (
        locked(out, "a ladder is trained"),
        announced(side.stop, INTERRUPT_S),
        ThreadPoolExecutor(processes) as pool,
    ):
        work = {rung.name: pool.submit(_run, rung, manifest, out, side, say, anew) for rung in left}
        try:
            for name, future in work.items():
                if reason := future.result():
                    failures[name] = reason
                    say(f"{name}: failed: {reason}")
        except BaseException:
            side.stop(signal.SIGKILL)
            raise
    if side.stopped:
        raise KeyboardInterrupt
    return failures


def _run(rung: Rung, manifest: Path, out: Path, side: Side, say: Say, anew: bool) -> str | None:
    """Trains one run in a process; returns why it failed, None where it did not or was stopped."""
    steps = rung.tokens // (rung.settings.batch * rung.settings.context)
    table = json.dumps(to_table(rung.settings))
    words = [str(manifest.absolute()), str(rung.folder(out).absolute()), table, str(max(1, steps // REPORTS))]
    command = [sys.executable, "-P", "-m", "curate.scaling.worker", *words, *(["anew"] if anew else [])]
    process = side.start(command, rung.settings.threads)
    if process is None:
        return None
    last = ""
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            last = _hear(line.strip(), rung.name, steps, say) or last
    code = process.wait()
    side.ended(process)
    if code == 0 or (side.stopped and code in (INTERRUPTED_CODE, -signal.SIGINT)):
        return None
    if code < 0:
        cause = ", as where memory runs out" if code == -signal.SIGKILL else ""
        return f"ended by {signal.Signals(-code).name}{cause}"
    return last or f"ended with code {code}"


def _hear(line: str, name: str, steps: int, say: Say) -> str:
    """Passes on what a process says as a line; returns its words where they may be the reason of its end."""
    try:
        heard = json.loads(line)
        if "step" in heard:
            say(f"{name}: step {heard['step']:,} of {steps:,}, loss {heard['loss']:.3f}")
        elif "say" in heard:
            say(f"{name}: {heard['say']}")
        return str(heard.get("error", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return line
