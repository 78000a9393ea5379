"""Compression: a text that zlib packs very well repeats itself, one that it hardly packs is no prose.

The limit of repetition is Whisper's for its own output (Radford et al. 2022, arXiv:2212.04356, section 4.5, and
openai/whisper, transcribe.py): more than 2.4, by zlib at its default level, in texts of about 30 seconds of speech.
That web pages are judged by it is our idea. A long text packs better than its parts, so the ratio
here is that of pieces of `window` characters together. The least ratio, below which are keys, hashes and images as
text, is ours: of 1,703 real pages of 500 characters and more none lies below it, while random letters and digits pack
by 1.28.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from curate.filters.judged import Measure, first_broken
from curate.records import Document, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """Bounds of a text's compression ratio by zlib, the upper one Whisper's (arXiv:2212.04356, section 4.5)."""

    max_ratio: float = 2.4  # bytes of the text by bytes packed
    min_ratio: float = 1.35
    window: int = 1000  # characters that are packed at once
    min_chars: int = 500  # shorter texts are not judged, as they hardly pack

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window is at least 1 character, got {self.window}")


def judge_compression(document: Document, rules: Compression) -> Reason | None:
    """Returns the reason if the document's text packs too well or too badly, or None."""
    return first_broken("compression", compression_values(document, rules, False))


def compression_values(document: Document, rules: Compression, _full: bool) -> Iterator[Measure]:
    """Yields the ratio of a document's text for both bounds; None for a text that is too short."""
    text = document.text
    value = ratio(text, rules.window) if len(text) >= rules.min_chars else None
    yield Measure("repetitive", value, high=rules.max_ratio)
    yield Measure("random", value, low=rules.min_ratio)


def ratio(text: str, window: int) -> float:
    """Returns the bytes of a text by those of its packed pieces; a short last piece is left out."""
    last = max(1, len(text) - window // 2)
    pieces = [text[start : start + window].encode("utf-8", "replace") for start in range(0, last, window)]
    return sum(map(len, pieces)) / sum(len(zlib.compress(piece)) for piece in pieces)
