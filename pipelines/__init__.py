"""The stages as Beam pipelines, one a file, in this order: extract, filter, dedup, score, tokenize, pack.

Each reads what the stage before it left on disk and writes its own folder; `run` wires them for a recipe, `runners` is
the only place that names a Beam runner, `stages/map_only` is the shape that every map-only stage has.
"""
