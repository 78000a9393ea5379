"""Tokens to shards: one item per shard, which reads its range of the global order that the first half has made."""

from pathlib import Path

import apache_beam as beam

from curate.pipelines.engines.engine import Engine, execute
from curate.pipelines.stages import sort
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.ranges import passes_of
from curate.stage.record import StageRecord
from curate.tokens import load
from curate.tokens.cuts import cuts_settings, plan_cuts
from curate.tokens.held_out import valid_orders
from curate.tokens.lanes import Sorted
from curate.tokens.packing import pack_shard


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Brings the documents into the global order, unless their shards are there already."""
    if not sort.spared(recipe, sort.folder_in(folder), given):
        execute(sort.plan(recipe, sort.folder_in(folder), given), engine)


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes one shard."""
    pack_shard(plan, item)


def finish(plan: Plan, _record: StageRecord) -> None:
    """Removes the sorted documents, which only shards to come would need."""
    sort.remove(sort.folder_in(plan.folder))


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of pack: the cuts of the global order, one item per shard; that of finished shards as it was."""
    if closed := sort.closed_pack(recipe, folder, given):
        return closed
    tokens, settings = sort.tokenized(given), recipe.pack
    first = sort.plan(recipe, sort.folder_in(folder), given)
    passes = passes_of(first)
    documents = Sorted(folder=first.folder, passes=passes)
    orders = valid_orders(documents, settings.valid_tokens)
    by, edges = sort.bucket_settings(recipe)
    cuts = plan_cuts(documents, settings.max_tokens, orders, by=by)
    tokenizer = load.stated_in(tokens.record.settings)
    inputs = json_digest(tokens.digests)
    items = tuple(
        Item(
            number=number,
            name=cut.path,
            uri="",
            form="shard",
            digest=inputs,
            size=tokens.token_bytes * cut.tokens,
            source=cut.source,
        )
        for number, cut in enumerate(cuts)
    )
    table = cuts_settings(
        cuts, tokens.uris(folder), edges, tokenizer, valid_tokens=settings.valid_tokens, orders=orders, by=by
    )
    places = {
        "made_from": sort.made_from(recipe, folder, tokens),
        "passes": f"{passes.groups} {passes.fan} {passes.last}",
    }
    return Plan(stage="pack", folder=folder, settings=table, items=items, locations=places)
