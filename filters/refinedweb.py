"""RefinedWeb's line-wise corrections (Penedo et al. 2023, arXiv:2306.01116, Table G.2), with DCLM's values.

The paper says what it takes out but not at which values; they are those of DCLM (mlfoundations/dclm,
dclm_baseline_refinedweb.yaml), which calls some of them reverse engineered. A line goes if more than half of it is
upper case, if it is digits alone, a counter ("3 likes") or one word; in lines of at most ten words "items in cart",
"Read more..." at the end and "Sign-in" at the beginning go. A page that lost more than 5 % of its words is rejected.
Lines part at line feeds; blank ones stay. A word is what blanks part, or ICU in scripts without blanks, and counts if
it begins with a letter or digit.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace

from curate.filters.judged import Judged, Outcome, Signals
from curate.records import Document, Reason
from curate.text.segmentation import Split, splitter

COUNTED = "likes shares comments retweets reposts quotes bookmarks upvotes downvotes downloads views followers"
FAULTS = ("upper_case", "digits", "counter", "short", "phrase")
COUNTER = re.compile(rf"\W*\d[,.\d]*[kmb]?\s+(?:{COUNTED.replace(' ', '|')})\W*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedWeb:
    """RefinedWeb's line-wise corrections (arXiv:2306.01116, Table G.2), with the values of DCLM's code."""

    max_upper_case: float = 0.5  # share of the characters of a line that are letters in upper case
    max_digits: float = 0.999999  # share of the characters of a line
    counters: bool = True  # lines that count likes, shares and the like are taken out
    min_line_words: int = 2
    max_phrase_line_words: int = 10  # longest line from which the phrases below are taken out
    anywhere: tuple[str, ...] = ("items in cart",)
    at_end: tuple[str, ...] = ("Read more...",)
    at_start: tuple[str, ...] = ("Sign-in",)
    max_removed_words: float = 0.05  # share of the words of a page


def judge_refinedweb(document: Document, rules: RefinedWeb) -> Outcome:
    """Returns why the page is rejected, the document with its lines corrected, or None where nothing is to correct.

    >>> line_fault("3.2K likes", RefinedWeb()), line_fault("ALL NEWS today", RefinedWeb())
    ('counter', 'upper_case')
    """
    return refinedweb_signals(document, rules).outcome


def refinedweb_signals(document: Document, rules: RefinedWeb) -> Signals:
    """Returns what `judge_refinedweb` returns, and what it measures: lines by what was done to them, the words lost."""
    split = splitter(document.language)
    removed: Counter[str] = Counter()
    lines: list[str] = []
    for line in document.text.split("\n"):
        fault = line_fault(line, rules, split)
        if fault:
            removed[fault] += 1
            continue
        rest = without_phrases(line, rules, split)
        if rest != line:
            removed["phrase"] += 1
        if rest.strip() or not line:
            lines.append(rest)
    values = {f"removed_{fault}": float(removed[fault]) for fault in FAULTS}
    if not removed:
        return Signals(None, {"removed_words": 0.0, **values})
    text = "\n".join(lines).strip()
    words = count_words(document.text, split)
    share = (words - count_words(text, split)) / max(words, 1)
    values = {"removed_words": share, **values}
    if share > rules.max_removed_words or not text:
        return Signals(Reason("refinedweb.removed_words", share, rules.max_removed_words), values)
    notes = {f"refinedweb.removed_{fault}": number for fault, number in removed.items()}
    return Signals(Judged(replace(document, text=text), None, {"refinedweb.changed": 1, **notes}), values)


def line_fault(line: str, rules: RefinedWeb, split: Split = str.split) -> str | None:
    """Returns the first rule that a line breaks, or None; a blank line breaks none."""
    if not line:
        return None
    if sum(map(str.isupper, line)) / len(line) > rules.max_upper_case:
        return "upper_case"
    if sum(map(str.isdigit, line)) / len(line) > rules.max_digits:
        return "digits"
    if rules.counters and COUNTER.fullmatch(line.lower()):
        return "counter"
    return "short" if len(split(line)) < rules.min_line_words else None


def without_phrases(line: str, rules: RefinedWeb, split: Split = str.split) -> str:
    """Returns a line without the phrases that are taken out of short lines; case does not count."""
    if len(split(line)) > rules.max_phrase_line_words:
        return line
    for pattern, phrases in (("{}", rules.anywhere), ("{}$", rules.at_end), (r"^{}\s?", rules.at_start)):
        for phrase in phrases:
            before = "" if pattern.startswith("^") else r"\s?"
            line = re.sub(before + pattern.format(re.escape(phrase)), "", line, flags=re.IGNORECASE)
    return line


def count_words(text: str, split: Split = str.split) -> int:
    """Returns the number of words that begin with a letter or a digit."""
    return sum(word[0].isalnum() for word in split(text))
