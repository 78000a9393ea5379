"""Run or resume a recipe, or one stage of it: plan, pipeline, closing record; then the manifest and the report.

A stage that is done under its key is left alone; within a stage, parts with a valid receipt are.
"""

from dataclasses import replace
from pathlib import Path

from curate.dataset import manifest
from curate.inputs import apart
from curate.pipelines import outlook, plans
from curate.pipelines.engines.engine import Engine, execute, kept_some, wiring
from curate.pipelines.engines.warnings import of_sources, of_splits
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe, to_toml
from curate.stage.claims import check_stages, claim_run
from curate.stage.ownership import held
from curate.stage.plan import stage_folder
from curate.stage.record import StageRecord, forget_failed
from curate.storage.writing import write_bytes


def run(
    recipe: Recipe, out: Path, engine: Engine, *, retry_failed: bool = False, may_replace: bool = False
) -> dict[str, StageRecord]:
    """Runs or resumes every stage of a recipe into a folder, writes its manifest, and returns the records by stage.

    may_replace: a finished run of other inputs is made anew.
    """
    plans.check_apart(recipe, out)
    with plans.started(engine, recipe, out) as engine, held(out) as ledger:
        claim_run(recipe.name, out)
        with engine.progress.working(ledger):
            return _run(recipe, out, engine, retry_failed=retry_failed, may_replace=may_replace)


def _run(recipe: Recipe, out: Path, engine: Engine, *, retry_failed: bool, may_replace: bool) -> dict[str, StageRecord]:
    progress = engine.progress
    progress.warn_all(plans.left_out(recipe))
    plans.check_model_files(recipe, out)
    digests = plans.open_digests(out, progress.doing)
    first, *others = recipe.stages
    plan = plans.planned(first, recipe, out, digests, progress.say, progress.warn)
    check_stages(out, recipe.stages, len(plan.items))
    if not may_replace and (out / "manifest.json").exists():
        apart.check_same(plan.folder, out, plan.items)
    if retry_failed:
        progress.say(f"retry: {forget_failed(out)} parts with dead letters are made again")
    if not (plan.folder / "plan.json").exists():  # no resume
        for line in outlook.lines(plan.items, engine.target.count):
            progress.say(line)
    digests.save()
    write_bytes(out / "recipe.toml", to_toml(recipe).encode())
    from curate.pipelines import ahead  # it needs Beam, which is imported once the session is there

    outdated, chain = (out / "manifest.json", out / "report.html"), ahead.chain(recipe, out, plan)
    engine = replace(engine, outdated=outdated, ahead=lambda plan: ahead.ahead_of(plan, chain))
    records = {first: kept_some(execute(plan, engine), out)}
    progress.warn_all(of_sources(records[first], plans.given_inputs(recipe)))
    for stage in others:
        given = plans.given(stage, recipe, out, digests, progress.say)
        records[stage] = kept_some(run_stage(stage, recipe, stage_folder(out, stage), given, engine), out)
    progress.warn_all(of_splits(records["pack"], recipe.pack.valid_fraction, plans.untrained(recipe)))
    digests.save()
    with progress.doing("writing the manifest"):
        manifest.write(manifest.make(recipe, out, records), out)
    progress.idle()
    return records


def run_as_one_job(
    recipe: Recipe, out: Path, engine: Engine, *, retry_failed: bool = False, may_replace: bool = False
) -> dict[str, StageRecord]:
    """Runs a recipe as `run` does, but as one Beam job, whose stages are planned by workers."""
    plans.check_apart(recipe, out)
    # Before Beam is imported, so that its workers can be forks of this process.
    with plans.started(engine, recipe, out) as engine:
        from curate.pipelines import one_job

        return one_job.run(recipe, out, engine, retry_failed=retry_failed, may_replace=may_replace)


def run_stage(stage: str, recipe: Recipe, folder: Path, given: Given, engine: Engine) -> StageRecord:
    """Runs or resumes one stage, its first half included."""
    module = wiring(stage)
    if prepare := getattr(module, "prepare", None):
        prepare(recipe, folder, given, engine)
    with engine.progress.doing(f"planning {stage}"):
        plan = module.plan(recipe, folder, given)
    record = execute(plan, engine)
    if (finish := getattr(module, "finish", None)) and (line := finish(plan, record)):
        engine.progress.say(line)
    return record
