"""Every command: its exit codes, its errors as one line, and the modules that its start imports."""

import json
import subprocess
import sys

import pytest

NOT_AT_START = ("curate.storage", "curate.pipelines", "fsspec", "upath", "http.client", "asyncio", "numpy", "pyarrow")


def test_importing_the_command_line_loads_only_what_parses_and_prints():
    code = f"import curate.cli.entry, sys; print([name for name in {NOT_AT_START!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_main_as_a_module_runs_nothing():
    done = subprocess.run([sys.executable, "-c", "import curate.cli.__main__"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


COMMAND = """
import atexit, sys
from curate import cli
from curate.cli import entry

class Left:
    def __del__(self):
        print("taken down")

def command():
    global left
    left = Left()
    atexit.register(print, "closed")
    print("said")
    sys.exit({code!r})

entry.main = command
cli.main()
"""


@pytest.mark.parametrize(("code", "status"), [(None, 0), (3, 3), ("words", 1)])
def test_a_command_ends_with_its_code_once_everything_is_closed(code, status):
    done = subprocess.run([sys.executable, "-c", COMMAND.format(code=code)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "said\nclosed\n")
    assert done.stderr == ("words\n" if code == "words" else "")


@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), ("<&- >&- 2>&-", 0), ("2>&-", 0)])
def test_a_command_whose_standard_streams_are_closed_does_its_work(closed, code):
    command = ["sh", "-c", f'exec "$0" -m curate.cli runners list {closed}', sys.executable]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")
    assert ("prism" in done.stdout) is (closed == "2>&-")


def test_the_output_of_an_older_version_is_one_line_and_exit_code_2(curate, tmp_path):
    stage = {"format": "curate.stage", "version": 1, "stage": "extract"}
    (tmp_path / "stage.json").write_text(json.dumps(stage))
    done = curate("inspect", tmp_path)
    assert done.code == 2
    assert "made by an older version of curate" in done.error


def test_what_no_stage_has_seen_is_exit_code_2(call, tmp_path, miniweb):
    assert call("extract", miniweb / "articles-00000.warc.gz", "-o", tmp_path / "out").code == 0
    done = call("why", tmp_path / "out", "http://nobody.example/")
    assert done.code == 2
    assert "no stage of" in done.error


def test_beams_own_options_follow_a_lone_dash_and_are_the_only_ones_there(call, tmp_path):
    done = call("extract", tmp_path / "none.warc", "-o", tmp_path / "out", "--", "--no_such_option=1")
    assert done.code == 2
    assert "--no_such_option: Beam knows no such option" in done.error
    done = call("extract", tmp_path / "none.warc", "-o", tmp_path / "out", "--no_such_option=1")
    assert done.code == 2
    assert "No such option: --no_such_option" in done.error
