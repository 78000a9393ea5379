"""Brings the rows of many parts into ranges of one order in a few passes, so that each range lies in a file of its own.

The order is that of a place: a 64-bit hash of a row's key, so equal shares of its values hold about as many rows. A
group of parts is read at a time, as much as fits in memory, and written as a file of one slice per range; the next
pass reads one slice out of each of at most FAN such files, and cuts it finer. After the last pass a file holds all
rows of one range, sorted as the stage likes. Every pass reads and writes each row once, every worker holds one group,
opens one file at a time, and reads at most FAN slices; so work and requests grow as N log N.

A stage that does so states in its plan `Passes` (of `grouped` parts), and an item for each of its steps:

    passes = Passes.over(groups)                    # how many groups there are decides all: passes, ranges, items
    step = passes.step(item.number)                 # what an item is: of which pass, cluster and range
    if step.number == 0: rows = …                   # the parts of the group, as tables
    else: rows = slices(folder, passes, step, SCHEMA)
    with writing_run(plan, item) as run:         # writes the part's two files and its receipt
        if passes.is_last(step): for held in in_memory(…): run.segments.add(…), as the stage sorts them
        else: cut(rows, "place", passes.edges(step), run)

A pipeline runs the items of a pass once those of the pass before are done (`in_passes` in
`pipelines/stages/map_only.py`); a reader of the ranges asks `passes.range_of(place)` and reads `run_index`, then the
segments that it needs.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import storage
from curate.stage import heartbeat
from curate.stage.heartbeat import beating
from curate.stage.parts import receipted
from curate.stage.plan import Item, Plan
from curate.stage.receipts import Counts, FileRecord, Receipt
from curate.stage.sorting import held_at_most
from curate.storage import segments
from curate.storage.segments import Index, SegmentWriter
from curate.storage.writing import drafted, sha256_of

GROUP_BYTES = 64 << 20  # of parts, as they lie on disk, that one worker holds
HELD_BYTES = 192 << 20  # of rows in memory, before they are cut or sorted
FAN = 256  # slices that one worker reads, each from another file
MOST_PASSES = 4  # for 1 PiB; a pipeline that is wired before anything is counted has so many
PLACES = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parts that one worker reads: from one part up to another, or some rows of a single large one."""

    first: int
    stop: int  # the number after that of the last part
    size: int  # bytes
    start_row: int = 0
    stop_row: int | None = None  # None: the last row's


def grouped(sizes: Sequence[int], rows: Sequence[int], limit: int = GROUP_BYTES) -> list[Group]:
    """Returns parts in groups of at most `limit` bytes, in order; a larger part is divided by its rows."""
    groups: list[Group] = []
    for number, (size, count) in enumerate(zip(sizes, rows, strict=True)):
        pieces = min(-(-size // limit), count)
        if pieces > 1:
            edges = [count * piece // pieces for piece in range(pieces + 1)]
            for start, stop in pairwise(edges):
                own = size * (stop - start) // count
                groups.append(Group(first=number, stop=number + 1, size=own, start_row=start, stop_row=stop))
        elif groups and groups[-1].stop_row is None and groups[-1].size + size <= limit:
            groups[-1] = Group(first=groups[-1].first, stop=number + 1, size=groups[-1].size + size)
        else:
            groups.append(Group(first=number, stop=number + 1, size=size))
    return groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The step of one item: in pass `number` it brings one range of the rows of a cluster of groups together."""

    number: int  # of the pass; 0 reads parts
    cluster: int  # of fan^number groups
    piece: int  # of fan^number ranges, which the passes before have made


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """The passes that bring the rows of groups into ranges: how many ranges there are, and what each item reads."""

    groups: int
    fan: int  # files that an item reads a slice of, and slices that it writes
    last: int  # the number of the last pass; 0: one group is one range

    @classmethod
    def over(cls, groups: int, most: int = FAN) -> "Passes":
        """Returns the passes over so many groups: as few as can be, of about equal fan."""
        last = 0
        while most**last < groups:
            last += 1
        fan = 1
        while fan**last < groups:
            fan += 1
        return cls(groups=max(groups, 1), fan=fan, last=last)

    @property
    def ranges(self) -> int:
        """Returns how many ranges there are after the last pass."""
        ranges: int = self.fan**self.last
        return ranges

    def clusters(self, number: int) -> int:
        """Returns how many clusters of groups a pass has."""
        groups: int = self.fan**number  # in a cluster
        return -(-self.groups // groups)

    @property
    def starts(self) -> list[int]:
        """Returns the number of the first item of each pass, and behind them how many items there are."""
        counts = (self.clusters(number) * self.fan**number for number in range(self.last + 1))
        return [0, *accumulate(counts)]

    def step(self, item: int) -> Step:
        """Returns what an item does."""
        number = next(number for number, start in enumerate(self.starts[1:]) if item < start)
        cluster, piece = divmod(item - self.starts[number], self.fan**number)
        return Step(number=number, cluster=cluster, piece=piece)

    def item(self, number: int, cluster: int, piece: int) -> int:
        """Returns the number of the item of a pass, a cluster and a range."""
        pieces: int = self.fan**number
        return self.starts[number] + cluster * pieces + piece

    def is_last(self, step: Step) -> bool:
        """Returns whether a step leaves a range with all its rows."""
        return step.number == self.last

    def inputs(self, step: Step) -> tuple[list[int], int]:
        """Returns the items whose files a step reads, in the order of the parts, and which slice it takes of each."""
        before = self.clusters(step.number - 1)
        clusters = range(self.fan * step.cluster, min(self.fan * (step.cluster + 1), before))
        piece, own = divmod(step.piece, self.fan)
        return [self.item(step.number - 1, cluster, piece) for cluster in clusters], own

    def edges(self, step: Step) -> list[int]:
        """Returns the places at which the slices begin that a step writes, its first one aside."""
        finer = self.fan ** (step.number + 1)
        return [-(-(step.piece * self.fan + own) * PLACES // finer) for own in range(1, self.fan)]

    def range_of(self, place: int) -> int:
        """Returns in which range a place lies after the last pass."""
        return place * self.ranges // PLACES

    def final(self, piece: int) -> int:
        """Returns the number of the item that leaves a range."""
        return self.starts[self.last] + piece


@dataclass(slots=True, kw_only=True)
class Run:
    """A part that is being written: its segments, and what its index is to state besides."""

    segments: SegmentWriter
    facts: dict[str, Any] = field(default_factory=dict)


def run_names(number: int) -> tuple[str, str]:
    """Returns the names of a part's rows and of its index.

    >>> run_names(7)
    ('part-00007.rows', 'part-00007.json')
    """
    return f"part-{number:05d}.rows", f"part-{number:05d}.json"


@contextmanager
def writing_run(plan: Plan, item: Item, counts: Counts | None = None) -> Iterator[Run]:
    """Yields a part to write; on success its files get their names, and its receipt is written. Shows its progress."""
    started = time.thread_time()
    rows_name, index_name = run_names(item.number)
    with beating(plan.folder, item.number), drafted(plan.folder / rows_name) as rows:
        run = Run(segments=SegmentWriter(rows))
        try:
            yield run
            sha256 = run.segments.close()
        finally:
            run.segments.abandon()
        with drafted(plan.folder / index_name) as index:
            index.write_bytes(run.segments.index(run.facts))
            written = run.segments.rows
            files = {
                rows_name: FileRecord(rows=written, bytes=run.segments.size, sha256=sha256),
                index_name: FileRecord(rows=0, bytes=index.stat().st_size, sha256=sha256_of(index)),
            }
            receipt = Receipt(
                key=plan.part_key(item),
                number=item.number,
                counts=counts or Counts(),
                files=files,
                seconds=round(time.thread_time() - started, 3),
            )
            with receipted(plan.folder, receipt):
                storage.publish(rows, plan.folder / rows_name)
                storage.publish(index, plan.folder / index_name)


def passes_of(plan: Plan) -> Passes:
    """Returns the passes that a plan states in its settings, as `asdict` gives them."""
    return Passes(**plan.settings["passes"])


def run_index(folder: Path, number: int) -> Index:
    """Reads the index of a part."""
    path = folder / run_names(number)[1]
    return segments.parse_index(storage.contents([path])[0], path)


def read_run(
    folder: Path, number: int, index: Index, chosen: npt.NDArray[np.bool_], schema: pa.Schema
) -> Iterator[pa.Table]:
    """Yields the chosen segments of a part."""
    yield from segments.read(folder / run_names(number)[0], index, np.flatnonzero(chosen), schema)


def slices(folder: Path, passes: Passes, step: Step, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yields the rows that a step brings together, in the order of the parts; all indexes are asked for at once."""
    numbers, own = passes.inputs(step)
    paths = [folder / run_names(number)[1] for number in numbers]
    for place, content in enumerate(storage.contents(paths)):
        index = segments.parse_index(content, paths[place])
        yield from read_run(folder, numbers[place], index, index.group == own, schema)
        heartbeat.advance(place + 1, len(paths))


def cut(tables: Iterable[pa.Table], place: str, edges: Sequence[int], run: Run, limit: int = HELD_BYTES) -> None:
    """Writes the rows as slices, in each of which they keep their order; place: the column of their places."""
    for held in held_at_most(tables, limit):
        places = held[place].to_numpy()
        slice_of = np.searchsorted(np.array(edges, np.uint64), places, side="right")
        order = np.argsort(slice_of, kind="stable")
        held, places, slice_of = held.take(pa.array(order)), places[order], slice_of[order]
        starts = np.flatnonzero(np.diff(slice_of, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(held)], strict=True):
            own = places[start:stop]
            rows = held.slice(start, stop - start)
            run.segments.add(rows, int(slice_of[start]), int(own.min()), int(own.max()))


def in_memory(read: Callable[[], Iterable[pa.Table]], place: str, limit: int = HELD_BYTES) -> Iterator[pa.Table]:
    """Yields the rows that `read` gives, range by range of their places, each in memory; equal places stay together.

    A range of all places is the rule. Rows that unpack to more than `limit` bytes are read once for each range.
    """
    low, high = 0, PLACES
    while low < high:
        top, held, size = high, list[pa.Table](), 0
        for table in read():
            held.append(_between(table, place, low, top))
            size += held[-1].nbytes
            while size > limit and (middle := _middle(held, place)) is not None:
                top = middle
                held = [_between(pa.concat_tables(held), place, low, top)]
                size = held[0].nbytes
        held = [pa.concat_tables(held)] if sum(map(len, held)) else []
        if held:
            yield held.pop()  # so that the reader may let go of it
        low = top


def _between(table: pa.Table, place: str, low: int, top: int) -> pa.Table:
    if low == 0 and top == PLACES:
        return table
    above = pc.greater_equal(table[place], pa.scalar(low, pa.uint64()))
    return table.filter(pc.and_(above, pc.less_equal(table[place], pa.scalar(top - 1, pa.uint64()))))


def _middle(held: list[pa.Table], place: str) -> int | None:
    """Returns a place that divides the rows; None where all have the same."""
    places = np.concatenate([table[place].to_numpy() for table in held])
    middle = np.partition(places, len(places) // 2)[len(places) // 2]
    if middle == places.min():
        above = places[places > middle]
        return int(above.min()) if len(above) else None
    return int(middle)
