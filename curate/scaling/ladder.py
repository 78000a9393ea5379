"""Trains the runs of a ladder, or runs that each have a dataset of their own: several side by side, each a process."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from curate.gpt.config import Train
from curate.processes import announced
from curate.scaling.rungs import Rung, is_done
from curate.scaling.worker import INTERRUPTED_CODE
from curate.settings import to_table
from curate.storage.locks import locked

INTERRUPT_S = 65  # for the checkpoints of all runs, each of which takes up to 60
REPORTS = 10  # lines that a run prints of its steps

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The work of one process: a module of ours that prints its progress as `curate.scaling.worker` does."""

    name: str  # in messages
    arguments: tuple[str, ...]
    module: str = "curate.scaling.worker"
    threads: int = 1
    steps: int = 0  # that it takes, for the lines of its progress


def training(name: str, manifest: Path, folder: Path, settings: Train, tokens: int, *, anew: bool = False) -> Job:
    """Returns the training of a model into a folder; anew: remove what is there of other settings."""
    steps = tokens // (settings.batch * settings.context)
    words = (str(manifest.absolute()), str(folder.absolute()), json.dumps(to_table(settings)))
    arguments = (*words, str(max(1, steps // REPORTS)), *(("anew",) if anew else ()))
    return Job(name=name, arguments=arguments, threads=settings.threads, steps=steps)


class Processes:
    """The processes that run side by side at this moment."""

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

    The same call goes on with what was interrupted. anew: remove what is there of other settings.
    """
    left = [rung for rung in reversed(rungs) if not is_done(rung, manifest, out)]
    jobs = [training(rung.name, manifest, rung.folder(out), rung.settings, rung.tokens, anew=anew) for rung in left]
    return side_by_side(jobs, out, processes=processes, say=say, work="a ladder is trained")


def side_by_side(
    jobs: Sequence[Job], out: Path, *, processes: int, say: Say = lambda line: None, work: str
) -> dict[str, str]:
    """Does jobs in their order, so many at a time; returns the reasons of those that failed, by name.

    A job that fails does not end the others. An interrupt ends all with KeyboardInterrupt, after a checkpoint of each.
    out: the folder that is locked meanwhile. work: what is done there, for whoever finds it locked.
    """
    failures: dict[str, str] = {}
    running = Processes()
    with locked(out, work), announced(running.stop, INTERRUPT_S), ThreadPoolExecutor(processes) as pool:
        futures = {job.name: pool.submit(_run, job, running, say) for job in jobs}
        try:
            for name, future in futures.items():
                if reason := future.result():
                    failures[name] = reason
                    say(f"{name}: failed: {reason}")
        except BaseException:
            running.stop(signal.SIGKILL)
            raise
    if running.stopped:
        raise KeyboardInterrupt
    return failures


def _run(job: Job, running: Processes, say: Say) -> str | None:
    """Does one job in a process; returns why it failed, None where it did not or was stopped."""
    process = running.start([sys.executable, "-P", "-m", job.module, *job.arguments], job.threads)
    if process is None:
        return None
    last = ""
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            last = _relay(line.strip(), job.name, job.steps, say) or last
    code = process.wait()
    running.ended(process)
    if code == 0 or (running.stopped and code in (INTERRUPTED_CODE, -signal.SIGINT)):
        return None
    if code < 0:
        cause = ", as where memory runs out" if code == -signal.SIGKILL else ""
        return f"ended by {signal.Signals(-code).name}{cause}"
    return last or f"ended with code {code}"


def _relay(line: str, name: str, steps: int, say: Say) -> str:
    """Passes on what a process says as a line; returns its words where they may be the reason of its end."""
    try:
        message = json.loads(line)
        if "step" in message:
            say(f"{name}: step {message['step']:,} of {steps:,}, loss {message['loss']:.3f}")
        elif "say" in message:
            say(f"{name}: {message['say']}")
        return str(message.get("error", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return line
