"""From a page to its text.

Reading order: config, reading, page, main_text, pruning, sandbox, quick_gate, lessons, repeats.
"""
