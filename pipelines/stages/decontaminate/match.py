"""Documents to the passages of evaluation sets in them, aligned with the documents: decontaminate's first half."""

import hashlib
from pathlib import Path

import apache_beam as beam

from curate.decontaminate import matches, sets
from curate.decontaminate.config import Decontaminate
from curate.errors import SettingsError
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.stage.plan import Item, Plan


def needed(_recipe: Recipe) -> bool:
    """Returns whether the recipe's decontaminate has this half: always."""
    return True


def rules_of(recipe: Recipe) -> Decontaminate:
    """Returns the settings of decontaminate; SettingsError where there are none, as it cannot do without sets."""
    if recipe.decontaminate is None:
        mend = "in a recipe's table [decontaminate.sets.NAME], or with --set 'decontaminate.sets.NAME.files=[\"FILE\"]'"
        raise SettingsError(f"decontaminate: no evaluation set is named; name its files and fields {mend}")
    return recipe.decontaminate


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of match, with the grams of all sets; of the settings its key holds only these grams."""
    content = sets.content_of(rules_of(recipe))
    return Plan(
        stage="match",
        folder=folder,
        settings={"sets_sha256": hashlib.sha256(content).hexdigest()},
        items=tuple(given.items),
        attached=(sets.FILE,),
        contents={sets.FILE: content},
    )


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes the matches of the documents of one part."""
    matches.write_part(plan, item)
