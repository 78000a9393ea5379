"""Tokens to shards as an external sort: sorted parts, cuts in the global order, one range read per shard.

The global order of a source's split is that of `order`, a 64-bit keyed hash of the document id, so a sequential reader
gets a shuffled stream. A shard is the documents of one half-open range of it.
"""

import time
from collections.abc import Callable, Sequence
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

from curate import storage, tokens
from curate.parts import Counts, FileRecord, Receipt, drop_other_receipt, replacing, sha256_of, write_receipt
from curate.records import Document, keyed_hash, uniform
from curate.shards import META, write_index
from curate.stage import Item, Plan

TOKENS = pa.schema(
    [
        pa.field("split", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("order", pa.uint64(), nullable=False),
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("quality", pa.float32()),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("ids", pa.binary(), nullable=False),
    ]
)


def tokenized_row(document: Document, seed: int, valid_fraction: float) -> dict[str, Any]:
    """The row of one document; its split and its place in the order are drawn from its id.

    A quality that is no number counts as none: Parquet's statistics leave NaN out, so a range read would misplace it.
    """
    ids = tokens.encode(document.text)
    return {
        "split": "valid" if uniform(seed, "split", document.id) < valid_fraction else "train",
        "source": document.source,
        "order": int.from_bytes(keyed_hash(seed, "order", document.id)),
        "id": document.id,
        "url": document.url,
        "quality": None if document.quality is None or isnan(document.quality) else document.quality,
        "bytes": len(document.text.encode()),
        "tokens": len(ids),
        "ids": ids.tobytes(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One shard to be: the documents of a source's split with low <= order <= high."""

    path: str  # under the shards folder, without suffix
    split: str
    source: str
    low: int
    high: int
    tokens: int
    bytes: int
    documents: int
    bucket: int | None = None  # of its documents' quality; None where there are no buckets, or no scores


def sub_source(source: str, bucket: int | None) -> str:
    """The name under which a bucket of a source is a source of its own.

    >>> sub_source("web", 2), sub_source("web", None)
    ('web.q2', 'web')
    """
    return source if bucket is None else f"{source}.q{bucket}"


def in_bucket(bucket: int | None, edges: Sequence[float]) -> Any:
    """The rows of a bucket as an Arrow expression: edges[k - 1] <= quality < edges[k]; None: those without a score."""
    quality = pc.field("quality").cast(pa.float64())
    if bucket is None:
        return pc.field("quality").is_null()
    wanted = pc.field("quality").is_valid()
    if bucket > 0:
        wanted = wanted & (quality >= edges[bucket - 1])
    return wanted & (quality < edges[bucket]) if bucket < len(edges) else wanted


def plan_cuts(parts: list[Path], max_tokens: int, edges: Sequence[float] = ()) -> list[Cut]:
    """The shards of tokenized parts: greedy runs of at most max_tokens, 20 bytes of memory a document.

    One document longer than max_tokens is a shard of its own. edges: of the buckets of quality, ascending.
    """
    groups: dict[tuple[str, str, int | None], list[npt.NDArray[Any]]] = {}
    buckets = [None, *range(len(edges) + 1)] if edges else [None]
    for part in parts:
        table = pq.read_table(storage.source(part), columns=["split", "source", "order", "tokens", "bytes", "quality"])
        for split, source in sorted(set(zip(table["split"].to_pylist(), table["source"].to_pylist(), strict=True))):
            own = table.filter((pc.field("split") == split) & (pc.field("source") == source))
            for bucket in buckets:
                chosen = own.filter(in_bucket(bucket, edges)) if edges else own
                pairs = np.empty(len(chosen), dtype=[("order", "<u8"), ("tokens", "<i4"), ("bytes", "<i8")])
                for name in ("order", "tokens", "bytes"):
                    pairs[name] = chosen[name].to_numpy()
                groups.setdefault((split, source, bucket), []).append(pairs)
    names = {key: (key[0], key[1], -1 if key[2] is None else key[2]) for key in groups}
    return [
        cut
        for key in sorted(groups, key=names.__getitem__)
        for cut in _cuts(*key, np.concatenate(groups[key]), max_tokens)
    ]


def _cuts(split: str, source: str, bucket: int | None, pairs: npt.NDArray[Any], max_tokens: int) -> list[Cut]:
    pairs.sort(order="order")
    cuts, runs = [], _runs(pairs, max_tokens)
    for number, (start, stop) in enumerate(runs):
        cuts.append(
            Cut(
                path=f"{split}/{sub_source(source, bucket)}/part-{number:05d}-of-{len(runs):05d}",
                split=split,
                source=source,
                bucket=bucket,
                low=int(pairs["order"][start]),
                high=int(pairs["order"][stop - 1]),
                tokens=int(pairs["tokens"][start:stop].sum(dtype=np.int64)),
                bytes=int(pairs["bytes"][start:stop].sum()),
                documents=stop - start,
            )
        )
    return cuts


def _runs(pairs: npt.NDArray[Any], max_tokens: int) -> list[tuple[int, int]]:
    """Half-open row ranges of at most max_tokens each; equal orders (64-bit hash collisions) stay together."""
    ends = np.cumsum(pairs["tokens"], dtype=np.int64)
    runs, start, before = [], 0, 0
    while start < len(pairs):
        stop = max(start + 1, int(np.searchsorted(ends, before + max_tokens, side="right")))
        while stop < len(pairs) and pairs["order"][stop] == pairs["order"][stop - 1]:
            stop += 1
        runs.append((start, stop))
        start, before = stop, int(ends[stop - 1])
    return runs


def pack_shard(plan: Plan, item: Item) -> None:
    """Write one shard's three files and its receipt."""
    started = time.thread_time()
    cut = Cut(**plan.settings["cuts"][item.number])
    table = _rows(plan, cut)
    if len(table) != cut.documents or pc.sum(table["tokens"]).as_py() != cut.tokens:
        raise RuntimeError(f"{cut.path}: the tokenized parts changed after packing was planned; run it again")
    lengths = table["tokens"].to_numpy().astype(np.int32)
    sizes = table["bytes"].to_pylist()
    storage.make_folder((plan.folder / cut.path).parent)
    drop_other_receipt(plan.folder, item.number, plan.part_key(item))
    writers: dict[str, Callable[[Path], None]] = {
        "bin": lambda draft: _write_tokens(draft, table),
        "idx": lambda draft: write_index(draft, lengths),
        "meta.parquet": lambda draft: pq.write_table(_meta(table, lengths, cut.bucket), draft, compression="zstd"),
    }
    files = {}
    for suffix, write in writers.items():
        name = f"{cut.path}.{suffix}"
        with replacing(plan.folder / name) as draft:
            write(draft)
            files[name] = FileRecord(rows=len(table), bytes=draft.stat().st_size, sha256=sha256_of(draft))
    counts = Counts(read=len(table), kept=len(table), bytes_read=sum(sizes), bytes_kept=sum(sizes))
    counts.by_source = {cut.source: [len(table), len(table)]}
    seconds = round(time.thread_time() - started, 3)
    write_receipt(
        plan.folder,
        Receipt(key=plan.part_key(item), number=item.number, counts=counts, files=files, seconds=seconds),
    )


def _write_tokens(path: Path, table: pa.Table) -> None:
    with path.open("wb") as file:
        for ids in table["ids"]:
            file.write(ids.as_buffer())


def _rows(plan: Plan, cut: Cut) -> pa.Table:
    """The rows of a shard from every tokenized part, in the global order."""
    wanted = (
        (ds.field("split") == cut.split)
        & (ds.field("source") == cut.source)
        & (ds.field("order") >= pa.scalar(cut.low, pa.uint64()))
        & (ds.field("order") <= pa.scalar(cut.high, pa.uint64()))
    )
    if edges := plan.settings["buckets"]:
        wanted = wanted & in_bucket(cut.bucket, edges)
    paths, system = storage.sources([plan.path(uri) for uri in plan.settings["parts"]])
    table = ds.dataset(paths, schema=TOKENS, format="parquet", filesystem=system).to_table(
        filter=wanted, use_threads=False
    )
    keys = ("order", "id", "url", "ids")  # the last two count where one id is given twice
    return table.sort_by([(key, "ascending") for key in keys])


def _meta(table: pa.Table, lengths: npt.NDArray[np.int32], bucket: int | None) -> pa.Table:
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
    }
    return pa.table(columns, schema=META)


def cuts_settings(cuts: list[Cut], parts: list[str], edges: Sequence[float]) -> dict[str, Any]:
    """The plan's settings that `pack_shard` reads."""
    return {"cuts": [asdict(cut) for cut in cuts], "parts": parts, "buckets": list(edges)}
