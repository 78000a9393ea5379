"""Killed, interrupted, failing, slow: the same command again, or the engine's own retry, ends in the same bytes.

CURATE_KILLS sets how often each engine is killed (10).
"""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from cluster import Cluster
from processes import kill, left, start, workers
from ways import WAYS, contents, differing, skip_or_fail

KILLS = int(os.environ.get("CURATE_KILLS", "10"))
ENGINES = [way for way in WAYS if way.name in ("local processes", "prism", "spark local", "flink local")]
INJECT = str(Path(__file__).parent / "inject")
PATIENCE_S = 300


@pytest.fixture
def engine(request):
    """Returns a way that can be taken here; skips the test if it cannot."""
    if absent := request.param.absent():
        skip_or_fail(request.param.name, absent)
    return request.param


def check(curate, out, reference) -> None:
    """The output is whole: the same bytes, no stray file, every count as recorded."""
    assert differing(contents(out), reference) == []
    verified = curate("verify", out)
    assert verified.code == 0, verified.out


@pytest.mark.parametrize("engine", ENGINES, ids=lambda way: way.name, indirect=True)
def test_kill_9_of_the_driver_at_random_points(engine, curate, command, corpus, reference, row, tmp_path):
    out, draw, inside = tmp_path / "out", random.Random(f"driver {engine.name}"), 0
    with engine.started(tmp_path) as words:
        for number in range(KILLS):
            mark = f"{tmp_path}-{number}"
            process = start(command("run", corpus, "-o", out, *words), mark)
            moment = time.monotonic() + draw.uniform(2, 20)
            while process.poll() is None and time.monotonic() < moment:
                time.sleep(0.01)
            inside += process.poll() is None
            kill(process.pid)
            process.communicate()
            assert left(mark) == {}, "processes outlived the driver"
            if process.returncode == 0:  # it was done before the moment came: the next one begins anew
                check(curate, out, reference)
                out = tmp_path / f"out-{number}"
        done = curate("run", corpus, "-o", out, *words)
    assert done.code == 0, done.err
    check(curate, out, reference)
    row(f"{engine.name}: driver killed", "same bytes", f"{inside} of {KILLS} kills before the end")
    assert inside


# Prism 2.77 never ends a job whose worker has gone, so there is nothing to go on from but the driver's own end.
NOTICING = [way for way in ENGINES if way.name != "prism"]


@pytest.mark.parametrize("engine", NOTICING, ids=lambda way: way.name, indirect=True)
def test_kill_9_of_a_worker_at_random_points(engine, curate, command, corpus, reference, row, tmp_path):
    out, draw, killed, survived = tmp_path / "out", random.Random(f"worker {engine.name}"), 0, 0
    with engine.started(tmp_path) as words:
        for number in range(KILLS):
            again = command("run", corpus, "-o", out, *words)
            mark = f"{tmp_path}-{number}"
            process = start(again, mark)
            moment = time.monotonic() + draw.uniform(2, 20)
            while process.poll() is None and (time.monotonic() < moment or not workers(mark)):
                time.sleep(0.01)
            pids = workers(mark)
            killed += bool(pids)
            for pid in pids[:1]:
                kill(pid)
            _, said = ended(process, out)
            survived += bool(pids) and process.returncode == 0
            assert process.returncode in (0, 1), said
            assert len(said.strip().splitlines()) <= process.returncode, said
            assert left(mark) == {}
            if process.returncode == 0:
                check(curate, out, reference)
                out = tmp_path / f"out-{number}"
        done = curate("run", corpus, "-o", out, *words)
    assert done.code == 0, done.err
    check(curate, out, reference)
    row(f"{engine.name}: worker killed", "same bytes", f"{killed} kills, {survived} survived by the engine's retry")
    assert killed


def ended(process, out: Path) -> tuple[str, str]:
    """Returns what a command said once it has ended; it is killed, and fails the test, where it hangs.

    It hangs where its output has the same files for PATIENCE_S, however long the whole takes on a busy machine.
    """
    files, over = None, 0.0
    while process.poll() is None:
        if (now := [*os.walk(out)]) != files:
            files, over = now, time.monotonic() + PATIENCE_S
        elif time.monotonic() > over:
            break
        time.sleep(0.1)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        pytest.fail("the command hung after a worker was killed")
    return process.communicate()


@pytest.mark.parametrize("engine", ENGINES, ids=lambda way: way.name, indirect=True)
def test_an_interrupt_ends_everything_that_was_started_and_says_how_to_go_on(engine, command, corpus, row, tmp_path):
    with engine.started(tmp_path) as words:
        process = start(command("run", corpus, "-o", tmp_path / "out", *words), mark := str(tmp_path))
        while process.poll() is None and not workers(mark):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = ended(process, tmp_path / "out")
        assert left(mark) == {}
    assert process.returncode == 130
    assert said == "curate: interrupted; the same command resumes where it stopped\n"
    row(f"{engine.name}: interrupted", "exit 130, nothing left")


def spark(name: str):
    """One of Spark's ways, if it can be taken."""
    way = next(way for way in WAYS if way.name == name)
    if absent := way.absent():
        skip_or_fail(way.name, absent)
    return way


def notes(tmp_path: Path, fault: str) -> tuple[dict[str, str], Path]:
    """The environment that injects a fault into workers, and the folder in which the workers count their attempts."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return {"PYTHONPATH": INJECT, "CURATE_INJECT": fault, "CURATE_INJECT_NOTES": str(folder)}, folder


def attempts(folder: Path) -> dict[str, int]:
    """Returns the number of attempts at part 0 of each stage."""
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}


def on_executors(environment: dict[str, str]) -> list[str]:
    """The options that give executors this environment."""
    return [word for pair in environment.items() for word in ("--conf", f"spark.executorEnv.{'='.join(pair)}")]


def test_a_spark_task_that_fails_twice_is_retried(curate, corpus, reference, row, tmp_path):
    out, (environment, folder) = tmp_path / "out", notes(tmp_path, "fail")
    with spark("spark local").started(tmp_path) as words:
        done = curate("run", corpus, "-o", out, *words, env=environment)
    assert done.code == 0, done.err
    assert set(attempts(folder).values()) == {3}
    check(curate, out, reference)
    row("spark local: tasks fail twice", "same bytes", f"attempts at part 0: {attempts(folder)}")


def test_speculative_execution_writes_the_same_bytes(curate, corpus, reference, row, tmp_path):
    out, (environment, folder) = tmp_path / "out", notes(tmp_path, "slow")
    eager = {"spark.speculation": "true", "spark.speculation.interval": "100ms", "spark.speculation.quantile": "0.3"}
    eager |= {"spark.speculation.multiplier": "1.1", "spark.speculation.minTaskRuntime": "1s"}
    conf = [word for pair in eager.items() for word in ("--conf", "=".join(pair))] + on_executors(environment)
    with spark("spark standalone").started(tmp_path) as words:
        done = curate("run", corpus, "-o", out, *conf, *words)
    assert done.code == 0, done.err
    assert max(attempts(folder).values()) > 1, "nothing was speculated"
    check(curate, out, reference)
    row("spark standalone: speculation", "same bytes", f"attempts at part 0: {attempts(folder)}")


def test_a_killed_executor_is_made_up_for(curate, command, corpus, reference, row, tmp_path):
    spark("spark standalone")
    out, (environment, folder) = tmp_path / "out", notes(tmp_path, "slow")
    environment["CURATE_INJECT_STAGE"] = "extract"  # in which they are killed; the others need not be slow
    with Cluster(tmp_path / "cluster") as cluster:
        words = ["--runner", "spark", "--workers", "2", "--master", cluster.master, *on_executors(environment)]
        process = start(command("run", corpus, "-o", out, *words), str(tmp_path))
        while process.poll() is None and not (folder / "extract").exists():  # part 0 is being made, slowly
            time.sleep(0.05)
        killed = cluster.executors()
        for pid in killed:
            kill(pid)
        _, said = ended(process, out)
    assert process.returncode == 0, said
    assert killed
    assert attempts(folder)["extract"] > 1
    check(curate, out, reference)
    row("spark standalone: executors killed", "same bytes", f"{len(killed)} killed, attempts {attempts(folder)}")
