"""Identifies the language of a text.

Reading order: language, fasttext_binding.
"""
