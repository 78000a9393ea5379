"""Writes shards of documents that lie in the global order: each one reads its own range of it, and nothing else.

The global order of a source's split is that of `order`, a 64-bit keyed hash of the document id, so a sequential reader
gets a shuffled stream. A shard is the documents of one closed range of it.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.stage import heartbeat
from curate.stage.heartbeat import beating
from curate.stage.kinds import KINDS
from curate.stage.parts import receipted
from curate.stage.plan import Item, Plan
from curate.stage.ranges import Passes
from curate.stage.receipts import Counts, FileRecord, Receipt
from curate.storage.writing import drafted, sha256_of
from curate.tokens.cuts import ShardRange, held_out_too
from curate.tokens.lanes import Range, Sorted, in_lane_order
from curate.tokens.rows import LIGHT
from curate.tokens.shards import META, write_index
from curate.tokens.splits import VALID, Orders, orders_in


def pack_shard(plan: Plan, item: Item) -> None:
    """Writes the three files of one shard and its receipt."""
    with beating(plan.folder, item.number):
        _write_shard(plan, item)


def _write_shard(plan: Plan, item: Item) -> None:
    started = time.thread_time()
    cut = ShardRange(**plan.settings["cuts"][item.number])
    storage.make_folder((plan.folder / cut.path).parent)
    names = [f"{cut.path}.{suffix}" for suffix in ("bin", "idx", "meta.parquet")]
    dtype = plan.settings["tokenizer"]["dtype"]
    with ExitStack() as drafts:
        content, index, meta = (drafts.enter_context(drafted(plan.folder / name)) for name in names)
        written = _write_tokens(content, cut, _rows(plan, item, cut), np.dtype(dtype).itemsize)
        lengths = written.rows["tokens"].to_numpy().astype(np.int32)
        if len(lengths) != cut.documents or lengths.sum(dtype=np.int64) != cut.tokens:
            raise _changed_parts(cut)
        write_index(index, lengths, dtype)
        pq.write_table(_meta(written.rows, lengths, cut.bucket), meta, compression="zstd")
        digests = {content: written.sha256}
        placed = dict(zip(names, (content, index, meta), strict=True))
        files = {
            name: FileRecord(
                rows=len(lengths), bytes=draft.stat().st_size, sha256=digests.get(draft) or sha256_of(draft)
            )
            for name, draft in placed.items()
        }
        counts = Counts()
        counts.keep(cut.source, cut.bytes, number=len(lengths))
        seconds = round(time.thread_time() - started, 3)
        receipt = Receipt(key=plan.part_key(item), number=item.number, counts=counts, files=files, seconds=seconds)
        with receipted(plan.folder, receipt):
            for name, draft in placed.items():
                storage.publish(draft, plan.folder / name)


def sorted_by(plan: Plan) -> Sorted:
    """Returns the sorted documents that the plan of a pack stage was made from."""
    passes = [int(number) for number in plan.locations["passes"].split()]
    return Sorted(
        folder=plan.path(KINDS["sort"].folder), passes=Passes(groups=passes[0], fan=passes[1], last=passes[2])
    )


def _rows(plan: Plan, item: Item, cut: ShardRange) -> Iterator[pa.Table]:
    """Yields the documents of a shard in order."""
    for range_ in sorted_by(plan).ranges(cut.low, cut.high):
        if range_.inputs != item.digest:
            raise _changed_parts(cut)
        yield from _in_range(range_, cut, orders_in(plan.settings))


def _in_range(range_: Range, cut: ShardRange, orders: Orders) -> Iterator[pa.Table]:
    """Yields the documents of a shard that lie in a range; those held out by their order are put among the others."""
    own = range_.between(cut.lane, cut.low, cut.high)
    if cut.split != VALID or cut.source not in orders:
        yield from own
        return
    added = range_.between(held_out_too(cut.lane), cut.low, min(cut.high, orders[cut.source]))
    if tables := [*own, *added]:
        table = pa.concat_tables(tables)
        yield table.take(pa.array(in_lane_order(table, np.zeros(len(table), np.int64))))


def _changed_parts(cut: ShardRange) -> RuntimeError:
    return RuntimeError(f"{cut.path}: the tokenized parts changed after packing was planned; run it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The `.bin` of a shard: its digest, and its documents without their ids."""

    sha256: str
    rows: pa.Table


def _write_tokens(path: Path, cut: ShardRange, tables: Iterator[pa.Table], width: int) -> Written:
    """Writes the ids of documents one behind another, a segment at a time; width: of an id in bytes."""
    sha256, light, documents = hashlib.sha256(), [LIGHT.empty_table()], 0
    with path.open("wb") as file:
        for table in tables:
            if not pc.all(pc.equal(pc.binary_length(table["ids"]), pc.multiply(table["tokens"], width))).as_py():
                raise _changed_parts(cut)
            for chunk in table["ids"].chunks:
                content = _values(chunk)
                file.write(content)
                sha256.update(content)
            light.append(table.drop_columns(["ids"]))
            documents += len(table)
            heartbeat.advance(documents, cut.documents)
    return Written(sha256=sha256.hexdigest(), rows=pa.concat_tables(light))


def _values(ids: pa.Array) -> memoryview:
    """Returns the bytes of all values of an array of binary ones, which lie one behind another."""
    _, offsets, values = ids.buffers()
    own = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    return memoryview(values or b"")[own[0] : own[-1]] if len(ids) else memoryview(b"")


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
