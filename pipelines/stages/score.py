"""Documents to scored documents: fastText quality, and the keep rule.

The rule that keeps a share of all documents needs all scores first: a first half writes them, `cut` finds where to cut.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.inputs.digests import Digests
from curate.inputs.documents import read_documents
from curate.inputs.items import moved
from curate.pipelines.stages.map_only import map_only
from curate.quality import classifier, keep, model_file, scores
from curate.quality.config import Score
from curate.quality.keep import ScoreCut
from curate.recipe import Recipe
from curate.records import Document, Failure, reject
from curate.settings import Table
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, make_part)


def build_scores(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the first half of the stage: a part of scores per part of documents."""
    map_only(pipeline, plan, scores.write_part)


def make_part(plan: Plan, item: Item) -> None:
    """Score one part."""
    rules, seed = settings.build(Score, plan.settings["score"]), plan.settings["seed"]
    scored = rated(plan, item) if rules.keep == "fraction" else judged(plan, item, rules)
    cut = keep.ScoreCut(**plan.settings["cut"]) if rules.keep == "fraction" else None
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        for document in scored:
            if isinstance(document, Failure):
                part.fail(document, item.source)
                continue
            if reason := keep.reason(document, rules, seed, cut):
                part.reject(reject(document, plan.stage, reason))
            else:
                part.keep(document)


def judged(plan: Plan, item: Item, rules: Score) -> Iterator[Document | Failure]:
    """The documents of a part with the scores that the model gives them."""
    model = classifier.load(plan.path(plan.settings["model"]), plan.settings["model_sha256"])
    for document in read_documents(plan, item):
        if isinstance(document, Failure):
            yield document
        else:
            yield replace(document, quality=model.score(document.text, rules.label))


def rated(plan: Plan, item: Item) -> Iterator[Document | Failure]:
    """The documents of a part with the scores of the first half."""
    found = scores.read_part(plan.path(plan.settings["scores"][item.number]))
    for document in read_documents(plan, item):
        if isinstance(document, Failure):
            yield document
            continue
        identity, score = next(found, (b"", 0.0))
        if identity != document.id:
            raise RuntimeError(f"{item.name}: it changed after it was scored; run it again")
        yield replace(document, quality=score)


def plan_rate(recipe: Recipe, folder: Path, items: list[Item], digests: Digests, miniweb: Path | None) -> Plan:
    """The plan of score's first half, from the items and the folder of the whole; the model is made first."""
    table, inside = _model(recipe, folder, digests, miniweb), folder / "scores"
    table["score"] = {"label": table["score"]["label"]}
    table["model"] = storage.relative(folder / model_file.MODEL, inside)
    return Plan(stage="rate", folder=inside, settings=table, items=tuple(moved(items, folder, inside)))


def plan_score(recipe: Recipe, folder: Path, items: list[Item], digests: Digests, miniweb: Path | None) -> Plan:
    """The plan of score; the model is made first, as its digest is in the key; "rate" is done if the rule needs it."""
    rules = recipe.score or Score()
    table = _model(recipe, folder, digests, miniweb) | {"seed": recipe.seed}
    if rules.keep == "fraction":
        parts = [folder / "scores" / f"part-{item.number:05d}.parquet" for item in items]
        found = scores.cut(parts, rules.fraction, rules.only, recipe.seed)
        cut = asdict(found or ScoreCut(score=0.0, draw=2**64 - 1))
        table |= {"cut": cut, "scores": [storage.relative(part, folder) for part in parts]}
    attached = (model_file.MODEL, model_file.CARD)
    return Plan(stage="score", folder=folder, settings=table, items=tuple(items), attached=attached)


def _model(recipe: Recipe, folder: Path, digests: Digests, miniweb: Path | None) -> Table:
    plain, sha256 = model_file.prepare(recipe.score or Score(), folder, digests, miniweb=miniweb)
    return {"score": settings.to_table(plain), "model": model_file.MODEL, "model_sha256": sha256}
