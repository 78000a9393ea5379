"""Identifies the language of a text, and finds its words.

Reading order: language, fasttext_binding; words.
"""
