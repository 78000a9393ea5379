"""Which documents repeat which, and who is kept; no Beam.

Reading order: config, minhash, signatures, candidates, clusters, decisions.
"""
