"""One stage as a command of its own: `curate VERB INPUT… -o DIR`."""

import json
from pathlib import Path

from curate import recipe as recipes
from curate import settings
from curate.inputs import Digests, named_items, source_items
from curate.pipelines import plans
from curate.pipelines.run import Engine, execute, run_items, run_stage
from curate.recipe import Recipe
from curate.settings import SettingsError, Table, Where
from curate.stage import Item, StageRecord


def run(
    stage: str,
    inputs: tuple[str, ...],
    out: Path,
    recipe: str | None,
    assignments: tuple[str, ...],
    engine: Engine,
    source: str,
) -> StageRecord:
    """Run or resume one stage into its own folder; SettingsError where the inputs or the folder do not fit it."""
    loaded = recipes.load(recipe, assignments) if recipe else _plain(assignments)
    engine.check()
    _claim(stage, out)
    digests = Digests()
    if stage == "extract":
        items = source_items({source: inputs}, digests)
        return execute(plans.plan_extract(loaded, out, items), engine)
    if stage == "pack":
        if len(inputs) != 1:
            raise SettingsError("pack takes one input, the folder that tokenize wrote")
        return run_stage(stage, loaded, Path(inputs[0]), out, engine, digests)
    items = named_items(inputs, out, digests, source)
    if stage == "dedup" and any(item.form == "documents" for item in items):
        items = _imported(items, loaded, out, engine)
    return run_items(stage, loaded, items, out, engine, digests)


def _plain(assignments: tuple[str, ...]) -> Recipe:
    table: Table = {"name": "command line"}
    for assignment in assignments:
        path, value = settings.parse_assignment(assignment)
        table = settings.assign(table, path, value)
    return recipes.from_table(table, Where("--set", ""))


def _imported(items: list[Item], recipe: Recipe, out: Path, engine: Engine) -> list[Item]:
    """The user's own documents as parts in `documents/`, since decisions are aligned with parts."""
    if any(item.form != "documents" for item in items):
        raise SettingsError("dedup takes either stage folders or documents, not both at once")
    folder = out / "documents"
    execute(plans.plan_extract(recipe, folder, items), engine)
    return plans.next_items(folder, out)


def _claim(stage: str, out: Path) -> None:
    """SettingsError where the folder holds anything but this stage."""
    try:
        if not out.exists() or not any(out.iterdir()):
            return
        found = json.loads((out / "plan.json").read_bytes()).get("stage")
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{out}: cannot read what is there: {error}") from None
    nested = {"dedup": {"signatures", "documents"}, "score": {"model.bin", "model.json"}}.get(stage, set())
    if found != stage and not {path.name for path in out.iterdir()} <= nested:
        held = f"the output of {found}" if found else "other files"
        raise SettingsError(f"{out}: holds {held}, not of {stage}; name another folder")
