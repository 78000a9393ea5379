"""Documents to scored documents: fastText quality, and the keep rule."""

from dataclasses import replace

import apache_beam as beam

from curate import quality, settings
from curate.documents import read_documents
from curate.parts import PartWriter
from curate.pipelines.parts import map_only
from curate.recipe import Score
from curate.records import Failure, reject
from curate.stage import Item, Plan


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Score one part."""
    rules = settings.build(Score, plan.settings["score"])
    model = quality.load(plan.path(plan.settings["model"]), plan.settings["model_sha256"])
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        for document in read_documents(plan, item):
            if isinstance(document, Failure):
                part.fail(document, item.source)
                continue
            scored = replace(document, quality=model.score(document.text, rules.label))
            reason = quality.reason(scored, rules, plan.settings["seed"])
            if reason:
                part.reject(reject(scored, plan.stage, reason))
            else:
                part.keep(scored)
