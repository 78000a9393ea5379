"""Finds the documents that a run of tokens comes from, in the shards' `.meta.parquet`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from curate import storage
from curate.loader.streams import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A document's tokens in a window."""

    id: str  # in hex
    url: str
    source: str
    quality: float | None
    shard: str  # its path in the manifest
    token: int  # number in the shard of the first of these tokens, which `curate trace` takes
    start: int  # number in the window of the first of these tokens
    stop: int  # one more than the number in the window of the last


def places(pieces: Sequence[tuple[Shard, int, int]]) -> Iterator[Place]:
    """Yields the documents of a window that is made of (shard, offset, tokens), in order."""
    start = 0
    for shard, offset, size in pieces:
        table = _document_rows(shard.file.with_name(shard.file.name.removesuffix(".bin") + ".meta.parquet"))
        begins = table["offset"].to_numpy()
        for row in range(int(np.searchsorted(begins, offset, side="right")) - 1, len(begins)):
            low, high = int(begins[row]), int(begins[row]) + table["tokens"][row].as_py()
            if low >= offset + size:
                break
            first, last = max(low, offset), min(high, offset + size)
            yield Place(
                id=table["id"][row].as_py().hex(),
                **{name: table[name][row].as_py() for name in ("url", "source", "quality")},
                shard=shard.path,
                token=first,
                start=start + first - offset,
                stop=start + last - offset,
            )
        start += size


@lru_cache(maxsize=8)
def _document_rows(path: Path) -> Any:
    """Returns the rows of a shard's `.meta.parquet`; raises ValueError, which names the file, where it is unusable."""
    import pyarrow.parquet as pq

    try:
        return pq.read_table(
            storage.source(path), columns=["id", "url", "source", "quality", "tokens", "offset"], use_threads=False
        )
    except FileNotFoundError:
        raise ValueError(f"{path}: missing, and it names the documents of its shard") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot read it: {error}") from None
