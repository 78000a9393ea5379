"""Finished tokenize and pack stages of made rows, and what their shards hold."""

import numpy as np
import pyarrow.parquet as pq

from curate.pipelines.stages import pack, sort
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, load_plan
from curate.stage.record import close_stage, open_stage
from curate.tokens import bpe
from curate.tokens.config import Pack
from curate.tokens.cuts import ShardRange
from curate.tokens.packing import pack_shard
from curate.tokens.rows import TOKENS

EOT = bpe.END_OF_TEXT


def row(number, split="train", source="web", order=None, length=3):
    ids = np.arange(number, number + length, dtype="<u2")
    ids[-1] = EOT
    return {
        "split": split,
        "source": source,
        "order": number if order is None else order,
        "id": number.to_bytes(16, "big"),
        "url": f"http://a/{number}",
        "quality": number / 1000,
        "bytes": 5 * length,
        "tokens": length,
        "ids": ids.tobytes(),
    }


def in_order(rows):
    return sorted(rows, key=lambda entry: (entry["split"], entry["source"], entry["order"], entry["id"]))


def tokenized(folder, parts, settings=None):
    """A finished tokenize stage with these rows in its parts."""
    items = tuple(
        Item(number=number, name=f"p{number}", uri="", form="part", digest="", size=0) for number in range(len(parts))
    )
    plan = Plan(stage="tokenize", folder=folder, settings=settings or {}, items=items)
    open_stage(plan)
    for item, rows in zip(items, parts, strict=True):
        with PartWriter(folder, item.number, plan.part_key(item), schema=TOKENS) as part:
            for entry in in_order(rows):
                part.keep_row(entry, entry["source"], entry["bytes"])
    close_stage(plan)
    return folder


def packed(folder, parts, max_tokens, buckets=(), valid_tokens=0, by=""):
    """The finished plan of pack over these parts; by: the column whose edges the buckets are."""
    source = tokenized(folder / "tokenize", parts)
    edges = {"clusters": buckets} if by == "cluster_size" else {"buckets": buckets}
    recipe = Recipe(name="own", pack=Pack(max_tokens=max_tokens, valid_tokens=valid_tokens, **edges))
    plan = planned(recipe, folder / "shards", source)
    open_stage(plan)
    loaded = load_plan(folder / "shards")
    for item in loaded.items:
        pack_shard(loaded, item)
    close_stage(plan)
    return plan


def planned(recipe, folder, source):
    """The plan of pack over a finished tokenize stage, whose documents are sorted first."""
    given = Given(previous=source)
    first = sort.plan(recipe, sort.folder_in(folder), given)
    for item in open_stage(first):
        sort.make_part(first, item)
    close_stage(first)
    return pack.plan(recipe, folder, given)


def cuts_of(plan):
    return [ShardRange(**cut) for cut in plan.settings["cuts"]]


def contents(plan):
    chosen = (path for path in sorted(plan.folder.rglob("*")) if path.suffix in (".bin", ".idx", ".parquet"))
    return {str(path.relative_to(plan.folder)): path.read_bytes() for path in chosen}


def shard(plan, cut):
    """The documents of a shard as (meta row, ids), read by way of the offsets."""
    stem = plan.folder / cut.path
    ids = np.fromfile(f"{stem}.bin", dtype="<u2")
    rows = pq.read_table(f"{stem}.meta.parquet").to_pylist()
    return [(entry, ids[entry["offset"] : entry["offset"] + entry["tokens"]]) for entry in rows], ids
