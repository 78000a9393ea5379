"""One stage as a command of its own: `curate VERB INPUT… -o DIR`."""

from dataclasses import replace
from pathlib import Path

from curate import recipe as recipes
from curate import settings, storage
from curate.dataset import chained
from curate.dedup.index import publishing
from curate.errors import SettingsError
from curate.inputs import apart
from curate.inputs.columns import resolved
from curate.inputs.digests import Digests
from curate.inputs.items import named_items, source_items, stage_items
from curate.pipelines import plans
from curate.pipelines.engines.engine import Engine, wiring
from curate.pipelines.engines.warnings import of_splits
from curate.pipelines.run import run_stage
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.settings import Table, Where
from curate.stage.claims import claim_stage
from curate.stage.kinds import KINDS, OWN_DOCUMENTS
from curate.stage.ownership import held
from curate.stage.plan import Item
from curate.stage.record import StageRecord, forget_failed, read_stage


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
    retry_failed: bool = False,
    may_replace: bool = False,
) -> StageRecord:
    """Runs or resumes one stage into its own folder; SettingsError where the inputs or the folder do not fit it.

    may_replace: a finished output of other inputs is made anew.
    """
    if engine.target.runner == "dataflow":
        raise SettingsError(f"--runner dataflow runs whole recipes only: curate run RECIPE, not curate {stage}")
    loaded = _loaded(stage, recipe, assignments, source, all_languages=all_languages)
    apart.check_inputs((*inputs, *plans.beside_inputs(stage, loaded)), out)
    if stage == "dedup":
        publishing.check(loaded.dedup)
    with plans.started_stage(engine, stage, inputs, out) as engine, held(out) as ledger:
        claim_stage(stage, out)
        engine = replace(engine, outdated=(out / "manifest.json", out / "report.html") if KINDS[stage].beside else ())
        with engine.progress.working(ledger):
            if KINDS[stage].takes == "links":
                crawled: StageRecord = wiring(stage).run(loaded, inputs, out, engine, source)
                return crawled
            recipe_of_source, given = _given(stage, inputs, out, loaded, engine, source)
            _check_given(out, given, may_replace=may_replace)
            if retry_failed:
                engine.progress.say(f"retry: {forget_failed(out)} parts with dead letters are made again")
            record = _run(stage, recipe_of_source, out, given, engine)
            if KINDS[stage].leaves == "shards":
                chained.write(out, loaded if recipe else None)
                drawn = read_stage(chained.tokens_of(out, record)).settings["valid_fraction"]
                engine.progress.warn_all(of_splits(record, drawn, plans.untrained(loaded)))
            return record


def _loaded(
    stage: str, recipe: str | None, assignments: tuple[str, ...], source: str, *, all_languages: bool
) -> Recipe:
    """Returns the recipe that a verb's options describe; SettingsError where the stage does not read one of them."""
    _check_settings(stage, assignments)
    loaded = recipes.load(recipe, assignments) if recipe else _plain(assignments)
    _check_columns(assignments, source)
    if recipe and "sources" in KINDS[stage].reads:
        recipes.check_source(source, [*loaded.sources], f"--source {source}")
    if all_languages and "filter" not in KINDS[stage].reads:
        raise SettingsError(f"--all-languages: {stage} asks for no language")
    return recipes.in_all_languages(loaded) if all_languages else loaded


def _check_given(out: Path, given: Given, *, may_replace: bool) -> None:
    """Raises SettingsError where an input lies in the output, or a finished output is one of other inputs."""
    apart.check_items(given.items, out, out)
    if may_replace:
        return
    if given.previous:
        apart.check_previous(out, given.previous)
    else:
        apart.check_same(out, out, given.items)


def _given(
    stage: str, inputs: tuple[str, ...], out: Path, recipe: Recipe, engine: Engine, source: str
) -> tuple[Recipe, Given]:
    """Returns the recipe as the stage needs it, and what the inputs give it."""
    takes = KINDS[stage].takes
    given = Given(say=engine.progress.say, digests=Digests(doing=engine.progress.doing))
    if takes == "tokens":
        if len(inputs) != 1:
            raise SettingsError(f"{stage} takes one input, the folder that tokenize wrote")
        given = replace(given, previous=storage.path(inputs[0]))
    elif takes == "files":
        recipe = _of_source(recipe, source) if "sources" in KINDS[stage].reads else recipe
        items = source_items({source: inputs}, given.digests, base=recipe.commoncrawl)
        if KINDS[stage].leaves == "documents":  # rows of links have no text
            items = resolved(items, plans.taken(recipe), engine.progress.warn)
        given = replace(given, items=items)
    else:
        items = named_items(inputs, out, given.digests, source)
        given = replace(given, items=resolved(items, plans.taken(recipe), engine.progress.warn))
    return recipe, given


def _run(stage: str, recipe: Recipe, out: Path, given: Given, engine: Engine) -> StageRecord:
    if KINDS[stage].leaves == "decisions" and any(item.form == "documents" for item in given.items):
        given = replace(given, items=_imported(given.items, recipe, out, engine))
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
    folder = out / OWN_DOCUMENTS
    run_stage("extract", recipe, folder, Given(items=items), engine)
    return stage_items(folder, out)
