"""Reads a manifest's sources and shards: token files that are mapped into memory when first needed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate import storage
from curate.storage import cache
from curate.storage.cache import Check
from curate.storage.writing import CHANGED, unsealed

FORMAT, VERSION = "curate.manifest", 1
MOST_MAPS = 16_384  # of a stream; the kernel allows a process some 65,000
TOKEN_BYTES = {"<u2": 2, "<u4": 4}  # bytes of a token by type

Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A headerless file of little-endian tokens, as its manifest states it."""

    path: str  # its name in the manifest, without a suffix
    file: Path
    dtype: str  # a key of TOKEN_BYTES
    tokens: int
    bytes: int  # of its text in UTF-8
    sha256: str | None  # of the file; None where the manifest states none

    def open(self, check: Check = "once") -> NDArray[Any]:
        """Returns its tokens, mapped rather than read; raises ValueError, which names a file that is not as stated."""
        here = cache.local_file(self.file, self.tokens * TOKEN_BYTES[self.dtype], self.sha256, check)
        return np.memmap(here, dtype=self.dtype, mode="r").view(np.ndarray)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShards:
    """One source's shards of one split, in the order of the manifest."""

    name: str
    weight: Fraction  # its exact share relative to the other sources'
    shards: tuple[Shard, ...]

    @property
    def tokens(self) -> int:
        """Returns the tokens of all shards."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Returns the bytes of the text of all shards, in UTF-8."""
        return sum(shard.bytes for shard in self.shards)


class Stream:
    """Shards read as one sequence of tokens; files are mapped when first read, and as many stay so as may be open."""

    def __init__(self, shards: Sequence[Shard], check: Check = "once") -> None:
        self.shards = [shard for shard in shards if shard.tokens]  # an empty file cannot be mapped
        self.sizes = np.array([shard.tokens for shard in self.shards], np.int64)
        self.ends = np.cumsum(self.sizes)
        self.check = check
        self._maps: dict[int, NDArray[Any]] = {}  # by the shard's number, the one that was mapped last at the end
        self._checked: set[int] = set()  # the numbers of shards that were mapped before

    def __len__(self) -> int:
        return int(self.ends[-1]) if self.shards else 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_maps": {}, "_checked": set()}  # another process maps for itself

    def shard(self, number: int) -> NDArray[Any]:
        """Returns the tokens of one shard."""
        tokens = self._maps.get(number)
        return self._mapped(number) if tokens is None else tokens

    def _mapped(self, number: int) -> NDArray[Any]:
        """Maps a shard, in place of the one that was mapped first where as many are open as may be."""
        while len(self._maps) >= most_maps():
            del self._maps[next(iter(self._maps))]
        tokens = self.shards[number].open("never" if number in self._checked else self.check)
        self._checked.add(number)
        self._maps[number] = tokens
        return tokens

    def pieces(self, start: int, count: int) -> list[tuple[int, int, int]]:
        """Returns tokens start .. start + count - 1 as (shard, offset in it, tokens), fewer where the stream ends."""
        runs = []
        number = int(np.searchsorted(self.ends, start, side="right"))
        while count > 0 and number < len(self.shards):
            offset = start - int(self.ends[number] - self.sizes[number])
            length = min(count, int(self.sizes[number]) - offset)
            runs.append((number, offset, length))
            number, start, count = number + 1, start + length, count - length
        return runs

    def read(self, start: int, count: int) -> Tokens:
        """Returns tokens start .. start + count - 1, fewer where the stream ends."""
        pieces = [self.shard(number)[offset : offset + length] for number, offset, length in self.pieces(start, count)]
        return np.concatenate([np.empty(0, np.int64), *pieces], dtype=np.int64)


def most_maps() -> int:
    """Returns how many shards a stream keeps mapped: a quarter of the files that the process may have open.

    Python's map of a file keeps it open until the map is dropped.
    """
    try:
        import resource
    except ImportError:  # no such limit on Windows
        return MOST_MAPS
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_MAPS if limit == resource.RLIM_INFINITY else max(1, min(MOST_MAPS, limit // 4))


def manifest_file(name: Path | str) -> Path:
    """Returns the manifest that a path or an address names, itself or by the folder that holds it."""
    path = storage.path(name) if isinstance(name, str) else name
    return path / "manifest.json" if path.suffix != ".json" and path.is_dir() else path


def read_manifest(manifest: Path) -> dict[str, Any]:
    """Returns the JSON of a manifest; raises ValueError, which names the file, where this version cannot read it.

    Only the seal, if there is one, the format, the version and the type of the ids are checked;
    `dataset.manifest.read` checks the schema too.
    """
    if not storage.is_remote(manifest):
        storage.check_file(manifest)
    try:
        content = manifest.read_bytes()
        contract = json.loads(content)
        if isinstance(contract, dict) and "seal" in contract:
            contract = unsealed(content)
    except FileNotFoundError as error:
        raise ValueError(f"{manifest}: no such manifest") from error
    except OSError as error:
        raise ValueError(f"{manifest}: cannot read this manifest: {error.strerror or error}") from error
    except ValueError as error:
        fault = CHANGED if str(error) == CHANGED else f"not JSON: {error}"
        raise ValueError(f"{manifest}: cannot read this manifest: {fault}") from error
    stated = (contract.get("format"), contract.get("version")) if isinstance(contract, dict) else (None, None)
    if stated != (FORMAT, VERSION):
        expected = f"not a manifest of format {FORMAT}, version {VERSION}"
        raise ValueError(f"{manifest}: {expected}: it states format {stated[0]!r}, version {stated[1]!r}")
    dtype = contract.get("dtype")
    if dtype not in tuple(TOKEN_BYTES):
        raise ValueError(f"{manifest}: its ids have dtype {dtype}; this reads dtype {' or '.join(TOKEN_BYTES)}")
    table: dict[str, Any] = contract
    return table


def read_sources(manifest: Path, split: str) -> tuple[SourceShards, ...]:
    """Returns every source of the manifest with its shards of this split.

    Raises ValueError, which names a shard that is not as stated. The size of a local shard is checked here, and its
    digest when it is opened; of a remote one both are checked then.
    """
    table = read_manifest(manifest)
    try:
        sources = tuple(_source(source, split, manifest.parent, table["dtype"]) for source in table["sources"])
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"{manifest}: malformed manifest: {error!r}") from error
    for shard in (shard for source in sources for shard in source.shards):
        if not storage.is_remote(shard.file):
            cache.local_file(shard.file, shard.tokens * TOKEN_BYTES[shard.dtype], None)
    return sources


def _source(table: Mapping[str, Any], split: str, folder: Path, dtype: str) -> SourceShards:
    weight = Fraction(str(table["weight"]))
    if weight < 0:
        raise ValueError(f"source {table['name']} has weight {weight}; weights are at least 0")
    shards = tuple(
        Shard(
            path=shard["path"],
            file=storage.join(folder, f"{shard['path']}.bin"),
            dtype=dtype,
            tokens=int(shard["tokens"]),
            bytes=int(shard.get("bytes", 0)),
            sha256=shard.get("files", {}).get("bin", {}).get("sha256"),
        )
        for shard in table["splits"].get(split, {}).get("shards", ())
    )
    return SourceShards(name=table["name"], weight=weight, shards=shards)
