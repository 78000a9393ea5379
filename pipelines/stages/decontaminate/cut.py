"""Documents to documents without passages of evaluation sets, as in GPT-3's appendix C.

A gram that many documents hold is a common phrase and stays, so all matches come first: a first half writes them, the
plan counts them. What the counts say of the sets lies beside the parts.
"""

import hashlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import apache_beam as beam

from curate import settings, storage
from curate.decontaminate import contamination, cutting, matches, sets
from curate.decontaminate.config import Decontaminate
from curate.errors import DamageError
from curate.inputs.documents import read_documents
from curate.inputs.items import rebase_items
from curate.pipelines.engines.engine import Engine, execute
from curate.pipelines.stages.decontaminate import match
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.records import Document, Reason, reject
from curate.stage.kinds import KINDS
from curate.stage.parts import PartWriter, part_name
from curate.stage.plan import Item, Plan
from curate.stage.record import read_stage

HALF = KINDS["match"].folder


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Cuts, drops or marks the documents of one part that hold passages of a set."""
    rules = plan.built(Decontaminate, "decontaminate")
    table = sets.load(plan.folder / HALF / sets.FILE, plan.settings["sets_sha256"]).table
    ignored = ignored_grams(plan.folder / contamination.IGNORED, plan.settings["ignored_sha256"])
    read = matches.read_part(plan.path(plan.settings["matches"][item.number]))
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        for document in read_documents(plan, item, part.note):
            if not isinstance(document, Document):
                part.refuse(document, item.source)
                continue
            id_, own = next(read, (b"", None))
            if id_ != document.id:
                raise RuntimeError(f"{item.name}: it changed after it was matched; run it again")
            left = cutting.without(own, ignored) if own else None
            if left is None:
                part.keep(document)
                continue
            names = {name for names in table.sets_of(sorted(set(left.grams))) for name in names}
            outcome = cutting.decide(document, left, names, rules)
            if isinstance(outcome, Reason):
                part.reject(reject(document, plan.stage, outcome))
            else:
                size = len(document.text.encode("utf-8", "replace"))
                part.keep(outcome, read=size)
                part.note("documents marked" if rules.action == "mark" else "documents cut", 1)
                part.note("characters removed", len(document.text) - len(outcome.text))


@lru_cache(maxsize=2)
def ignored_grams(path: Path, sha256: str) -> frozenset[int]:
    """Reads the grams that are common phrases, once for every process; DamageError where they are not as planned."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamageError(f"{path}: its content is not what the plan states; the command that made it makes it anew")
    return contamination.read_ignored(content)


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of decontaminate, with what all matches say of the sets; the first half is done already."""
    rules, inside = match.rules_of(recipe), folder / HALF
    first = read_stage(inside)
    contents = sets.load(inside / sets.FILE, first.settings["sets_sha256"])
    parts = [inside / part_name(item.number) for item in given.items]
    counted = contamination.count(parts, contents.table)
    ignored = contamination.ignored_bytes(counted.ignored(rules))
    files = {
        contamination.CLEAN: contamination.clean_lines(contents, counted, rules),
        contamination.REPORT: contamination.report(parts, contents, counted, rules, first.counts.kept),
        contamination.IGNORED: ignored,
    }
    table = {
        "decontaminate": settings.to_table(unplaced(rules)),
        "sets_sha256": first.settings["sets_sha256"],
        "ignored_sha256": hashlib.sha256(ignored).hexdigest(),
        "matches": [storage.relative(part, folder) for part in parts],
    }
    return Plan(
        stage="decontaminate",
        folder=folder,
        settings=table,
        items=tuple(given.items),
        attached=tuple(files),
        contents=files,
    )


def unplaced(rules: Decontaminate) -> Decontaminate:
    """Returns the settings with the files' names alone, so that the key of the stage does not say where they lie."""
    names = {
        name: replace(evaluation, files=tuple(path.name for path in sets.paths_of(evaluation, name)))
        for name, evaluation in rules.sets.items()
    }
    return replace(rules, sets=names)


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Matches every part first, as the grams that many documents hold are not cut out of any."""
    inside = folder / HALF
    execute(match.plan(recipe, inside, replace(given, items=rebase_items(given.items, folder, inside))), engine)
