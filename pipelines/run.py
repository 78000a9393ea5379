"""Run or resume a recipe, or one stage of it: plan, pipeline, closing record; then the manifest and the report.

A stage that is done under its key is left alone; within a stage, parts with a valid receipt are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from curate.dataset import manifest
from curate.dataset.manifest import stage_folder
from curate.inputs.items import Digests
from curate.pipelines import plans
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.runners import Session
from curate.pipelines.engines.target import Target, quiet_beam
from curate.recipe import Recipe, to_toml
from curate.settings import SettingsError
from curate.stage.claims import claim_run, held
from curate.stage.parts import write_bytes
from curate.stage.plan import Item
from curate.stage.record import Plan, StageRecord, close_stage, is_done, open_stage, read_stage

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

    target: Target = Target()
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
            engine.session.run(lambda pipeline: build(pipeline, plan), _seconds(plan, pending))
    record = close_stage(plan)
    engine.progress.done(record)
    return record


def _seconds(plan: Plan, pending: list[Item]) -> float:
    """The CPU time that a stage takes over its pending items, about; over all where each part depends on all."""
    return sum(item.bytes for item in (pending if plan.alone else plan.items)) / BYTES_PER_SECOND[plan.stage]


def _builder(stage: str) -> Callable[[Any, Plan], None]:
    """What wires a stage; the other stages, and what they need, stay unimported."""
    module, name = HALVES.get(stage, (stage, "build"))
    build: Callable[[Any, Plan], None] = getattr(import_module(f"curate.pipelines.stages.{module}"), name)
    return build


def run(recipe: Recipe, out: Path, engine: Engine) -> dict[str, StageRecord]:
    """Run or resume every stage of a recipe into `out` and write its manifest; the stages' records by name."""
    with engine.started() as engine, held(out):
        claim_run(recipe.name, out)
        plans.check_model_files(recipe, out)
        digests = plans.open_digests(out)
        first = plans.extract(recipe, out, digests, engine.progress.say)
        for name in (name for name, source in recipe.sources.items() if not source.inputs):
            engine.progress.say(f"source {name}: no inputs, left out")
        digests.save()
        write_bytes(out / "recipe.toml", to_toml(recipe).encode())
        engine = replace(engine, outdated=(out / "manifest.json", out / "report.html"))
        records = {"extract": kept_some(execute(first, engine), out)}
        previous = first.folder
        for stage in recipe.stages[1:]:
            folder = stage_folder(out, stage)
            record = run_stage(stage, recipe, previous, folder, engine, digests, plans.miniweb_folder(out))
            records[stage] = kept_some(record, out)
            previous = folder
        digests.save()
        manifest.write(manifest.make(recipe, out, records), out)
    return records


def run_as_one_job(recipe: Recipe, out: Path, engine: Engine) -> dict[str, StageRecord]:
    """The same as `run`, as one Beam job whose stages are planned by workers."""
    quiet_beam()
    from curate.pipelines import one_job

    return one_job.run(recipe, out, engine)


def kept_some(record: StageRecord, out: Path) -> StageRecord:
    """The record, if the stage left anything to go on with; else a SettingsError that sends to the reasons."""
    if not record.counts.kept:
        read = record.counts.read
        raise SettingsError(f"{record.stage} kept none of {read} documents; curate inspect {out} tells why")
    return record


def run_stage(
    stage: str,
    recipe: Recipe,
    previous: Path,
    folder: Path,
    engine: Engine,
    digests: Digests,
    miniweb: Path | None = None,
) -> StageRecord:
    """One stage over the folder of the stage before."""
    if stage == "pack":
        return execute(plans.plan_pack(recipe, folder, previous), engine)
    return run_items(stage, recipe, plans.next_items(previous, folder), folder, engine, digests, miniweb)


def run_items(
    stage: str,
    recipe: Recipe,
    items: list[Item],
    folder: Path,
    engine: Engine,
    digests: Digests,
    miniweb: Path | None = None,
) -> StageRecord:
    """One stage from filter to tokenize over these items."""
    if stage == "dedup":
        return _dedup(recipe, items, folder, engine)
    if stage == "score":
        if recipe.score and recipe.score.keep == "fraction":
            execute(plans.plan_rate(recipe, folder, items, digests, miniweb), engine)
        return execute(plans.plan_score(recipe, folder, items, digests, miniweb), engine)
    planner = {"filter": plans.plan_filter, "tokenize": plans.plan_tokenize}[stage]
    return execute(planner(recipe, folder, items), engine)


def run_links(recipe: Recipe, items: list[Item], folder: Path, engine: Engine) -> StageRecord:
    """The links stage over files of links, both halves."""
    from curate.links.config import WEBTEXT
    from curate.pipelines.stages import links

    rules = recipe.links or WEBTEXT
    gather = links.plan_gather(rules, folder / links.GATHERED_FOLDER, items)
    execute(gather, engine)
    for line in links.warnings(gather):
        engine.progress.say(line)
    return execute(links.plan_join(rules, folder, gather.folder), engine)


def run_crawl(recipe: Recipe, inputs: tuple[str, ...], folder: Path, engine: Engine, source: str) -> StageRecord:
    """The crawl of links, in as many waves as it takes."""
    from curate.crawl.config import Crawl
    from curate.pipelines.stages import crawl

    return crawl.run(recipe.crawl or Crawl(), inputs, folder, engine, source)


def _dedup(recipe: Recipe, items: list[Item], folder: Path, engine: Engine) -> StageRecord:
    from curate.inputs.items import moved
    from curate.pipelines.stages import estimate

    if any(item.form == "decided" for item in items):
        raise SettingsError("dedup reads documents, not the decisions of another dedup; name the folder before it")
    signatures = folder / "signatures"
    plan = plans.plan_dedup(recipe, folder, items, signatures)
    if not is_done(plan):
        execute(plans.plan_sign(recipe, signatures, moved(items, folder, signatures)), engine)
        estimate.check(plan, engine.target, _seconds(plan, plan.pending()))
    return execute(plan, engine)
