"""FineWeb's own quality rules (Penedo et al. 2024, arXiv:2406.17557, section 3.4).

The variant "paper" drops a text at the limits that the paper states. "datatrove" is the published code as FineWeb ran
it (huggingface/datatrove, fineweb_quality_filter.py at its defaults): a text is dropped beyond its limits, from 1 % of
characters in duplicate lines on where the paper says 10 %, and for newlines too, of which the paper says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from curate.filters.gopher_readings import TERMINAL
from curate.filters.judged import Measure, check_variant, first_broken
from curate.records import Document, Reason
from curate.text.english_tokens import tokens

READINGS = ("paper", "datatrove")
NO_LIMIT = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class FineWeb:
    """FineWeb's rules on lines (arXiv:2406.17557, section 3.4); shares lie in [0, 1]."""

    variant: str = "paper"  # "paper" drops at a limit, "datatrove" beyond it, and has other limits
    min_ended_lines: float = 0.12  # least share of lines that end in a mark that ends sentences
    short_line_chars: int = 30  # a line is short with fewer characters; "datatrove": with as many, too
    max_short_lines: float = 0.67  # share of lines
    max_duplicate_line_chars: float = 0.1  # share of characters in lines that copy an earlier one
    max_newlines_per_word: float = NO_LIMIT  # newlines per token of spaCy

    def __post_init__(self) -> None:
        check_variant(self.variant, READINGS)


VARIANTS = (
    FineWeb(),
    FineWeb(variant="datatrove", max_duplicate_line_chars=0.01, max_newlines_per_word=0.3),
)
DETAILS = {
    "paper": "a text at a limit is dropped too, and a line is short with fewer characters than short_line_chars",
    "datatrove": "a text beyond a limit is dropped, and a line is short with as many characters, too",
}


def judge_fineweb(document: Document, rules: FineWeb) -> Reason | None:
    """Returns the first rule that the document's text breaks, or None.

    >>> from curate.records import EPOCH
    >>> menu = Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text="Home\\nAbout us")
    >>> judge_fineweb(menu, FineWeb()).rule
    'fineweb.ended_lines'
    """
    return first_broken("fineweb", fineweb_values(document, rules, False))


def fineweb_values(document: Document, rules: FineWeb, full: bool) -> Iterator[Measure]:
    """Yields what the rules measure of a document; newlines only where they have a limit, or in full."""
    text = document.text
    lines = [line for line in text.split("\n") if line.strip()]
    inside = rules.variant == "paper"
    yield Measure("empty", len(lines), low=1, stated=False)
    ended = sum(line[-1] in TERMINAL for line in lines) / len(lines) if lines else None
    yield Measure("ended_lines", ended, low=rules.min_ended_lines, inside=inside)
    longest = rules.short_line_chars - inside
    short = sum(len(line) <= longest for line in lines) / len(lines) if lines else None
    yield Measure("short_lines", short, high=rules.max_short_lines, inside=inside)
    copied = None
    if lines:
        copied = (sum(map(len, lines)) - sum(map(len, set(lines)))) / len(text.replace("\n", ""))
    yield Measure("duplicate_line_chars", copied, high=rules.max_duplicate_line_chars, inside=inside)
    newlines = None
    if full or rules.max_newlines_per_word < NO_LIMIT:
        newlines = text.count("\n") / max(len(tokens(text)), 1)
    yield Measure("newlines", newlines, high=rules.max_newlines_per_word)
