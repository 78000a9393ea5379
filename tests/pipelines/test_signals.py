"""A signal at any moment ends a command with 130 and one line, and leaves nothing; run again, it gives the same bytes.

CURATE_SIGNALS sets how many are sent (4); from 50 on, a third of them go to other commands than `run`. The moments are
drawn with a fixed seed, but what a command is doing then depends on the machine.
"""

import fcntl
import math
import os
import pty
import random
import select
import shutil
import signal
import subprocess
import termios
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from processes import MARK, marked
from ways import contents, differing

SIGNALS = int(os.environ.get("CURATE_SIGNALS", "4"))
PATIENCE_S = 60.0  # for Python to start
LIMIT_S = 30.0  # from the signal to the end of everything; promised are 5 s on a machine that has nothing else to do
SAID = "curate: interrupted; the same command resumes where it stopped"
AFRESH = "curate: interrupted; the same command begins anew"
STAGES = ("start", "extract", "filter", "dedup", "dedup/signatures", "score", "tokenize", "shards", "manifest")
PROCESSES = ("--workers", "2", "--", "--direct_running_mode=multi_processing")
ENGINES = {"1 worker": ("--workers", "1"), "2 workers": ("--workers", "2"), "2 processes": PROCESSES}
# What is sent and to whom; those of a terminal come from its keyboard, or from its end.
PIPED = [
    ("SIGINT", "command"),
    ("SIGTERM", "command"),
    ("SIGHUP", "command"),
    ("SIGINT", "group"),
    ("SIGTERM", "group"),
]
SEEN = [("SIGINT", "command"), ("SIGTERM", "command"), ("^C", "terminal"), ("^C^C", "terminal"), ("closed", "terminal")]

pytestmark = pytest.mark.processes


@dataclass
class Shot:
    """One interrupt and its result."""

    stage: str
    engine: str
    sent: str
    to: str
    terminal: bool
    code: int | None = None
    seconds: float = 0.0
    written: list[str] = field(default_factory=list)


class Started:
    """A command in a session of its own, on a terminal of its own or on pipes."""

    def __init__(self, words: list[str], mark: str, scratch: Path, *, terminal: bool) -> None:
        scratch.mkdir(exist_ok=True)
        environment = os.environ | {MARK: mark, "TMPDIR": str(scratch)}
        self.keyboard, screen = pty.openpty() if terminal else (None, None)

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        streams = {"stdin": screen, "stdout": screen, "stderr": screen} if terminal else {}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} | streams
        self.process = subprocess.Popen(
            words, env=environment, start_new_session=True, preexec_fn=take_terminal if terminal else None, **pipes
        )
        if terminal:
            os.close(screen)
        over = time.monotonic() + PATIENCE_S
        while not [*scratch.iterdir()] and self.process.poll() is None and time.monotonic() < over:
            time.sleep(0.002)  # before, Python itself starts, and ends at a signal as it sees fit
        self._heard, self._closing = bytearray(), False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        source = self.process.stderr.fileno() if self.process.stderr else self.keyboard
        with suppress(OSError):  # a terminal that has lost its last process is an error to read
            while not self._closing:
                if select.select([source], [], [], 0.01)[0]:
                    if not (heard := os.read(source, 1 << 16)):
                        break
                    self._heard += heard

    def send(self, sent: str, to: str) -> None:
        """Sends a signal to the command alone or to its group, or has the terminal do so."""
        if sent == "closed":
            self._closing = True
            self._reader.join()  # a read under way would keep it open
            os.close(self.keyboard)
            self.keyboard = None
        elif to == "terminal":
            os.write(self.keyboard, b"\x03")
            if sent == "^C^C":
                time.sleep(0.05)
                with suppress(OSError):
                    os.write(self.keyboard, b"\x03")
        else:
            (os.killpg if to == "group" else os.kill)(self.process.pid, signal.Signals[sent])

    def end(self) -> list[str]:
        """Waits for its end and returns the lines that it wrote, to standard error or on the terminal."""
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(LIMIT_S)
        if self.keyboard is not None:
            os.close(self.keyboard)
        if self.process.stderr:
            self.process.stderr.close()
        return [line for line in bytes(self._heard).decode(errors="replace").splitlines() if line.strip()]


def drafts(folder: Path) -> list[Path]:
    """Returns the temporary files under a folder."""
    return list(folder.rglob(".*.tmp"))


def done(out: Path, stage: str) -> bool:
    """Returns whether an output holds a stage closed."""
    return (out / ("manifest.json" if stage == "manifest" else f"{stage}/stage.json")).exists()


def reached(out: Path, stage: str) -> bool:
    """Returns whether a run has come to a stage, or beyond it."""
    return done(out, stage) or (out / stage / "plan.json").exists()


def busy_with(out: Path) -> str:
    """Returns what a run is doing: the last stage that has a plan and is not closed, else what lies between stages."""
    planned = [stage for stage in STAGES if (out / stage / "plan.json").exists()]
    open_stages = [stage for stage in planned if not done(out, stage)]
    return open_stages[-1] if open_stages else f"after {planned[-1]}" if planned else "start"


def fire(shot: Shot, started: Started, mark: str, folder: Path, written: str) -> bool:
    """Sends the signal, if the command still runs, and checks what is left of it."""
    ended = started.process.poll() is not None
    began = time.monotonic()
    if not ended:
        started.send(shot.sent, shot.to)
    shot.written = started.end()
    shot.seconds, shot.code = time.monotonic() - began, started.process.returncode
    if shot.code in (0, 2):  # it was done before
        return False
    assert marked(mark) == {}, shot
    assert shot.code == 130, shot
    assert drafts(folder) == [], shot
    assert [*(folder / "scratch").iterdir()] == [], shot
    assert shot.seconds < LIMIT_S, shot
    if shot.sent != "closed":
        assert shot.written[-1].rpartition("\x1b[?25h")[2] == written, shot
    if not shot.terminal:
        assert shot.written == [written], shot
    return True


def show(shots: list[Shot]) -> None:
    """Prints a table of what was sent to which stage, and the longest time from signal to end."""
    print(f"\n{len(shots)} signals, the slowest end after {max(shot.seconds for shot in shots):.2f} s")
    for stage in dict.fromkeys(shot.stage for shot in shots):
        here = [shot for shot in shots if shot.stage == stage]
        sent = sorted({f"{shot.sent} to {shot.to}" for shot in here})
        print(
            f"{stage:18} {len(here):3} signals, at most {max(shot.seconds for shot in here):.2f} s: {', '.join(sent)}"
        )


def test_a_run_that_is_interrupted_at_any_moment_goes_on_to_the_same_bytes(command, call, quickstart, tmp_path):
    draw, shots, rounds = random.Random("signals"), [], 0
    wanted = SIGNALS if SIGNALS < 50 else SIGNALS * 2 // 3
    reference = contents(quickstart)
    while len(shots) < wanted:
        folder = tmp_path / f"round-{rounds}"
        out = folder / "out"
        folder.mkdir()
        for stage in STAGES[:: max(1, len(STAGES) // wanted)]:
            if len(shots) < wanted:
                shots += interrupted(stage, draw, command, folder, number=len(shots))
        ran = call("run", "quickstart", "--no-train", "-o", out)
        assert ran.code == 0, ran.err
        assert differing(contents(out), reference) == []
        assert call("verify", out).code == 0
        rounds += 1
    show(shots)


def interrupted(stage: str, draw: random.Random, command, folder: Path, number: int) -> list[Shot]:
    """Runs quickstart until it comes to a stage, and interrupts it a moment later; [] if the stage is done."""
    terminal, engine, out = draw.random() < 0.4, draw.choice([*ENGINES]), folder / "out"
    sent, to = draw.choice(SEEN if terminal else PIPED)
    moment = draw.uniform(0, 3.0 if stage == "start" else 0.3)
    if done(out, stage):
        return []
    mark = f"{folder}-{number}-{stage}"
    words = command("run", "quickstart", "--no-train", "-o", out, *ENGINES[engine])
    started = Started(words, mark, folder / "scratch", terminal=terminal)
    resumed = reached(out, stage)  # what an earlier run has left tells nothing: this one starts for a while
    while stage != "start" and not resumed and not reached(out, stage) and started.process.poll() is None:
        time.sleep(0.002)
    time.sleep(moment + 2.5 * resumed)
    shot = Shot(busy_with(out), engine, sent, to, terminal)
    return [shot] if fire(shot, started, mark, folder, SAID) else []


OTHERS = {  # commands beside `run`, on a finished run OUT: their arguments, their outputs, what they say
    "train": (("train", "OUT", "-o", "NEW", "--set", "steps=12"), ("loss.csv", "model.safetensors"), SAID),
    "export": (("export", "npy", "OUT", "-o", "NEW"), ("*",), AFRESH),
    "links": (("links", "LINKS", "-o", "NEW"), ("*.parquet",), SAID),
    "extract": (("extract", "PAGES", "-o", "NEW", *PROCESSES), ("*.parquet",), SAID),
    "gate": (("gate", "OUT", "-o", "NEW/gate.bin"), ("gate.bin",), AFRESH),
    "quality": (
        ("quality", "train", "--positive", "GOOD", "--negative", "BAD", "-o", "NEW/model.bin"),
        ("model.bin",),
        AFRESH,
    ),
    "verify": (("verify", "OUT"), (), AFRESH),
    "report": (("report", "OUT"), (), AFRESH),
    "inspect": (("inspect", "OUT"), (), AFRESH),
    "mix": (("mix", "OUT", "--tokens", "100000"), (), AFRESH),
}


@pytest.mark.skipif(SIGNALS < 50, reason="sends more signals: CURATE_SIGNALS=100")
def test_other_commands_that_are_interrupted_leave_nothing_and_can_be_repeated(
    command, curate, quickstart, miniweb, tmp_path
):
    draw, shots = random.Random("other signals"), []
    (tmp_path / "links.txt").write_text("".join(f"https://a{n % 99}.example/{n}\n" for n in range(200_000)))
    shutil.copytree(quickstart, tmp_path / "run")
    places = {"OUT": tmp_path / "run", "LINKS": tmp_path / "links.txt", "PAGES": miniweb / "web-*.warc.gz"}
    places |= {"GOOD": miniweb / "labels-positive.jsonl", "BAD": miniweb / "labels-negative.jsonl"}
    for name, (words, outputs, written) in OTHERS.items():
        folder = tmp_path / name
        folder.mkdir()

        def filled(new: Path, words=words) -> list[str]:
            return [str(places.get(word, word)).replace("NEW", str(new)) for word in words]

        began = time.monotonic()
        whole = curate(*filled(folder / "whole"))
        assert whole.code == (2 if name == "gate" else 0), (name, whole.err)  # quickstart has too few pages for a gate
        seconds = time.monotonic() - began
        for number in range(math.ceil(SIGNALS / 3 / len(OTHERS))):
            terminal = draw.random() < 0.4
            shot = Shot(name, "", *draw.choice(SEEN if terminal else PIPED), terminal)
            started = Started(
                command(*filled(folder / "new")), mark := f"{folder}-{number}", folder / "scratch", terminal=terminal
            )
            time.sleep(draw.uniform(0.1, 0.9) * seconds)
            shots += [shot] if fire(shot, started, mark, folder, written) else []
        assert curate(*filled(folder / "new")).code == whole.code
        assert files(folder / "new", outputs) == files(folder / "whole", outputs)
    show(shots)


def files(folder: Path, patterns: tuple[str, ...]) -> dict[str, bytes]:
    """Returns the files that match, by name."""
    chosen = [path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in chosen}
