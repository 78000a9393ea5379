"""The stage decontaminate: its first half, match, and its second, which cuts.

Reading order: match, cut.
"""
