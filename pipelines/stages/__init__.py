"""One stage a file: its plan, its wiring, its part.

Reading order: given, map_only, extract, repeats, filter, sign, dedup, estimate, rate, score, tokens, pack, gather,
links, crawl.
"""
