"""The result of judging a document: the document as the rules left it, the reason why one rejects it, and counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from typing import Any, NamedTuple

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
    value: float | None  # None where there is nothing to measure, as in a text that is too short
    low: float = -inf
    high: float = inf
    detail: str = ""
    inside: bool = False  # a value at a bound breaks the rule too
    stated: bool = True  # a rejection states the value and the bound
    column: str = ""  # the name under which the value is written, if not the rule's

    @property
    def name(self) -> str:
        """Returns the name under which the value is written, behind that of the family."""
        return self.column or self.rule


# What a rule measures of a document, its bounds by its settings. Every text has the same measures in the same order.
# The last argument: whether each value is measured to its end, or only as far as the bounds need it.
Measures = Callable[[Document, Any, bool], Iterator[Measure]]


class Signals(NamedTuple):
    """A text as a rule that changes texts leaves it, and all that the rule measures."""

    outcome: Outcome
    values: Mapping[str, float]  # by name, behind that of the family


def first_broken(family: str, measures: Iterable[Measure]) -> Reason | None:
    """Returns the reason for the first value outside its bounds, or None; the values after it are not measured."""
    return next(broken(family, measures), None)


def broken(family: str, measures: Iterable[Measure]) -> Iterator[Reason]:
    """Yields a reason for each value outside its bounds."""
    for rule, value, low, high, detail, inside, stated, _ in measures:
        if value is None or low < value < high or (low <= value <= high and not inside):
            continue
        if stated:
            bound = low if value < low or (inside and value == low) else high
            yield Reason(f"{family}.{rule}", float(value), float(bound), detail)
        else:
            yield Reason(f"{family}.{rule}", detail=detail)


def check_variant(variant: str, variants: tuple[str, ...]) -> None:
    """Raises ValueError where a rule has no variant of this name."""
    if variant not in variants:
        raise ValueError(f"variant is one of {', '.join(variants)}, got {variant!r}")
