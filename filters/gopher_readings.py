"""Gopher's rules by the reading that `variant` names: the paper's (`gopher`), or that of a published program.

The limits are Gopher's in all of them (arXiv:2112.11446, section A1.1, Table A1). What is measured differs:

- "datatrove" (huggingface/datatrove, gopher_quality_filter.py, gopher_repetition_filter.py; FineWeb's). Words are
  spaCy's tokens. An n-gram's characters are shares of the whole text's; a copy counts as it is met, and none that
  overlaps one that counted; the top n-gram counts even if it stands once, and its blanks with it.
- "dclm" (mlfoundations/dclm, content_filters.py; RedPajama-v2's n-grams too). All copies count, the first with them.
  N-grams are of Unicode's words, other measures of what blanks part. Hashes and ellipses are one sum.
- "dolma" (allenai/dolma, taggers/gopher.py). All copies count; shares are of the characters that are no blanks, for
  n-grams from 5 on of the characters of all n-grams; the median is tested for the mean of word lengths. It has no
  measure of paragraphs, and only "…" is an ellipsis.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from statistics import median

from curate.filters import gopher
from curate.filters.gopher import NGRAM_RULES, GopherQuality, GopherRepetition
from curate.filters.judged import Measure, first_broken
from curate.records import Document, Reason
from curate.text.english_tokens import SENTENCE_ENDS, tokens
from curate.text.ngrams import Integers, ngram_chars, repeated_ngrams, word_ends
from curate.text.ranges import members
from curate.text.segmentation import splitter

Level = tuple[Integers, Integers]  # the starts of repeated n-grams, and the numbers of their kinds

# What datatrove takes for punctuation: its own list, control characters, and marks that end sentences in any script.
LATER_ENDS = "61D-61E 837 839 83D-83E 17D4-17D6 17D9-17DA 1B7D-1B7E 2E53-2E54 10F55-10F59 10F86-10F89 11944 11946"
LATER_ENDS += " 11EF7-11EF8 11F43-11F44 16E98"
TERMINAL = SENTENCE_ENDS | members(LATER_ENDS)
PUNCTUATION = TERMINAL | members(
    "0-8 B-1F 21-2F 3A-40 5B-60 7B-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA"
)
PUNCTUATION |= frozenset("、。〈〉《》「」【】！％（），．１：；？～")
UNICODE_WORD = re.compile(r"\w+(?:(?<=[^\W\d_])['’.:·](?=[^\W\d_])\w+|(?<=\d)[.,;'](?=\d)\w+)*")
PARAGRAPHS = re.compile(r"\n{2,}")
LINES = re.compile(r"\n+")


def judge_quality(document: Document, rules: GopherQuality) -> Reason | None:
    """Returns the first quality rule that the document's text breaks, or None."""
    return first_broken("gopher_quality", quality_values(document, rules, False))


def judge_repetition(document: Document, rules: GopherRepetition) -> Reason | None:
    """Returns the first repetition rule that the document's text breaks, or None."""
    return first_broken("gopher_repetition", repetition_values(document, rules, False))


def quality_values(document: Document, rules: GopherQuality, full: bool) -> Iterator[Measure]:
    """Returns what the quality rules measure of a document."""
    if rules.variant == "paper":
        return gopher.quality_measures(document.text, rules, full, splitter(document.language))
    return QUALITY[rules.variant](document.text, rules)


def repetition_values(document: Document, rules: GopherRepetition, _full: bool) -> Iterator[Measure]:
    """Returns what the repetition rules measure of a document."""
    if rules.variant == "paper":
        return gopher.repetition_measures(document.text, rules, splitter(document.language))
    return REPETITION[rules.variant](document.text, rules)


def datatrove_quality(text: str, rules: GopherQuality) -> Iterator[Measure]:
    """Yields the values of datatrove's quality rules, in its order."""
    words = tokens(text)
    count = max(len(words), 1)
    lengths = [len(word) for word in words if word.isalnum() or not PUNCTUATION.issuperset(word)]
    yield Measure("too_few_words", len(lengths), low=rules.min_words)
    yield Measure("too_many_words", len(lengths), high=rules.max_words)
    mean = sum(lengths) / max(len(lengths), 1)
    yield Measure("mean_word_length", mean, rules.min_mean_word_length, rules.max_mean_word_length)
    for symbol, number in (("#", text.count("#")), ("...", text.count("...") + text.count("…"))):
        yield gopher.symbol_ratio(symbol, number / count, rules)
    lines = text.splitlines() or [""]
    yield _share("bullet_lines", [line.lstrip().startswith(("•", "-")) for line in lines], rules.max_bullet_lines)
    ends = [line.rstrip().endswith(("...", "…")) for line in lines]
    yield _share("ellipsis_lines", ends, rules.max_ellipsis_lines)
    yield Measure("alphabetic_words", _alphabetic(words) / count, low=rules.min_alphabetic_words)
    yield Measure("stop_words", len(set(rules.stop_words).intersection(words)), low=rules.min_stop_words)


def datatrove_repetition(text: str, rules: GopherRepetition) -> Iterator[Measure]:
    """Yields the values of datatrove's repetition rules, in its order."""
    yield Measure("empty", len(text), low=1)
    size = max(len(text), 1)
    for parts, share, chars in (
        (PARAGRAPHS.split(text.strip()), "paragraphs", "paragraph_chars"),
        (LINES.split(text), "lines", "line_chars"),
    ):
        kinds = set(parts)
        copies = len(parts) - len(kinds)
        yield Measure(f"duplicate_{share}", copies / len(parts), high=getattr(rules, f"max_duplicate_{share}"))
        copied = sum(map(len, parts)) - sum(map(len, kinds)) if copies else 0
        yield Measure(f"duplicate_{chars}", copied / size, high=getattr(rules, f"max_duplicate_{chars}"))
    shares = _shares(
        tokens(text),
        lambda chars, count, n: (chars + (n - 1) * (chars > 0)) * count / size,
        lambda level, ends, n: _met_again(*level, ends, n) / size,
    )
    yield from _ngrams(shares, rules)


def _top(level: Level | None, ends: Integers, n: int) -> tuple[int, int]:
    """Returns the characters and the number of the n-gram that occurs most, of several the first."""
    if level is None:
        return (int(ends[n]) if len(ends) > n else 0), 1
    starts, names = level
    counts = Counter(names.tolist())
    most = max(counts.values())
    first = next(start for start, name in zip(starts.tolist(), names.tolist(), strict=True) if counts[name] == most)
    return int(ends[first + n] - ends[first]), most


def _met_again(starts: Integers, names: Integers, ends: Integers, n: int) -> int:
    """Returns the characters of n-grams that were met before; n words are passed over behind each of them."""
    met: set[int] = set()
    free = chars = 0
    for start, name in zip(starts.tolist(), names.tolist(), strict=True):
        if start < free:
            continue
        if name in met:
            chars += int(ends[start + n] - ends[start])
            free = start + n
        else:
            met.add(name)
    return chars


def dclm_quality(text: str, rules: GopherQuality) -> Iterator[Measure]:
    """Yields the values of DCLM's quality rules, in the order of its RefinedWeb recipe."""
    words = text.split()
    count = max(len(words), 1)
    real = sum(word[0].isalnum() for word in words)
    yield Measure("too_few_words", real, low=rules.min_words)
    yield Measure("too_many_words", real, high=rules.max_words)
    mean = sum(map(len, words)) / count
    yield Measure("mean_word_length", mean, rules.min_mean_word_length, rules.max_mean_word_length)
    symbols = sum(map(text.count, ("#", "...", ". . .", "…")))
    yield Measure("symbol_word_ratio", symbols / count, high=rules.max_symbol_word_ratio)
    lines = _parts(text, "\n") or [""]
    yield _share("bullet_lines", [line.startswith(("●", "•", "*", "-")) for line in lines], rules.max_bullet_lines)
    ends = [line.endswith(("...", ". . .", "…")) for line in lines]
    yield _share("ellipsis_lines", ends, rules.max_ellipsis_lines)
    yield Measure("alphabetic_words", _alphabetic(words) / count, low=rules.min_alphabetic_words)
    stop_words = gopher.lower_set(rules.stop_words)
    yield Measure("stop_words", sum(word.lower() in stop_words for word in words), low=rules.min_stop_words)


def dclm_repetition(text: str, rules: GopherRepetition) -> Iterator[Measure]:
    """Yields the values of DCLM's repetition rules, in its order; one line or paragraph repeats nothing."""
    lines, paragraphs = (_all_copies(_parts(text, end)) for end in ("\n", "\n\n"))
    yield Measure("empty", len(text.strip()), low=1)
    yield Measure("duplicate_lines", lines[0], high=rules.max_duplicate_lines)
    yield Measure("duplicate_paragraphs", paragraphs[0], high=rules.max_duplicate_paragraphs)
    yield Measure("duplicate_line_chars", lines[1], high=rules.max_duplicate_line_chars)
    yield Measure("duplicate_paragraph_chars", paragraphs[1], high=rules.max_duplicate_paragraph_chars)
    words = [word for word in UNICODE_WORD.findall(text) if word[0].isalnum()]
    yield from _ngrams(ngram_chars(words, "all"), rules)


def dolma_quality(text: str, rules: GopherQuality) -> Iterator[Measure]:
    """Yields the values of dolma's quality rules."""
    words = text.split()
    count = max(len(words), 1)
    yield Measure("too_few_words", len(words), low=rules.min_words)
    yield Measure("too_many_words", len(words), high=rules.max_words)
    middle = float(median(map(len, words))) if words else 0.0
    yield Measure("median_word_length", middle, rules.min_mean_word_length, rules.max_mean_word_length)
    symbols = sum("#" in word or "…" in word for word in words)
    yield Measure("symbol_word_ratio", symbols / count, high=rules.max_symbol_word_ratio)
    lines = text.split("\n")
    yield _share("bullet_lines", [line.startswith(("*", "-")) for line in lines], rules.max_bullet_lines)
    yield _share("ellipsis_lines", [line.endswith("…") for line in lines], rules.max_ellipsis_lines)
    yield Measure("alphabetic_words", _alphabetic(words) / count, low=rules.min_alphabetic_words)
    yield Measure("stop_words", sum(word in rules.stop_words for word in words), low=rules.min_stop_words)


def dolma_repetition(text: str, rules: GopherRepetition) -> Iterator[Measure]:
    """Yields the values of dolma's repetition rules; characters of lines may be more than all that are no blanks."""
    words = text.split()
    size = max(sum(map(len, words)), 1)
    lines = text.split("\n")
    counts = Counter(lines)
    copies = sum(count for count in counts.values() if count > 1)
    yield Measure("duplicate_lines", copies / len(lines), high=rules.max_duplicate_lines)
    chars = sum(len(line) * count for line, count in counts.items() if count > 1)
    yield Measure("duplicate_line_chars", chars / size, high=rules.max_duplicate_line_chars)
    yield from _ngrams(_shares(words, lambda chars, count, _: chars * count / size, _all_occurrences), rules)


def _all_occurrences(level: Level, ends: Integers, n: int) -> float:
    """Returns the share of all n-grams' characters that lie in n-grams which occur more than once."""
    starts = level[0]
    return int((ends[starts + n] - ends[starts]).sum()) / int((ends[n:] - ends[:-n]).sum())


def _shares(
    words: list[str], top: Callable[[int, int, int], float], copied: Callable[[Level, Integers, int], float]
) -> Iterator[float]:
    """Yields the shares of the top 2- to 4-grams and of duplicate 5- to 10-grams.

    top: the share of the n-gram that occurs most, by its characters, number and n; copied: that of repeated n-grams.
    """
    ends = word_ends(words)
    levels = repeated_ngrams(words)
    for n in range(2, 11):
        level = next(levels, None)
        if n <= 4:
            yield top(*_top(level, ends, n), n)
        else:
            yield copied(level, ends, n) if level else 0.0


def _ngrams(values: Iterator[float], rules: GopherRepetition) -> Iterator[Measure]:
    limits = rules.max_top_ngram_chars + rules.max_duplicate_ngram_chars
    yield from (
        Measure(rule, value, high=limit) for rule, value, limit in zip(NGRAM_RULES, values, limits, strict=True)
    )


def _parts(text: str, end: str) -> list[str]:
    return [part for part in map(str.strip, text.split(end)) if part]


def _all_copies(parts: list[str]) -> tuple[float, float]:
    """Returns the share of parts that stand twice or more, and the share of all characters in them."""
    counts = [(part, count) for part, count in Counter(parts).items() if count > 1]
    if not counts:
        return 0.0, 0.0
    chars = sum(len(part) * count for part, count in counts)
    return sum(count for _, count in counts) / len(parts), chars / sum(map(len, parts))


def _share(rule: str, marked: list[bool], limit: float) -> Measure:
    return Measure(rule, sum(marked) / len(marked), high=limit)


def _alphabetic(words: list[str]) -> int:
    return sum(word.isalpha() or any(map(str.isalpha, word)) for word in words)


QUALITY: dict[str, Callable[[str, GopherQuality], Iterator[Measure]]] = {
    "datatrove": datatrove_quality,
    "dclm": dclm_quality,
    "dolma": dolma_quality,
}
REPETITION: dict[str, Callable[[str, GopherRepetition], Iterator[Measure]]] = {
    "datatrove": datatrove_repetition,
    "dclm": dclm_repetition,
    "dolma": dolma_repetition,
}
