"""C4's rules (Raffel et al. 2020, arXiv:1910.10683, section 2.2), in the order of its code (TensorFlow Datasets).

They clean a page line by line and then judge what is left. A line goes if it has a word that is too long; then its
citation marks go; then the line goes if it has no end mark, too few words, "javascript" or a phrase of site policies.
"lorem ipsum" and "{" reject the page, but only in a line that has come so far. Last, the sentences left are counted.

- Lines are stripped. Empty lines count as layout: the code takes them out too, but here no rule counts them.
- C4 counts sentences by NLTK's punkt, which is a model. Here a sentence ends at an end mark that a blank and no
  lower-case letter follow, and that is not the dot of an initial or of an abbreviation (`curate.text.sentences`); a
  line is one sentence at least.
- A page with a bad word in a line that stays is rejected, if `bad_words` lists some: words, or "@" and a file with one
  a line. C4's list is LDNOOBW's "en" at 25e679f0 (github.com/LDNOOBW), which no package that is kept up carries, so the
  file is yours to fetch. As in the code, no letter from a to z stands beside a bad word, and it is not at the very
  beginning of its line, as the code asks for a character there. "paper" finds it there too, and "datatrove", whose
  rule is a filter of its own, asks for anything but letters and digits beside it.
- C4's language rule (langdetect, 0.99) is not part of this.

The variant "tfds-c4" is C4's code. "paper" is what the paper says, which has no limits of word and page lengths.
"datatrove" is huggingface/datatrove's c4_filters.py at its defaults: 3 words and 5 sentences where C4 has 5 and 3, "'"
as an end mark too, words counted before citation marks go, and sentences as spaCy's.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from curate.filters.judged import Judged, Outcome, Signals, check_variant
from curate.filters.url_lists import file_digest, files_of, listed
from curate.records import Document, Reason
from curate.text import english_tokens
from curate.text.segmentation import Split, splitter
from curate.text.sentences import inner_ends

CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
ELLIPSIS = "..."
SHOWN = 100  # characters of the line that a rejection shows
NO_LIMIT = 2**63 - 1
READINGS = ("tfds-c4", "paper", "datatrove")
LETTERS = re.compile("[a-z]+")
FLANKS = {  # what stands before and after a bad word
    "tfds-c4": ("[^a-z]", "[^a-z]"),
    "paper": ("(?<![a-z])", "(?![a-z])"),
    "datatrove": (r"(?:\W|^)", r"(?:\W|$)"),
}
PAGE_FAULTS = ("lorem_ipsum", "curly_bracket", "bad_word")  # of a line, which reject the page
LINE_FAULTS = ("long_word", "no_end_mark", "too_short", "javascript", "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class C4:
    """C4's rules, with the numbers of the paper (arXiv:1910.10683, section 2.2) and of its code."""

    variant: str = "tfds-c4"  # whose reading of the details: "tfds-c4", "paper" or "datatrove"

    # Of a line:
    end_marks: tuple[str, ...] = (".", "?", "!", '"')  # a line ends with one of these; an empty list keeps any end
    min_line_words: int = 5  # words that a line has at least
    max_word_length: int = 1000  # characters of a word in a line
    citations: bool = True  # Wikipedia's citation and edit marks are taken out
    javascript: bool = True  # lines with "javascript" are taken out
    policy_phrases: tuple[str, ...] = (  # lines with one of these are taken out; in lower case
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    )

    # Of a page:
    lorem_ipsum: bool = True  # pages with "lorem ipsum" are rejected
    curly_bracket: bool = True  # pages with "{" are rejected
    bad_words: tuple[str, ...] = ()  # pages with one of these are rejected; "@FILE" is a file with one a line
    min_sentences: int = 3  # sentences that are left at least
    max_chars: int = 190_000  # characters of the whole text, before anything is taken out

    def __post_init__(self) -> None:
        check_variant(self.variant, READINGS)
        if self.min_sentences < 1:
            raise ValueError(f"min_sentences is at least 1, so that no page ends empty, got {self.min_sentences}")
        if wrong := [phrase for phrase in self.policy_phrases if phrase != phrase.lower() or not phrase.strip()]:
            raise ValueError(f"policy_phrases are looked for in lower case, so {wrong[0]!r} would never be met")


@dataclass(frozen=True, slots=True, kw_only=True)
class C4FineWeb(C4):
    """C4's rules as FineWeb ran them (arXiv:2406.17557): any line end, datatrove's numbers (5 and 3 swapped)."""

    end_marks: tuple[str, ...] = ()
    min_line_words: int = 3
    min_sentences: int = 5
    max_chars: int = NO_LIMIT  # no limit


VARIANTS = (
    C4(),
    C4(variant="paper", max_word_length=NO_LIMIT, max_chars=NO_LIMIT),
    C4(
        variant="datatrove",
        end_marks=(".", "?", "!", '"', "'"),
        min_line_words=3,
        min_sentences=5,
        max_chars=NO_LIMIT,
    ),
)
DETAILS = {
    "tfds-c4": "C4's code: sentences by marks, words counted behind citation marks; a bad word stands between"
    " characters that are no letters",
    "paper": "as the code, without its limits of word and page lengths; a bad word may begin or end a line",
    "datatrove": "words counted before citation marks go, and sentences as spaCy's; ' ends a line too",
}


class Cleaned(NamedTuple):
    """The text that the line rules left, and how much each of them took out."""

    text: str
    removed: Counter[str]  # number of lines by rule; under `citations` the number of marks


def judge_c4(document: Document, rules: C4) -> Outcome:
    """Returns why the page is rejected, the document with its text cleaned, or None where nothing is to clean."""
    return _judge(document, rules, "c4")


def judge_c4_fineweb(document: Document, rules: C4FineWeb) -> Outcome:
    """Returns the same as `judge_c4`, by FineWeb's reading of the rules."""
    return _judge(document, rules, "c4_fineweb")


def clean(text: str, rules: C4, name: str = "c4", split: Split = str.split) -> Cleaned | Reason:
    """Returns the text without the lines that the rules take out, or why the page is rejected.

    `name` is the name of the rule in the reason, `split` cuts a line into words.

    >>> clean("Menu\\nIt was a cold day in May.\\nThe sea was calm and grey.\\nNobody said a word to us.", C4()).removed
    Counter({'no_end_mark': 1})
    """
    if len(text) > rules.max_chars:
        return Reason(f"{name}.too_long", len(text), rules.max_chars)
    kept: list[str] = []
    removed: Counter[str] = Counter()
    sentences = 0  # counted up to the number asked for
    for line in filter(None, map(str.strip, text.splitlines())):
        rest, marks = without_citations(line) if rules.citations and "[" in line else (line, 0)
        fault = line_fault(line, rest, rules, split)
        if fault in PAGE_FAULTS:
            return Reason(f"{name}.{fault}", detail=line[:SHOWN])
        if fault:
            removed[fault] += 1
            continue
        removed["citations"] += marks
        kept.append(rest)
        if sentences < rules.min_sentences:
            sentences += counter(rules)(rest)
    if sentences < rules.min_sentences:
        return Reason(f"{name}.too_few_sentences", sentences, rules.min_sentences)
    return Cleaned("\n".join(kept).strip(), +removed)


def without_citations(line: str) -> tuple[str, int]:
    """Returns the line without Wikipedia's citation and edit marks, and the number of marks."""
    return CITATION.subn("", line)


def line_fault(line: str, rest: str, rules: C4, split: Split = str.split) -> str | None:
    """Returns the first rule that this line breaks, or None; `rest` is the line without its citation marks."""
    if len(line) > rules.max_word_length and max(map(len, split(line))) > rules.max_word_length:
        return "long_word"
    if rules.end_marks and (not rest.endswith(rules.end_marks) or rest.endswith(ELLIPSIS)):
        return "no_end_mark"
    if len(split(line if rules.variant == "datatrove" else rest)) < rules.min_line_words:
        return "too_short"
    lower = rest.lower()
    if rules.lorem_ipsum and "lorem ipsum" in lower:
        return "lorem_ipsum"
    if rules.javascript and "javascript" in lower:
        return "javascript"
    if rules.curly_bracket and "{" in rest:
        return "curly_bracket"
    if any(phrase in lower for phrase in rules.policy_phrases):
        return "policy"
    return "bad_word" if rules.bad_words and has_bad_word(lower, rules) else None


def has_bad_word(line: str, rules: C4) -> bool:
    """Returns whether a line in lower case has one of the bad words.

    >>> has_bad_word("a darn day.", C4(bad_words=("darn",))), has_bad_word("darned if i know.", C4(bad_words=("darn",)))
    (True, False)
    """
    firsts, letterless, pattern = _bad_words(rules.bad_words, rules.variant)
    if firsts.isdisjoint(LETTERS.findall(line)) and not any(word in line for word in letterless):
        return False
    return pattern.search(line) is not None


@lru_cache(maxsize=16)
def _bad_words(entries: tuple[str, ...], variant: str) -> tuple[frozenset[str], tuple[str, ...], re.Pattern[str]]:
    """Returns the first letters of each bad word up to what is none, the words without letters, and a pattern of all.

    A line that has none of the former has none of the words; that is asked first, as the pattern is slow.
    """
    words = sorted({word.lower() for word in listed(entries, "c4.bad_words")})
    before, after = FLANKS[variant]
    pattern = re.compile(f"{before}(?:{'|'.join(map(re.escape, words))}){after}" if words else r"(?!)")
    runs = [(word, LETTERS.search(word)) for word in words]
    return frozenset(run[0] for _, run in runs if run), tuple(word for word, run in runs if not run), pattern


def file_digests(rules: C4) -> dict[str, str]:
    """Returns the sha256 of each file of bad words under "@" and its path; SettingsError where one cannot be read."""
    return {f"@{path}": file_digest(path, "c4.bad_words") for path in files_of(rules.bad_words)}


def count_sentences(line: str) -> int:
    """Returns the number of sentences in a line: 0 if it is blank, else one more than the ends inside it.

    >>> count_sentences("Dr. J. Roberts came at 5 p.m. today... but why? Nobody knows.")
    2
    """
    if not line or line.isspace():
        return 0
    return 1 + sum(1 for _ in inner_ends(line))


def splitter_of(document: Document, rules: C4) -> Split:
    """Returns the function that cuts a document's lines into words."""
    return str.split if rules.variant == "datatrove" else splitter(document.language)


def counter(rules: C4) -> Callable[[str], int]:
    """Returns the function that counts the sentences of a line."""
    return english_tokens.count_sentences if rules.variant == "datatrove" else count_sentences


def c4_signals(document: Document, rules: C4) -> Signals:
    """Returns what `judge_c4` returns, and all that the rules measure: lines by fault, all sentences, characters."""
    return _signals(document, rules, "c4")


def c4_fineweb_signals(document: Document, rules: C4FineWeb) -> Signals:
    """Returns the same as `c4_signals`, by FineWeb's reading of the rules."""
    return _signals(document, rules, "c4_fineweb")


def _signals(document: Document, rules: C4, name: str) -> Signals:
    text, count, split = document.text, counter(rules), splitter_of(document, rules)
    reason = Reason(f"{name}.too_long", len(text), rules.max_chars) if len(text) > rules.max_chars else None
    kept: list[str] = []
    lines: Counter[str] = Counter()  # by fault; under `citations` the number of marks
    sentences = 0
    for line in filter(None, map(str.strip, text.splitlines())):
        rest, marks = without_citations(line) if rules.citations and "[" in line else (line, 0)
        if fault := line_fault(line, rest, rules, split):
            lines[fault] += 1
            if fault in PAGE_FAULTS and not reason:
                reason = Reason(f"{name}.{fault}", detail=line[:SHOWN])
            continue
        lines["citations"] += marks
        kept.append(rest)
        sentences += count(rest)
    if sentences < rules.min_sentences and not reason:
        reason = Reason(f"{name}.too_few_sentences", sentences, rules.min_sentences)
    values = {"too_long": len(text), "too_few_sentences": sentences, **{fault: lines[fault] for fault in PAGE_FAULTS}}
    values |= {f"removed_{fault}": lines[fault] for fault in (*LINE_FAULTS, "citations")}
    removed = Counter({fault: lines[fault] for fault in (*LINE_FAULTS, "citations")})
    cleaned = reason or Cleaned("\n".join(kept).strip(), +removed)
    return Signals(_outcome(document, cleaned, name), values)


def _judge(document: Document, rules: C4, name: str) -> Outcome:
    return _outcome(document, clean(document.text, rules, name, splitter_of(document, rules)), name)


def _outcome(document: Document, cleaned: Cleaned | Reason, name: str) -> Outcome:
    if isinstance(cleaned, Reason):
        return cleaned
    if cleaned.text == document.text:
        return None
    removed = {f"{name}.removed_{what}": number for what, number in cleaned.removed.items()}
    return Judged(replace(document, text=cleaned.text), None, {f"{name}.changed": 1, **removed})
