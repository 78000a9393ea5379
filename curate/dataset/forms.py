"""What an export is given, and what it returns."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import storage
from curate.loader.streams import Shard, read_sources
from curate.storage import cache
from curate.tokens.shards import read_index

Write = Callable[[Path], None]
Files = Iterator[tuple[str, Write]]
SPLITS = ("train", "valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One shard to export, of one source and split; `name` is its path below `shards/`, without a suffix."""

    split: str
    source: str
    name: str
    shard: Shard

    def tokens(self) -> Path:
        """Its tokens on this machine; ValueError where they are not those of the manifest."""
        width = np.dtype(self.shard.dtype).itemsize
        return cache.local_file(self.shard.file, self.shard.tokens * width, self.shard.sha256)

    def beside(self, suffix: str) -> Path:
        """The `.idx` or `.meta.parquet` of the shard."""
        return self.shard.file.with_name(self.shard.file.name.removesuffix("bin") + suffix)

    def ends(self) -> npt.NDArray[np.uint64]:
        """The number of tokens up to the end of each document, of its `.idx`."""
        with storage.local(self.beside("idx")) as path:
            ends: npt.NDArray[np.uint64] = np.cumsum(read_index(path).lengths, dtype=np.uint64)
        if not len(ends) or int(ends[-1]) != self.shard.tokens:
            raise ValueError(f"{self.beside('idx')}: does not fit the {self.shard.tokens} tokens of its shard")
        return ends


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A finished output, what is wanted of it, and the folder where it goes."""

    out: Path
    contract: dict[str, Any]
    dest: Path
    splits: tuple[str, ...]
    license: str | None = None

    @property
    def eot(self) -> int:
        """The id of end-of-text."""
        return int(self.contract["tokenizer"]["eot"])

    @property
    def dtype(self) -> str:
        """NumPy's name of an id's type."""
        return str(self.contract["dtype"])

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The shards of the splits, in the manifest's order; ValueError where one is missing or not as stated."""
        return tuple(
            Piece(split=split, source=source.name, name=shard.path.removeprefix("shards/"), shard=shard)
            for split in self.splits
            for source in read_sources(self.out / "manifest.json", split)
            for shard in source.shards
        )


def link(piece: Piece) -> Write:
    """The tokens as they are: another name of the same file, or a copy where there cannot be one."""

    def write(draft: Path) -> None:
        source = piece.tokens().resolve()
        try:
            os.link(source, draft)
        except OSError:  # another device, or a file system without links
            shutil.copyfile(source, draft)

    return write
