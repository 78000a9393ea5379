"""Heartbeats and receipts add up: no number of a stage goes down while it runs, and the last are the receipts'."""

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.records import EPOCH, Document, Reason, document_id, reject
from curate.stage import heartbeat
from curate.stage.heartbeat import Beat, Work, beating
from curate.stage.ownership import strays
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import close_stage, forget_failed, open_stage
from curate.stage.tally import Pace, Sight, Tally

SIZE = 1000
DOCUMENTS = 10  # of an item
SUMS = ("done", "read", "kept", "rejected", "failed", "parts")


def plan_of(folder: Path, items: int, **values) -> Plan:
    made = tuple(
        Item(number=number, name=f"n{number}", uri="/in", form="part", digest=f"{number}", size=SIZE, source="web")
        for number in range(items)
    )
    return Plan(stage="filter", folder=folder, settings={}, items=made, **values)


def document(number: int) -> Document:
    return Document(
        id=document_id(f"u{number}", EPOCH, b""), url=f"u{number}", timestamp=EPOCH, source="web", text="text"
    )


def beat_now(folder: Path) -> None:
    """Writes the heartbeat of this process, as its thread does every second."""
    heartbeat._writer._write(folder)


def read_part(plan: Plan, number: int, kept: list[bool], fails_at: int | None, looks) -> None:
    """Makes a part of ten documents with a look after each, or fails at one of them."""
    with PartWriter(plan.folder, number, plan.part_key(plan.items[number])) as part:
        for read, keep in enumerate(kept):
            if read == fails_at:
                raise RuntimeError("the worker fails")
            if keep:
                part.keep(document(read))
            else:
                part.reject(reject(document(read), "filter", Reason("rule.name")))
            heartbeat.advance(read + 1, len(kept))
            beat_now(plan.folder)
            looks()


Kept = st.lists(st.booleans(), min_size=DOCUMENTS, max_size=DOCUMENTS)
Parts = st.lists(st.tuples(Kept, st.lists(st.integers(0, DOCUMENTS - 1), max_size=2)), min_size=1, max_size=2)


@given(Parts)
@settings(max_examples=10)
def test_no_number_goes_down_whatever_fails_and_the_last_are_those_of_the_receipts(parts):
    with tempfile.TemporaryDirectory() as name:
        plan = plan_of(Path(name) / "filter", len(parts))
        open_stage(plan)
        tally, sights = Tally(plan), []

        def look() -> None:
            sights.append(tally.look())

        for number, (kept, failures) in enumerate(parts):
            for fails_at in failures:
                with pytest.raises(RuntimeError):
                    read_part(plan, number, kept, fails_at, look)
                look()
            read_part(plan, number, kept, None, look)
            look()
        for earlier, later in pairwise(sights):
            assert all(getattr(earlier, field) <= getattr(later, field) for field in SUMS)
            assert later.done <= later.total
        counts = close_stage(plan).counts
        last = tally.look()
        assert (last.read, last.kept, last.rejected) == (counts.read, counts.kept, counts.rejected)
        assert last.reasons == counts.reasons
        assert (last.done, last.parts) == (last.total, last.items) == (SIZE * len(parts), len(parts))
        assert not [*strays(Path(name) / "filter")]


def test_a_part_is_seen_while_it_is_made_from_any_process_and_its_heartbeat_ends_with_it(tmp_path):
    plan = plan_of(tmp_path, 2)
    open_stage(plan)
    tally = Tally(plan)
    with PartWriter(tmp_path, 1, plan.part_key(plan.items[1])) as part:
        part.keep(document(1))
        part.reject(reject(document(2), "filter", Reason("rule.name")))
        heartbeat.advance(1, 4)
        beat_now(tmp_path)
        sight = tally.look()
        assert (sight.done, sight.total, sight.parts) == (SIZE // 4, 2 * SIZE, 0)
        assert (sight.read, sight.kept, sight.reasons) == (2, 1, {"rule.name": 1})
        assert (sight.kept_share, sight.workers) == (0.5, 1)
        assert len(heartbeat.files(tmp_path)) == 1
    assert heartbeat.files(tmp_path) == []
    assert (tally.look().done, tally.look().parts) == (SIZE, 1)


def test_the_thread_writes_a_heartbeat_without_being_asked(tmp_path):
    plan = plan_of(tmp_path, 1)
    open_stage(plan)
    with PartWriter(tmp_path, 0, plan.part_key(plan.items[0])):
        heartbeat.advance(3, 4)
        while not (written := heartbeat.files(tmp_path)) or heartbeat.read(written[0]) is None:
            time.sleep(0.01)
        assert heartbeat.read(written[0]).beats[0].share == 0.75


def test_a_followed_file_tells_how_far_the_work_is_and_may_be_closed(tmp_path):
    (tmp_path / "file").write_bytes(bytes(100))
    work = Work(tmp_path, 0)
    with (tmp_path / "file").open("rb") as file:
        work.follow(file, 20, 60)
        file.seek(50)
        assert work.beat().share == 0.75
    assert work.beat().share == 0.75


def test_the_steps_of_a_stage_are_seen_before_its_parts(tmp_path):
    plan = plan_of(tmp_path, 4)
    open_stage(plan)
    tally = Tally(plan)
    with beating(tmp_path, 0, step="comparing texts", size=SIZE):
        pass
    with beating(tmp_path, 1, step="comparing texts", size=SIZE):
        heartbeat.advance(1, 2)
        beat_now(tmp_path)
        sight = tally.look()
    assert (sight.step, sight.step_done, sight.done) == ("comparing texts", SIZE + SIZE // 2, 0)
    with PartWriter(tmp_path, 0, plan.part_key(plan.items[0])) as part:
        part.keep(document(0))
        beat_now(tmp_path)
        assert (tally.look().step, tally.look().read) == ("", 1)


def test_what_a_killed_worker_leaves_goes_when_the_stage_is_opened_again(tmp_path):
    plan = plan_of(tmp_path, 1)
    open_stage(plan)
    code = (
        "import os, signal, sys; from pathlib import Path; from curate.stage import heartbeat as h\n"
        "w = h.Work(Path(sys.argv[1]), 0); h.begin(w); h._writer._write(w.folder); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(heartbeat.files(tmp_path)) == 1
    assert forget_failed(tmp_path) == 0
    open_stage(plan)
    assert heartbeat.files(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"beats": [{}], "steps": {}}', b'{"beats": 1}'])
def test_half_a_heartbeat_is_none(content, tmp_path):
    (tmp_path / "half").write_bytes(content)
    assert heartbeat.read(tmp_path / "half") is None


def test_a_heartbeat_of_another_plan_s_part_is_passed_over(tmp_path):
    plan = plan_of(tmp_path, 1)
    open_stage(plan)
    beat = {"number": 7, "share": 0.5, "read": 3}
    name = f".{heartbeat.NAME}.{os.getpid()}.0000000000000000.curate.tmp"
    (tmp_path / "receipts" / name).write_text(json.dumps({"beats": [beat], "steps": {}}))
    sight = Tally(plan).look()
    assert (sight.done, sight.read) == (0, 0)
    assert Beat(**beat).share == 0.5


def sight_at(done: int, read: int = 0, step: str = "") -> Sight:
    return Sight(stage="filter", parts=0, items=1, done=done, total=1000, read=read, step=step, step_done=done)


def test_a_rate_is_that_of_the_time_in_which_something_moved():
    pace = Pace()
    assert pace.add(sight_at(0), 0.0) is None
    assert pace.add(sight_at(0), 50.0) is None  # workers are starting
    rate = pace.add(sight_at(100, 10), 60.0)
    assert (rate.amount, rate.documents, rate.left_s) == (10.0, 1.0, 90.0)


def test_a_rate_forgets_the_first_half_of_a_long_time():
    pace = Pace()
    for second in range(0, 400, 2):
        rate = pace.add(sight_at(second if second < 200 else 200 + (second - 200) // 2, second), float(second))
    assert rate.amount == pytest.approx(0.5, rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), max_size=60))
def test_a_rate_is_never_negative_and_says_nothing_of_what_stands_still(moves):
    pace, now, done = Pace(), 0.0, 0
    for wait, moved in moves:
        now, done = now + wait, min(1000, done + moved)
        rate = pace.add(sight_at(done, done), now)
        assert rate is None or (rate.amount >= 0 and (rate.left_s is None or rate.left_s >= 0))


def test_a_step_begins_a_rate_of_its_own():
    pace = Pace()
    pace.add(sight_at(0, step="comparing texts"), 0.0)
    assert pace.add(sight_at(900, step="comparing texts"), 9.0).amount == 100.0
    assert pace.add(sight_at(0), 10.0) is None
    assert pace.add(sight_at(10), 20.0).amount == 1.0
