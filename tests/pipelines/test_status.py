"""A run shows its progress: on a terminal, without one, and from another shell."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from terminal import resize, show, stop

from curate.errors import UserError
from curate.inspection import status
from curate.stage import attempt, heartbeat
from curate.stage.ownership import is_held, strays

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("status")]

PERCENT = re.compile(r"(\d+) %  ([\d.]+) of ([\d.]+) MB")
AWAKE_S = 300  # no run takes so long to begin


@pytest.fixture(scope="module")
def warc(data):
    """Returns some hundred real pages in one file, which one worker extracts as one part."""
    return data("web/pages-00000.warc.gz")


def test_on_a_terminal_the_bar_is_there_at_once_moves_within_one_part_and_leaves_a_line(warc, command, tmp_path):
    shown = show(command("extract", warc, "-o", tmp_path / "out"), columns=80)
    assert shown.code == 0
    first = next(screen for screen in shown.screens if screen.lines)
    assert first.lines[0].split()[0] in ("starting", "planning")  # before Beam is imported
    shares = [int(match[1]) for line in shown.last_lines if (match := PERCENT.search(line))]
    assert shares == sorted(shares)
    assert len({share for share in shares if 0 < share < 100}) >= 2  # of one part, so inside it
    bars = [line for line in shown.last_lines if line.startswith(" ")]
    assert any("starting workers" in line for line in bars)
    assert any("docs/s" in line and "kept" in line and "ETA" in line for line in bars)
    last = shown.screens[-1]
    assert not last.cursor_hidden
    assert not any(line.startswith(" extract ") for line in last.lines)
    assert re.match(r"extract   read \d+, kept \d+ in [\d.]+ s(, \d+ docs/s, [\d.]+ .B/s)?$", last.lines[0])


def test_a_bar_survives_a_smaller_terminal_and_an_interrupt_gives_the_cursor_back(warc, command, tmp_path):
    narrow, hidden = 50, []

    def act(screen, process, terminal):
        hidden.append(screen.cursor_hidden)
        if screen.lines and PERCENT.search(screen.lines[-1]):
            if len(screen.lines[-1]) >= narrow:
                resize(terminal, narrow, 40)
            else:
                stop(process, signal.SIGINT)

    shown = show(command("extract", warc, "-o", tmp_path / "out"), columns=110, act=act)
    assert shown.code == 130
    assert any(hidden)
    assert not shown.screens[-1].cursor_hidden
    assert shown.screens[-1].lines[-1].startswith("curate: interrupted;")
    assert not any(line.startswith(" extract") for line in shown.screens[-1].lines)
    left = status.of(tmp_path / "out")
    assert left.state == "stopped"
    assert left.attempt.error == "interrupted"


IMPATIENT = """
from curate.pipelines.engines import progress
progress.FIRST_LINE_S = 0.2
from curate.cli import main
main()
"""


def test_off_a_terminal_a_line_says_how_far_a_long_stage_is(warc, tmp_path):
    words = [sys.executable, "-c", IMPATIENT, "extract", warc, "-o", tmp_path / "out", "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert json.loads(done.stdout)["stages"]
    *lines, last = done.stderr.splitlines()
    assert "\x1b" not in done.stderr
    assert any(re.match(r"extract   +\d+ %, [\d.]+ of [\d.]+ MB|extract   starting workers", line) for line in lines)
    assert last.startswith("extract   read ")


def until(out, claim) -> status.Status:
    """Returns the status of an output once a claim about it is true."""
    over = time.monotonic() + AWAKE_S
    while time.monotonic() < over:
        try:
            state = status.of(out)
        except UserError:
            state = None
        if state and claim(state):
            return state
        time.sleep(0.05)
    raise AssertionError(f"it never became true of {state}")


def inside_a_part(state: status.Status) -> bool:
    sight = state.stages[0].sight
    return bool(sight and 0 < sight.done < sight.total and sight.read)


def test_another_shell_sees_a_run_that_works_is_killed_resumes_and_ends(warc, command, call, tmp_path):
    out = tmp_path / "out"
    words = command("extract", warc, "-o", out)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        state = until(out, inside_a_part)
        command = call("status", out)
        running.kill()
    assert state.state == "running"
    assert (state.attempt.stage, state.stages[0].state, state.stages[0].sight.parts) == ("extract", "open", 0)
    assert command.code == 0
    assert re.search(rf"running, process {state.attempt.pid} on \S+, since ", command.out)
    assert re.search(r"extract +\d+ %, [\d.]+ of [\d.]+ MB.*, kept \d+ %", command.out)

    killed = until(out, lambda state: not is_held(out))
    assert killed.state == "stopped"
    lines = status.lines(killed)
    assert "it ended without a word" in lines[0]
    assert lines[-1].startswith(f"the same command resumes: cd {killed.attempt.cwd} && ")
    assert str(out) in lines[-1]
    assert json.loads(call("status", out, "--json").out)["state"] == "stopped"

    assert call(*words[3:]).code == 0
    ended = status.of(out)
    assert (ended.state, ended.attempt) == ("finished", None)
    assert ended.stages[0].sight.read > 0
    assert list(strays(out)) == []
    assert heartbeat.files(out) == []
    assert not (out / attempt.NAME).exists()


def test_a_run_that_failed_says_why_and_a_stage_that_cannot_be_read_is_told(call, tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "A short text."}) + "\n")
    out = tmp_path / "out"
    assert call("filter", tmp_path / "in.jsonl", "-o", out).code == 0
    (out / "stage.json").unlink()
    (out / attempt.NAME).write_text(
        json.dumps(
            {
                "pid": 1,
                "host": "elsewhere",
                "command": "curate filter in.jsonl -o out",
                "cwd": "/work",
                "since": "2026-01-02T03:04:05+00:00",
                "seen": "2026-01-02T03:05:05+00:00",
                "stage": "filter",
                "ended": "2026-01-02T03:05:06+00:00",
                "error": "part-00000.parquet: No space left on device",
            }
        )
    )
    shown = call("status", out).out.splitlines()
    assert shown[0].endswith("it stopped at 2026-01-02 03:05:06 UTC: part-00000.parquet: No space left on device")
    assert shown[-1] == "the same command resumes: cd /work && curate filter in.jsonl -o out"
    (out / "plan.json").write_text("{")
    assert call("status", out).code == 0
    assert "unreadable" in call("status", out).out


def test_what_is_no_output_is_a_mistake_of_the_user(call, tmp_path):
    for name in (tmp_path, tmp_path / "nothing"):
        done = call("status", name)
        assert done.code == 2
        assert "no output of curate" in done.error
