"""Characters: texts of symbols, damaged encodings and mixed scripts.

The share of special characters has the limit of ROOTS (Laurençon et al. 2022, arXiv:2303.03915), 0.4, which its code
has for English and by default (bigscience-workshop/data-preparation, parameters_filtering.py). What is special is ours:
no letter, mark, digit or blank. There digits and blanks, a sixth of prose, are special too, so ROOTS rejects more. The
other rules are ours: signs of a text that was decoded
wrongly (replacement and control characters, and UTF-8 read as Latin-1, "Ã©"), and words that mix the letters of
Latin with Greek or Cyrillic ones that look alike, as spam does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from curate.filters.judged import Measure, first_broken
from curate.records import Document, Reason

REPLACED = re.compile("[\ufffd\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
GARBLED = re.compile("[ÂÃ][\x80-\xbf]|â€.|ï»¿|ðŸ.")
PLAIN = re.compile(r"[\w\s]+")
MIXED = re.compile(r"\w*?(?:[A-Za-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][A-Za-z])\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Characters:
    """Limits of odd characters: the limit of special ones is ROOTS's (arXiv:2303.03915), the rest our own."""

    max_special: float = 0.4  # share of the characters
    max_replaced: float = 0.001  # replacement and control characters, share of the characters
    max_garbled: float = 0.002  # pairs of a wrong encoding, share of the characters
    max_mixed_words: float = 0.02  # share of the words that mix Latin with Greek or Cyrillic letters


def judge_characters(document: Document, rules: Characters) -> Reason | None:
    """Returns the first rule that the document's text breaks, or None; an empty text breaks none."""
    return first_broken("characters", characters_values(document, rules, False))


def characters_values(document: Document, rules: Characters, _full: bool) -> Iterator[Measure]:
    """Yields what the rules measure of a document."""
    text = document.text
    size = max(len(text), 1)
    special = 1 - sum(map(len, PLAIN.findall(text))) / size if text else 0.0
    yield Measure("special", special, high=rules.max_special)
    yield Measure("replaced", len(REPLACED.findall(text)) / size, high=rules.max_replaced)
    yield Measure("garbled", len(GARBLED.findall(text)) / size, high=rules.max_garbled)
    yield Measure("mixed_words", _mixed_words(text), high=rules.max_mixed_words)


def _mixed_words(text: str) -> float:
    """Returns the share of words that mix Latin with Greek or Cyrillic letters."""
    words = text.split()
    odd = 0 if text.isascii() else sum(bool(MIXED.search(word)) for word in words if not word.isascii())
    return odd / max(len(words), 1)
