"""A stage on disk: the contract that every stage keeps.

Reading order: kinds, plan, parts, traces, record, claims, ownership, schemas, sorting; heartbeat, tally, wording,
attempt.
"""
