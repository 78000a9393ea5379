"""Document rules of Gopher (Rae et al. 2021, arXiv:2112.11446, section A1.1 and Table A1).

Where the paper leaves a detail open, it is read as follows:

- A word is a whitespace-separated token with a letter or a digit; in other languages than English, what `split` gives.
  For stop words and n-grams it is lower-cased and stripped of outer punctuation and symbols; RedPajama-v2 removes inner
  punctuation too.
- At least `min_stop_words` distinct stop words occur. Hashes and ellipses are each tested against the words.
- Lines and paragraphs are stripped, those without a letter or digit ignored, and all copies but the first are
  duplicates. Paragraphs part at blank lines, as in datatrove. Extracted texts have these between all paragraphs; of
  3,284 real pages 34 break a limit of paragraphs, all of which break one of lines or n-grams as well.
- "#" is counted wherever it stands, so the marks of headings count in a text of `extract.format = "markdown"`.
- Characters of n-grams are those of their words, as shares of the characters of all words, at most 1: for the most
  frequent n-gram (ties to the longest) all its occurrences; for duplicates the words under any later copy of an n-gram,
  once, or with `ngram_copies = "all"` under its first occurrence too.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from curate.filters.judged import Measure, check_variant, first_broken
from curate.records import Reason
from curate.text.ngrams import ngram_chars
from curate.text.segmentation import Split

BULLETS = ("•", "-", "*", "●", "‣")
ELLIPSES = ("...", "…")
BLANK_LINE = re.compile(r"\n\s*\n")
WORD_CHARACTER = re.compile(r"[^\W_]")
VARIANTS = ("paper", "datatrove", "dclm", "dolma")
NGRAM_RULES = tuple(f"top_{n}_gram" for n in range(2, 5)) + tuple(f"duplicate_{n}_gram" for n in range(5, 11))


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherQuality:
    """Gopher's quality rules (arXiv:2112.11446, section A1.1); shares lie in [0, 1]."""

    variant: str = "paper"  # whose reading of the details: "paper", "datatrove", "dclm" or "dolma"
    min_words: int = 50  # the fewest words of a text that is kept
    max_words: int = 100_000  # the most words of a text that is kept
    min_mean_word_length: float = 3.0  # characters
    max_mean_word_length: float = 10.0  # characters
    max_symbol_word_ratio: float = 0.1  # "#" per word, and ellipses per word; each is compared with this
    max_bullet_lines: float = 0.9  # share of lines that begin with a bullet
    max_ellipsis_lines: float = 0.3  # share of lines that end in an ellipsis
    min_alphabetic_words: float = 0.8  # share of words that have a letter
    min_stop_words: int = 2  # number of different stop words in the text
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    def __post_init__(self) -> None:
        check_variant(self.variant, VARIANTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherRepetition:
    """Gopher's repetition rules (arXiv:2112.11446, Table A1); shares lie in [0, 1]."""

    variant: str = "paper"  # whose reading of the details: "paper", "datatrove", "dclm" or "dolma"
    # Of the variant "paper":
    # the occurrences of a repeated n-gram that count: "later" counts those after the first, as for lines (datatrove,
    # FineWeb), "all" counts each of them (DCLM, RedPajama-v2). The paper can be read both ways.
    ngram_copies: str = "later"

    max_duplicate_lines: float = 0.30  # share of lines
    max_duplicate_paragraphs: float = 0.30  # share of paragraphs
    max_duplicate_line_chars: float = 0.20  # share of the characters of all lines
    max_duplicate_paragraph_chars: float = 0.20  # share of the characters of all paragraphs
    # Shares of the characters of all words, for n = 2, 3, 4 and for n = 5 to 10.
    max_top_ngram_chars: tuple[float, ...] = (0.20, 0.18, 0.16)
    max_duplicate_ngram_chars: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)

    def __post_init__(self) -> None:
        check_variant(self.variant, VARIANTS)
        if self.ngram_copies not in ("later", "all"):
            raise ValueError(f"ngram_copies is 'later' or 'all', got {self.ngram_copies!r}")
        if len(self.max_top_ngram_chars) != 3 or len(self.max_duplicate_ngram_chars) != 6:
            raise ValueError("max_top_ngram_chars takes 3 limits (n = 2-4), max_duplicate_ngram_chars 6 (n = 5-10)")


def quality(text: str, rules: GopherQuality, split: Split = str.split) -> Reason | None:
    """Returns the first quality rule that this text breaks, or None.

    >>> quality("too short", GopherQuality()).rule
    'gopher_quality.too_few_words'
    """
    return first_broken("gopher_quality", quality_measures(text, rules, split=split))


def repetition(text: str, rules: GopherRepetition, split: Split = str.split) -> Reason | None:
    """Returns the first repetition rule that this text breaks, or None; an empty text repeats nothing."""
    return first_broken("gopher_repetition", repetition_measures(text, rules, split))


def quality_measures(
    text: str, rules: GopherQuality, full: bool = False, split: Split = str.split
) -> Iterator[Measure]:
    """Yields the values of the quality rules, each measured only when it is asked for.

    full: all stop words are counted, else as many as decide.
    """
    words = word_tokens(text, split)
    count = max(len(words), 1)
    yield Measure("too_few_words", len(words), low=rules.min_words)
    yield Measure("too_many_words", len(words), high=rules.max_words)
    length = sum(map(len, words)) / count
    yield Measure("mean_word_length", length, rules.min_mean_word_length, rules.max_mean_word_length)
    for symbol, occurrences in (("#", text.count("#")), ("...", sum(map(text.count, ELLIPSES)))):
        yield symbol_ratio(symbol, occurrences / count, rules)
    lines = nonempty_lines(text)
    bullets = sum(line.startswith(BULLETS) for line in lines)
    yield Measure("bullet_lines", bullets / max(len(lines), 1), high=rules.max_bullet_lines)
    ellipses = sum(line.endswith(ELLIPSES) for line in lines)
    yield Measure("ellipsis_lines", ellipses / max(len(lines), 1), high=rules.max_ellipsis_lines)
    alphabetic = sum(word.isalpha() or any(map(str.isalpha, word)) for word in words)
    yield Measure("alphabetic_words", alphabetic / count, low=rules.min_alphabetic_words)
    yield Measure("stop_words", count_stop_words(text, rules, split, full=full), low=rules.min_stop_words)


def symbol_ratio(symbol: str, value: float, rules: GopherQuality) -> Measure:
    """Returns the measure of a symbol per word; those of hashes and of ellipses have one name as a rule."""
    column = "hash_word_ratio" if symbol == "#" else "ellipsis_word_ratio"
    return Measure("symbol_word_ratio", value, high=rules.max_symbol_word_ratio, detail=symbol, column=column)


def repetition_measures(text: str, rules: GopherRepetition, split: Split = str.split) -> Iterator[Measure]:
    """Yields the values of the repetition rules, each measured only when it is asked for."""
    line_share, line_chars = line_duplicates(text)
    paragraph_share, paragraph_chars = paragraph_duplicates(text)
    yield Measure("duplicate_lines", line_share, high=rules.max_duplicate_lines)
    yield Measure("duplicate_paragraphs", paragraph_share, high=rules.max_duplicate_paragraphs)
    yield Measure("duplicate_line_chars", line_chars, high=rules.max_duplicate_line_chars)
    yield Measure("duplicate_paragraph_chars", paragraph_chars, high=rules.max_duplicate_paragraph_chars)
    limits = rules.max_top_ngram_chars + rules.max_duplicate_ngram_chars
    shares = ngram_chars(bare_words(text, split), rules.ngram_copies)
    for rule, value, limit in zip(NGRAM_RULES, shares, limits, strict=True):
        yield Measure(rule, value, high=limit)


def word_tokens(text: str, split: Split = str.split) -> list[str]:
    """Returns the tokens that have a letter or a digit."""
    return [token for token in split(text) if token.isalnum() or any(map(str.isalnum, token))]


def bare_words(text: str, split: Split = str.split) -> list[str]:
    """Returns the words in lower case, without punctuation and symbols around them.

    >>> bare_words("“Don't!” -- she said…")
    ["don't", 'she', 'said']
    """
    lower = text.lower()
    marks = string.punctuation
    if not lower.isascii():
        marks += "".join(char for char in set(lower) if unicodedata.category(char)[0] in "PS")
    return [token if token.isalnum() else token.strip(marks) for token in word_tokens(lower, split)]


def count_stop_words(text: str, rules: GopherQuality, split: Split = str.split, *, full: bool = False) -> int:
    """Returns the number of different stop words in a text.

    If the tokens as they stand hold enough of them, those are counted and the words are not stripped of punctuation,
    which takes longer; full: they are in any case.
    """
    stop_words = lower_set(rules.stop_words)
    present = stop_words.intersection(split(text))
    if full or len(present) < rules.min_stop_words:
        present |= stop_words.intersection(bare_words(text, split))
    return len(present)


@lru_cache(maxsize=64)
def lower_set(words: tuple[str, ...]) -> frozenset[str]:
    """Returns these words in lower case, as a set; made once."""
    return frozenset(map(str.lower, words))


def nonempty_lines(text: str) -> list[str]:
    """Returns the stripped lines that are not empty."""
    return [line for line in map(str.strip, text.splitlines()) if line]


def line_duplicates(text: str) -> tuple[float, float]:
    """Returns the share of lines that copy an earlier line, and the share of all lines' characters in them.

    >>> line_duplicates("a\\nbcd\\na")
    (0.3333333333333333, 0.2)
    """
    return duplicate_shares(with_words(nonempty_lines(text)))


def paragraph_duplicates(text: str) -> tuple[float, float]:
    """Returns the share of paragraphs that copy an earlier one, and the share of all paragraphs' characters in them."""
    return duplicate_shares(with_words([part.strip() for part in BLANK_LINE.split(text)]))


def with_words(parts: list[str]) -> list[str]:
    """Returns the parts that have a letter or a digit; empty table rows and lone bullets say nothing to repeat."""
    return [part for part in parts if WORD_CHARACTER.search(part)]


def duplicate_shares(parts: list[str]) -> tuple[float, float]:
    """Returns the share of parts that copy an earlier part, and the share of all parts' characters in them."""
    distinct = set(parts)
    if len(distinct) == len(parts):
        return 0.0, 0.0
    chars = sum(map(len, parts))
    return (len(parts) - len(distinct)) / len(parts), (chars - sum(map(len, distinct))) / chars


QUALITY_VARIANTS = tuple(GopherQuality(variant=name) for name in VARIANTS)
REPETITION_VARIANTS = tuple(GopherRepetition(variant=name) for name in VARIANTS)
QUALITY_DETAILS = {
    "paper": "a word is a token between blanks with a letter or a digit; stop words are counted as different words",
    "datatrove": "words are spaCy's tokens; stop words are counted as they are spelt, bullets are • and -",
    "dclm": "words are what blanks part, and those that begin with a letter or a digit are counted; hashes and ellipses"
    " are one sum; each occurrence of a stop word counts",
    "dolma": "words are what blanks part; the median of word lengths in place of the mean; only … is an ellipsis; each"
    " occurrence of a stop word counts",
}
REPETITION_DETAILS = {
    "paper": "copies behind the first count; shares of n-grams are of the characters of all words, each once",
    "datatrove": "copies behind the first count; n-grams are of spaCy's tokens, their shares of the whole text's"
    " characters, and none overlaps one that counted",
    "dclm": "all copies count, the first with them; n-grams are of Unicode's words; one line or paragraph repeats"
    " nothing",
    "dolma": "all copies count; shares are of characters that are no blanks, from 5-grams on of those of all n-grams;"
    " no measure of paragraphs",
}
