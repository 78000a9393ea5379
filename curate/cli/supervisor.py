"""Divides a command into two processes: one works, the other watches and, at an interrupt, ends everything.

The watching process is the one that was called. It imports next to nothing, has one thread, and waits for a signal or
for the end of its child; so it answers at once whatever the child is doing: importing, planning, waiting for a runner,
or computing in C. Parts are whole or absent at any moment, so an interrupt is a SIGKILL to all that the command
started, after which the drafts of those processes are removed (`curate.storage.draft` enters their folders in a list).
Where this process is killed itself, a later command of the same machine removes the temporary files that it left.
The child ignores what a terminal sends to all processes of a command, and hands its last line to the parent.
"""

import ctypes
import mmap
import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

from curate import processes

INTERRUPTED = "interrupted; the same command resumes where it stopped"
INTERRUPTED_AFRESH = "interrupted; the same command begins anew"
INTERRUPTED_CODE = 130
# The verbs whose command goes on from what is there.
RESUMED = (
    *("run", "links", "crawl", "extract", "filter", "dedup", "lines", "score", "decontaminate", "tokenize", "pack"),
    *("train", "scale", "ablate"),
)
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.5  # an interrupt so soon after the first is the same one, sent to the process and to its group
ENDING_S = 3.0  # for killed processes to be gone
POLL_S = 0.01
SCRATCH = "CURATE_SCRATCH"  # names the command's folder of temporary files, for its processes
DRAFTS = "drafts"  # a file in it: "PID FOLDER\0" for each folder in which a process makes drafts
OWNER = "owner"  # a file in it, which names this process, as `_process` does
ATTEMPT = "attempt"  # a file in it, which names the file that says what the command does to its output

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # of Linux's prctl


def divide() -> None:
    """Forks, and returns in the child alone; the parent exits with the child's code, or 130 at an interrupt."""
    hears = tuple(
        number for number in INTERRUPTS if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN
    )  # nohup
    signal.pthread_sigmask(signal.SIG_BLOCK, {*hears, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal that is ignored may not wake those who wait for it
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    asked, scratch, (words, theirs) = processes.share_request(), _make_scratch(), os.pipe()
    parent, child = os.getpid(), os.fork()
    if child:
        os.close(theirs)
        _watch(_Command(child, hears, asked, words, scratch))
    os.close(words)
    processes.hand_words_to(theirs)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    if sys.platform != "linux":
        processes.end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*hears, signal.SIGCHLD})


class _Command:
    """The child and what it shares with its parent."""

    def __init__(
        self, pid: int, hears: tuple[signal.Signals, ...], asked: mmap.mmap, words: int, scratch: str | None
    ) -> None:
        self.pid, self.hears, self.asked, self.words, self.scratch = pid, hears, asked, words, scratch
        self.code: int | None = None  # None while it runs; minus the number of the signal that ended it

    def reap(self) -> None:
        """Takes note of processes that have ended; those whose parent has ended are this one's children too."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.pid:
                    self.code = os.waitstatus_to_exitcode(ended[1])

    def interrupted(self) -> bool:
        """Returns whether an interrupt waits to be heard."""
        return not signal.sigpending().isdisjoint(self.hears)


def _watch(command: _Command) -> NoReturn:
    """Waits for the command's end or for an interrupt, ends what still runs, and exits."""
    interrupted = False
    while command.code is None and not interrupted:
        interrupted = signal.sigwait({*command.hears, signal.SIGCHLD}) != signal.SIGCHLD
        command.reap()
    if command.code is None:
        _give_a_moment(command)
    interrupted |= command.interrupted()
    _end_all(command)
    code = INTERRUPTED_CODE if interrupted and command.code != 0 else _exit_code(command.code or 0)
    line = _last_line(command, code)
    if command.scratch:
        if code:
            _note_end(command, "interrupted" if code == INTERRUPTED_CODE else line)
        _clear(command.scratch, unfinished=code != 0)
    _print(line, code)
    if command.scratch and not code:
        _remove_left(os.path.dirname(command.scratch))
    os._exit(code)


def _give_a_moment(command: _Command) -> None:
    """Announces the interrupt to a child that asked for it, and waits for its end or for another interrupt."""
    seconds = command.asked[0]
    if not seconds:
        return
    began = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(command.pid, signal.SIGINT)
    while command.code is None and time.monotonic() < began + seconds:
        time.sleep(POLL_S)
        command.reap()
        if command.interrupted():
            if time.monotonic() > began + AGAIN_S:
                return
            signal.sigwait(command.hears)


def _end_all(command: _Command) -> None:
    """Kills every process that the command started and that still runs, in other sessions too, and waits for them."""
    over = time.monotonic() + ENDING_S
    while time.monotonic() < over:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in _descendants() or [command.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)


def _descendants() -> list[int]:
    """Returns all processes below this one, which adopts those whose parent has ended; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    with suppress(OSError):
        for name in os.listdir("/proc"):
            with suppress(OSError, ValueError):
                with open(f"/proc/{int(name)}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    below = children.get(os.getpid(), [])
    for pid in below:
        below += children.get(pid, [])
    return below


def _exit_code(code: int) -> int:
    """Returns the exit code of a child that ended by itself (0 and above) or by a signal (below)."""
    if code >= 0:
        return code
    return INTERRUPTED_CODE if -code in INTERRUPTS else 1


def _last_line(command: _Command, code: int) -> str:
    """Returns the line that ends the command, without its name; "" for none."""
    if code == INTERRUPTED_CODE:
        if os.environ.get("RANK", "0") != "0":  # torchrun's; the first process says it for all
            return ""
        verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        return INTERRUPTED if verb in RESUMED else INTERRUPTED_AFRESH
    os.set_blocking(command.words, False)
    with suppress(BlockingIOError):
        if words := os.read(command.words, processes.LAST_WORDS):
            return words.decode()
    if command.code is None or command.code >= 0:
        return ""
    cause = ", as where memory runs out" if -command.code == signal.SIGKILL else ""
    return f"ended by {signal.Signals(-command.code).name}{cause}; the same command resumes where it stopped"


def _print(line: str, code: int) -> None:
    """Prints the last line to standard error, on a terminal in place of a progress bar, which has hidden the cursor."""
    start = b"\r\x1b[K\x1b[?25h" if code and os.isatty(2) else b""
    writable = select.poll()
    writable.register(2, select.POLLOUT)
    with suppress(OSError):  # the terminal may be gone
        if line and writable.poll(1000 * ENDING_S):
            os.write(2, start + f"curate: {line}\n".encode("utf-8", "backslashreplace"))


def _make_scratch() -> str | None:
    """Makes the folder of temporary files of all processes of the command; None where none can be made."""
    above = next((os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "/tmp")
    folder = os.path.join(os.path.abspath(above), f"curate-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        os.mkdir(folder, 0o700)
        with open(os.path.join(folder, OWNER), "w", encoding="utf-8") as file:
            file.write(f"{_process(os.getpid())}\n")
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)  # the disk has no room for the name of its owner
        return None
    os.environ[SCRATCH] = os.environ["TMPDIR"] = folder
    return folder


def _process(pid: int) -> str:
    """Returns what names a live process among those of all machines and times.

    That is the machine, its last start, its space of process numbers, the number, and the start of the process; ""
    where the process has ended, or where there is no /proc.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stated = file.read().rpartition(b")")[2].split()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return "" if stated[0] == b"Z" else f"{os.uname().nodename} {boot} {space} {pid} {stated[19].decode()}"


def _remove_left(above: str) -> None:
    """Removes the folders of temporary files that killed commands have left; that of a live process stays.

    A folder of another machine, user or space of process numbers stays too, as nothing here tells whether it is in use;
    where there is no /proc, all stay.
    """
    import shutil

    here = _process(os.getpid()).split()
    with suppress(OSError):
        for entry in [entry for entry in os.scandir(above) if entry.name.startswith("curate-")]:
            with suppress(OSError, ValueError):
                with open(os.path.join(entry.path, OWNER), encoding="utf-8") as file:
                    owner = file.read()
                words = owner.split()
                is_left = (
                    owner.endswith("\n")
                    and len(words) == len(here) > 0
                    and words[:3] == here[:3]
                    and entry.stat(follow_symlinks=False).st_uid == os.getuid()
                    and owner.rstrip() != _process(int(words[3]))
                )
                if is_left:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _note_end(command: _Command, words: str) -> None:
    """Writes into the file of the attempt why it ended, where the child was killed and could not."""
    import json

    with suppress(OSError, ValueError, KeyError, TypeError):
        with open(os.path.join(command.scratch or "", ATTEMPT), "rb") as file:
            path = file.read()
        with open(path, "rb") as file:
            stored = json.loads(file.read())
        if stored["pid"] == command.pid and not stored["ended"]:
            ended = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
            content = json.dumps(stored | {"ended": ended, "error": words}, indent=1)
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)


def _clear(scratch: str, *, unfinished: bool) -> None:
    """Removes the temporary files of an ended command, and the drafts that it left if it was ended early."""
    import re
    import shutil

    entries = b""
    if unfinished:
        with suppress(OSError), open(os.path.join(scratch, DRAFTS), "rb") as file:
            entries = file.read()
    for entry in filter(None, os.fsdecode(entries).split("\0")):
        pid, _, folder = entry.partition(" ")
        ours = re.compile(rf"\..+\.{pid}\.[0-9a-f]{{16}}\.curate\.tmp", re.DOTALL)
        with suppress(OSError):
            for name in filter(ours.fullmatch, os.listdir(folder)):
                path = os.path.join(folder, name)
                with suppress(OSError):
                    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    shutil.rmtree(scratch, ignore_errors=True)


def _prctl(option: int, value: int) -> None:
    """Asks Linux to change how this process ends, or how others do; other systems have no such call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
