"""The file of an attempt is there while a process works on an output, is removed at success, and keeps an error."""

import os
import subprocess
import sys

import pytest

from curate.errors import SettingsError, UserError
from curate.stage import attempt, ownership
from curate.stage.claims import claim_run, claim_stage
from curate.stage.ownership import held, is_held, owners, strays
from curate.stage.plan import Item, Plan
from curate.stage.record import open_stage


def test_an_attempt_names_its_process_and_ends_with_a_good_end(tmp_path):
    with held(tmp_path) as ledger:
        assert attempt.read(tmp_path) is None
        ledger.note(stage="filter", doing="planning")
        seen = attempt.read(tmp_path)
        assert (seen.pid, seen.stage, seen.doing, seen.ended) == (os.getpid(), "filter", "planning", "")
        assert seen.since <= seen.seen
        claim_run("any", tmp_path)
        claim_stage("filter", tmp_path)
        assert list(strays(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_an_attempt_that_fails_leaves_its_error(tmp_path):
    with pytest.raises(OSError, match="No space"), held(tmp_path) as ledger:  # noqa: PT012
        ledger.note(stage="filter")
        raise OSError(28, "No space left on device", "/full/part-00000.parquet")
    left = attempt.read(tmp_path)
    assert left.error == "/full/part-00000.parquet: No space left on device"
    assert left.ended
    with pytest.raises(KeyboardInterrupt), held(tmp_path) as ledger:
        raise KeyboardInterrupt
    assert attempt.read(tmp_path).error == "interrupted"
    assert owners(tmp_path)[tmp_path / attempt.NAME] == "attempt"


def test_a_mistake_before_any_stage_changes_nothing(tmp_path):
    with pytest.raises(RuntimeError), held(tmp_path) as ledger:  # noqa: PT012
        ledger.note(stage="filter")
        raise RuntimeError("a worker ended")
    before = (tmp_path / attempt.NAME).read_bytes()
    with pytest.raises(SettingsError), held(tmp_path) as ledger:  # noqa: PT012
        ledger.note(doing="planning")
        raise SettingsError("no such rule")
    assert (tmp_path / attempt.NAME).read_bytes() == before
    with pytest.raises(UserError), held(tmp_path / "new") as ledger:  # noqa: PT012
        ledger.note(doing="planning")
        raise UserError("nothing to do")
    assert not (tmp_path / "new").exists()


def test_a_stage_that_is_opened_keeps_the_file_of_its_attempt(tmp_path):
    item = Item(number=0, name="n", uri="/in", form="part", digest="ab", size=9, source="web")
    with held(tmp_path) as ledger:
        ledger.note(stage="filter")
        open_stage(Plan(stage="filter", folder=tmp_path, settings={}, items=(item,)))
        assert attempt.read(tmp_path) is not None


def test_what_is_no_attempt_is_none(tmp_path):
    for content in (b"", b"{}", b"[1]", b"\xff"):
        (tmp_path / attempt.NAME).write_bytes(content)
        assert attempt.read(tmp_path) is None


def test_another_process_sees_whether_an_output_is_locked_and_never_takes_the_lock(tmp_path):
    code = (
        "import sys; from pathlib import Path; from curate.stage.ownership import held\n"
        "with held(Path(sys.argv[1])): print(1, flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert is_held(tmp_path)
        process.stdin.close()
    assert not is_held(tmp_path)
    assert not is_held(tmp_path / "nothing")


def test_a_look_at_the_lock_does_not_refuse_a_run_that_begins(tmp_path, monkeypatch):
    tries = []
    lock = ownership.fcntl.flock

    def busy_once(folder, how):
        tries.append(how)
        if len(tries) == 1:
            raise BlockingIOError
        lock(folder, how)

    monkeypatch.setattr(ownership.fcntl, "flock", busy_once)
    with held(tmp_path):
        assert len(tries) == 2
