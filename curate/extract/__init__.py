"""Turns pages into documents.

Reading order: page, config, reading, main_text, pruning, sandbox, quick_gate, lessons, repeats.
"""
