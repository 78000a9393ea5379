"""The persistent index of dedup: what earlier runs kept, as Parquet files that later runs look documents up in.

Nothing of it imports Beam.
"""
