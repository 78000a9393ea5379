"""Reads what a training run needs besides its batches: the held-out windows, and the ids that occur."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curate.loader.sampler import Blend, integer_weights
from curate.loader.streams import SourceShards, Stream, Tokens, read_manifest, read_sources

NO_TOKEN = -100  # fills the end of a short window; torch's cross-entropy leaves these targets out


def held_out(manifest: Path, context: int, limit: int) -> tuple[Tokens, float | None]:
    """Returns at most `limit` windows (N, T + 1) of split "valid", and the bytes of text that their targets stand for.

    Each source gives its first windows, in proportion to its weight; NO_TOKEN fills up the last one. Bytes are counted
    by each source's own bytes per token; None where the manifest states none.
    """
    sources = [source for source in read_sources(manifest, "valid") if source.weight and source.tokens > 1]
    shares = Blend(integer_weights([source.weight for source in sources])).counts(limit) if sources else ()
    windows = [np.empty((0, context + 1), np.int64)]
    size = 0.0
    for source, share in zip(sources, shares, strict=True):
        windows.append(_ordered_windows(source, context, share))
        size += float((windows[-1][:, 1:] != NO_TOKEN).sum()) * source.bytes / source.tokens
    return np.concatenate(windows), size if all(source.bytes for source in sources) else None


def _ordered_windows(source: SourceShards, context: int, limit: int) -> Tokens:
    """Returns the first windows of a source, at most `limit`."""
    stream = Stream(source.shards)
    windows = np.full((min(limit, math.ceil((len(stream) - 1) / context)), context + 1), NO_TOKEN, np.int64)
    for row, window in enumerate(windows):
        tokens = stream.read(row * context, context + 1)
        window[: len(tokens)] = tokens
    return windows


def occurring_ids(manifest: Path, splits: Sequence[str] = ("train", "valid")) -> Tokens:
    """Returns the sorted ids in all shards of these splits; raises ValueError at an id beyond the tokenizer's."""
    vocabulary = read_manifest(manifest)["tokenizer"]["vocabulary"]
    occurs = np.zeros(vocabulary, bool)
    for source in (source for split in splits for source in read_sources(manifest, split)):
        stream = Stream(source.shards)
        for number, shard in enumerate(stream.shards):
            tokens = stream.shard(number)
            largest = int(tokens.max())
            if largest >= vocabulary:
                raise ValueError(f"{shard.file}: holds token {largest}; the tokenizer's ids end at {vocabulary - 1}")
            occurs[tokens] = True
    return np.flatnonzero(occurs)
