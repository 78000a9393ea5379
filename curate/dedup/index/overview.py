"""An index summed up, its files compared with their digests, and two indexes made one."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curate import storage
from curate.dedup import minhash
from curate.dedup.index import places
from curate.dedup.index.generations import RECORD, Generation, Index, read_generation, read_index, shown, unfinished
from curate.dedup.index.publishing import write_generation
from curate.errors import SettingsError
from curate.storage import overlap
from curate.storage.writing import sha256_of

COMPARED = 4096  # pairs whose signatures are in memory at once
KINDS = ("documents", "bands", "texts", "urls", "clusters")  # of files


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Two indexes made one, and how much they have in common."""

    index: Index
    texts: int  # texts that both hold, by their hashes
    addresses: int  # addresses that both hold
    similar: int  # kept documents of the second whose signatures resemble one of the first, equal ones among them


def opened(path: Path) -> Index:
    """Reads an index that is there; SettingsError where there is none."""
    index = read_index(path)
    if not index.generations:
        raise SettingsError(f"{path}: not an index of dedup (it holds no generation)")
    return index


def summary(path: Path) -> dict[str, Any]:
    """Returns what an index holds, as a table."""
    index = opened(path)
    return {
        "index": storage.uri(storage.absolute(path)),
        "settings": dict(index.generations[0].settings),
        "generations": [_generation(generation) for generation in index.generations],
        "unfinished": unfinished(path),
    }


def _generation(generation: Generation) -> dict[str, Any]:
    sizes = {kind: sum(file["bytes"] for file in _files(generation, kind)) for kind in KINDS}
    return {
        "number": generation.number,
        "name": generation.folder.name,
        "documents": generation.counts["documents"],
        "kept": generation.counts["kept"],
        "sources": dict(generation.sources),
        "bytes": generation.bytes,
        "bytes_by_kind": {kind: size for kind, size in sizes.items() if size},
    }


def _files(generation: Generation, kind: str) -> list[Any]:
    return [file for name, file in generation.files.items() if name.startswith(f"{kind}-")]


def lines(table: dict[str, Any]) -> Iterator[str]:
    """Yields a summary in lines."""
    rules = ", ".join(f"{name} = {shown(value)}" for name, value in table["settings"].items())
    yield f"settings: {rules}"
    for row in table["generations"]:
        sources = ", ".join(f"{name} {count:,}" for name, count in row["sources"].items() if count)
        yield (
            f"generation {row['number']}: {row['kept']:,} of {row['documents']:,} documents kept"
            f"{f' ({sources})' if sources else ''}, {row['bytes']:,} bytes"
        )
    if "texts_in_both" in table:
        common = f"{table['texts_in_both']:,} texts, {table['addresses_in_both']:,} addresses"
        similar = f"at least {table['similar']:,} kept documents of the second resemble one of the first"
        yield f"in both: {common}; {similar}; all stay"
    for name in table["unfinished"]:
        overtaken = int(name[:5]) <= len(table["generations"])
        mend = "another run has added since, so remove it" if overtaken else "the same command ends it, or remove it"
        yield f"unfinished: {name} is the rest of an addition that was stopped; {mend}"


def faults(path: Path) -> Iterator[str]:
    """Yields a line for each file of an index that is not as it was written."""
    for generation in opened(path).generations:
        for name, file in generation.files.items():
            if sha256_of(generation.folder / name) != file["sha256"]:
                yield f"{generation.folder / name}: another sha256 than recorded; restore it"


def merge(first: Path, second: Path, target: Path) -> Merged:
    """Makes one index of two: the generations of the first, then those of the second, in a new folder.

    Nothing of either is removed; what both hold is counted. SettingsError, before any work, where they do not fit.
    """
    indexes = opened(first), opened(second)
    _check(indexes, target)
    work = storage.draft(target)
    try:
        before = ""
        for number, generation in enumerate((*indexes[0].generations, *indexes[1].generations), start=1):
            behind = number > len(indexes[0].generations)
            shift = generation.shift + (len(indexes[0].generations) if behind else 0)
            folder = work / f"{number:05d}-{generation.addition[:16]}"
            _copy(generation, folder)
            write_generation(replace(generation, number=number, before=before, shift=shift, folder=folder))
            before = read_generation(folder, (folder / RECORD).read_bytes()).digest
        if target.is_dir():
            target.rmdir()
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Merged(
        index=read_index(target),
        texts=sum(1 for _ in _common(*indexes, "texts")),
        addresses=sum(1 for _ in _common(*indexes, "urls")),
        similar=_similar(*indexes),
    )


def _check(indexes: tuple[Index, Index], target: Path) -> None:
    first, second = indexes
    for index in indexes:
        if storage.is_remote(index.path) or storage.is_remote(target):
            raise SettingsError(f"{index.path}: indexes are merged on this machine; copy them here first")
        overlap.check_apart(index.path, target)
    if storage.names(target):
        raise SettingsError(f"{target}: is there already; name a new folder")
    for name, value in first.generations[0].settings.items():
        if second.generations[0].settings.get(name) != value:
            other = shown(second.generations[0].settings.get(name))
            here = f"{first.path} with {shown(value)}"
            raise SettingsError(f"{second.path}: made with dedup.{name} = {other}, {here}; they cannot be one")
    if first.generations[0].probe != second.generations[0].probe:
        raise SettingsError(f"{second.path}: hashes texts otherwise than {first.path}; they cannot be one")
    for generation in second.generations:
        if own := first.of(generation.addition):
            raise SettingsError(
                f"{second.path}: generation {generation.number} is generation {own.number} of {first.path} too"
            )


def _copy(generation: Generation, folder: Path) -> None:
    """Copies the files of a generation; SettingsError where one is not as it was written."""
    folder.mkdir(parents=True)
    for name, file in generation.files.items():
        shutil.copyfile(generation.folder / name, folder / name)
        if sha256_of(folder / name) != file["sha256"]:
            raise SettingsError(f"{generation.folder / name}: another sha256 than recorded; restore it")


def _common(first: Index, second: Index, kind: str) -> Iterator[bytes]:
    """Yields the keys of a kind that both indexes hold; it reads a row group of the second at a time."""
    for generation in second.generations:
        for name in generation.files:
            if name.startswith(f"{kind}-"):
                with pq.ParquetFile(generation.folder / name) as file:
                    for batch in file.iter_batches(columns=["key"]):
                        yield from first.first(kind, batch["key"].to_pylist())


def _similar(first: Index, second: Index) -> int:
    """Returns how many kept documents of the second index are similar to one of the first, by their signatures.

    Compared are the first documents of a band in each. So it is a lower bound.
    """
    pairs = sorted(_sharing(first, second))
    limit = float(second.generations[0].settings["similarity"])
    similar: set[bytes] = set()
    for start in range(0, len(pairs), COMPARED):
        some = pairs[start : start + COMPARED]
        others = first.documents({other for _, other in some}, ("signature",))
        rows = second.documents({own for own, _ in some}, ("winner", "signature"))
        for own, other in some:
            one, two = (np.frombuffer(row["signature"], "<u4") for row in (rows[own], others[other]))
            if not rows[own]["winner"] and minhash.similarity(one, two) >= limit:
                similar.add(own)
    return len(similar)


def _sharing(first: Index, second: Index) -> set[tuple[bytes, bytes]]:
    """Returns the places in the second index and in the first of documents that share a band."""
    pairs = set()
    for generation in second.generations:
        for name in sorted(generation.files):
            if name.startswith("bands-"):
                with pq.ParquetFile(generation.folder / name) as file:
                    for batch in file.iter_batches():
                        own = {row["key"]: row for row in batch.to_pylist()}
                        for earlier, row in first.rows("bands", own.keys(), name[len("bands-") :][:4]):
                            pairs.add((_place(generation, own[row["key"]]), _place(earlier, row)))
    return pairs


def _place(generation: Generation, row: dict[str, Any]) -> bytes:
    return places.place(generation.number, row["part"], row["row"])
