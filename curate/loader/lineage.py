"""Which documents stand behind a run of tokens, from the shards' `.meta.parquet`."""

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
    """A document in a window: its id in hex, and its tokens start .. stop - 1 of the window.

    token: the number in the shard of the first of these; `curate trace` takes it.
    """

    id: str
    url: str
    source: str
    quality: float | None
    shard: str
    token: int
    start: int
    stop: int


def places(pieces: Sequence[tuple[Shard, int, int]]) -> Iterator[Place]:
    """The documents of a window that is made of (shard, offset, tokens), in order."""
    start = 0
    for shard, offset, size in pieces:
        table = _meta(shard.file.with_name(shard.file.name.removesuffix(".bin") + ".meta.parquet"))
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
def _meta(path: Path) -> Any:
    import pyarrow.parquet as pq

    try:
        return pq.read_table(
            storage.source(path), columns=["id", "url", "source", "quality", "tokens", "offset"], use_threads=False
        )
    except FileNotFoundError:
        raise ValueError(f"{path}: missing, and it names the documents of its shard") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot read it: {error}") from None
