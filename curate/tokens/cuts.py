"""Plans shards: the global order of each lane, cut greedily into ranges of at most so many tokens.

One pass over the indexes of the sorted documents is enough, with a state a lane: a segment that fits is added by its
sums, and only of the segment in which a cut falls the documents are read. So the cuts are exact, and neither memory
nor reading grows with the documents beyond a line a segment. The sums foretell in which segments cuts fall, so that a
store is asked for some of these at once; a segment that was not foretold is read by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.tokens.lanes import Lane, Range, Sorted, read_each
from curate.tokens.rows import QUALITY
from curate.tokens.splits import TRAIN, VALID, Orders
from curate.tokens.tokenizer import Stated

AHEAD = 32  # segments with cuts that are read at a time
RANGES = 64  # for which these are foretold at a time
SIZES = ("order", "tokens", "bytes")  # the columns that decide where shards begin and end

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRange:
    """A shard that is planned: the documents of a source's split with low <= order <= high."""

    path: str  # below the shards folder, without a suffix
    split: str
    source: str
    low: int
    high: int
    tokens: int
    bytes: int  # of text in UTF-8
    documents: int
    bucket: int | None = None  # of its documents' quality or cluster size; None where there are none

    @property
    def lane(self) -> Lane:
        """Returns the lane that it is a range of."""
        return Lane(split=self.split, source=self.source, bucket=self.bucket)


def sub_source(source: str, bucket: int | None, by: str = QUALITY) -> str:
    """Returns the name under which a bucket of a source is a source of its own; by: the column of its edges.

    >>> sub_source("web", 2), sub_source("web", 1, "cluster_size"), sub_source("web", None)
    ('web.q2', 'web.c1', 'web')
    """
    return source if bucket is None else f"{source}.{by[0]}{bucket}"


def cuts_settings(
    cuts: list[ShardRange],
    parts: list[str],
    edges: Sequence[float],
    tokenizer: Stated,
    *,
    valid_tokens: int = 0,
    orders: Orders | None = None,
    by: str = QUALITY,
) -> dict[str, Any]:
    """Returns the settings of a pack stage: the shard ranges, the tokenized parts, the buckets' edges, the tokenizer.

    valid_tokens, orders: the least held-out tokens that were asked for, and the orders that give them.
    """
    settings = {"cuts": [asdict(cut) for cut in cuts], "parts": parts, "buckets": list(edges), "tokenizer": tokenizer}
    settings |= {} if by == QUALITY else {"by": by}
    return settings | ({"valid": {"tokens": valid_tokens, "orders": orders or {}}} if valid_tokens else {})


def plan_cuts(
    documents: Sorted, max_tokens: int, orders: Orders | None = None, *, by: str = QUALITY
) -> list[ShardRange]:
    """Returns the shards of the documents: greedy runs of at most max_tokens.

    A document longer than max_tokens is a shard of its own. orders: up to which documents of the sources are held out,
    though they are drawn into "train". by: the column of the buckets' edges.
    """
    filled: dict[Lane, Filling] = {}
    remaining = documents.ranges()
    while ranges := [*islice(remaining, RANGES)]:
        ahead = Ahead(_foretold(ranges, filled, max_tokens, orders or {}))
        for range_ in ranges:
            for lane in _lanes(range_, orders or {}):
                _fill(filled.setdefault(lane, Filling(max_tokens=max_tokens)), range_, lane, orders or {}, ahead)
    return [cut for lane in sorted(filled, key=lambda lane: lane.key) for cut in _shards(lane, filled[lane], by)]


def held_out_too(lane: Lane) -> Lane:
    """Returns the lane whose first documents are held out besides those that the draw holds out."""
    return Lane(split=TRAIN, source=lane.source, bucket=lane.bucket)


def sizes_of(tables: Iterator[pa.Table]) -> Columns:
    """Returns what decides the cuts of some documents, in the global order.

    Ties are ordered by size, so that cuts do not depend on the parts.
    """
    held = [[table[name].to_numpy() for name in SIZES] for table in tables]
    kinds = (np.uint64, np.int64, np.int64)
    pieces = zip(*held, strict=True) if held else ([] for _ in SIZES)
    joined = [np.concatenate([*own, np.array([], kind)]).astype(kind) for own, kind in zip(pieces, kinds, strict=True)]
    chosen = np.lexsort(joined[::-1])
    return {name: column[chosen] for name, column in zip(SIZES, joined, strict=True)}


@dataclass(slots=True, kw_only=True)
class ShardSize:
    """A shard while documents are added to it."""

    low: int
    high: int
    tokens: int = 0
    bytes: int = 0
    documents: int = 0


@dataclass(slots=True, kw_only=True)
class Filling:
    """The shards of a lane, of which the last is still open."""

    max_tokens: int
    shards: list[ShardSize] = field(default_factory=list)

    def add_whole(self, size: ShardSize) -> bool:
        """Adds documents behind the others if they all fit; returns whether they do."""
        if not self.shards and size.tokens <= self.max_tokens:
            self.shards.append(ShardSize(low=size.low, high=size.low))
        if not self.shards or self.shards[-1].tokens + size.tokens > self.max_tokens:
            return False
        self._add(size)
        return True

    def add(self, columns: Columns) -> None:
        """Adds documents in order; one that does not fit begins a shard, unless it has the order of the last."""
        order, tokens = columns["order"], columns["tokens"]
        ends, start, before = np.cumsum(tokens), 0, 0
        while start < len(order):
            stop = start
            if self.shards:
                room = before + self.max_tokens - self.shards[-1].tokens
                stop = _with_equals(order, max(start, int(np.searchsorted(ends, room, "right"))), self.shards[-1].high)
            if stop == start:
                self.shards.append(ShardSize(low=int(order[start]), high=int(order[start])))
                stop = max(start + 1, int(np.searchsorted(ends, before + self.max_tokens, "right")))
                stop = _with_equals(order, stop, int(order[start]))
            own = slice(start, stop)
            self._add(
                ShardSize(
                    low=int(order[start]),
                    high=int(order[stop - 1]),
                    tokens=int(tokens[own].sum()),
                    bytes=int(columns["bytes"][own].sum()),
                    documents=stop - start,
                )
            )
            start, before = stop, int(ends[stop - 1])

    def _add(self, size: ShardSize) -> None:
        last = self.shards[-1]
        last.high = size.high
        last.tokens += size.tokens
        last.bytes += size.bytes
        last.documents += size.documents


def _with_equals(order: npt.NDArray[np.uint64], stop: int, high: int) -> int:
    """Returns where rows up to `stop` end with those that have the order of the last; high: the order before them."""
    last = int(order[stop - 1]) if stop else high
    while stop < len(order) and int(order[stop]) == last:
        stop += 1
    return stop


def _lanes(range_: Range, orders: Orders) -> list[Lane]:
    """Returns the lanes that documents of a range go to."""
    valid = {Lane(split=VALID, source=lane.source, bucket=lane.bucket) for lane in range_.lanes}
    return [*{*range_.lanes, *(lane for lane in valid if lane.source in orders)}]


class Ahead:
    """Reads segments, several at a time where it was foretold that they are asked for; each is read once."""

    def __init__(self, foretold: Sequence[tuple[Range, int]]) -> None:
        self._foretold = foretold  # the ranges and the numbers of segments, in the order in which they are asked for
        self._places = {(range_.number, number): place for place, (range_, number) in enumerate(foretold)}
        self._held: dict[tuple[int, int], pa.Table] = {}

    def segment(self, range_: Range, number: int) -> pa.Table:
        """Returns the documents of a segment."""
        name = (range_.number, number)
        if name not in self._held:
            place = self._places.get(name)
            chosen = [(range_, number)] if place is None else self._foretold[place : place + AHEAD]
            if place is not None:
                self._held.clear()  # what was passed over is not asked for
            for (own, of), table in zip(chosen, read_each(chosen), strict=True):
                self._held[own.number, of] = table
        return self._held.pop(name)


def _foretold(
    ranges: Sequence[Range], filled: Mapping[Lane, Filling], max_tokens: int, orders: Orders
) -> list[tuple[Range, int]]:
    """Returns the segments in which cuts fall, by the sums, as if each shard lacked half a document to be full."""
    places: list[tuple[Range, int]] = []
    tokens = {lane: filling.shards[-1].tokens for lane, filling in filled.items() if filling.shards}
    for range_ in ranges:
        for lane in _lanes(range_, orders):
            held = tokens.get(lane, 0)
            for number in np.flatnonzero(range_.of(lane)).tolist():
                size = int(range_.index.sums["tokens"][number])
                held += size
                if held > max_tokens:
                    places.append((range_, number))
                    held = (held - 1) % max_tokens + 1 + size // int(2 * range_.index.rows[number])
            tokens[lane] = held
    return places


def _fill(filling: Filling, range_: Range, lane: Lane, orders: Orders, ahead: Ahead) -> None:
    """Adds a lane's documents of a range."""
    index, rest = range_.index, range_.of(lane)
    if lane.source in orders:
        last = np.uint64(orders[lane.source])
        early = index.first <= last  # among these segments, documents change their split
        filling.add(sizes_of(_divided(range_, lane, early, int(last))))
        rest = rest & ~early
    for number in np.flatnonzero(rest).tolist():
        size = ShardSize(
            low=int(index.first[number]),
            high=int(index.last[number]),
            tokens=int(index.sums["tokens"][number]),
            bytes=int(index.sums["bytes"][number]),
            documents=int(index.rows[number]),
        )
        if not filling.add_whole(size):
            filling.add(sizes_of(iter([ahead.segment(range_, number)])))


def _divided(range_: Range, lane: Lane, early: npt.NDArray[np.bool_], last: int) -> Iterator[pa.Table]:
    """Yields a lane's documents in segments that begin up to an order, by which train is divided from held-out text."""
    if lane.split == VALID:
        yield from range_.read(range_.of(lane) & early)
    for table in range_.read(range_.of(held_out_too(lane)) & early):
        place = int(np.searchsorted(table["order"].to_numpy(), np.uint64(last), "right"))
        yield table.slice(0, place) if lane.split == VALID else table.slice(place)


def _shards(lane: Lane, filling: Filling, by: str) -> Iterator[ShardRange]:
    folder, count = f"{lane.split}/{sub_source(lane.source, lane.bucket, by)}", len(filling.shards)
    for number, shard in enumerate(filling.shards):
        yield ShardRange(
            path=f"{folder}/part-{number:05d}-of-{count:05d}",
            split=lane.split,
            source=lane.source,
            bucket=lane.bucket,
            low=shard.low,
            high=shard.high,
            tokens=shard.tokens,
            bytes=shard.bytes,
            documents=shard.documents,
        )
