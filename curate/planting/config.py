"""Planting: the rates of the defects and the other settings of a planted corpus."""

import math
from dataclasses import dataclass

from curate.errors import SettingsError
from curate.settings import check

# The kinds of the defects, with the share that each has in its defect.
COPIES = {"exact": 0.25, "respelled": 0.2, "edited": 0.25, "cut": 0.15, "framed": 0.15}
PAGES = 0.5  # of the documents with boilerplate: documents of furniture alone; the others are clean ones with furniture
FURNITURE_PLACES = {"before": 0.2, "inside": 0.2, "after": 0.2, "around": 0.4}
LISTS = 0.5  # of the documents with leaks: lists of items alone; the others are clean documents with items inserted
OPTIONS = {
    "duplicates": "--duplicates",
    "boilerplate": "--boilerplate",
    "other_language": "--other-language",
    "leaks": "--leaks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """The settings of a planted corpus; a rate is the share of its documents that have the defect."""

    duplicates: float = 0.4
    boilerplate: float = 0.2
    other_language: float = 0.15
    leaks: float = 0.1
    held_out: float = 0.0  # share of the clean documents that neither corpus has
    max_words: int = 1000  # of a clean document; a longer one is cut into pieces
    seed: int = 0

    def __post_init__(self) -> None:
        for name, option in OPTIONS.items():
            check(0 <= getattr(self, name) < 1, f"{option} {getattr(self, name)}: a rate lies from 0 to below 1")
        check(sum(self.rates) < 1, f"the rates add up to {sum(self.rates):g}; below 1, so that clean documents remain")
        check(sum(self.rates) > 0, "every rate is 0; set one above 0, such as --duplicates 0.4")
        check(0 <= self.held_out < 1, f"--held-out {self.held_out}: a share lies from 0 to below 1")
        check(self.max_words >= 50, f"--max-words {self.max_words}: a document has at least 50 words")
        check(self.seed >= 0, f"--seed {self.seed}: is below 0")

    @property
    def rates(self) -> tuple[float, ...]:
        """Returns the rates in the order of OPTIONS."""
        return tuple(getattr(self, name) for name in OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The documents of a planted corpus by what they are."""

    untouched: int  # clean documents as they were read
    copies: int
    pages: int  # documents of furniture alone
    furnished: int  # clean documents with furniture
    other_language: int
    lists: int  # documents of task items alone
    inserted: int  # clean documents with task items

    @property
    def total(self) -> int:
        """Returns the documents of the planted corpus."""
        return (
            self.untouched
            + self.copies
            + self.pages
            + self.furnished
            + self.other_language
            + self.lists
            + self.inserted
        )


def counts(clean: int, planting: Planting) -> Counts:
    """Returns how many documents of each kind a corpus of `clean` documents gets.

    Copies, pages, lists and documents in other languages are added; furniture and items go into clean documents, whose
    number stays. SettingsError where there are too few documents for a rate.
    """
    changed = planting.boilerplate * (1 - PAGES) + planting.leaks * (1 - LISTS)
    total = clean / (1 - sum(planting.rates) + changed)
    wanted = {name: round(getattr(planting, name) * total) for name in OPTIONS}
    for name, option in OPTIONS.items():
        rate = getattr(planting, name)
        if rate > 0 and wanted[name] < 1:
            raise SettingsError(f"{option} {rate:g}: is less than one of {total:.0f} documents; give more documents")
    pages, lists = math.ceil(wanted["boilerplate"] * PAGES), math.ceil(wanted["leaks"] * LISTS)
    furnished, inserted = wanted["boilerplate"] - pages, wanted["leaks"] - lists
    untouched = clean - furnished - inserted
    if untouched < 1:
        raise SettingsError(f"{clean} clean documents are too few for these rates; give more documents")
    return Counts(
        untouched=untouched,
        copies=wanted["duplicates"],
        pages=pages,
        furnished=furnished,
        other_language=wanted["other_language"],
        lists=lists,
        inserted=inserted,
    )


def allotted(number: int, shares: dict[str, float]) -> list[str]:
    """Returns `number` names in the order of the shares, each as often as its share says (largest remainders).

    >>> allotted(3, {"a": 0.6, "b": 0.4})
    ['a', 'a', 'b']
    """
    whole = sum(shares.values())
    exact = {name: number * share / whole for name, share in shares.items()}
    sizes = {name: int(value) for name, value in exact.items()}
    order = sorted(shares, key=lambda name: sizes[name] - exact[name])  # a stable sort: ties in the order of the shares
    for name in order[: number - sum(sizes.values())]:
        sizes[name] += 1
    return [name for name, size in sizes.items() for _ in range(size)]
