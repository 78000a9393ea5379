"""A command ends with every process that it started, whatever it is doing; its drafts are removed, other files stay."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from curate.cli import supervisor
from curate.stage.kinds import KINDS

GONE_S = 60.0

# A command whose work is the code that follows, in a process that `divide` made.
DIVIDED = """
import os, subprocess, sys, time
from pathlib import Path
from curate.cli import supervisor
from curate import processes
from curate.processes import announced
supervisor.divide()

def say(*words):
    os.write(1, (" ".join(map(str, words)) + chr(10)).encode())
"""


def alive(pid: int) -> bool:
    """Returns whether the process runs; a zombie does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pid: int) -> bool:
    over = time.monotonic() + GONE_S
    while alive(pid) and time.monotonic() < over:
        time.sleep(0.02)
    return not alive(pid)


class Divided:
    """A command that does `code`, up to the first line that it prints."""

    def __init__(self, code: str, *arguments: object, before: str = "", **environment: str) -> None:
        words = [sys.executable, "-c", before + DIVIDED + code, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(words, env=os.environ | environment, start_new_session=True, **pipes)
        self.first = self.process.stdout.readline().split()

    def ends(self, *signals: signal.Signals) -> tuple[int, str]:
        """Sends signals, and returns the exit code and what was written to standard error."""
        for number in signals:
            self.process.send_signal(number)
        _, message = self.process.communicate(timeout=GONE_S)
        return self.process.returncode, message


STUCK = 'say(os.getpid())\nimport re\nre.match("(a+)+$", "a" * 64 + "b")\n'  # for ever, in C, and no thread may run


@pytest.mark.parametrize("sent", supervisor.INTERRUPTS, ids=lambda number: number.name)
def test_work_that_is_stuck_in_c_is_ended_by_every_interrupt(sent):
    command = Divided(STUCK)
    assert command.ends(sent) == (130, f"curate: {supervisor.INTERRUPTED_AFRESH}\n")
    assert gone(int(command.first[0]))


def test_a_second_interrupt_changes_nothing():
    code, message = Divided(STUCK).ends(signal.SIGINT, signal.SIGINT, signal.SIGTERM)
    assert (code, message) == (130, f"curate: {supervisor.INTERRUPTED_AFRESH}\n")


def test_commands_that_resume_say_so():
    command = Divided(STUCK, "--debug", "run", "recipe")
    assert command.ends(signal.SIGINT)[1] == f"curate: {supervisor.INTERRUPTED}\n"
    verbs = {name for name, kind in KINDS.items() if kind.summary}
    assert set(supervisor.RESUMED) == {"run", "train", "scale", "ablate", *verbs}


def test_what_the_work_has_started_ends_too_in_a_session_of_its_own_and_without_a_parent():
    orphan = '"import os; os.fork() and os._exit(0); print(os.getpid(), flush=True); import time; time.sleep(600)"'
    code = f"subprocess.run([sys.executable, '-c', {orphan}], start_new_session=True)\ntime.sleep(600)"
    command = Divided(code)
    assert alive(int(command.first[0]))
    assert command.ends(signal.SIGTERM)[0] == 130
    assert not alive(int(command.first[0]))


def test_nohup_keeps_a_command_from_a_hang_up():
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    command = Divided("say('on')\ntime.sleep(1)\nsay('done')", before=ignoring)
    assert command.ends(signal.SIGHUP) == (0, "")


def test_the_work_ends_with_the_process_that_watches_over_it():
    command = Divided(STUCK)
    command.process.kill()
    assert gone(int(command.first[0]))
    command.ends()


def test_work_that_is_killed_is_reported_with_its_signal():
    command = Divided(STUCK)
    os.kill(int(command.first[0]), signal.SIGKILL)
    code, message = command.ends()
    assert code == 1
    assert message == "curate: ended by SIGKILL, as where memory runs out; the same command resumes where it stopped\n"


def test_work_that_is_terminated_is_interrupted():
    command = Divided(STUCK)
    os.kill(int(command.first[0]), signal.SIGTERM)
    assert command.ends()[0] == 130


@pytest.mark.parametrize("code", [0, 1, 2, 7])
def test_the_code_and_the_last_words_of_the_work_are_those_of_the_command(code):
    command = Divided(f"processes.last_words('so it ends')\nsay('x')\nsys.exit({code})")
    assert command.ends() == (code, "curate: so it ends\n")


def test_drafts_of_killed_work_go_and_all_other_files_stay(tmp_path):
    theirs = ["notes.txt", ".mine.tmp", f".x.{os.getpid()}.0123456789abcdef.tmp", ".part.1.0123456789abcdef.curate.tmp"]
    for name in theirs:
        (tmp_path / name).write_text("theirs")
    code = """
from curate import storage
for name in ("a b.parquet", "new"):
    storage.draft(Path(sys.argv[1]) / name).write_text("half")
(Path(sys.argv[1]) / f".x.{os.getpid()}.notours.tmp").write_text("theirs")
say(os.environ["TMPDIR"])
time.sleep(600)
"""
    command = Divided(code, tmp_path)
    assert len([*tmp_path.iterdir()]) == len(theirs) + 3
    assert command.ends(signal.SIGINT)[0] == 130
    assert {path.name for path in tmp_path.iterdir() if "notours" not in path.name} == {*theirs}
    assert len([*tmp_path.iterdir()]) == len(theirs) + 1
    assert not Path(command.first[0]).exists()


def test_temporary_files_of_a_killed_command_go_with_a_later_one_and_those_of_others_stay(tmp_path):
    here = supervisor._process(os.getpid())
    machine, boot, space, pid, start = here.split()
    gone = {  # no process has a number so large
        "a process that is gone": f"{machine} {boot} {space} {1 << 30} {start}",
        "a number that was given again": f"{machine} {boot} {space} {pid} {int(start) - 1}",
    }
    stay = {
        "a live one": here,
        "another machine's": f"other {boot} {space} {1 << 30} {start}",
        "a container's": f"{machine} {boot} pid:[1] {1 << 30} {start}",
        "one of which only half is written": f"{machine} {boot}",
    }
    for name, owner in (gone | stay).items():
        (tmp_path / f"curate-{name}" / "deep").mkdir(parents=True)
        (tmp_path / f"curate-{name}" / supervisor.OWNER).write_text(f"{owner}\n")
    (tmp_path / "curate-notes").mkdir()
    supervisor._remove_left(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {f"curate-{name}" for name in stay} | {"curate-notes"}


def test_where_no_process_can_be_named_all_temporary_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "_process", lambda _pid: "")
    (tmp_path / "curate-live").mkdir()
    (tmp_path / "curate-live" / supervisor.OWNER).write_text("\n")
    supervisor._remove_left(str(tmp_path))
    assert (tmp_path / "curate-live").exists()


def test_a_crawl_on_a_store_has_a_folder_on_its_machine_that_outlives_its_command(tmp_path):
    code = """
from curate.crawl.sharing.places import machine_folder
say(machine_folder(Path(sys.argv[1])), os.environ["TMPDIR"])
"""
    folders = [Divided(code, "s3-bucket", TMPDIR=str(tmp_path)).first for _ in range(2)]
    assert {Path(folder).parent for folder, _ in folders} == {tmp_path}
    assert len({folder for folder, _ in folders}) == 1
    assert len({scratch for _, scratch in folders}) == 2


MOMENT = """
def act():
    say("closing")
    time.sleep({seconds})
    (Path(sys.argv[1]) / "closed").touch()
    sys.exit(3)

with announced(act):
    say("open")
    while True:
        time.sleep(600)
"""


@pytest.mark.parametrize(("seconds", "closed"), [(0.1, True), (600, False)])
def test_work_that_asked_for_a_moment_gets_it_once(tmp_path, seconds, closed):
    command = Divided(MOMENT.format(seconds=seconds), tmp_path)
    assert command.ends(signal.SIGINT)[0] == 130
    assert (tmp_path / "closed").exists() is closed


def test_a_second_interrupt_ends_the_moment(tmp_path):
    command = Divided(MOMENT.format(seconds=3600).replace("announced(act)", "announced(act, 200)"), tmp_path)
    command.process.send_signal(signal.SIGINT)
    assert command.process.stdout.readline() == "closing\n"
    time.sleep(2 * supervisor.AGAIN_S)
    assert command.ends(signal.SIGINT)[0] == 130


def test_output_that_nobody_reads_any_more_ends_a_command_without_a_word(command, quickstart):
    words = command("inspect", quickstart, "--json")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1
