"""One stage as a command of its own: `curate VERB INPUT… -o DIR`."""

from dataclasses import replace
from pathlib import Path

from curate import recipe as recipes
from curate import settings, storage
from curate.dataset import chained
from curate.errors import SettingsError
from curate.inputs.columns import resolved
from curate.inputs.digests import Digests
from curate.inputs.items import named_items, source_items, stage_items
from curate.pipelines import plans
from curate.pipelines.engines.engine import Engine, wiring
from curate.pipelines.run import run_stage
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.settings import Table, Where
from curate.stage.kinds import KINDS
from curate.stage.ownership import claim_stage, held
from curate.stage.plan import Item
from curate.stage.record import StageRecord


def run(
    stage: str,
    inputs: tuple[str, ...],
    out: Path,
    recipe: str | None,
    assignments: tuple[str, ...],
    engine: Engine,
    source: str,
    *,
    all_languages: bool = False,
) -> StageRecord:
    """Runs or resumes one stage into its own folder; SettingsError where the inputs or the folder do not fit it."""
    if engine.target.runner == "dataflow":
        raise SettingsError(f"--runner dataflow runs whole recipes only: curate run RECIPE, not curate {stage}")
    _check_settings(stage, assignments)
    loaded = recipes.load(recipe, assignments) if recipe else _plain(assignments)
    _check_columns(assignments, source)
    if all_languages and "filter" not in KINDS[stage].reads:
        raise SettingsError(f"--all-languages: {stage} asks for no language")
    loaded = recipes.in_all_languages(loaded) if all_languages else loaded
    with engine.started() as engine, held(out) as ledger:
        claim_stage(stage, out)
        engine = replace(engine, outdated=(out / "manifest.json", out / "report.html") if KINDS[stage].beside else ())
        with engine.progress.working(ledger):
            record = _run(stage, inputs, out, loaded, engine, source)
            if KINDS[stage].leaves == "shards":
                chained.write(out, loaded if recipe else None)
            return record


def _run(stage: str, inputs: tuple[str, ...], out: Path, recipe: Recipe, engine: Engine, source: str) -> StageRecord:
    takes = KINDS[stage].takes
    if takes == "links":
        crawled: StageRecord = wiring(stage).run(recipe, inputs, out, engine, source)
        return crawled
    given = Given(say=engine.progress.say, digests=Digests(doing=engine.progress.doing))
    if takes == "tokens":
        if len(inputs) != 1:
            raise SettingsError(f"{stage} takes one input, the folder that tokenize wrote")
        given = replace(given, previous=storage.path(inputs[0]))
    elif takes == "files":
        recipe = _of_source(recipe, source) if "sources" in KINDS[stage].reads else recipe
        items = source_items({source: inputs}, given.digests, base=recipe.commoncrawl)
        given = replace(given, items=resolved(items, plans.taken(recipe), engine.progress.warn))
    else:
        items = named_items(inputs, out, given.digests, source)
        items = resolved(items, plans.taken(recipe), engine.progress.warn)
        if KINDS[stage].leaves == "decisions" and any(item.form == "documents" for item in items):
            items = _imported(items, recipe, out, engine)
        given = replace(given, items=items)
    return run_stage(stage, recipe, out, given, engine)


def _of_source(recipe: Recipe, source: str) -> Recipe:
    """Returns the recipe with this source alone, as which all inputs are read.

    SettingsError where only another source selects captures.
    """
    selecting = [name for name, table in recipe.sources.items() if table.select]
    if selecting and source not in recipe.sources:
        raise SettingsError(
            f"sources.{selecting[0]}.select: the inputs are read as --source {source}; name that source"
        )
    return replace(recipe, sources={name: table for name, table in recipe.sources.items() if name == source})


def _check_settings(stage: str, assignments: tuple[str, ...]) -> None:
    """Raises SettingsError where an assignment would change nothing in this stage."""
    for assignment in assignments:
        path, _ = settings.parse_assignment(assignment)
        if not {path[0], ".".join([path[0], *path[2:3]])} & KINDS[stage].reads and path[0] in Recipe.__slots__:
            tables = ", ".join(sorted(KINDS[stage].reads))
            raise SettingsError(f"--set {assignment}: {stage} does not read {path[0]}; it reads {tables}")


def _check_columns(assignments: tuple[str, ...], source: str) -> None:
    """Raises SettingsError where an assignment names columns of a source other than the one that inputs are read as."""
    for assignment in assignments:
        path, _ = settings.parse_assignment(assignment)
        if path[0] == "sources" and path[2:3] in (("columns",), ("keep_columns",)) and path[1] != source:
            raise SettingsError(f"--set {assignment}: the inputs are read as --source {source}; name that source")


def _plain(assignments: tuple[str, ...]) -> Recipe:
    table: Table = {"name": "command line"}
    for assignment in assignments:
        path, value = settings.parse_assignment(assignment)
        table = settings.assign(table, path, value)
    return recipes.from_table(table, Where("--set", ""))


def _imported(items: list[Item], recipe: Recipe, out: Path, engine: Engine) -> list[Item]:
    """Writes the user's own documents as parts into `documents/`, since decisions are aligned with parts."""
    if any(item.form != "documents" for item in items):
        raise SettingsError("dedup takes either stage folders or documents, not both at once")
    folder = out / "documents"
    run_stage("extract", recipe, folder, Given(items=items), engine)
    return stage_items(folder, out)
