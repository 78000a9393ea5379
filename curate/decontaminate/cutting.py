"""Cuts matching passages out of a document, and drops one that falls into too many or too short pieces.

GPT-3 (appendix C): the gram and 200 characters on each side are removed, pieces below 200 characters are dropped, and
so is a document in more than ten pieces. Pieces are counted before the short ones are dropped. What is left of a
document stays one document, its pieces with a blank line between, so that its id stands for it in every later stage.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from curate.decontaminate.config import Decontaminate
from curate.decontaminate.matches import Match, merged
from curate.records import Document, Reason

BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A text in pieces."""

    pieces: tuple[str, ...]  # all, without blanks at their ends; none is empty
    kept: tuple[str, ...]  # those that are long enough
    removed: int  # characters of the text that are in none of those


def cut(text: str, match: Match, rules: Decontaminate) -> Cut:
    """Returns a text without the grams of a match and without the windows around them."""
    starts = tuple(max(0, start - rules.window) for start in match.starts)
    stops = tuple(min(len(text), stop + rules.window) for stop in match.stops)
    spans = merged(starts, stops)
    bounds = [0, *(place for span in spans for place in span), len(text)]
    parts = (text[start:stop].strip() for start, stop in zip(bounds[::2], bounds[1::2], strict=True))
    pieces = tuple(piece for piece in parts if piece)
    kept = tuple(piece for piece in pieces if len(piece) >= rules.min_piece)
    return Cut(pieces=pieces, kept=kept, removed=len(text) - sum(map(len, kept)))


def without(match: Match, ignored: frozenset[int]) -> Match | None:
    """Returns a match without the grams that are ignored; None where no other is left."""
    rows = [row for row in zip(match.grams, match.starts, match.stops, strict=True) if row[0] not in ignored]
    return Match(*zip(*rows, strict=True)) if rows else None


def decide(document: Document, match: Match, names: Iterable[str], rules: Decontaminate) -> Document | Reason:
    """Returns what is left of a document that holds grams, or the reason for which it is rejected.

    names: the sets that the grams are of. The column flags states the sets, the pieces and the removed characters, or
    those that would be removed.
    """
    sets = ",".join(sorted(names))
    if rules.action == "drop":
        return Reason("decontaminate.match", float(len(set(match.grams))), 0.0, f"of {sets}")
    result = cut(document.text, match, rules)
    words = (document.flags, f"decontaminate:sets={sets}", f"decontaminate:pieces={len(result.pieces)}")
    flags = " ".join([*filter(None, words), f"decontaminate:removed={result.removed}"])
    if rules.action == "mark":
        return replace(document, flags=flags)
    if len(result.pieces) > rules.max_pieces:
        return Reason("decontaminate.pieces", float(len(result.pieces)), float(rules.max_pieces), f"of {sets}")
    if not result.kept:
        longest = max(map(len, result.pieces), default=0)
        return Reason("decontaminate.short", float(longest), float(rules.min_piece), f"of {sets}")
    return replace(document, text=BETWEEN.join(result.kept), flags=flags)
