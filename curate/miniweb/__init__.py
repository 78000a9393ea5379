"""Builds the made-up web of the demo, with the truth about every page; `build` is all that others use.

Reading order: build, sites, pages, junk, machine, spam_words, markup, words, texts, capture.
"""

from curate.miniweb.build import build as build
from curate.miniweb.build import is_built as is_built
