"""Facts that a text alone shows: its language.

Reading order: language, fasttext_binding.
"""
