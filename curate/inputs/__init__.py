"""From what a user names to what a stage reads.

Reading order: items, digests, documents.
"""
