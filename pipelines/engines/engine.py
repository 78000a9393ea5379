"""How one plan is executed: opened, its missing parts made by a pipeline, closed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.runners import Session
from curate.pipelines.engines.target import EngineOptions
from curate.stage.plan import Item, Plan
from curate.stage.record import StageRecord, close_stage, is_done, open_stage, read_stage

# Bytes of input that one core gets through in a second, to judge whether worker processes pay (measured, 2 cores).
BYTES_PER_SECOND = {
    "gather": 5_000_000,
    "links": 2_000_000,
    "extract": 2_000_000,
    "filter": 1_500_000,
    "sign": 3_000_000,
    "dedup": 3_000_000,
    "rate": 3_000_000,
    "score": 3_000_000,
    "tokenize": 3_000_000,
    "pack": 30_000_000,
}
# Where the first half of a stage of two is wired.
HALVES = {
    "sign": ("dedup", "build_signatures"),
    "rate": ("score", "build_scores"),
    "gather": ("links", "build_gather"),
    "tokenize": ("tokens", "build"),
}


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
    if is_done(plan):
        engine.progress.skipped(plan)
        return read_stage(plan.folder)
    if engine.session is None:
        raise ValueError("an engine executes between `started` and the end of its block")
    engine.session.prepare()
    for path in engine.outdated:
        path.unlink(missing_ok=True)
    pending = open_stage(plan)
    if pending:
        build = _builder(plan.stage)
        with engine.progress.watching(plan):
            engine.session.run(lambda pipeline: build(pipeline, plan), cpu_seconds(plan, pending))
    record = close_stage(plan)
    engine.progress.done(record)
    return record


def cpu_seconds(plan: Plan, pending: list[Item]) -> float:
    """The CPU time that a stage takes over its pending items, about; over all where each part depends on all."""
    return sum(item.bytes for item in (pending if plan.alone else plan.items)) / BYTES_PER_SECOND[plan.stage]


def _builder(stage: str) -> Callable[[Any, Plan], None]:
    """What wires a stage; the other stages, and what they need, stay unimported."""
    module, name = HALVES.get(stage, (stage, "build"))
    build: Callable[[Any, Plan], None] = getattr(import_module(f"curate.pipelines.stages.{module}"), name)
    return build


def kept_some(record: StageRecord, out: Path) -> StageRecord:
    """The record, if the stage left anything to go on with; else a SettingsError that sends to the reasons."""
    if not record.counts.kept:
        read = record.counts.read
        raise SettingsError(f"{record.stage} kept none of {read} documents; curate inspect {out} tells why")
    return record
