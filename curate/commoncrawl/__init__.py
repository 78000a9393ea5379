"""Common Crawl by name and by index: which captures, where they lie.

Reading order: names, selection, cdx, columnar, indexes, pointers.
"""
