"""Executes the plan of one stage: opens it, has a pipeline make the parts that are missing, and closes it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import UserError
from curate.extract import sandbox
from curate.pipelines.engines.crew import Ahead
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.runners import Load, Session, nothing
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.engines.warnings import of_record
from curate.stage.kinds import KINDS
from curate.stage.plan import Item, Plan, stage_folder
from curate.stage.record import StageRecord, close_stage, done, open_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Executes stages with one session, and reports their progress."""

    target: EngineOptions = EngineOptions()  # where the stages run
    progress: Progress = field(default_factory=Progress)
    outdated: tuple[Path, ...] = ()  # files that state what the output holds; removed before a stage changes it
    session: Session | None = None  # None outside a block of `started`
    # What workers may do for later stages while others are still at the last items of this one.
    ahead: Callable[[Plan], Ahead | None] = lambda _plan: None

    @contextmanager
    def started(self, load: Load = nothing, *, extracts: bool = False, is_small: bool = False) -> Iterator["Engine"]:
        """Yields the engine with a session, which ends with the block; itself where it has one.

        load: loads what its workers share, if they are forks; extracts: whether pages may be extracted;
        is_small: whether all of it takes some minutes of CPU.

        Enter it before the lock of an output is taken: the session may copy this process, and so the lock.
        """
        if self.session:
            yield self
            return
        session = Session(self.target, load, is_small=is_small)
        with ExitStack() as stack:
            stack.enter_context(sandbox.template(needed=extracts and self.target.forks))
            with self.progress.starting("starting"):
                stack.enter_context(session)
            yield replace(self, session=session)


def execute(plan: Plan, engine: Engine) -> StageRecord:
    """Makes the parts of a stage that are missing, closes the stage and returns its closing record."""
    if record := done(plan):
        engine.progress.skipped(plan)
        engine.progress.warn_all(of_record(record, plan.folder, plan.alarms))
        return record
    if engine.session is None:
        raise ValueError("an engine executes between `started` and the end of its block")
    with engine.progress.doing(f"{plan.stage}: making the runner ready"):
        engine.session.prepare()
    for path in engine.outdated:
        path.unlink(missing_ok=True)
    pending = open_stage(plan)
    module, usage = wiring(plan.stage), None
    if pending or not getattr(module, "is_whole", is_whole)(plan):
        build = module.build
        with engine.progress.watching(plan):
            seconds, shuffles = cpu_seconds(plan, pending), not plan.per_item
            usage = engine.session.run(
                lambda pipeline: build(pipeline, plan), seconds, shuffles=shuffles, ahead=engine.ahead(plan)
            )
    record = close_stage(plan)
    engine.progress.done(record, usage)
    engine.progress.warn_all(of_record(record, plan.folder, plan.alarms))
    return record


def is_whole(_plan: Plan) -> bool:
    """Returns whether a stage whose parts are all there lacks nothing: always, unless its module says otherwise."""
    return True


def kept_some(record: StageRecord, out: Path) -> StageRecord:
    """Returns the record; raises UserError if the stage kept no document that the next one could read."""
    counts = record.counts
    if not counts.kept:
        if counts.failed:
            failed = f"failed are {counts.failed}, {_first_failure(record, out)}"
            raise UserError(f"{record.stage} kept none of {counts.read} documents; {failed}")
        if not counts.read:
            raise UserError(f"{record.stage} found no document in its inputs; name others")
        raise UserError(f"{record.stage} kept none of {counts.read} documents; curate inspect {out} tells why")
    return record


def _first_failure(record: StageRecord, out: Path) -> str:
    """Returns the first dead letter of a stage of a run."""
    import pyarrow.parquet as pq

    name = next(name for name in record.outputs if name.startswith("failed-"))
    rows = pq.read_table(storage.source(stage_folder(out, record.stage) / name), columns=["file", "message"])
    first = rows.slice(0, 1).to_pylist()[0]
    return f"the first is {first['file']}: {first['message']}"


def wiring(stage: str) -> Any:
    """Imports the module of `pipelines/stages` that wires a stage; the others, and what they need, stay unimported.

    It offers `plan(recipe, folder, given)`, `build(pipeline, plan)` and, where an item becomes a part,
    `make_part(plan, item)`; where a part may be made before the stage begins, `may_be_ahead(recipe)`; where something
    must be done first, `prepare(recipe, folder, given, engine)`; where its pipeline writes more than parts,
    `is_whole(plan)`. A first half offers `needed(recipe)`, and `spared(recipe, folder, given)` where it does not stay
    once the stage that it serves is closed.
    """
    return import_module(f"curate.pipelines.stages.{KINDS[stage].wiring}")


def cpu_seconds(plan: Plan, pending: list[Item]) -> float:
    """Returns about how much CPU time a stage takes (s).

    That is over its pending items, or over all of them if a part depends on more than its own item.
    """
    items = pending if plan.per_item else plan.items
    return sum(item.size for item in items) / KINDS[plan.stage].bytes_per_second
