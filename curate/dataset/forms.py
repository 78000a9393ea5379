"""The values that every form of an export is given and returns."""

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

Write = Callable[[Path], None]  # writes one file to this path
Files = Iterator[tuple[str, Write]]  # by the path below the export's folder
SPLITS = ("train", "valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One shard to export."""

    split: str
    source: str
    name: str  # its path below `shards/`, without a suffix
    shard: Shard

    def tokens(self) -> Path:
        """Returns the file of its tokens on this machine; raises ValueError where it is not as the manifest states."""
        width = np.dtype(self.shard.dtype).itemsize
        return cache.local_file(self.shard.file, self.shard.tokens * width, self.shard.sha256)

    def beside(self, suffix: str) -> Path:
        """Returns the path of its `.idx` or `.meta.parquet`."""
        return self.shard.file.with_name(self.shard.file.name.removesuffix("bin") + suffix)

    def ends(self) -> npt.NDArray[np.uint64]:
        """Returns the number of tokens up to the end of each document, from its `.idx`."""
        with storage.local(self.beside("idx")) as path:
            ends: npt.NDArray[np.uint64] = np.cumsum(read_index(path).lengths, dtype=np.uint64)
        if not len(ends) or int(ends[-1]) != self.shard.tokens:
            raise ValueError(f"{self.beside('idx')}: does not fit the {self.shard.tokens} tokens of its shard")
        return ends


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A finished output and the part of it that is exported."""

    out: Path  # the output
    contract: dict[str, Any]  # its manifest
    dest: Path  # the folder of the export
    splits: tuple[str, ...]
    license: str | None = None  # of the selection as such

    @property
    def eot(self) -> int:
        """Returns the id of end-of-text."""
        return int(self.contract["tokenizer"]["eot"])

    @property
    def dtype(self) -> str:
        """Returns NumPy's name of the type of the ids."""
        return str(self.contract["dtype"])

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Returns the shards of the splits, in the manifest's order; raises ValueError where one is not as stated."""
        return tuple(
            Piece(split=split, source=source.name, name=shard.path.removeprefix("shards/"), shard=shard)
            for split in self.splits
            for source in read_sources(self.out / "manifest.json", split)
            for shard in source.shards
        )


def link(piece: Piece) -> Write:
    """Returns what writes the tokens as they are: a hard link to the file, or a copy where there cannot be one."""

    def write(draft: Path) -> None:
        source = piece.tokens().resolve()
        try:
            os.link(source, draft)
        except OSError:  # another device, or a file system without links
            shutil.copyfile(source, draft)

    return write
