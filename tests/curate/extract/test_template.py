"""Extractors that are forked of a template are as apart as those that start anew, and end with whom they serve."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pages import PAGE, SLOW

from curate import forks
from curate.extract import sandbox
from curate.extract.config import Extract, Gates
from curate.extract.page import attempt
from curate.extract.sandbox import Sandbox
from curate.records import Document, Failure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
PATIENCE_S = 60
ENGLISH = Gates(languages=("en",))


@pytest.fixture(scope="module")
def template():
    with sandbox.template(needed=True):
        yield sandbox.template_pid()


@pytest.fixture
def forked(template):
    made = Sandbox()
    yield made
    made.close()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def wait_for_end(*pids: int) -> None:
    over = time.monotonic() + PATIENCE_S
    while [pid for pid in pids if Path(f"/proc/{pid}").exists()] and time.monotonic() < over:
        time.sleep(0.01)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_sandboxes_have_processes_of_their_own_which_import_nothing(forked, template):
    other, outcomes = Sandbox(), []
    for made in (forked, other):
        outcomes.append(made.extract(PAGE, "web", Extract(), ENGLISH)[0])
        assert parent_of(made._process.pid) == template
        assert made.start_s < 0.1
    assert outcomes == [attempt(PAGE, "web", Extract(), ENGLISH)] * 2
    assert forked._process.pid != other._process.pid
    other.close()


def test_a_fork_has_the_bound_on_memory(forked):
    [limit] = [
        line
        for line in Path(f"/proc/{forked._running_process().pid}/limits").read_text().splitlines()
        if line.startswith("Max address space")
    ]
    assert limit.split()[3:5] == [str(sandbox.MEMORY)] * 2


def test_a_page_that_takes_too_long_ends_its_fork_alone(forked, template):
    lost, _ = forked.extract(SLOW, "web", Extract(max_seconds=0.05), Gates())
    assert isinstance(lost, Failure)
    assert (lost.error, lost.message) == ("timeout", "the page took more than 0.05 s of CPU")
    assert isinstance(forked.extract(PAGE, "web", Extract(), Gates())[0], Document)
    assert parent_of(forked._process.pid) == template


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_fork_that_is_lost_is_replaced_by_another(forked, template, number):
    before = forked._running_process().pid
    os.kill(before, number)
    assert isinstance(forked.extract(PAGE, "web", Extract(), Gates())[0], Document)
    assert forked._process.pid != before
    assert parent_of(forked._process.pid) == template
    wait_for_end(before)


def test_a_page_at_which_two_forks_are_lost_says_how_they_ended(forked, monkeypatch):
    running_process = Sandbox._running_process

    def doomed(self):
        process = running_process(self)
        os.kill(process.pid, signal.SIGSEGV)
        return process

    monkeypatch.setattr(Sandbox, "_running_process", doomed)
    lost, _ = forked.extract(PAGE, "web", Extract(), Gates())
    assert lost.message == "the extractor's process was lost twice at this page: SIGSEGV"


def test_a_closed_sandbox_leaves_no_process(forked):
    pid = forked._running_process().pid
    forked.close()
    assert not Path(f"/proc/{pid}").exists()


def test_a_fork_ends_with_its_worker_whatever_it_does(template):
    script = (
        "import os, signal; from curate.extract.sandbox import Sandbox;"
        "s = Sandbox(); pid = s._running_process().pid; os.kill(pid, signal.SIGSTOP); print(pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    wait_for_end(int(done.stdout))


@pytest.mark.parametrize("is_forked", [False, True])
def test_an_extractor_whose_answer_a_killed_worker_has_not_read_ends_in_silence(is_forked):
    script = (
        "import os, select, signal, time; from curate.extract import sandbox\n"
        "from curate.extract.config import Extract, Gates; from pages import PAGE\n"
        f"with sandbox.template(needed={is_forked}):\n"
        "    theirs, ours = os.pipe()\n"
        "    if os.fork() == 0:\n"
        "        process = sandbox.shared()._running_process(); os.write(ours, str(process.pid).encode())\n"
        "        sandbox._send(process.jobs, (PAGE, 'web', Extract(), Gates()))\n"
        "        select.select([process.answers], [], [])\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    extractor = os.read(theirs, 9).decode()\n"
        "    while os.path.exists(f'/proc/{extractor}'): time.sleep(0.01)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "helpers")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_template_and_forks_end_with_the_command_that_is_killed():
    script = (
        "import os, signal; from curate.extract import sandbox\n"
        "with sandbox.template(needed=True):\n"
        "    print(sandbox.template_pid(), sandbox.shared()._running_process().pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    wait_for_end(*map(int, done.stdout.split()))


def test_where_no_template_answers_an_extractor_starts_by_itself(forked, monkeypatch):
    monkeypatch.setenv(sandbox.TEMPLATE, "curate-extractor-none")
    assert parent_of(forked._running_process().pid) == os.getpid()
    assert isinstance(forked.extract(PAGE, "web", Extract(), Gates())[0], Document)


def test_a_template_that_is_lost_takes_no_page_with_it():
    script = (
        "import os, signal; from curate.extract import sandbox; from curate.extract.config import Extract, Gates\n"
        "from pages import PAGE\n"
        "with sandbox.template(needed=True):\n"
        "    made, template = sandbox.shared(), sandbox.template_pid()\n"
        "    pid = made._running_process().pid; os.kill(template, signal.SIGKILL); os.kill(pid, signal.SIGKILL)\n"
        "    print(type(made.extract(PAGE, 'web', Extract(), Gates())[0]).__name__, pid, made._process.pid)\n"
        "print(sandbox.template_pid(), os.environ.get(sandbox.TEMPLATE))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "helpers")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    outcome, *pids = done.stdout.splitlines()[0].split()
    assert (outcome, done.stderr) == ("Document", "")
    assert len({*pids}) == 2
    assert done.stdout.splitlines()[1] == "None None"
    wait_for_end(*map(int, pids))


def test_a_caller_that_says_nothing_or_ends_at_once_gets_no_fork(forked, template):
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect("\0" + os.environ[sandbox.TEMPLATE])
    fork = forks.Fork(os.environ[sandbox.TEMPLATE])
    assert fork.end() in (-signal.SIGKILL, 0)
    assert isinstance(forked.extract(PAGE, "web", Extract(), Gates())[0], Document)


def test_what_another_user_has_sent_is_not_read(monkeypatch):
    listener, address = forks.listen("curate-test")
    with listener, socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"\0{address}")
        caller.sendall(forks.CALL)
        monkeypatch.setattr(os, "getuid", lambda: -1)
        assert forks.accept(listener) is None
        with pytest.raises(ConnectionResetError):
            caller.recv(1)


def test_a_template_of_another_user_is_not_called(monkeypatch):
    listener, address = forks.listen("curate-test")
    with listener:
        monkeypatch.setattr(os, "getuid", lambda: -1)
        with pytest.raises(PermissionError, match="another user"):
            forks.Fork(address)


def test_no_template_runs_where_none_is_needed(template):
    with sandbox.template(needed=False):
        assert sandbox.template_pid() == template
