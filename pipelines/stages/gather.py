"""Files of links to the links that pass the filters: the first half of links, one part per file, sorted by key."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apache_beam as beam

from curate import settings
from curate.links.config import WEBTEXT, Links
from curate.links.readers import form_of, read_links, rejection
from curate.links.sieve import LinkCandidate, judge, sieve
from curate.links.votes import GATHERED, Row, gathered_row, order
from curate.pipelines.engines.warnings import Warned
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.records import Failure, Reason, Skipped
from curate.stage import heartbeat
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.sorting import in_order

JOIN_ONLY = {"score", "min_score", "unscored", "provenance"}  # settings that only the second half reads
COUNTED = 256  # links that are told to the heartbeat at a time
TOO_YOUNG = 0.2  # the share of immature scores in a file that is worth a warning


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of gather; SettingsError where a file's name does not tell which form of links it holds."""
    rules = recipe.links or WEBTEXT
    table = {name: value for name, value in settings.to_table(rules).items() if name not in JOIN_ONLY}
    items = tuple(replace(item, form=form_of(item.uri, rules.format)) for item in given.items)
    return Plan(stage="gather", folder=folder, settings=table, items=items)


def warnings(plan: Plan) -> Iterator[Warned]:
    """Yields a warning for each file with many scores that were read too soon after posting."""
    for item, receipt in zip(plan.items, plan.receipts(), strict=True):
        if receipt is None:
            continue
        young = receipt.counts.notes.get("immature scores", 0)
        if young > TOO_YOUNG * receipt.counts.read:
            hours = plan.settings["maturity_hours"]
            read = f"{young:,} of {receipt.counts.read:,} scores were read within {hours} hours of posting"
            yield Warned(f"{item.label}: {read}, and are taken as they are", "links.maturity_hours sets the hours")


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes the links of one file that pass the filters, sorted; the others are counted, and listed as rejections."""
    rules = plan.built(Links)
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=GATHERED) as part:
        near = plan.folder / f"sorting-{item.number:05d}"
        for row in in_order(_passing(plan, item, rules, part), GATHERED, order, "fetch_url", near):
            part.keep_row(row, item.source, len(row["fetch_url"]))


def _passing(plan: Plan, item: Item, rules: Links, part: PartWriter) -> Iterator[Row]:
    tables = sieve(rules)
    marks: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for number, link in enumerate(read_links(plan, item, rules), start=1):
        if not number % COUNTED:
            heartbeat.count(COUNTED)
        if isinstance(link, LinkCandidate):
            marks.update(link.marks)
            verdict = judge(link, tables)
            if isinstance(verdict, Reason):
                part.reject(rejection(item, link.url, link.id, verdict))
            else:
                yield gathered_row(link, verdict, item.source)
        elif isinstance(link, Skipped):
            skipped[link.kind] += 1
        elif isinstance(link, Failure):
            part.fail(link, item.source)
        else:
            part.reject(link)
    for kind, number in sorted(skipped.items()):
        part.skip(kind, number)
    part.note("immature scores", marks["immature"])
