"""A page may take for ever or kill its parser: it alone is lost, by name, and the next page is extracted."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pages import PAGE, SLOW

from curate.extract.config import Extract, Gates
from curate.extract.page import attempt
from curate.extract.sandbox import Sandbox
from curate.records import Document, Failure, Reason


@pytest.fixture
def sandbox():
    made = Sandbox()
    yield made
    made.close()


def process_of(sandbox):
    return sandbox._process.pid


def test_the_outcome_is_the_one_that_the_function_gives(sandbox):
    pages = [PAGE, replace(PAGE, status=404), replace(PAGE, body=b"<html></html>"), replace(PAGE, mime="text/plain")]
    for page in pages:
        outcome, seconds = sandbox.extract(page, "web", Extract(), Gates(languages=("en",)))
        assert outcome == attempt(page, "web", Extract(), Gates(languages=("en",)))
        assert seconds >= 0


def test_a_page_that_takes_too_long_is_lost_and_the_next_is_not(sandbox):
    lost, seconds = sandbox.extract(SLOW, "web", Extract(max_seconds=0.05), Gates())
    assert isinstance(lost, Failure)
    assert (lost.error, lost.url, lost.offset, lost.record) == ("timeout", "http://slow/", 7, True)
    assert lost.message == "the page took more than 0.05 s of CPU"
    assert seconds == 0.05
    outcome, _ = sandbox.extract(PAGE, "web", Extract(), Gates())
    assert isinstance(outcome, Document)


def test_time_that_a_page_waits_for_a_processor_is_not_counted(sandbox):
    sandbox.extract(PAGE, "web", Extract(), Gates())
    os.kill(process_of(sandbox), signal.SIGSTOP)
    wakes = subprocess.Popen(["sh", "-c", f"sleep 1; kill -CONT {process_of(sandbox)}"])
    outcome, _ = sandbox.extract(PAGE, "web", Extract(max_seconds=0.9), Gates())
    wakes.wait()
    assert isinstance(outcome, Document)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_is_lost_once_is_no_page_s_fault(sandbox, number):
    sandbox.extract(PAGE, "web", Extract(), Gates())
    before = process_of(sandbox)
    os.kill(before, number)
    outcome, _ = sandbox.extract(PAGE, "web", Extract(), Gates())
    assert isinstance(outcome, Document)
    assert process_of(sandbox) != before


def test_a_page_at_which_two_processes_are_lost_says_so(sandbox, monkeypatch):
    running_process = type(sandbox)._running_process

    def doomed(self):
        process = running_process(self)
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(type(sandbox), "_running_process", doomed)
    lost, _ = sandbox.extract(PAGE, "web", Extract(), Gates())
    assert lost.message == "the extractor's process was lost twice at this page: SIGKILL"
    assert (lost.error, lost.record) == ("crash", True)
    monkeypatch.undo()
    outcome, _ = sandbox.extract(replace(PAGE, status=500), "web", Extract(), Gates())
    assert isinstance(outcome, Reason)


def test_nothing_is_imported_from_the_working_folder(tmp_path, monkeypatch, sandbox):
    (tmp_path / "html.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "curate").mkdir()
    monkeypatch.chdir(tmp_path)
    outcome, _ = sandbox.extract(PAGE, "web", Extract(), Gates())
    assert isinstance(outcome, Document)


def test_the_first_page_pays_for_no_import(sandbox):
    status = Path(f"/proc/{sandbox._running_process().pid}/stat").read_text().rpartition(")")[2].split()
    before = sum(map(int, status[11:13])) / os.sysconf("SC_CLK_TCK")  # its CPU time, of which imports are the most
    outcome, seconds = sandbox.extract(PAGE, "web", Extract(), Gates(languages=("en",)))
    assert isinstance(outcome, Document)
    assert seconds < before / 4


def test_one_process_serves_many_pages(sandbox):
    serving = set()
    for _ in range(5):
        sandbox.extract(PAGE, "web", Extract(), Gates())
        serving.add(process_of(sandbox))
    assert len(serving) == 1


def test_the_process_ends_with_the_one_that_started_it():
    script = (
        "import os, signal; from curate.extract.sandbox import Sandbox;"
        "s = Sandbox(); print(s._running_process().pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    pid = int(done.stdout)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)


def test_a_process_that_cannot_start_is_no_page_s_fault(monkeypatch, sandbox):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(RuntimeError, match="did not start"):
        sandbox.extract(PAGE, "web", Extract(), Gates())
