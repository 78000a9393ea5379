"""An index on disk: a folder of generations, each a folder of files that a record names once they are all there.

Each run adds one generation. Its record, `generation.json`, is written last and holds the digests of its files
and of the record before it; a folder without a record is that of an addition that was not finished, and counts for
nothing. No file of a generation changes after that.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import settings as tables_of_settings
from curate import storage
from curate.dedup import minhash, signatures
from curate.dedup.config import Dedup
from curate.dedup.index import places, tables
from curate.errors import DamageError, SettingsError
from curate.storage.writing import unsealed

VERSION = 1
RECORD, FILES = "generation.json", "files.json"
CLAIM = ".claim"  # ends the name of a file by which an addition keeps others off
FOLDER = re.compile(r"(\d{5})-[0-9a-f]{16}")
DECIDING = ("url", "exact", "near", "normalise", "bands", "rows", "shingle", "similarity", "verify")
PROBE = "Terms of use. 利用規約をお読みください。 The words of this text show whether signatures are still made alike."
Row = dict[str, Any]


def partition(key: bytes, count: int) -> int:
    """Returns which of `count` files holds a key: by its first 4 bytes, as `candidates.split_by_hash` has it."""
    return int.from_bytes(key[:4]) * count >> 32


def deciding(rules: Dedup) -> dict[str, Any]:
    """Returns the settings that all runs against an index must share."""
    table = tables_of_settings.to_table(rules)
    return {name: table[name] for name in DECIDING}


def probe(rules: Dedup) -> str:
    """Returns a digest that changes where signatures, shingles, hashes or address keys are no longer made as before."""
    text_hash, signature = minhash.fingerprint(PROBE, rules)
    address = signatures.url_key("http://www.example.com/a/?utm_source=x&b=1") or b""
    shingles = minhash.shingles(PROBE, rules.shingle, rules.normalise).astype("<u4").tobytes()
    signed = b"" if signature is None else signature.astype("<u4").tobytes()
    return hashlib.sha256(text_hash + signed + address + shingles).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The addition of one run to an index."""

    number: int  # from 1 on
    folder: Path
    digest: str  # sha256 of its record
    before: str  # that of the record before it; "" of the first
    addition: str  # the key of the run
    settings: Mapping[str, Any]  # those of `DECIDING`
    probe: str
    inputs: Mapping[str, str]  # the names of the inputs that hold documents, by their digests
    sources: Mapping[str, int]  # kept documents by source
    counts: Mapping[str, int]
    partitions: Mapping[str, int]  # how many files the keys of a kind are spread over
    criteria: int  # of `dedup.keep`
    shift: int  # what is added to the generations in its files: that of the index that it was merged behind
    files: Mapping[str, Mapping[str, Any]]  # rows, bytes and sha256 by name

    @property
    def bytes(self) -> int:
        """Returns the size of its files."""
        return sum(file["bytes"] for file in self.files.values())


def read_generation(folder: Path, content: bytes) -> Generation:
    """Returns the generation that a record describes; SettingsError where it is not as it was written."""
    try:
        stored = unsealed(content)
        if stored.pop("format") != "curate.dedup.index" or stored.pop("version") != VERSION:
            raise ValueError("of another form")
        return Generation(folder=folder, digest=hashlib.sha256(content).hexdigest(), **stored)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{folder / RECORD}: not readable as a generation of an index: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The generations of an index, in order."""

    path: Path
    generations: tuple[Generation, ...]

    def of(self, addition: str) -> Generation | None:
        """Returns the generation that the run of this key added."""
        return next((generation for generation in self.generations if generation.addition == addition), None)

    def before(self, number: int) -> "Index":
        """Returns the index as it was before the generation of this number."""
        return Index(path=self.path, generations=self.generations[: number - 1])

    def rows(
        self, kind: str, keys: Collection[bytes], prefix: str = "", columns: tuple[str, ...] = ("part", "row")
    ) -> Iterator[tuple[Generation, Row]]:
        """Yields the rows of a kind that have one of these keys, generation by generation."""
        for generation in self.generations:
            for row in self.of_generation(generation, kind, keys, prefix, columns):
                yield generation, row

    @staticmethod
    def of_generation(
        generation: Generation,
        kind: str,
        keys: Collection[bytes],
        prefix: str = "",
        columns: tuple[str, ...] = ("part", "row"),
    ) -> Iterator[Row]:
        """Yields the rows of a generation that have one of these keys."""
        by_file = defaultdict(list)
        for key in keys:
            by_file[partition(key, generation.partitions[kind])].append(key)
        for number, own in sorted(by_file.items()):
            name = f"{kind}-{prefix}{number:05d}.parquet"
            if name in generation.files:
                yield from tables.lookup(generation.folder / name, own, columns)

    def first(self, kind: str, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Returns the place of the document of the earliest generation that has a key, by key."""
        places_of: dict[bytes, bytes] = {}
        for generation, row in self.rows(kind, keys):
            places_of.setdefault(row["key"], places.place(generation.number, row["part"], row["row"]))
        return places_of

    def documents(self, at_places: Iterable[bytes], columns: tuple[str, ...]) -> dict[bytes, Row]:
        """Returns these columns of the documents at these places, by place."""
        return dict(self.stream(at_places, columns))

    def stream(self, at_places: Iterable[bytes], columns: tuple[str, ...]) -> Iterator[tuple[bytes, Row]]:
        """Yields these places in order, with these columns of their documents; one row group is in memory at a time.

        DamageError where one is not there.
        """
        by_file: dict[bytes, set[int]] = defaultdict(set)
        for at in at_places:
            by_file[places.file_of(at)].add(places.row_of(at))
        for file, numbers in sorted(by_file.items()):
            generation = self.generations[int.from_bytes(file[: places.GENERATION]) - 1]
            path = generation.folder / document_file(int.from_bytes(file[places.GENERATION :]))
            missing = len(numbers)
            for row in tables.lookup(path, numbers, columns):
                for column in ("label", "winner"):
                    if row.get(column):
                        row[column] = places.moved_name(row[column], generation.shift)
                missing -= 1
                yield file + row["key"].to_bytes(4), row
            if missing:
                raise DamageError(f"{path}: {missing:,} documents are missing that the index refers to; restore it")


def document_file(part: int) -> str:
    """Returns the name of the file of a part's documents."""
    return f"documents-{part:05d}.parquet"


def read_index(path: Path) -> Index:
    """Reads an index; one that is not there has no generations. SettingsError where it is not as it was written."""
    names = sorted(name for name in storage.names(path) if FOLDER.fullmatch(name))
    contents = storage.contents([path / name / RECORD for name in names])
    generations = [
        read_generation(path / name, content) for name, content in zip(names, contents, strict=True) if content
    ]
    before = ""
    for number, generation in enumerate(generations, start=1):
        if generation.number != number or generation.before != before:
            raise SettingsError(f"{generation.folder}: does not follow on the generation before it; restore {path}")
        before = generation.digest
        _check_whole(generation)
    return Index(path=path, generations=tuple(generations))


def _check_whole(generation: Generation) -> None:
    sizes = storage.sizes(generation.folder)
    for name, file in generation.files.items():
        if sizes.get(name) != file["bytes"]:
            state = "missing" if name not in sizes else f"{sizes[name]:,} bytes, recorded are {file['bytes']:,}"
            raise SettingsError(f"{generation.folder / name}: {state}; restore it")


def check_folder(path: Path) -> None:
    """Raises SettingsError where an index cannot lie at a path: at a file, or among files that are not of an index."""
    if not storage.is_remote(path) and path.exists() and not path.is_dir():
        raise SettingsError(f"{path}: is a file; name a folder for the index")
    names = storage.names(path)
    if names and not any(FOLDER.fullmatch(name) or name.endswith(CLAIM) for name in names):
        raise SettingsError(f"{path}: holds {min(names)}, and no index; name an index, or a new folder")


def unfinished(path: Path) -> list[str]:
    """Returns the names of the folders of additions that were not finished."""
    names = sorted(name for name in storage.names(path) if FOLDER.fullmatch(name))
    contents = storage.contents([path / name / RECORD for name in names])
    return [name for name, content in zip(names, contents, strict=True) if content is None]


def check_settings(index: Index, rules: Dedup) -> None:
    """Raises SettingsError where an index was made by other settings, or hashes are no longer made as then."""
    own = deciding(rules)
    for generation in index.generations:
        for name, value in own.items():
            if (stored := generation.settings.get(name)) != value:
                raise SettingsError(
                    f"{index.path}: made with dedup.{name} = {shown(stored)}, this run has {shown(value)}; "
                    "set it as there, or name another index"
                )
        if generation.probe != probe(rules):
            raise SettingsError(
                f"{index.path}: this version hashes texts otherwise than the one that made generation "
                f"{generation.number}; make the index anew from the documents"
            )


def shown(value: Any) -> str:
    """Returns the value of a setting as TOML has it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
