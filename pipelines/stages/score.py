"""Documents to scored documents: fastText quality, and the keep rule.

The rule that keeps a share of all documents needs all scores first: a first half writes them, `cut` finds where to cut.
"""

from collections.abc import Iterator
from dataclasses import replace

import apache_beam as beam

from curate import settings
from curate.inputs.documents import read_documents
from curate.pipelines.stages.map_only import map_only
from curate.quality import classifier, scores
from curate.recipe import Score
from curate.records import Document, Failure, reject
from curate.stage.parts import PartWriter
from curate.stage.plan import Item
from curate.stage.record import Plan


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
    cut = classifier.Cut(**plan.settings["cut"]) if rules.keep == "fraction" else None
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        for document in scored:
            if isinstance(document, Failure):
                part.fail(document, item.source)
                continue
            if reason := classifier.reason(document, rules, seed, cut):
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
