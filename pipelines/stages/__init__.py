"""One stage a file: its plan, its wiring, its part.

Reading order: map_only, extract, repeats, filter, dedup, estimate, score, tokens, pack, links, crawl.
"""
