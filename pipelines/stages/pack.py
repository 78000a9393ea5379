"""Tokens to shards: one item per shard, which reads its range of the global order from every sorted part."""

import apache_beam as beam

from curate.pipelines.stages.map_only import map_only
from curate.stage.record import Plan
from curate.tokens.packing import pack_shard


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, pack_shard)
