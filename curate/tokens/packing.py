"""Packs tokenized parts into shards by an external sort: ranges of the global order are planned, and each is a shard.

The global order of a source's split is that of `order`, a 64-bit keyed hash of the document id, so a sequential reader
gets a shuffled stream. A shard is the documents of one closed range of it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from curate import storage
from curate.records import Document
from curate.stage import heartbeat
from curate.stage.checked import opened_part, recorded
from curate.stage.heartbeat import beating
from curate.stage.parts import Counts, FileRecord, Receipt, receipted
from curate.stage.plan import Item, Plan, json_digest
from curate.storage.writing import drafted, sha256_of
from curate.tokens.shards import META, write_index
from curate.tokens.splits import TRAIN, VALID, Orders, drawn_split, order_of, orders_in
from curate.tokens.tokenizer import Stated, Tokenizer

TOKENS = pa.schema(
    [
        pa.field("split", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("order", pa.uint64(), nullable=False),
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("given_id", pa.string()),
        pa.field("quality", pa.float32()),
        pa.field("cluster_size", pa.int64()),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("ids", pa.binary(), nullable=False),
    ]
)


QUALITY, CLUSTER_SIZE = "quality", "cluster_size"  # the columns whose edges make buckets
LIGHT = pa.schema([field for field in TOKENS if field.name != "ids"])  # all columns but the long one
SIZES = ("order", "tokens", "bytes")  # the columns that decide where shards begin and end
BATCH_ROWS = 1024  # documents whose ids are in memory at a time

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


def tokenized_row(document: Document, seed: int, valid_fraction: float, tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns the row of one document; its split and its order are drawn from its id.

    A quality of NaN counts as none: Parquet's statistics leave NaN out, so a range read would misplace it.
    """
    ids = tokenizer.encode(document.text)
    return {
        "split": drawn_split(document.id, seed, valid_fraction),
        "source": document.source,
        "order": order_of(document.id, seed),
        "id": document.id,
        "url": document.url,
        "given_id": document.given_id,
        "quality": None if document.quality is None or isnan(document.quality) else document.quality,
        "cluster_size": document.cluster_size,
        "bytes": len(document.text.encode()),
        "tokens": len(ids),
        "ids": ids.tobytes(),
    }


def sub_source(source: str, bucket: int | None, by: str = QUALITY) -> str:
    """Returns the name under which a bucket of a source is a source of its own; by: the column of its edges.

    >>> sub_source("web", 2), sub_source("web", 1, CLUSTER_SIZE), sub_source("web", None)
    ('web.q2', 'web.c1', 'web')
    """
    return source if bucket is None else f"{source}.{by[0]}{bucket}"


def in_bucket(bucket: int | None, edges: Sequence[float], by: str = QUALITY) -> Any:
    """Returns an Arrow expression for a bucket's rows: edges[k - 1] <= value < edges[k]; None: without a value.

    by: the column of the values.
    """
    value = pc.field(by).cast(pa.float64())
    if bucket is None:
        return pc.field(by).is_null()
    wanted = pc.field(by).is_valid()
    if bucket > 0:
        wanted = wanted & (value >= edges[bucket - 1])
    return wanted & (value < edges[bucket]) if bucket < len(edges) else wanted


def plan_cuts(
    parts: list[Path],
    max_tokens: int,
    edges: Sequence[float] = (),
    orders: Orders | None = None,
    *,
    by: str = QUALITY,
) -> list[ShardRange]:
    """Returns the shards of tokenized parts: greedy runs of at most max_tokens; takes about 80 bytes a document.

    A document longer than max_tokens is a shard of its own. edges: of the buckets by a column, ascending. orders: up to
    which documents of the sources are held out, though they are drawn into "train".
    """
    groups: dict[tuple[str, str, int | None], dict[str, list[npt.NDArray[Any]]]] = {}
    buckets = [None, *range(len(edges) + 1)] if edges else [None]
    for part in parts:
        with opened_part(part) as source:
            table = _with_splits(pq.read_table(source, columns=["split", "source", by, *SIZES]), orders or {})
        for pair in table.group_by(["split", "source"]).aggregate([]).to_pylist():
            split, source = pair["split"], pair["source"]
            own = table.filter((pc.field("split") == split) & (pc.field("source") == source))
            for bucket in buckets:
                chosen = own.filter(in_bucket(bucket, edges, by)) if edges else own
                group = groups.setdefault((split, source, bucket), {name: [] for name in SIZES})
                for name in SIZES:
                    group[name].append(chosen[name].to_numpy())
    ordered = sorted(groups, key=lambda key: (key[0], key[1], -1 if key[2] is None else key[2]))
    return [cut for key in ordered for cut in _cuts(*key, _in_order(groups.pop(key)), max_tokens, by)]


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


def pack_shard(plan: Plan, item: Item) -> None:
    """Writes the three files of one shard and its receipt."""
    with beating(plan.folder, item.number):
        _write_shard(plan, item)


def _write_shard(plan: Plan, item: Item) -> None:
    started = time.thread_time()
    cut = ShardRange(**plan.settings["cuts"][item.number])
    if json_digest([recorded(plan.path(uri)).sha256 for uri in plan.settings["parts"]]) != item.digest:
        raise _changed_parts(cut)
    table = _ordered_rows(plan, cut)
    if len(table) != cut.documents or pc.sum(table["tokens"]).as_py() != cut.tokens:
        raise _changed_parts(cut)
    lengths = table["tokens"].to_numpy().astype(np.int32)
    dtype = plan.settings["tokenizer"]["dtype"]
    storage.make_folder((plan.folder / cut.path).parent)
    writers: dict[str, Callable[[Path], None]] = {
        "bin": lambda draft: _write_tokens(draft, plan, cut, table),
        "idx": lambda draft: write_index(draft, lengths, dtype),
        "meta.parquet": lambda draft: pq.write_table(_meta(table, lengths, cut.bucket), draft, compression="zstd"),
    }
    names = {suffix: f"{cut.path}.{suffix}" for suffix in writers}
    with ExitStack() as drafts:
        placed = {name: drafts.enter_context(drafted(plan.folder / name)) for name in names.values()}
        for suffix, write in writers.items():
            write(placed[names[suffix]])
        files = {
            name: FileRecord(rows=len(table), bytes=draft.stat().st_size, sha256=sha256_of(draft))
            for name, draft in placed.items()
        }
        counts = Counts()
        counts.keep(cut.source, cut.bytes, number=len(table))
        seconds = round(time.thread_time() - started, 3)
        receipt = Receipt(key=plan.part_key(item), number=item.number, counts=counts, files=files, seconds=seconds)
        with receipted(plan.folder, receipt):
            for name, draft in placed.items():
                storage.publish(draft, plan.folder / name)


def _with_splits(table: pa.Table, orders: Orders) -> pa.Table:
    """Returns the table with split "valid" in the rows of each source up to its order."""
    split = table["split"]
    for source, last in orders.items():
        split = pc.if_else(pc.and_(pc.equal(table["source"], source), _up_to(table["order"], last)), VALID, split)
    return table.set_column(table.column_names.index("split"), "split", split)


def _up_to(order: Any, last: int) -> Any:
    return pc.less_equal(order, pa.scalar(last, pa.uint64()))


def _in_order(group: dict[str, list[npt.NDArray[Any]]]) -> Columns:
    """Returns a group's columns in the global order; ties by size, so that the cuts do not depend on the parts."""
    columns = {name: np.concatenate(group.pop(name)) for name in SIZES}
    order = np.lexsort([columns[name] for name in reversed(SIZES)])
    for name in SIZES:
        columns[name] = columns[name][order]
    return columns


def _cuts(split: str, source: str, bucket: int | None, columns: Columns, max_tokens: int, by: str) -> list[ShardRange]:
    """Returns the shards of one group, whose columns are in the global order."""
    cuts = []
    runs = _runs(columns, max_tokens)
    for number, (start, stop) in enumerate(runs):
        cuts.append(
            ShardRange(
                path=f"{split}/{sub_source(source, bucket, by)}/part-{number:05d}-of-{len(runs):05d}",
                split=split,
                source=source,
                bucket=bucket,
                low=int(columns["order"][start]),
                high=int(columns["order"][stop - 1]),
                tokens=int(columns["tokens"][start:stop].sum(dtype=np.int64)),
                bytes=int(columns["bytes"][start:stop].sum()),
                documents=stop - start,
            )
        )
    return cuts


def _runs(columns: Columns, max_tokens: int) -> list[tuple[int, int]]:
    """Returns half-open row ranges of at most max_tokens each; equal orders (64-bit hash collisions) stay together."""
    order, ends = columns["order"], np.cumsum(columns["tokens"], dtype=np.int64)
    runs, start, before = [], 0, 0
    while start < len(order):
        stop = max(start + 1, int(np.searchsorted(ends, before + max_tokens, side="right")))
        while stop < len(order) and order[stop] == order[stop - 1]:
            stop += 1
        runs.append((start, stop))
        start, before = stop, int(ends[stop - 1])
    return runs


def _changed_parts(cut: ShardRange) -> RuntimeError:
    return RuntimeError(f"{cut.path}: the tokenized parts changed after packing was planned; run it again")


def _write_tokens(path: Path, plan: Plan, cut: ShardRange, table: pa.Table) -> None:
    """Writes the ids of each document at its offset in the order of the parts, so that few are in memory at a time."""
    width = np.dtype(plan.settings["tokenizer"]["dtype"]).itemsize
    sizes = width * table["tokens"].to_numpy().astype(np.int64)
    places, starts = table["place"].to_numpy(), np.cumsum(sizes) - sizes
    start_of, size_of = np.empty_like(starts), np.empty_like(sizes)
    start_of[places], size_of[places] = starts, sizes
    row = 0
    with path.open("wb") as file:
        for batch in _scanned(plan, cut, ["ids"]):
            for ids in batch["ids"]:
                content = ids.as_buffer()
                if row == len(sizes) or content.size != size_of[row]:
                    raise _changed_parts(cut)
                file.seek(start_of[row])
                file.write(content)
                row += 1
            heartbeat.advance(row, len(sizes))
    if row != len(sizes):
        raise _changed_parts(cut)


def _ordered_rows(plan: Plan, cut: ShardRange) -> pa.Table:
    """Returns the rows of a shard in the global order without their ids; `place` is the number of a row as scanned."""
    table = pa.Table.from_batches(_scanned(plan, cut, LIGHT.names), LIGHT)
    table = table.append_column("place", pa.array(np.arange(len(table))))
    keys = ["order", "id", "url"]
    numbers = pc.value_counts(table["id"])
    given_twice = numbers.field("values").filter(pc.greater(numbers.field("counts"), 1))
    if len(given_twice):  # the tokens of equal document ids decide their order, wherever the parts hold them
        empty = pa.scalar(b"", pa.binary())
        tokens = [
            pc.if_else(pc.is_in(batch["id"], given_twice), batch["ids"], empty)
            for batch in _scanned(plan, cut, ["id", "ids"])
        ]
        table = table.append_column("ids", pa.chunked_array(tokens, pa.binary()))
        keys.append("ids")
    return table.sort_by([(key, "ascending") for key in keys])


def _scanned(plan: Plan, cut: ShardRange, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yields these columns of a shard's rows, from every tokenized part in turn; nothing is read ahead."""
    orders = orders_in(plan.settings)
    split = ds.field("split") == cut.split
    if cut.split == VALID and cut.source in orders:
        split = split | (
            (ds.field("split") == TRAIN) & (ds.field("order") <= pa.scalar(orders[cut.source], pa.uint64()))
        )
    wanted = (
        split
        & (ds.field("source") == cut.source)
        & (ds.field("order") >= pa.scalar(cut.low, pa.uint64()))
        & (ds.field("order") <= pa.scalar(cut.high, pa.uint64()))
    )
    if edges := plan.settings["buckets"]:
        wanted = wanted & in_bucket(cut.bucket, edges, plan.settings.get("by", QUALITY))
    form = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False))
    for uri in plan.settings["parts"]:
        with opened_part(plan.path(uri)) as source:
            fragment = form.make_fragment(source, file_size=source.size())
            yield from fragment.to_batches(
                schema=TOKENS,
                columns=columns,
                filter=wanted,
                batch_size=BATCH_ROWS,
                batch_readahead=0,
                fragment_readahead=0,
                use_threads=False,
            )


def _meta(table: pa.Table, lengths: npt.NDArray[np.int32], bucket: int | None) -> pa.Table:
    """Returns the rows of a shard's `.meta.parquet`."""
    ends = np.cumsum(lengths, dtype=np.int64)
    columns = {
        "id": table["id"],
        "url": table["url"],
        "source": table["source"],
        "bucket": pa.array([bucket] * len(table), pa.int16()),
        "quality": table["quality"],
        "bytes": table["bytes"],
        "tokens": table["tokens"],
        "offset": pa.array(ends - lengths),
        "given_id": table["given_id"],
        "cluster_size": table["cluster_size"],
    }
    return pa.table(columns, schema=META)
