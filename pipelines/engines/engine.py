"""How one plan is executed: opened, its missing parts made by a pipeline, closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.runners import Session
from curate.pipelines.engines.target import EngineOptions
from curate.stage.kinds import KINDS
from curate.stage.plan import Item, Plan
from curate.stage.record import StageRecord, close_stage, done, open_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How stages are executed: where, and who is told.

    outdated: files that say what the output holds, and go once a stage is to change it. session: see `started`.
    """

    target: EngineOptions = EngineOptions()
    progress: Progress = field(default_factory=Progress)
    outdated: tuple[Path, ...] = ()
    session: Session | None = None

    @contextmanager
    def started(self) -> Iterator["Engine"]:
        """The engine with a session, which ends with the block; it comes before an output's lock, which it may copy."""
        with Session(self.target) as session:
            yield replace(self, session=session)


def execute(plan: Plan, engine: Engine) -> StageRecord:
    """Bring a stage to its closing record, making only the parts that are missing."""
    if record := done(plan):
        engine.progress.skipped(plan)
        return record
    if engine.session is None:
        raise ValueError("an engine executes between `started` and the end of its block")
    engine.session.prepare()
    for path in engine.outdated:
        path.unlink(missing_ok=True)
    pending = open_stage(plan)
    if pending:
        build = wiring(plan.stage).build
        with engine.progress.watching(plan):
            engine.session.run(lambda pipeline: build(pipeline, plan), cpu_seconds(plan, pending))
    record = close_stage(plan)
    engine.progress.done(record)
    return record


def cpu_seconds(plan: Plan, pending: list[Item]) -> float:
    """The CPU time that a stage takes over its pending items, about; over all where each part depends on all."""
    return sum(item.size for item in (pending if plan.per_item else plan.items)) / KINDS[plan.stage].bytes_per_second


def wiring(stage: str) -> Any:
    """Imports the module of `pipelines/stages` that wires a stage; the others, and what they need, stay unimported.

    It offers `plan(recipe, folder, given)`, `build(pipeline, plan)` and, where an item becomes a part,
    `make_part(plan, item)`; where something must be done first, `prepare(recipe, folder, given, engine)`.
    """
    return import_module(f"curate.pipelines.stages.{KINDS[stage].wiring}")


def kept_some(record: StageRecord, out: Path) -> StageRecord:
    """The record, if the stage left anything to go on with; else a SettingsError that sends to the reasons."""
    if not record.counts.kept:
        read = record.counts.read
        raise SettingsError(f"{record.stage} kept none of {read} documents; curate inspect {out} tells why")
    return record
