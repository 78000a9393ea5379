"""The shards that pack is to write, made in the simplest way: all documents in memory, one sort, one walk."""

import io
import struct
from bisect import bisect_right
from collections import defaultdict

import pyarrow as pa
import pyarrow.parquet as pq

from curate.tokens.shards import META


def held_out(rows, valid_tokens):
    """The order up to which each source holds documents out: while it has too few, and at most half of it."""
    last = {}
    for source in {row["source"] for row in rows} if valid_tokens else ():
        own = [row for row in rows if row["source"] == source]
        held = sum(row["tokens"] for row in own if row["split"] == "valid")
        most = sum(row["tokens"] for row in own) // 2
        train = defaultdict(int)
        for row in own:
            train[row["order"]] += row["tokens"] if row["split"] == "train" else 0
        for order in sorted({row["order"] for row in own if row["split"] == "train"}):
            if held >= valid_tokens or held + train[order] > most:
                break
            held, last[source] = held + train[order], order
    return last


def shards(rows, max_tokens, edges=(), by="quality", valid_tokens=0):
    """The documents of each shard by its path, in order."""
    last, lanes = held_out(rows, valid_tokens), defaultdict(list)
    for row in rows:
        moved = row["source"] in last and row["order"] <= last[row["source"]]
        value = row.get(by)
        bucket = None if value is None or not edges else bisect_right(edges, value)
        lanes["valid" if moved else row["split"], row["source"], bucket].append(row)
    made = {}
    for (split, source, bucket), own in lanes.items():
        cuts = cut(sorted(own, key=lambda row: (row["order"], row["tokens"], row["bytes"])), max_tokens)
        name = source if bucket is None else f"{source}.{by[0]}{bucket}"
        for number, documents in enumerate(cuts):
            path = f"{split}/{name}/part-{number:05d}-of-{len(cuts):05d}"
            made[path] = bucket, sorted(documents, key=lambda row: (row["order"], row["id"], row["url"], row["ids"]))
    return made


def cut(documents, max_tokens):
    """Greedy runs of documents; those of one order are never parted."""
    cuts = []
    for row in documents:
        fits = cuts and sum(other["tokens"] for other in cuts[-1]) + row["tokens"] <= max_tokens
        if fits or (cuts and cuts[-1][-1]["order"] == row["order"]):
            cuts[-1].append(row)
        else:
            cuts.append([row])
    return cuts


def files(rows, max_tokens, edges=(), by="quality", valid_tokens=0):
    """The bytes of every file of every shard, by name."""
    contents = {}
    for path, (bucket, documents) in shards(rows, max_tokens, edges, by, valid_tokens).items():
        contents[f"{path}.bin"] = b"".join(row["ids"] for row in documents)
        contents[f"{path}.idx"] = index([row["tokens"] for row in documents])
        contents[f"{path}.meta.parquet"] = meta(bucket, documents)
    return contents


def index(lengths):
    """Megatron's index of documents of uint16 ids."""
    starts = [sum(lengths[:number]) for number in range(len(lengths))]
    count = len(lengths)
    header = struct.pack("<9sQBQQ", b"MMIDIDX\0\0", 1, 8, count, count + 1)
    pointers = struct.pack(f"<{count}q", *(2 * start for start in starts))
    return header + struct.pack(f"<{count}i", *lengths) + pointers + struct.pack(f"<{count + 1}q", *range(count + 1))


def meta(bucket, documents):
    """The table of a shard's documents."""
    rows, offset = [], 0
    for row in documents:
        rows.append({**{name: row.get(name) for name in META.names}, "bucket": bucket, "offset": offset})
        offset += row["tokens"]
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, META), target, compression="zstd")
    return target.getvalue()
