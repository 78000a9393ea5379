"""What a text alone tells: its language today; words, sentences and n-grams next.

Reading order: language, fasttext_binding.
"""
