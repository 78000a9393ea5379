"""Brings tokenized documents into the global order: lanes of one split, source and bucket, each sorted by `order`.

That is the inner stage `sort` of pack. `order` is a hash, so it is the place by which the rows come into ranges; after
the last pass the file of a range holds each lane's documents of it, in segments with their sums of tokens and bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.stage import heartbeat
from curate.stage.checked import opened_part, receipts_of, replaced
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.ranges import Passes, Run, cut, in_memory, passes_of, read_run, run_names, slices, writing_run
from curate.stage.receipts import Counts
from curate.storage import segments
from curate.storage.segments import Index, parse_index
from curate.tokens.rows import TOKENS, buckets_of

LEAST_SEGMENT, MOST_SEGMENT = 8 << 10, 1 << 20  # bytes of ids
SEGMENTS_A_SHARD = 8  # at least, so that a shard reads little beyond its own documents
LEAST_GROUP, MOST_GROUP = 16 << 20, 64 << 20  # bytes of a range
INDEXES = 64  # that are read at a time

Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Documents that are packed together."""

    split: str
    source: str
    bucket: int | None  # of their quality or cluster size; None where there are none

    @property
    def key(self) -> tuple[str, str, int]:
        """Returns what lanes are sorted by."""
        return self.split, self.source, -1 if self.bucket is None else self.bucket


def segment_bytes(shard_bytes: int) -> int:
    """Returns the bytes of ids of a segment: a small part of a shard."""
    return min(MOST_SEGMENT, max(LEAST_SEGMENT, shard_bytes // SEGMENTS_A_SHARD))


def group_bytes(shard_bytes: int) -> int:
    """Returns the bytes of a range: fewer for small shards, as each reads the index of every range that it lies in."""
    return min(MOST_GROUP, max(LEAST_GROUP, shard_bytes**2 >> 11))


def sort_step(plan: Plan, item: Item) -> None:
    """Makes one part of the inner stage: rows cut into slices, or in the last pass the sorted lanes of a range."""
    passes, table, counts = passes_of(plan), plan.settings, Counts()
    step = passes.step(item.number)

    def rows() -> Iterator[pa.Table]:
        if step.number:
            return slices(plan.folder, passes, step, TOKENS)
        return _of_parts(plan, item, Counts() if counts.read else counts)

    with writing_run(plan, item, counts) as run:
        if passes.is_last(step):
            run.facts["inputs"] = item.digest
            _write_lanes(in_memory(rows, "order"), run, table["buckets"], table["by"], table["segment"])
        else:
            cut(rows(), "order", passes.edges(step), run)


def _of_parts(plan: Plan, item: Item, counts: Counts) -> Iterator[pa.Table]:
    """Yields the rows of the tokenized parts of a group, and counts them; DamageError where one was made anew since."""
    paths = [plan.path(uri) for uri in item.uris if uri]
    receipts = receipts_of(paths)
    if json_digest([own.files[path.name].sha256 for own, path in zip(receipts, paths, strict=True)]) != item.digest:
        raise replaced(paths[0])
    for number, (path, receipt) in enumerate(zip(paths, receipts, strict=True)):
        with opened_part(path, receipt=receipt) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            for table in _row_groups(file, item.start, item.stop):
                sums = table.group_by("source", use_threads=False).aggregate([("bytes", "count"), ("bytes", "sum")])
                for row in sums.to_pylist():
                    counts.keep(row["source"], row["bytes_sum"], number=row["bytes_count"])
                yield table
        heartbeat.advance(number + 1, len(paths))


def _row_groups(file: pq.ParquetFile, start: int, stop: int | None) -> Iterator[pa.Table]:
    """Yields the rows from one up to another, row group by row group."""
    before = 0
    for number in range(file.num_row_groups):
        count = file.metadata.row_group(number).num_rows
        first, last = max(start - before, 0), count if stop is None else min(stop - before, count)
        if first < last:
            table = file.read_row_group(number, columns=TOKENS.names, use_threads=False)
            yield table.select(TOKENS.names).cast(TOKENS).slice(first, last - first)
        before += count


def _write_lanes(tables: Iterable[pa.Table], run: Run, edges: Sequence[float], by: str, size: int) -> None:
    """Writes the lanes of a range as segments of about `size` bytes of ids; equal orders are in one segment."""
    numbers: dict[Lane, int] = {}
    for table in tables:
        lanes, code = _lanes_in(table, edges, by)
        table = table.combine_chunks()  # so that the rows of a segment are taken without a copy of all others
        chosen = in_lane_order(table, code)
        order, code, sizes = table["order"].to_numpy()[chosen], code[chosen], pc.binary_length(table["ids"])
        sizes, tokens, lengths = (column.to_numpy()[chosen] for column in (sizes, table["tokens"], table["bytes"]))
        starts = np.flatnonzero(np.diff(code, prepend=-1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(table)], strict=True):
            number = numbers.setdefault(lanes[code[start]], len(numbers))
            for first, end in greedy(order[start:stop], sizes[start:stop], size):
                own = slice(start + first, start + end)
                run.segments.add(
                    table.take(pa.array(chosen[own])),
                    number,
                    int(order[own.start]),
                    int(order[own.stop - 1]),
                    tokens=int(tokens[own].sum(dtype=np.int64)),
                    bytes=int(lengths[own].sum()),
                )
    run.facts["lanes"] = [asdict(lane) for lane in numbers]


def _lanes_in(table: pa.Table, edges: Sequence[float], by: str) -> tuple[list[Lane], Array]:
    """Returns the lanes of rows in order, and for each row the number of its own."""
    names = [sorted(table[name].unique().to_pylist()) for name in ("split", "source")]
    split, source = (
        pc.index_in(table[name], value_set=pa.array(values, pa.string())).to_numpy().astype(np.int64)
        for name, values in zip(("split", "source"), names, strict=True)
    )
    buckets = len(edges) + 2
    code = (split * len(names[1]) + source) * buckets + buckets_of(table, edges, by) + 1
    used, own = np.unique(code, return_inverse=True)
    lanes = []
    for number in used.tolist():
        rest, bucket = divmod(number, buckets)
        split_name, source_name = names[0][rest // len(names[1])], names[1][rest % len(names[1])]
        lanes.append(Lane(split=split_name, source=source_name, bucket=bucket - 1 if bucket else None))
    return lanes, own


def in_lane_order(table: pa.Table, code: Array) -> Array:
    """Returns the numbers of rows by lane, order, id, URL and token ids; what is equal in all stays as it came."""
    order = table["order"].to_numpy()
    chosen = np.lexsort((order, code))
    order, code = order[chosen], code[chosen]
    same = np.concatenate([[False], (order[1:] == order[:-1]) & (code[1:] == code[:-1]), [False]])
    starts, stops = np.flatnonzero(same[1:] & ~same[:-1]), np.flatnonzero(~same[1:] & same[:-1])
    for start, stop in zip(starts.tolist(), (stops + 1).tolist(), strict=True):
        rows = chosen[start:stop]
        keys = [table[name].take(pa.array(rows)).to_pylist() for name in ("id", "url", "ids")]
        chosen[start:stop] = rows[sorted(range(len(rows)), key=[*zip(*keys, strict=True)].__getitem__)]
    return chosen


def greedy(order: npt.NDArray[np.uint64], sizes: Array, most: int) -> list[tuple[int, int]]:
    """Returns half-open row ranges of at most `most` each; equal orders (64-bit hash collisions) stay together."""
    ends = np.cumsum(sizes, dtype=np.int64)
    runs, start, before = [], 0, 0
    while start < len(order):
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        while stop < len(order) and order[stop] == order[stop - 1]:
            stop += 1
        runs.append((start, stop))
        start, before = stop, int(ends[stop - 1])
    return runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The documents of a range of the order, of which a reader takes the segments that it needs."""

    folder: Path
    number: int  # of the part that holds them
    index: Index
    lanes: dict[Lane, int]  # and the group of their segments

    @property
    def inputs(self) -> str:
        """Returns the digest of the tokenized parts that it was made from."""
        return str(self.index.facts["inputs"])

    def of(self, lane: Lane) -> npt.NDArray[np.bool_]:
        """Returns which segments are a lane's."""
        own: npt.NDArray[np.bool_] = self.index.group == self.lanes.get(lane, -1)
        return own

    def read(self, chosen: npt.NDArray[np.bool_]) -> Iterator[pa.Table]:
        """Yields the rows of segments."""
        return read_run(self.folder, self.number, self.index, chosen, TOKENS)

    def between(self, lane: Lane, low: int, high: int) -> Iterator[pa.Table]:
        """Yields a lane's documents with low <= order <= high, in order."""
        chosen = self.of(lane) & (self.index.last >= np.uint64(low)) & (self.index.first <= np.uint64(high))
        for table in self.read(chosen):
            order = table["order"].to_numpy()
            start, stop = np.searchsorted(order, np.uint64(low)), np.searchsorted(order, np.uint64(high), "right")
            yield table.slice(start, stop - start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """All tokenized documents in the global order, as the inner stage left them."""

    folder: Path
    passes: Passes

    def ranges(self, low: int = 0, high: int = 2**64 - 1) -> Iterator[Range]:
        """Yields the ranges that hold the orders from low to high, in order; some indexes are read at a time."""
        first, stop = self.passes.range_of(low), self.passes.range_of(high) + 1
        for piece in range(first, stop, INDEXES):
            numbers = [self.passes.final(own) for own in range(piece, min(piece + INDEXES, stop))]
            paths = [self.folder / run_names(number)[1] for number in numbers]
            for number, path, content in zip(numbers, paths, storage.contents(paths), strict=True):
                index = parse_index(content, path)
                lanes = {Lane(**lane): group for group, lane in enumerate(index.facts["lanes"])}
                yield Range(folder=self.folder, number=number, index=index, lanes=lanes)


def read_each(places: Sequence[tuple[Range, int]]) -> Iterator[pa.Table]:
    """Yields the documents of single segments, in order; a store is asked for all of them at once."""
    files = [(range_.folder / run_names(range_.number)[0], range_.index, number) for range_, number in places]
    return segments.read_each(files, TOKENS)
