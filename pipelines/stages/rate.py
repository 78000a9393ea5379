"""Documents to scores, aligned with them: the first half of score, where the keep rule needs all scores first."""

from pathlib import Path

import apache_beam as beam

from curate import storage
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.quality import model_file, scores
from curate.quality.config import Score
from curate.recipe import Recipe
from curate.settings import Table
from curate.stage.plan import Item, Plan


def needed(recipe: Recipe) -> bool:
    """Returns whether the recipe's score has this half: where its keep rule needs all scores."""
    return recipe.score is not None and recipe.score.needs_all_scores


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of rate; the model is made first and lies in the folder of score."""
    table = model_table(recipe, folder.parent, given)
    table["score"] = {name: table["score"][name] for name in ("label", "scorer", "own") if name in table["score"]}
    if "model" in table:
        table["model"] = storage.relative(folder.parent / model_file.MODEL, folder)
    return Plan(stage="rate", folder=folder, settings=table, items=tuple(given.items))


def model_table(recipe: Recipe, folder: Path, given: Given) -> Table:
    """Puts the model into the folder of score and returns the settings that name it, with its digest.

    Where a function of the user's scores, the settings name that with the digest of its source.
    """
    rules = recipe.score or Score()
    if rules.scorer:
        return {"score": rules.key_table(), "scorer_sha256": rules.outside_digests()[rules.scorer]}
    rules, sha256 = model_file.prepare(rules, folder, given.digests, miniweb=given.miniweb)
    return {"score": rules.key_table(), "model": model_file.MODEL, "model_sha256": sha256}


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes the scores of the documents of one part."""
    scores.write_part(plan, item)
