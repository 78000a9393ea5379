"""Checks a pack stage by its files: the shards hold the documents that were tokenized, each once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curate import storage
from curate.stage.record import StageRecord
from curate.tokens import load
from curate.tokens.shards import read_index


def faults(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a line for each shard whose three files disagree, and one where a document is missing or too many."""
    packed = 0
    stated = load.stated_in(record.settings)
    for cut in record.settings["cuts"]:
        stem = str(folder / cut["path"])
        meta = pq.read_table(storage.source(storage.path(f"{stem}.meta.parquet")), columns=["id", "tokens", "offset"])
        packed += _id_sum(meta["id"].to_pylist())
        fault = _shard_fault(stem, cut["tokens"], meta, dtype=stated["dtype"], eot=stated["eot"])
        if fault:
            yield fault
    try:
        tables = (
            pq.read_table(storage.source(storage.join(folder, uri)), columns=["id"]) for uri in record.settings["parts"]
        )
        tokenized = sum(_id_sum(table["id"].to_pylist()) for table in tables)
    except (OSError, ValueError):  # a part is gone or damaged, which is a fault of the tokenize stage
        return
    if packed != tokenized:
        yield f"{folder}: the documents in the shards are not those that were tokenized"


def _shard_fault(stem: str, tokens: int, meta: Any, *, dtype: str, eot: int) -> str | None:
    """Returns the fault of a shard, or None; `tokens` is their recorded number, `meta` the rows of its documents."""
    ids = _ids(storage.path(f"{stem}.bin"), dtype)
    try:
        index = read_index(storage.path(f"{stem}.idx"))
    except ValueError as error:
        return str(error)
    lengths, offsets = meta["tokens"].to_numpy(), meta["offset"].to_numpy()
    if len(ids) != tokens or int(lengths.sum()) != tokens:
        return f"{stem}.bin: {len(ids)} tokens, recorded are {tokens}"
    if (
        index.dtype != dtype
        or not np.array_equal(index.lengths, lengths)
        or not np.array_equal(index.pointers, ids.itemsize * offsets)
    ):
        return f"{stem}.idx: does not agree with .meta.parquet"
    if not np.all(ids[offsets + lengths - 1] == eot):
        return f"{stem}.bin: a document does not end with end-of-text"
    return None


def _ids(path: Path, dtype: str) -> Any:
    """Returns a shard's token ids, mapped into memory, or read where they are remote."""
    return np.frombuffer(path.read_bytes(), dtype) if storage.is_remote(path) else np.memmap(path, dtype, "r")


def _id_sum(ids: list[bytes]) -> int:
    """Returns the sum of document ids as whole numbers, which is equal for the same documents in any order."""
    return sum(int.from_bytes(document_id) for document_id in ids)
