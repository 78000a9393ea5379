"""Reads the state of an output for `curate status`: the process that works on it, each stage's progress, an error."""

import json
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from curate import storage
from curate.errors import OlderOutput, UserError
from curate.inspection import funnel
from curate.stage import attempt, ownership, wording
from curate.stage.attempt import Attempt
from curate.stage.kinds import KINDS
from curate.stage.plan import load_plan, stage_folder
from curate.stage.record import read_stage
from curate.stage.tally import Rate, Sight, Tally

FRESH_S = 60.0  # an attempt on another machine that gave a sign of life so recently runs
NOT_THERE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    RuntimeError,
)  # what reading a record that is none can raise


@dataclass(frozen=True, slots=True, kw_only=True)
class StageState:
    """The state of one stage."""

    stage: str
    state: Literal["done", "open", "to come", "unreadable", "older"]  # older: in a form that is not read any more
    sight: Sight | None = None  # of a stage that is open or done
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of an output, of its stages, and of the process that works on it."""

    output: str
    state: Literal["running", "stopped", "finished", "unfinished"]  # unfinished: on a store, where nobody can tell
    stages: tuple[StageState, ...]
    attempt: Attempt | None  # the one that runs, or the last, which stopped
    training: str = ""  # of the run's model, in words; "" where none was begun

    @property
    def rate(self) -> Rate | None:
        """Returns the rates of the stage that runs."""
        made = self.attempt
        if self.state != "running" or not made or made.amount_per_second is None:
            return None
        return Rate(documents=made.documents_per_second or 0.0, amount=made.amount_per_second, left_s=made.left_s)


def of(out: Path) -> Status:
    """Returns the status of a run's folder or a stage's own; UserError where there is no output."""
    names = storage.names(out)
    within = not storage.is_remote(out) and (out.parent / "recipe.toml").exists()
    held = out.parent if within and ownership.is_held(out.parent) else out  # a stage's folder inside a run that runs
    made = None if storage.is_remote(out) else attempt.read(held)
    begun = {"recipe.toml", "plan.json", "stage.json", "inputs.json", "miniweb"}
    if not made and begun.isdisjoint(names) and not _stages_below(out, names) and not ownership.is_held(held):
        raise UserError(
            f"{out}: no output of curate (neither recipe.toml nor plan.json is there); name the folder of -o"
        )
    stages = tuple(_state(stage, folder) for stage, folder in _folders(out, names, made).items())
    return Status(
        output=str(out),
        state=_running(held, names, stages, made),
        stages=stages,
        attempt=made,
        training=_training(out / "train") if "recipe.toml" in names else "",
    )


def lines(status: Status) -> list[str]:
    """Returns the status as lines to read."""
    training = [f"{'train':9} {status.training}"] if status.training else []
    return [_head(status), *(_line(stage, status) for stage in status.stages), *training, *_mend(status)]


def as_table(status: Status) -> dict[str, Any]:
    """Returns the status as plain values."""
    return asdict(status)


def _folders(out: Path, names: set[str], made: Attempt | None) -> dict[str, Path]:
    """Returns the folders of the stages in order; the first half of a stage, once begun, has an entry before it."""
    if "plan.json" in names or "stage.json" in names:
        folders = {_stage_of(out, names, made): out}
    elif "recipe.toml" not in names and made and made.stage in KINDS:
        folders = {_whole(made.stage): out}
    else:
        folders = {stage: stage_folder(out, stage) for stage in funnel.planned_stages(out)}
    ordered: dict[str, Path] = {}
    for stage, folder in folders.items():
        half = KINDS[stage].first_half if stage in KINDS else None
        if half and (folder / KINDS[half].folder / "plan.json").exists():
            ordered[half] = folder / KINDS[half].folder
        ordered[stage] = folder
    return ordered


def _stage_of(folder: Path, names: set[str], made: Attempt | None) -> str:
    """Returns the name of the stage that a folder holds; if its records cannot be read, the one in the attempt."""
    try:
        return (read_stage(folder) if "stage.json" in names else load_plan(folder)).stage
    except NOT_THERE:
        return made.stage if made else ""


def _whole(stage: str) -> str:
    """Returns the stage that a first half belongs to; the name itself if it is no first half."""
    return next((name for name, kind in KINDS.items() if kind.first_half == stage), stage)


def _stages_below(out: Path, names: set[str]) -> bool:
    return any((out / kind.folder / "plan.json").exists() for kind in KINDS.values() if kind.folder in names)


def _state(stage: str, folder: Path) -> StageState:
    try:
        if (folder / "stage.json").exists():
            return StageState(stage=stage, state="done", sight=_closed(folder))
        if (folder / "plan.json").exists():
            return StageState(stage=stage, state="open", sight=Tally(load_plan(folder)).look())
    except OlderOutput as error:
        return StageState(stage=stage, state="older", note=str(error))
    except NOT_THERE as error:
        return StageState(stage=stage, state="unreadable", note=str(error))
    return StageState(stage=stage, state="to come")


def _closed(folder: Path) -> Sight:
    """Returns the state of a finished stage, from its closing record."""
    record = read_stage(folder)
    counts, items = record.counts, len(record.items)
    size = sum(item.size for item in record.items)
    reasons = dict(sorted(counts.reasons.items(), key=lambda pair: (-pair[1], pair[0])))
    return Sight(
        stage=record.stage,
        parts=items,
        items=items,
        done=size,
        total=size,
        read=counts.read,
        kept=counts.kept,
        rejected=counts.rejected,
        failed=counts.failed,
        reasons=reasons,
    )


def _training(folder: Path) -> str:
    """Returns the state of the model in a run's folder in words, by its log; "" where there is none."""
    if storage.is_remote(folder) or not (folder / "log.jsonl").is_file():
        return ""
    rows = []
    for line in (folder / "log.jsonl").read_bytes().splitlines():
        with suppress(ValueError):  # the last one may be half written
            rows.append(json.loads(line))
    try:
        schedule = rows[0]["header"]["schedule"]
        last = [row for row in rows if "step" in row][-1]
        of = schedule["windows"] * schedule["context"]
        reached = f"step {last['step']:,}, {last['tokens']:,} of {of:,} tokens"
    except NOT_THERE:
        return "unreadable: log.jsonl"
    if ownership.is_held(folder):
        return f"running: {reached}"
    done = (folder / "train.json").is_file() and last["tokens"] >= of
    return f"done: {reached}" if done else f"stopped: {reached}; the same command goes on"


def _running(
    held: Path, names: set[str], stages: tuple[StageState, ...], made: Attempt | None
) -> Literal["running", "stopped", "finished", "unfinished"]:
    if ownership.is_held(held):
        return "running"
    if made and made.host != socket.gethostname() and not made.ended and _age(made.seen) < FRESH_S:
        return "running"
    closed = bool(stages) and all(stage.state == "done" for stage in stages)
    if closed and not made and ("manifest.json" in names or "stage.json" in names):
        return "finished"
    return "unfinished" if storage.is_remote(held) else "stopped"


def _head(status: Status) -> str:
    made = status.attempt
    if status.state == "finished":
        return f"{status.output}: finished"
    if status.state == "unfinished":
        return f"{status.output}: not finished; whether a process works on it, a store cannot tell"
    if status.state == "running":
        if not made:
            return f"{status.output}: a process works on it"
        doing = f": {made.doing}" if made.doing else ""
        began = f"since {_clock(made.since)} ({wording.duration(_age(made.since))})"
        return f"{status.output}: running, process {made.pid} on {made.host}, {began}{doing}"
    if made and made.ended:
        return f"{status.output}: not running; it stopped at {_clock(made.ended)}: {made.error}"
    if made:
        last = f"killed, or the machine went down; last seen at {_clock(made.seen)}"
        return f"{status.output}: not running; it ended without a word ({last})"
    return f"{status.output}: not running, and not finished"


def _line(stage: StageState, status: Status) -> str:
    """Returns the line of a stage."""
    sight = stage.sight
    if stage.state == "done" and sight:
        failed = f", {sight.failed:,} failed" if sight.failed else ""
        return f"{stage.stage:9} done: read {sight.read:,}, kept {sight.kept:,}{failed}"
    if stage.state == "open" and sight:
        made = status.attempt
        runs = status.state == "running" and made is not None and made.stage == stage.stage
        if wording.is_starting(sight) and not runs:
            return f"{stage.stage:9} begun, 0 of {sight.items:,} parts"
        return wording.line(stage.stage, wording.fields(sight, status.rate if runs else None))
    return f"{stage.stage:9} {stage.state}{': ' if stage.note else ''}{stage.note}"


def _mend(status: Status) -> list[str]:
    made = status.attempt
    if status.state != "stopped":
        return []
    if any(stage.state == "older" for stage in status.stages):
        return ["no command of this version resumes it"]
    if made:
        return [f"the same command resumes: cd {made.cwd} && {made.command}"]
    return ["the same command resumes where it stopped"]


def _age(moment: str) -> float:
    """Returns the seconds since a moment."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S UTC")
