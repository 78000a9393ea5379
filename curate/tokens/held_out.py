"""Finds up to which order each source holds out documents, so that `pack.valid_tokens` are held out of it."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.tokens.cuts import sizes_of
from curate.tokens.lanes import Range, Sorted
from curate.tokens.splits import MOST, VALID


@dataclass(slots=True, kw_only=True)
class Share:
    """The tokens of a source: all of them, and those held out so far."""

    total: int = 0
    held: int = 0
    last: int | None = None  # the order up to which documents are held out besides those of the draw
    full: bool = False

    def add(self, order: int, tokens: int, goal: int) -> None:
        """Holds out the documents of the next order, unless the source has enough, or would give too many."""
        self.full = self.full or self.held >= goal or self.held + tokens > int(MOST * self.total)
        if not self.full:
            self.held, self.last = self.held + tokens, order


def valid_orders(documents: Sorted, valid_tokens: int) -> dict[str, int]:
    """Returns the orders with which each source holds out at least `valid_tokens`, or as many as MOST allows.

    A source without an entry needs no more than the draw gives it, or can give no more.
    """
    if not valid_tokens:
        return {}
    shares: dict[str, Share] = defaultdict(Share)
    for range_ in documents.ranges():
        for lane in range_.lanes:
            tokens = int(range_.index.sums["tokens"][range_.of(lane)].sum())
            shares[lane.source].total += tokens
            shares[lane.source].held += tokens if lane.split == VALID else 0
    for range_ in documents.ranges():
        for source in sorted({lane.source for lane in range_.lanes if not shares[lane.source].full}):
            _hold_out(shares[source], range_, _train(range_, source), valid_tokens)
        if all(share.full for share in shares.values()):
            break
    return {source: share.last for source, share in sorted(shares.items()) if share.last is not None}


def _train(range_: Range, source: str) -> npt.NDArray[np.bool_]:
    """Returns which segments hold documents of a source that are drawn into train, in any bucket."""
    chosen = np.zeros(len(range_.index.rows), np.bool_)
    for lane in range_.lanes:
        if lane.source == source and lane.split != VALID:
            chosen |= range_.of(lane)
    return chosen


def _hold_out(share: Share, range_: Range, train: npt.NDArray[np.bool_], goal: int) -> None:
    """Holds out the documents of a range in their order; reads no segment behind the one that gives enough."""
    index = range_.index
    tokens, last = index.sums["tokens"][train], index.last[train]
    least = min(goal - 1, int(MOST * share.total)) - share.held  # more than so many are not held out of this range
    share.full = share.held >= goal
    if share.full or not len(tokens):
        return
    if tokens.sum() <= least:
        share.held, share.last = share.held + int(tokens.sum()), int(last.max())
        return
    by_last = np.argsort(last, kind="stable")
    enough = last[by_last][np.searchsorted(np.cumsum(tokens[by_last]), max(least, 0), side="right")]
    columns = sizes_of(range_.read(train & (index.first <= enough)))
    order, first = np.unique(columns["order"], return_index=True)  # documents of equal order stay together
    for own, held in zip(order.tolist(), np.add.reduceat(columns["tokens"], first).tolist(), strict=True):
        share.add(own, held, goal)
        if share.full:
            return
