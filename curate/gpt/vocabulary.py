"""The ids of a model: those of the dataset's tokenizer that it has rows for in its embedding."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.loader.streams import Stream, Tokens, read_manifest, read_sources

NO_TOKEN = -100  # fills the end of a short window; torch's cross-entropy leaves these targets out


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The ids of a model: row i of its embedding is token ids[i]."""

    ids: Tokens  # sorted
    eot: int  # the id of end-of-text

    def encode(self, tokens: Tokens) -> Tokens:
        """Returns the rows of the embedding for dataset ids that occur, in any shape; NO_TOKEN stays."""
        return np.where(tokens == NO_TOKEN, NO_TOKEN, np.searchsorted(self.ids, tokens))

    def decode(self, rows: Sequence[int]) -> list[int]:
        """Returns the dataset ids of rows of the embedding."""
        return [int(self.ids[row]) for row in rows]


def read_vocabulary(manifest: Path, kind: str) -> Vocabulary:
    """Returns all ids of the tokenizer ("full"), or those that occur in training or held-out shards ("compact")."""
    tokenizer = read_manifest(manifest)["tokenizer"]
    if kind == "full":
        return Vocabulary(np.arange(tokenizer["vocabulary"]), tokenizer["eot"])
    return Vocabulary(np.union1d(occurring_ids(manifest), tokenizer["eot"]), tokenizer["eot"])


def occurring_ids(manifest: Path) -> Tokens:
    """Returns the sorted ids in training and held-out shards; raises ValueError at an id beyond the tokenizer's."""
    vocabulary = read_manifest(manifest)["tokenizer"]["vocabulary"]
    occurs = np.zeros(vocabulary, bool)
    for source in (source for split in ("train", "valid") for source in read_sources(manifest, split)):
        stream = Stream(source.shards)
        for number, shard in enumerate(stream.shards):
            tokens = stream.shard(number)
            largest = int(tokens.max())
            if largest >= vocabulary:
                raise ValueError(f"{shard.file}: holds token {largest}; the tokenizer's ids end at {vocabulary - 1}")
            occurs[tokens] = True
    return np.flatnonzero(occurs)
