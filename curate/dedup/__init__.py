"""Finds the documents that repeat others, and decides which one is kept; no Beam.

Reading order: config, minhash, signatures, candidates, clusters, decisions.
"""
