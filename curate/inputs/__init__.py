"""Turns what a user names into the items and the documents that a stage reads.

Reading order: items, digests, rows, own, documents, apart.
"""
