"""Filters documents again by other limits, from the signals that an earlier filter has written: no rule runs again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from curate import recipe as recipes
from curate import settings, storage
from curate.errors import SettingsError
from curate.filters.rules import LATER, ROWS, Filter
from curate.filters.signals.reapplying import fault
from curate.inputs import apart
from curate.inputs.items import rebase_items
from curate.pipelines.engines.engine import Engine, execute
from curate.pipelines.stages import filter as filtering
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.settings import Table, Where
from curate.stage.claims import claim_stage
from curate.stage.ownership import held
from curate.stage.plan import Plan
from curate.stage.record import StageRecord, read_stage


def run(
    inputs: tuple[str, ...], out: Path, recipe: str | None, assignments: tuple[str, ...], engine: Engine
) -> StageRecord:
    """Writes into `out` what a full run of these settings would; SettingsError where its signals do not suffice.

    The settings are those of the earlier filter with the assignments on top, or those of a recipe.
    """
    if len(inputs) != 1:
        raise SettingsError(f"--reapply takes one input, the folder of a filter stage, got {len(inputs)}")
    folder = storage.path(inputs[0])
    record = read_stage(folder)
    if record.stage != "filter":
        raise SettingsError(f"--reapply: {folder} is the folder of {record.stage}; name one of filter")
    apart.check_inputs(inputs, out)
    chosen = recipes.load(recipe, assignments) if recipe else _again(record.settings, assignments)
    check(record, chosen)
    with engine.started() as engine, held(out) as ledger:
        claim_stage("filter", out)
        with engine.progress.working(ledger):
            items = rebase_items([*record.items], folder, out)
            apart.check_items(items, out, out)
            plan = filtering.plan(chosen, out, Given(items=items))
            if plan.settings.get("model_sha256", "") not in ("", record.settings.get("model_sha256")):
                raise SettingsError("--reapply: filter.spare rated the documents with another model; run without it")
            return execute(replace(plan, locations={filtering.MEASURED: storage.relative(folder, out)}), engine)


def check(record: StageRecord, chosen: Recipe) -> None:
    """Raises SettingsError where the signals of a stage do not do for the settings of a recipe."""
    before = settings.build(filtering.Filters, record.settings)
    after = settings.build(filtering.Filters, filtering.tables(chosen))
    for source in ("", *before.sources, *after.sources):
        if line := fault(before.of(source), after.of(source)):
            raise SettingsError(f"--reapply: {line}; run curate filter on the documents without it")
    for library, version in Plan(stage="filter", folder=Path(), settings={}, items=()).versions.items():
        if record.versions.get(library) != version:
            measured = record.versions.get(library, "no version")
            raise SettingsError(
                f"--reapply: {library} is {version} here, and {measured} measured the signals; run without it"
            )


def _again(stored: dict[str, Any], assignments: tuple[str, ...]) -> Recipe:
    """Returns a recipe with the settings of an earlier filter and the assignments on top."""
    default = _whole(stored["default"])
    sources = {
        name: {"filter": settings.difference(default, _whole(source))} for name, source in stored["sources"].items()
    }
    table: Table = {"name": "command line", "filter": default, "sources": sources}
    for assignment in assignments:
        path, value = settings.parse_assignment(assignment)
        if not {"filter", "score"} & {path[0], *path[2:3]}:
            raise SettingsError(f"--set {assignment}: --reapply reads filter and score alone")
        table = settings.assign(table, path, value)
    return recipes.from_table(table, Where("--set", ""))


def _whole(table: Table) -> Table:
    """Returns the table of a filter with the variants and the later settings that a stage's key leaves out."""
    later = settings.to_table(Filter())
    table = {name: later[name] for name in LATER} | table
    for name, row in ROWS.items():
        variant = getattr(row.default, "variant", None)
        if name in table and variant is not None:
            table[name] = {"variant": variant, **table[name]}
    return table
