"""Finds and kills the processes of one command, by a mark in their environment."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

MARK = "CURATE_TEST_MARK"
GONE_S = 60
WORKERS = ("curate-worker-boot", "curate.pipelines.engines.worker")
FORKED = "curate-worker"  # the name of those that a nursery has forked; their command line is the command's


def marked(mark: str) -> dict[int, str]:
    """Returns the command line of every live process whose environment has the mark."""
    commands = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                commands[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return {pid: words for pid, words in commands.items() if words}  # a zombie has no words


def workers(mark: str) -> list[int]:
    """Returns the worker processes among them."""
    return sorted(pid for pid, words in marked(mark).items() if any(name in words for name in WORKERS) or forked(pid))


def forked(pid: int) -> bool:
    """Returns whether a process is a nursery's worker."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() == FORKED
    return False


def start(command: list[str], mark: str) -> subprocess.Popen:
    """Starts a command in a session of its own, with the mark."""
    environment = os.environ | {MARK: mark}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, start_new_session=True, text=True, **pipes)


def kill(pid: int) -> None:
    """Kills a process with SIGKILL; it may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def left(mark: str) -> dict[int, str]:
    """Returns the processes of an ended command that still run after GONE_S, which is time for all of them to end."""
    over = time.monotonic() + GONE_S
    while (alive := marked(mark)) and time.monotonic() < over:
        time.sleep(0.2)
    return alive
