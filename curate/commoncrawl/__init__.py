"""Finds captures of Common Crawl, by the names of its crawls and by its indexes.

Reading order: names, selection, cdx, columnar, indexes, pointers.
"""
