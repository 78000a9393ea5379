"""Tokens to shards: one item per shard, which reads its range of the global order from every sorted part."""

from pathlib import Path

import apache_beam as beam
import numpy as np

from curate import errors, storage
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.record import read_stage
from curate.tokens import load
from curate.tokens.packing import CLUSTER_SIZE, QUALITY, cuts_settings, pack_shard, plan_cuts
from curate.tokens.splits import valid_orders


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes one shard."""
    pack_shard(plan, item)


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of pack: the cuts of the global order, one item per shard."""
    if given.previous is None:
        raise ValueError("pack is given the folder of tokenize")
    tokenized = given.previous
    record = read_stage(tokenized)
    if record.stage != "tokenize":
        raise errors.SettingsError(f"{tokenized}: the output of {record.stage}; pack reads that of tokenize")
    names = [name for name in record.outputs if name.startswith("part-")]
    parts, settings = [tokenized / name for name in names], recipe.pack
    orders = valid_orders(parts, settings.valid_tokens)
    by, edges = (CLUSTER_SIZE, settings.clusters) if settings.clusters else (QUALITY, settings.buckets)
    cuts = plan_cuts(parts, settings.max_tokens, edges, orders, by=by)
    tokenizer = load.stated_in(record.settings)
    width = np.dtype(tokenizer["dtype"]).itemsize
    inputs = json_digest([record.outputs[name].sha256 for name in names])
    items = tuple(
        Item(
            number=number,
            name=cut.path,
            uri="",
            form="shard",
            digest=inputs,
            size=width * cut.tokens,
            source=cut.source,
        )
        for number, cut in enumerate(cuts)
    )
    sources = [storage.relative(tokenized / name, folder) for name in names]
    table = cuts_settings(cuts, sources, edges, tokenizer, valid_tokens=settings.valid_tokens, orders=orders, by=by)
    return Plan(stage="pack", folder=folder, settings=table, items=items)
