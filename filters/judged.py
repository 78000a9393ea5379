"""The result of judging a document: the document as the rules left it, the reason why one rejects it, and counts."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import NamedTuple

from curate.records import Document, Reason


class Judged(NamedTuple):
    """A judged document; `reason` is None where no rule rejects it, `notes` counts what the rules changed."""

    document: Document
    reason: Reason | None
    notes: Mapping[str, int]


# What one rule returns: None keeps the document as it is, a Reason rejects it, a Judged holds a changed document.
Outcome = Judged | Reason | None


class Measure(NamedTuple):
    """A measured value and the bounds within which a text is kept."""

    rule: str
    value: float
    low: float = -inf
    high: float = inf
    detail: str = ""


def first_broken(family: str, measures: Iterator[Measure]) -> Reason | None:
    """Returns the reason for the first value outside its bounds, or None; the values after it are not measured."""
    for rule, value, low, high, detail in measures:
        if not low <= value <= high:
            return Reason(f"{family}.{rule}", float(value), float(low if value < low else high), detail)
    return None


def check_variant(variant: str, variants: tuple[str, ...]) -> None:
    """Raises ValueError where a rule has no variant of this name."""
    if variant not in variants:
        raise ValueError(f"variant is one of {', '.join(variants)}, got {variant!r}")
