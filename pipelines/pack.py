"""Tokens to shards: one item per shard, which reads its range of the global order from every sorted part."""

import apache_beam as beam

from curate.packing import pack_shard
from curate.pipelines.parts import map_only
from curate.stage import Plan


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, pack_shard)
