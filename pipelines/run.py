"""Run or resume a recipe, or one stage of it: plan, pipeline, closing record; then the manifest and the report.

A stage that is done under its key is left alone; within a stage, parts with a valid receipt are.
"""

from dataclasses import replace
from pathlib import Path

from curate.dataset import manifest
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.pipelines import plans
from curate.pipelines.engines.engine import Engine, cpu_seconds, execute, kept_some
from curate.pipelines.engines.target import quiet_beam
from curate.pipelines.stages import dedup, filter, pack, score, tokens
from curate.recipe import Recipe, to_toml
from curate.stage.ownership import claim_run, held
from curate.stage.plan import Item, stage_folder
from curate.stage.record import StageRecord, is_done
from curate.storage.writing import write_bytes


def run(recipe: Recipe, out: Path, engine: Engine) -> dict[str, StageRecord]:
    """Run or resume every stage of a recipe into `out` and write its manifest; the stages' records by name."""
    with engine.started() as engine, held(out):
        claim_run(recipe.name, out)
        plans.check_model_files(recipe, out)
        digests = plans.open_digests(out)
        first = plans.first_stage(recipe, out, digests, engine.progress.say)
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
        return execute(pack.plan_pack(recipe, folder, previous), engine)
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
            execute(score.plan_rate(recipe, folder, items, digests, miniweb), engine)
        return execute(score.plan_score(recipe, folder, items, digests, miniweb), engine)
    planner = {"filter": filter.plan_filter, "tokenize": tokens.plan_tokenize}[stage]
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
    plan = dedup.plan_dedup(recipe, folder, items, signatures)
    if not is_done(plan):
        execute(dedup.plan_sign(recipe, signatures, moved(items, folder, signatures)), engine)
        estimate.check(plan, engine.target, cpu_seconds(plan, plan.pending()))
    return execute(plan, engine)
