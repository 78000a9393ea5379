"""Runs a command on a terminal of its own, and records each screen that it shows."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select

import pyte


@dataclass(frozen=True)
class Seen:
    """A screen that differs from the one before."""

    seconds: float  # since the command began
    lines: tuple[str, ...]  # those that are not empty
    cursor_hidden: bool


@dataclass
class Shown:
    """All that a command has shown, and how it ended."""

    screens: list[Seen] = field(default_factory=list)
    code: int | None = None

    @property
    def last_lines(self) -> list[str]:
        """Returns the last line of each screen, where the bar is."""
        return [screen.lines[-1] for screen in self.screens if screen.lines]


def show(
    words: list[str],
    *,
    columns: int = 80,
    rows: int = 40,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    act: Callable[[Seen, subprocess.Popen[bytes], int], None] | None = None,
) -> Shown:
    """Runs a command on a terminal; act: called with each new screen, the process, and the terminal's descriptor."""
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    mine, theirs = pty.openpty()
    resize(theirs, columns, rows)
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    began, shown = time.monotonic(), Shown()
    process = subprocess.Popen(
        words,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env=environment | {"TERM": "xterm-256color"} | (env or {}),
        start_new_session=True,
    )
    os.close(theirs)
    while True:
        if select([mine], [], [], 0.05)[0]:
            try:
                content = os.read(mine, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not content:
                break
            stream.feed(content)
            lines = tuple(line.rstrip() for line in screen.display if line.strip())
            if not shown.screens or lines != shown.screens[-1].lines:
                shown.screens.append(Seen(time.monotonic() - began, lines, screen.cursor.hidden))
                if act:
                    act(shown.screens[-1], process, mine)
    shown.code = process.wait()
    lines = tuple(line.rstrip() for line in screen.display if line.strip())
    shown.screens.append(Seen(time.monotonic() - began, lines, screen.cursor.hidden))
    os.close(mine)
    return shown


def resize(descriptor: int, columns: int, rows: int) -> None:
    """Gives a terminal another size."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Sends a signal to a command and all that it started, unless it has ended."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)
