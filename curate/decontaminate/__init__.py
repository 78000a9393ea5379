"""Finds passages of evaluation sets in documents, and cuts them out, as GPT-3's paper does in its appendix C; no Beam.

Reading order: config, words, grams, sets, matches, cutting, contamination.
"""
