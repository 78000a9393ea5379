"""Job servers and worker processes start, or report why they do not, and never outlive their parent."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent import futures
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from apache_beam.portability.api import beam_provision_api_pb2 as provision
from apache_beam.portability.api import beam_provision_api_pb2_grpc as services
from google.protobuf import json_format, struct_pb2

from curate.pipelines.engines import contract
from curate.pipelines.engines.jobserver import JobServer, Settings

pytestmark = pytest.mark.processes

GONE_S = 60


def alive(pid: int) -> bool:
    """Returns whether the process runs; a zombie does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pid: int) -> bool:
    over = time.monotonic() + GONE_S
    while alive(pid) and time.monotonic() < over:
        time.sleep(0.05)
    return not alive(pid)


PARENT = """
import subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-m", "curate.pipelines.engines.guard", sys.argv[1], "sh", "-c", "sleep 600 & echo $! $$; wait"],
    stdin=subprocess.PIPE,
)
time.sleep(600)
"""


def test_what_is_guarded_dies_with_its_parent_and_so_does_what_it_started_and_its_folder(tmp_path):
    (tmp_path / "work").mkdir()
    words = [sys.executable, "-c", PARENT, str(tmp_path / "work")]
    parent = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert all(alive(pid) for pid in pids)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert all(gone(pid) for pid in pids)
    over = time.monotonic() + GONE_S
    while (tmp_path / "work").exists() and time.monotonic() < over:
        time.sleep(0.05)
    assert not (tmp_path / "work").exists()


LISTENS = """
import os, socket, sys, time
from pathlib import Path

Path(sys.argv[1]).write_text(str(os.getpid()))
with socket.create_server(("127.0.0.1", int(sys.argv[2]))):
    time.sleep(600)
"""
SERVED = """
import sys, time
from curate.pipelines.engines.jobserver import JobServer, Settings

class Own(Settings):
    def command(self, port, work):
        return [sys.executable, "-c", sys.argv[1], sys.argv[2], str(port)]

JobServer(Own(name="spark")).start()
print("started", flush=True)
time.sleep(600)
"""


def test_a_job_server_ends_even_if_the_whole_process_group_of_its_command_is_killed(tmp_path):
    words, note = [sys.executable, "-c", SERVED, LISTENS], tmp_path / "pid"
    with subprocess.Popen([*words, note], stdout=subprocess.PIPE, text=True, start_new_session=True) as command:
        assert command.stdout.readline() == "started\n"
        pid = int(note.read_text())
        assert alive(pid)
        os.killpg(command.pid, signal.SIGKILL)
    assert gone(pid)


def test_the_guard_ends_as_its_command_does_and_ends_what_that_has_left(tmp_path):
    left = f"sleep 600 & echo $! > {tmp_path / 'pid'}; exit 7"
    command = [sys.executable, "-m", "curate.pipelines.engines.guard", str(tmp_path / "work"), "sh", "-c", left]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guarded:  # whose end of the pipe stays open
        assert guarded.wait() == 7
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(not shutil.which("java"), reason="no java on the PATH")
def test_a_job_server_that_does_not_start_is_told_with_its_last_words(tmp_path):
    (tmp_path / "not-a.jar").write_text("no jar")
    server = JobServer(Settings(name="spark", master="local[1]", jar=tmp_path / "not-a.jar"))
    with pytest.raises(RuntimeError, match=r"the spark job server did not start: Error: .*not-a\.jar"):
        server.start()
    server.stop()
    assert not server.work.exists()


class Provision(services.ProvisionServiceServicer):
    """The runner's side of the container contract."""

    def GetProvisionInfo(self, request, context):
        options = struct_pb2.Struct()
        options.update({"beam:option:job_name:v1": f"of {dict(context.invocation_metadata())['worker_id']}"})
        info = provision.ProvisionInfo(pipeline_options=options, runner_capabilities=["a", "b"])
        info.control_endpoint.url = "control:1"
        return provision.GetProvisionInfoResponse(info=info)


def test_the_boot_asks_the_runner_and_tells_the_worker():
    server = grpc.server(futures.ThreadPoolExecutor(2))
    services.add_ProvisionServiceServicer_to_server(Provision(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        arguments = contract.parsed(
            ["--id=1-1", f"--provision_endpoint='127.0.0.1:{port}'", "--logging_endpoint=log:2", "--unknown=3"]
        )
        environment = contract.worker_environment(arguments)
    finally:
        server.stop(None).wait()
    assert environment["WORKER_ID"] == "1-1"
    assert (
        json_format.Parse(environment["PIPELINE_OPTIONS"], struct_pb2.Struct())["beam:option:job_name:v1"] == "of 1-1"
    )
    assert environment["CONTROL_API_SERVICE_DESCRIPTOR"].strip() == 'url: "control:1"'
    assert environment["LOGGING_API_SERVICE_DESCRIPTOR"].strip() == 'url: "log:2"'
    assert environment["RUNNER_CAPABILITIES"] == "a b"


def test_workers_keep_their_words_where_they_are_told_to(curate, miniweb, tmp_path):
    logs = tmp_path / "logs"  # made by the workers
    files = sorted(miniweb.glob("articles-*.warc.gz"))
    processes = ("--", "--direct_running_mode=multi_processing", "--direct_num_workers=1")
    done = curate("extract", *files, "-o", tmp_path / "out", *processes, env={"CURATE_WORKER_LOGS": str(logs)})
    assert done.code == 0, done.err
    assert [path.name.partition("-")[0] for path in logs.iterdir()] == ["worker"]
    assert os.getpid() not in {int(path.stem.partition("-")[2]) for path in logs.iterdir()}


def test_a_byte_asks_a_guarded_command_to_end_by_itself(tmp_path):
    ends = f"trap 'echo ended > {tmp_path}/note; exit 5' TERM; echo ready; while :; do sleep 0.01; done"
    command = [sys.executable, "-m", "curate.pipelines.engines.guard", str(tmp_path / "work"), "sh", "-c", ends]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guarded:
        assert guarded.stdout.readline() == b"ready\n"
        guarded.stdin.write(b"\n")
        guarded.stdin.flush()
        assert guarded.wait() == 5
    assert (tmp_path / "note").read_text() == "ended\n"
