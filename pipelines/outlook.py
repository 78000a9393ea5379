"""Says that a run will take hours before it begins, by the sizes of its inputs alone, so that it costs nothing.

No page is tried here: `curate estimate` does that, and is right within a quarter where this may be off by a half.
"""

from collections.abc import Sequence

from curate.inputs.columns import USER_FORMS
from curate.inputs.items import local_bytes
from curate.stage.plan import Item
from curate.stage.wording import duration, size

LONG_S = 3600.0  # a run that takes less is not announced
SMALL_S = 600.0
# Bytes of input that one core takes through all stages in a second, and bytes written for a byte of input: the webtext
# recipe over 3,310 pages (WARC), and gpt3 over Parquet files of the same texts, by tests/bench/estimate.py.
RATES = {True: 750_000, False: 300_000}  # whether it is the user's own documents: no, yes
WRITTEN = {True: 0.15, False: 3.0}


def is_small(patterns: Sequence[str]) -> bool:
    """Returns whether a run over these inputs takes some minutes of one core at most; False if some do not lie here."""
    size = local_bytes(tuple(patterns))
    return size is not None and size < RATES[False] * SMALL_S


def lines(items: Sequence[Item], workers: int) -> list[str]:
    """Returns what a run over these inputs takes; nothing where that is no hour with so many workers."""
    sizes = {True: 0, False: 0}
    for item in items:
        sizes[item.form not in USER_FORMS] += item.size
    return of_sizes(sizes[True], sizes[False], workers)


def of_sizes(archives: int, documents: int, workers: int) -> list[str]:
    """Returns the same of so many bytes of archives of pages and of the user's own documents.

    >>> of_sizes(10**9, 0, 2)
    []
    >>> of_sizes(10**12, 0, 64)[0]
    'about 370 core-hours, 5h47m with 64 workers: 1.0 TB of input, by its size alone'
    """
    sizes = {True: archives, False: documents}
    seconds = sum(sizes[kind] / RATES[kind] for kind in sizes)
    if seconds / workers <= LONG_S:
        return []
    written = sum(sizes[kind] * WRITTEN[kind] for kind in sizes)
    shown = f"{seconds / 3600:,.0f} core-hours, {duration(seconds / workers)} with {workers:,} workers"
    return [
        f"about {shown}: {size(archives + documents)} of input, by its size alone",
        f"about {size(written)} will be written; curate estimate, given the recipe and files of this run, tries a "
        "sample and says it stage by stage",
    ]
