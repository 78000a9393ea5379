"""Forked workers run with their environment, their end is reported truly, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
GONE_S = 60

# A nursery whose workers do what the script names, in a process of its own, as this one may have threads.
SCRIPT = """
import os, signal, sys, threading, time
from curate.pipelines.engines import nursery, worker

def say(*words):
    os.write(1, (" ".join(map(str, words)) + chr(10)).encode())  # one write, as the workers share the output

def prints():
    say(os.environ["WORDS"])

def raises():
    raise ValueError("not so")

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

def waits():
    worker.end_with_parent()
    say(os.getppid(), os.getpid())
    time.sleep(600)

worker.main = globals()[sys.argv[1]]
forks = nursery.Nursery()
threads = [threading.Thread(target=forks.run, args=({"WORDS": words},)) for words in sys.argv[2:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
forks.close()
print("over")
"""


def run(*words):
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@linux
def test_each_worker_has_the_environment_that_it_is_sent():
    assert sorted(run("prints", "one", "two").stdout.split()) == ["one", "over", "two"]


@linux
@pytest.mark.parametrize("way", ["raises", "killed"])
def test_a_worker_that_does_not_come_to_its_end_is_an_error(way):
    done = run(way, "x")
    assert "RuntimeError: a worker process ended before its work did" in done.stderr
    assert ("ValueError: not so" in done.stderr) is (way == "raises")
    assert done.stdout == "over\n"


BOOT = """
import os, signal, sys
from curate.pipelines.engines import contract, nursery, worker

def waits():
    worker.end_with_parent()
    os.write(1, f"{os.getppid()} {os.getpid()} {os.environ['WORKER_ID']}\\n".encode())
    signal.pause()

def works():
    os.write(1, f"{os.getppid()} {os.getpid()} {os.environ['WORKER_ID']}\\n".encode())

worker.main = globals()[sys.argv[1]]
contract.worker_environment = lambda arguments: {"WORKER_ID": arguments.id}  # whose runner answers is no matter here
forks = nursery.Nursery()
print(forks.address, flush=True)
sys.stdin.read()
forks.close()
"""


@linux
@pytest.mark.parametrize("way", ["works", "waits"])
def test_the_worker_of_a_boot_is_forked_and_ends_with_it(way):
    script = [sys.executable, "-c", BOOT, way]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
        environment = os.environ | {"CURATE_NURSERY": maker.stdout.readline().strip()}
        command = [sys.executable, "-m", "curate.pipelines.engines.boot", "--id=7", "--provision_endpoint=none:1"]
        with subprocess.Popen(command, env=environment) as boot:
            parent, worker, identity = maker.stdout.readline().split()
            assert (int(parent) != boot.pid, identity) == (True, "7")
            if way == "waits":
                boot.kill()
            assert boot.wait() == (-signal.SIGKILL if way == "waits" else 0)
        over = time.monotonic() + GONE_S
        while is_running(worker) and time.monotonic() < over:
            time.sleep(0.05)
        assert not is_running(worker)
        maker.stdin.close()
        assert maker.wait() == 0


def is_running(pid: str) -> bool:
    """Returns whether a process runs; one that has ended, and of which its parent has not heard, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
def test_nursery_and_workers_end_with_the_process_that_made_them():
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "waits", "x", "y"], stdout=subprocess.PIPE, text=True
    ) as maker:
        pids = {int(word) for _ in range(2) for word in maker.stdout.readline().split()}
        assert len(pids) == 3
        os.kill(maker.pid, signal.SIGKILL)
    over = time.monotonic() + GONE_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < over:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@linux
def test_only_a_process_without_threads_that_has_not_met_grpc_is_forked():
    script = (
        "import threading; from curate.pipelines.engines.nursery import can_fork; print(can_fork());"
        "over = threading.Event(); thread = threading.Thread(target=over.wait); thread.start(); print(can_fork());"
        "over.set(); thread.join(); print(can_fork()); import grpc; print(can_fork())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "True", "False"], done.stderr


@linux
def test_the_workers_of_a_command_and_their_extractors_are_forked(curate, miniweb, tmp_path):
    logs = tmp_path / "logs"
    files = sorted(miniweb.glob("*.warc.gz"), key=lambda path: path.stat().st_size)[:2]
    processes = ("--workers", "2", "--", "--direct_running_mode=multi_processing")
    anew = ("curate.pipelines.engines.worker", "curate.extract.sandbox")  # a template has an argument behind this
    script = f"import os, sys; sys.orig_argv[-1] in {anew} and os._exit(3)"
    (tmp_path / "sitecustomize.py").write_text(script)
    environment = {"CURATE_WORKER_LOGS": str(logs), "PYTHONPATH": str(tmp_path)}
    done = curate("extract", *files, "-o", tmp_path / "out", *processes, env=environment)
    assert done.code == 0, done.err
    assert len([*logs.iterdir()]) == 2


PIPE = """
import os
from curate.pipelines.engines import nursery

theirs, ours = os.pipe()
forks = nursery.Nursery(ours)
os.close(ours)
print(os.read(theirs, 1))
forks.close()
"""


@linux
def test_a_nursery_does_not_keep_the_pipe_by_whose_end_a_job_server_ends():
    done = subprocess.run([sys.executable, "-c", PIPE], capture_output=True, text=True, timeout=60)
    assert done.stdout == "b''\n", done.stderr


LOST = """
import os, signal, time
from curate.pipelines.engines import runners
from curate.pipelines.engines.nursery import Nursery
from curate.pipelines.engines.target import EngineOptions

class Job:
    def run(self):
        return self

    def wait_until_finish(self):
        os.kill(forks.pid, signal.SIGKILL)
        signal.pause()

session = runners.Session(EngineOptions(runner="spark", workers=2))
session._nursery, session._run = (forks := Nursery()), object()
try:
    with runners._waking():
        session._wait(Job())
except runners.WorkerLost:
    print(session._lost)
forks.close()
"""


@linux
def test_a_job_whose_workers_have_ended_with_their_nursery_is_waited_for_no_longer():
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("the process that forks workers has ended\n", "")
