"""Documents to scored documents: fastText quality, and the keep rule.

The rules that keep a share of all documents, or fit alpha, need all scores first: a first half writes them, and the
plan holds the cut or the alpha that they give.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import apache_beam as beam

from curate import storage
from curate.inputs.items import rebase_items
from curate.pipelines.engines.engine import Engine, execute
from curate.pipelines.stages import rate
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import documents, map_only
from curate.quality import keep, model_file, scores
from curate.quality.config import Score
from curate.quality.keep import ScoreCut
from curate.recipe import Recipe
from curate.records import Document, reject
from curate.stage.kinds import KINDS
from curate.stage.parts import PartWriter, part_name
from curate.stage.plan import Item, Plan
from curate.stage.record import StageRecord


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Scores the documents of one part, and keeps or rejects them by the keep rule."""
    rules, seed = plan.built(Score, "score"), plan.settings["seed"]
    cut = keep.ScoreCut(**plan.settings["cut"]) if rules.keep == "fraction" else None
    if rules.fits:
        rules = replace(rules, alpha=plan.settings["alpha"])
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        rated = "scores" in plan.settings
        for document in with_rates(plan, item, part) if rated else with_scores(plan, item, rules, part):
            if reason := keep.reason(document, rules, seed, cut):
                part.reject(reject(document, plan.stage, reason))
            else:
                part.keep(document)


def with_scores(plan: Plan, item: Item, rules: Score, part: PartWriter) -> Iterator[Document]:
    """Yields the documents of a part with the scores that the model, or a function of the user's, gives them."""
    score_of = scores.scorer(plan, rules)
    for document in documents(plan, item, part):
        yield replace(document, quality=score_of(document))


def with_rates(plan: Plan, item: Item, part: PartWriter) -> Iterator[Document]:
    """Yields the documents of a part with the scores of the first half."""
    rated = scores.read_part(plan.path(plan.settings["scores"][item.number]))
    for document in documents(plan, item, part):
        id_, score = next(rated, (b"", 0.0))
        if id_ != document.id:
            raise RuntimeError(f"{item.name}: it changed after it was scored; run it again")
        yield replace(document, quality=score)


def check(recipe: Recipe) -> None:
    """Raises SettingsError where alpha is to be fitted and the model's card does not say how good documents score."""
    model_file.check_positives(recipe.score or Score())


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of score; the model is made first, as its digest is in the key.

    Where the rule needs all scores, rate is done already.
    """
    rules = recipe.score or Score()
    table = rate.model_table(recipe, folder, given) | {"seed": recipe.seed}
    if rules.needs_all_scores:
        parts = [folder / KINDS["rate"].folder / part_name(item.number) for item in given.items]
        table["scores"] = [storage.relative(part, folder) for part in parts]
        if rules.fits:
            table["alpha"] = scores.alpha(parts, model_file.positives(rules, folder), rules.only)
        else:
            cut = scores.cut(parts, rules.fraction, rules.only, recipe.seed) or ScoreCut(score=0.0, draw=2**64 - 1)
            table["cut"] = asdict(cut)
    attached = () if rules.scorer else (model_file.MODEL, model_file.CARD)
    return Plan(stage="score", folder=folder, settings=table, items=tuple(given.items), attached=attached)


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Scores every part first, if the keep rule needs all scores before it keeps any document."""
    if rate.needed(recipe):
        inside = folder / KINDS["rate"].folder
        execute(rate.plan(recipe, inside, replace(given, items=rebase_items(given.items, folder, inside))), engine)


def finish(plan: Plan, record: StageRecord) -> str | None:
    """Returns what a person is told of a stage that is done: the alpha that it fitted."""
    if "alpha" not in plan.settings:
        return None
    return f"score: alpha {plan.settings['alpha']} is fitted; it kept {record.counts.kept:,} documents"
