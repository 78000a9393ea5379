"""Documents to signatures, aligned with them: dedup's first half."""

from pathlib import Path

import apache_beam as beam

from curate import settings
from curate.dedup import signatures
from curate.dedup.config import Dedup
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.stage.plan import Item, Plan

DECIDING = ("url", "near", "normalise", "bands", "rows", "shingle")  # the settings of dedup that decide a signature


def needed(_recipe: Recipe) -> bool:
    """Returns whether the recipe's dedup has this half: always."""
    return True


def may_be_ahead(_recipe: Recipe) -> bool:
    """Returns whether a part can be made before the stage begins: always."""
    return True


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of sign; its key holds only the settings that signatures depend on."""
    table = settings.to_table(recipe.dedup)
    chosen = {"dedup": {name: table[name] for name in DECIDING}}
    return Plan(stage="sign", folder=folder, settings=chosen, items=tuple(given.items))


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes the signatures of the documents of one part."""
    signatures.write_part(plan, item, plan.built(Dedup, "dedup"))
