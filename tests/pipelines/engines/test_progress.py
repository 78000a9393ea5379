"""The line of progress: it fits every terminal, keeps to its words, and is printed from time to time off one."""

import io
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from curate.pipelines.engines import progress
from curate.pipelines.engines.progress import GLYPHS, PLAIN_GLYPHS, Display, Progress, Topic, bar_line
from curate.pipelines.engines.usage import Usage
from curate.pipelines.stages.map_only import part_numbers
from curate.stage.attempt import Ledger
from curate.stage.attempt import read as read_attempt
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, open_plan
from curate.stage.record import close_stage, open_stage
from curate.stage.tally import Rate, Sight

HALF_DONE = Sight(
    stage="extract",
    parts=3,
    items=12,
    done=1_271_000_000,
    total=3_100_000_000,
    read=1000,
    kept=340,
    rejected=660,
    reasons={"extract.language": 310, "extract.status": 80, "gopher.stop_words": 70},
    workers=2,
)
RATE = Rate(documents=212.3, amount=1_900_000.0, left_s=760.0)


def topic_of(sight: Sight, rate: Rate | None = None) -> Topic:
    topic = Topic(sight.stage)
    topic.sight, topic.rate = sight, rate
    return topic


def test_a_wide_terminal_shows_everything():
    line = bar_line(topic_of(HALF_DONE, RATE), 150, GLYPHS).plain
    assert re.sub("[ ━╸]+", " ", line) == (
        " extract 41 % 1.3 of 3.1 GB 3 of 12 parts 212 docs/s 1.9 MB/s kept 34 %"
        " top: language 31 % status 8 % ETA 12m40s"
    )


def test_eighty_columns_show_share_amount_rate_kept_and_time():
    line = bar_line(topic_of(HALF_DONE, RATE), 79, GLYPHS).plain
    assert re.search("━{4}╸? ", line)
    assert re.sub("[ ━╸]+", " ", line) == " extract 41 % 1.3 of 3.1 GB 212 docs/s kept 34 % ETA 12m40s"


@given(
    st.builds(
        Sight,
        stage=st.sampled_from(["extract", "decontaminate"]),
        parts=st.integers(0, 9),
        items=st.integers(9, 10**6),
        done=st.integers(0, 10**14),
        total=st.integers(0, 10**14),
        read=st.integers(0, 10**9),
        kept=st.integers(0, 10**9),
        rejected=st.integers(0, 10**9),
        failed=st.integers(0, 10**9),
        reasons=st.dictionaries(st.sampled_from(["extract.language", "a.b", "long_name.of_a_rule"]), st.integers(1)),
        step=st.sampled_from(["", "comparing candidates"]),
        step_done=st.integers(0, 10**14),
        workers=st.integers(0, 3),
    ),
    st.none() | st.builds(Rate, documents=st.floats(0, 1e9), amount=st.floats(0, 1e12), left_s=st.floats(0, 1e9)),
    st.integers(1, 200),
    st.sampled_from([GLYPHS, PLAIN_GLYPHS]),
)
def test_a_bar_never_exceeds_its_width_nor_its_line(sight, rate, width, glyphs):
    line = bar_line(topic_of(sight, rate), width, glyphs).plain
    assert len(line) <= width
    assert "\n" not in line
    if glyphs == PLAIN_GLYPHS:
        assert line.isascii()


@pytest.mark.parametrize(("encoding", "glyph"), [("utf-8", "━"), ("latin-1", "#"), ("ascii", "#")])
def test_a_terminal_that_knows_no_line_drawing_gets_a_plain_bar(encoding, glyph):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    display = Display(console)
    display.draw(topic_of(HALF_DONE, RATE))
    display.clear()
    file.flush()
    drawn = file.buffer.getvalue().decode(encoding)
    assert glyph in drawn
    assert drawn.rstrip().endswith("\x1b[2K")  # the bar is gone
    assert drawn.rfind("\x1b[?25h") > drawn.rfind("\x1b[?25l")  # the cursor is back


def test_without_colours_the_bar_has_none():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, _environ={"TERM": "xterm", "NO_COLOR": "1"})
    display = Display(console)
    display.draw(topic_of(HALF_DONE, RATE))
    display.clear()
    assert "41 %" in file.getvalue()
    assert not re.search("\x1b\\[[0-9;]*m", file.getvalue())


@pytest.mark.parametrize(
    "terminal", [{"force_terminal": False}, {"force_terminal": True, "_environ": {"TERM": "dumb"}}]
)
def test_off_a_terminal_lines_come_after_some_seconds_and_then_every_half_minute(terminal, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    file = io.StringIO()
    display = Display(Console(file=file, width=200, **terminal))
    topic = topic_of(HALF_DONE, RATE)
    for second in range(0, 70, 1):
        now[0] = 1000.0 + second
        display.show(topic)
    lines = file.getvalue().splitlines()
    assert len(lines) == 3  # at 5, 35 and 65 seconds
    assert set(lines) == {
        "extract   41 %, 1.3 of 3.1 GB, 3 of 12 parts, 212 docs/s, 1.9 MB/s, kept 34 %, top: language 31 %, status 8 %,"
        " ETA 12m40s"
    }


def test_what_takes_no_time_prints_nothing_and_leaves_no_thread(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_S", 60.0)
    file = io.StringIO()
    shown = Progress(Console(file=file, force_terminal=True, width=80, _environ={"TERM": "xterm"}))
    with shown.working(Ledger()), shown.doing("reading input digests", 10) as advance:
        advance(10)
    assert file.getvalue() == ""
    assert "progress" not in {thread.name for thread in progress.threading.enumerate()}


def test_an_error_in_a_block_clears_the_bar():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    shown = Progress(console)
    with pytest.raises(KeyboardInterrupt), shown.working(Ledger()), shown.doing("planning filter"):  # noqa: PT012
        while "planning filter" not in file.getvalue():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert file.getvalue().rfind("\x1b[?25h") > file.getvalue().rfind("\x1b[?25l")


def plan_of(folder) -> Plan:
    items = tuple(
        Item(number=number, name="n", uri="/in", form="part", digest=f"{number}", size=100, source="web")
        for number in range(2)
    )
    return Plan(stage="filter", folder=folder, settings={}, items=items)


def test_what_is_done_is_noted_for_other_processes(tmp_path):
    plan = plan_of(tmp_path / "filter")
    open_stage(plan)
    shown, ledger = Progress(), Ledger(tmp_path)
    with shown.working(ledger), shown.watching(plan):
        while (noted := read_attempt(tmp_path)) is None or noted.stage != "filter":
            time.sleep(0.01)
    assert noted.stage_since >= noted.since


def test_a_job_of_several_stages_shows_the_one_that_runs(tmp_path):
    first, second = plan_of(tmp_path / "filter"), plan_of(tmp_path / "dedup")
    stages = ("filter", "dedup")
    assert open_plan(tmp_path, stages) is None
    open_stage(first)
    assert open_plan(tmp_path, stages).folder == first.folder
    for item in first.items:
        with PartWriter(first.folder, item.number, first.part_key(item)):
            pass
    close_stage(first)
    assert open_plan(tmp_path, stages) is None
    open_stage(second)
    assert open_plan(tmp_path, stages).folder == second.folder


def test_the_end_of_a_run_says_how_idle_its_workers_were(tmp_path):
    plan, file = plan_of(tmp_path / "filter"), io.StringIO()
    open_stage(plan)
    for item in plan.items:
        with PartWriter(plan.folder, item.number, plan.part_key(item)):
            pass
    shown = Progress(Console(file=file, width=200))
    shown._began -= 20.0
    shown.done(close_stage(plan), Usage(wall=10.0, busy=16.0, workers=2))
    shown.idle()
    expected = r"workers   idle 6\d % of 2 x 2\d\.\d s \(filter 20 %, 1\d\.\d s between stages\)"
    assert re.search(expected, file.getvalue())


def test_the_largest_items_are_given_out_first(tmp_path):
    plan = plan_of(tmp_path / "filter")
    sizes = (5, 700, 5, 60)
    items = tuple(replace(plan.items[0], number=number, size=size) for number, size in enumerate(sizes))
    open_stage(replace(plan, items=items))
    assert [number for _, number in part_numbers(str(plan.folder))] == [1, 3, 0, 2]
