"""A crew hands each task to the process that is free, reports errors as they are, and ends with its command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
]
PATIENCE_S = 60

# A crew whose members do what the script names, in a process of its own, as this one may have threads.
SCRIPT = """
import os, pathlib, signal, sys, time
from curate.pipelines.engines.crew import Crew, serving
from curate.pipelines.engines.nursery import Nursery

class Unreadable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")

def load(pid):
    if os.getpid() != pid:
        raise ModuleNotFoundError("No module named 'theirs'")
    return Foreign()

class Foreign(Exception):
    def __reduce__(self):
        return load, (nursery_member,)

def notes(task):
    (folder / str(task)).touch()
    over = time.monotonic() + 60
    while task == 0 and len(list(folder.iterdir())) < 6 and time.monotonic() < over:
        time.sleep(0.01)
    return os.getpid(), len(list(folder.iterdir()))

def fails(task):
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "unreadable":
        raise Unreadable("this", "that")
    if task == "foreign":
        global nursery_member
        nursery_member = os.getpid()
        raise Foreign
    if task == "full":
        raise OSError(28, "No space left on device", "/disk/part")
    time.sleep(600)

def waits(task):
    print(os.getpid(), flush=True)
    time.sleep(600)

class Later:  # two steps behind each task
    def __call__(self, task):
        if task == (1, "bad"):
            raise ValueError("ahead")
        (folder / f"ahead-{task[0]}-{task[1]}").write_text(str(os.getpid()))

    def after(self, task):
        step, name = task if isinstance(task, tuple) else (-1, task)
        return (step + 1, name) if step < 1 else None

def until(task):
    over = time.monotonic() + 60
    while task == "long" and not (folder / sys.argv[3]).exists() and time.monotonic() < over:
        time.sleep(0.01)
    return os.getpid()

folder = pathlib.Path(sys.argv[2])
nursery = Nursery()
crew = Crew(nursery, 2)
if sys.argv[1] == "notes":
    crew.begin(notes, range(6))
    print([answer for _, answer in sorted(crew.wait().items())])
elif sys.argv[1] == "ahead":
    for tasks in (["long", *sys.argv[4:]], ["next", "last"]):
        with serving(crew, Later()):
            crew.begin(until, tasks)
            print(crew.wait(), flush=True)
elif sys.argv[1] == "waits":
    crew.begin(waits, range(2))
    crew.wait()
else:
    for task in ("killed", "unreadable", "full", "foreign"):
        crew = Crew(nursery, 2)
        crew.begin(fails, ["endless", task])
        try:
            crew.wait()
        except Exception as error:
            print(repr(error))
        crew.close()
crew.close()
nursery.close()
"""


def run(*words):
    done = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_that_works_on_one_task_holds_up_no_other(tmp_path):
    first, *others = eval(run("notes", tmp_path))
    assert first[1] == 6, "the first task ended before the others had begun"
    assert len({pid for pid, _ in others}) == 1
    assert first[0] not in {pid for pid, _ in others}


def test_the_error_of_any_task_is_raised_at_once(tmp_path):
    killed, unreadable, full, foreign = run("fails", tmp_path).splitlines()
    assert killed == "RuntimeError('a worker ended: a worker process ended before its work did')"
    assert unreadable.startswith("RuntimeError('Traceback")
    assert unreadable.rstrip("\\n')").endswith("Unreadable: this and that")
    assert full == "OSError(28, 'No space left on device')"
    assert "ModuleNotFoundError: No module named 'theirs'" in foreign


def test_a_process_without_a_task_works_ahead_and_stays_for_the_next_stage(tmp_path):
    first, second = map(eval, run("ahead", tmp_path, "ahead-1-short", "short").splitlines())
    notes = {path.name: int(path.read_text()) for path in tmp_path.iterdir()}
    assert first["short"] != first["long"]
    assert {notes["ahead-0-short"], notes["ahead-1-short"]} == {first["short"]}
    assert not {name for name in notes if name.endswith("-long")}, "nothing is done ahead once all tasks are done"
    assert {*second.values()} <= {*first.values()}


def test_an_error_ahead_ends_that_work_alone(tmp_path):
    first, _ = map(eval, run("ahead", tmp_path, "ahead-0-bad", "bad", "good").splitlines())
    assert {*first} == {"long", "bad", "good"}
    assert not (tmp_path / "ahead-1-good").exists()


def test_a_crew_ends_with_the_process_that_made_it(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "waits", tmp_path], stdout=subprocess.PIPE, text=True
    ) as maker:
        pids = [int(maker.stdout.readline()) for _ in range(2)]
        os.kill(maker.pid, signal.SIGKILL)
    over = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < over:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
