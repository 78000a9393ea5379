"""The made-up web of the demo, with the truth about every page; a closed box with one door, `build`.

Reading order: build, sites, pages, junk, machine, spam_words, markup, words, texts, capture.
"""

from curate.miniweb.build import build as build
