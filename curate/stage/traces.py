"""The files of a stage's folder that this program wrote: those that its plan, receipts and closing record name.

Only these are ever removed or replaced. A part is named by its receipt before it has its name: the receipt lies there
under a temporary name first, and a receipt that no longer holds gets a temporary name again. So a crash at any moment
leaves no file of ours that nothing names.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.errors import OlderOutput, SettingsError
from curate.stage import attempt
from curate.stage.kinds import KINDS, NESTED
from curate.stage.parts import part_name, receipt_name
from curate.stage.plan import Plan, check_version, opened_listing, stated_version
from curate.stage.ranges import run_names
from curate.stage.receipts import FORMAT, GATHERED, Receipt, of_line
from curate.storage import together
from curate.storage.listing import Listing, readable_rows
from curate.storage.writing import sha256_of, unsealed

RECEIPT = re.compile(r"receipts/\.?(?P<number>\d{5,})\.json(?:\.\d+\.[0-9a-f]{16}\.curate\.note)?")
RECEIPT_MARKS = (b'"counts": {', b'"files": {')  # one is left of a receipt with a damaged byte
MARKED = b"curate."  # begins a key in the metadata of a Parquet file that is written before any plan names it


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """The files of a stage's folder, without those of a stage inside it, by their names from there."""

    folder: Path
    files: frozenset[str]  # all of them
    folders: frozenset[str]
    receipts: Mapping[str, Collection[str]]  # each receipt there, temporary or not: the files that it names
    recorded: frozenset[str]  # that stage.json names, itself among them
    planned: frozenset[str]  # plan.json, what it attaches, and parts of its items
    passing: frozenset[str]  # temporary files, and those of the work while it goes on

    @property
    def ours(self) -> frozenset[str]:
        """Returns the files that this program wrote."""
        named = (*self.receipts.values(), self.recorded, self.planned, self.passing, self.receipts.keys())
        return frozenset().union(*named) & self.files


def read(
    folder: Path, stage: str, whole: Iterable[Receipt | None] = (), names: Collection[str] | None = None
) -> Traces:
    """Reads what a stage's folder holds; OlderOutput where an older version wrote it.

    whole: receipts there that were read already. names: of its files, where a store has just listed them.
    """
    files, folders = storage.entries(folder, names)
    nested = tuple(f"{name}/" for name in NESTED)
    files = {name for name in files if not name.startswith(nested)} - {attempt.NAME}
    plan = _planned(folder) if "plan.json" in files else None
    record = _stored(folder) if "stage.json" in files else None
    receipts = _receipts(folder, stage, files, plan, whole)
    planned = frozenset() if plan is None else frozenset({"plan.json", *_texts(plan.fields.get("attached"))})
    unnamed = files - planned.union(*receipts.values(), receipts.keys())
    planned |= {*_parts(folder, stage, {name for name in unnamed if not storage.is_draft(name)}, plan)}
    passing = {name for name in files if storage.is_draft(name) and name not in receipts}
    early = (name for name in files - planned if name.startswith(("pointers/", "lots/")))
    passing |= {name for name in early if is_marked(folder / name)} | {*_work(files, stage, plan)}
    if (card := KINDS[stage].card) in files - planned:
        planned |= {*together.named(folder / card)}
    return Traces(
        folder=folder,
        files=frozenset(files | receipts.keys()),
        folders=frozenset(folders),
        receipts=receipts,
        recorded=frozenset() if record is None else frozenset({"stage.json", *_texts(record.get("attached"))}),
        planned=planned,
        passing=frozenset(passing),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan of ours as far as it can be read."""

    path: Path
    fields: Mapping[str, Any]  # without its items
    listing: Listing | None  # None of one that is damaged

    def items(self) -> Iterator[Mapping[str, Any]]:
        """Yields the lines of its items in order: up to the first that is damaged, or all that can still be read."""
        if self.listing is None:
            yield from readable_rows(storage.contents([self.path])[0] or b"")
            return
        with suppress(ValueError):
            yield from self.listing


def planned_items(folder: Path) -> int:
    """Returns of how many items the plan in a folder is; 1 where there is none."""
    try:
        return len(opened_listing(folder / "plan.json")) or 1
    except OlderOutput:
        raise
    except (OSError, ValueError):
        return 1


def is_ours(content: bytes | None, mark: str) -> bool:
    """Returns whether bytes are those of a record of ours, whole or damaged; mark: its format."""
    return content is not None and (mark.encode() in content or b'"seal": "' in content)


def _planned(folder: Path) -> StoredPlan | None:
    """Returns the plan in a folder, without what is damaged of it; None where there is none of ours."""
    path = folder / "plan.json"
    try:
        listing = opened_listing(path)
        return StoredPlan(path=path, fields=listing.fields, listing=listing)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OlderOutput:
        raise
    except ValueError:
        content = storage.contents([path])[0] or b""
        return StoredPlan(path=path, fields={}, listing=None) if is_ours(content, "curate.plan") else None


def _stored(folder: Path) -> dict[str, Any] | None:
    """Returns a closing record of ours, {} where it is damaged, None where there is none of ours."""
    content = storage.contents([folder / "stage.json"])[0]
    check_version(stated_version(content or b"", unstated=1), folder)
    with suppress(ValueError):
        stored = unsealed(content or b"")
        if {"stage", "attached"} <= stored.keys():
            return stored
    return {} if is_ours(content, "curate.stage") else None


def _parts(folder: Path, stage: str, unnamed: set[str], plan: StoredPlan | None) -> Iterator[str]:
    """Yields the files of parts whose receipts were lost: shards, and tables whose metadata says that they are ours."""
    if unnamed and plan:
        for item in plan.items():
            for name in part_files(stage, item.get("number", 0), plan.fields.get("settings", {})):
                if name in unnamed and (KINDS[stage].leaves in ("shards", "ranges") or is_marked(folder / name)):
                    yield name


def _work(files: Iterable[str], stage: str, plan: StoredPlan | None) -> Iterator[str]:
    """Yields the files that a stage needs only until it is done; a lot's WARC files are those of the plan's lots."""
    pattern = re.compile(KINDS[stage].work)
    lots = {item.get("digest") for item in plan.items()} if plan and "lot" in pattern.groupindex else set()
    for name in files:
        match = pattern.fullmatch(name)
        if match and match.groupdict().get("lot") in {None, *lots}:
            yield name


def _receipts(
    folder: Path, stage: str, files: Collection[str], plan: StoredPlan | None, whole: Iterable[Receipt | None]
) -> dict[str, Collection[str]]:
    """Returns the receipts in a folder with the files that they name: a damaged one with all that its part may hold."""
    listed = {name for name in files if name.startswith("receipts/")}
    named: dict[str, Collection[str]] = {
        name: receipt.files for receipt in whole if receipt and (name := receipt_name(receipt.number)) in listed
    }
    named |= _gathered(folder, files)
    numbers = {name: int(match["number"]) for name in listed if (match := RECEIPT.fullmatch(name))}
    for number in [*numbers.values()]:  # a temporary one may have got its name by now
        numbers.setdefault(receipt_name(number), number)
    numbers = {name: number for name, number in numbers.items() if name not in named}
    settings = plan.fields.get("settings", {}) if plan else {}
    for name, content in zip(numbers, storage.contents(folder / name for name in numbers), strict=True):
        if content is None or not (storage.is_draft(name) or any(mark in content for mark in RECEIPT_MARKS)):
            continue
        own: Iterable[str]
        try:
            stated = json.loads(content)["files"]
            own = _as_stated(folder, stated) if storage.is_draft(name) else _texts(stated)
        except (ValueError, KeyError, TypeError, AttributeError):
            own = () if storage.is_draft(name) else part_files(stage, numbers[name], settings)
        named[name] = frozenset(own)
    return named


def _gathered(folder: Path, files: Collection[str]) -> dict[str, frozenset[str]]:
    """Returns the gathered receipts in a folder, temporary or not, with the files that they name."""
    named: dict[str, frozenset[str]] = {}
    for name in files:
        if name != GATHERED and not (name.startswith(f".{GATHERED}.") and storage.is_draft(name)):
            continue
        content = storage.contents([folder / name])[0]
        if content is None or not is_ours(content, FORMAT):
            continue
        receipts = filter(None, map(of_line, readable_rows(content)))
        records = ((file, record) for receipt in receipts for file, record in receipt.files.items())
        is_temporary = name != GATHERED
        named[name] = frozenset(
            _as_stated(folder, {file: asdict(record) for file, record in records})
            if is_temporary
            else (file for file, _ in records)
        )
    return named


def _as_stated(folder: Path, files: dict[str, dict[str, Any]]) -> set[str]:
    """Returns the files whose content is that which a temporary receipt states: it names what may not be there yet."""
    sizes = {name: (folder / name).stat().st_size for name in files if (folder / name).is_file()}
    same = {name for name, size in sizes.items() if size == files[name]["bytes"]}
    return {name for name in same if sha256_of(folder / name) == files[name]["sha256"]}


def _texts(names: Any) -> Iterator[str]:
    yield from (name for name in (names if isinstance(names, list | dict) else ()) if isinstance(name, str))


def is_marked(path: Path) -> bool:
    """Returns whether a file is a Parquet file that says that it is ours."""
    try:
        metadata = pq.read_schema(storage.source(path)).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return any(key.startswith(MARKED) for key in metadata)


def part_files(stage: str, number: int, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yields every file that a part of a stage may hold; settings: of the stage, which name the shards."""
    if KINDS[stage].leaves == "ranges":
        yield from run_names(number)
    elif KINDS[stage].leaves != "shards":
        kinds = ("part", "rejected", "failed", *KINDS[stage].tables)
        yield from (part_name(number, kind) for kind in kinds)
    elif number < len(cuts := settings.get("cuts") or ()):
        yield from (f"{cuts[number]['path']}.{suffix}" for suffix in ("bin", "idx", "meta.parquet"))


def files_of(plan: Plan) -> Iterator[str]:
    """Yields every file that a stage may write from the time that it is opened."""
    yield from ("plan.json", "stage.json", *KINDS[plan.stage].attached, *plan.contents)
    yield GATHERED
    for item in plan.items:
        yield receipt_name(item.number)
        yield from part_files(plan.stage, item.number, plan.settings)


def check_free(traces: Traces, wanted: Iterable[str]) -> None:
    """Raises SettingsError, which names the file, where one that is not ours lies in the place of one to be written."""
    others = traces.files - traces.ours
    if not others and not traces.folders:
        return
    for name in wanted:
        blocking = [name] if name in others or name in traces.folders else []
        blocking += [above for above in _above(name) if above in others]
        if blocking:
            raise not_ours(traces.folder / blocking[0])


def not_ours(path: Path) -> SettingsError:
    """Returns the error for a file of the user's in the place of one to be written."""
    return SettingsError(f"{path}: not written by curate, and would be replaced; move it, or name another folder")


def _above(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def clear(traces: Traces, keep: Collection[str]) -> None:
    """Removes what is ours and not to be kept, and the folders that this leaves empty.

    A record goes after the files that it names: the closing record after those that it alone names, receipts last.
    """
    by_receipt = frozenset().union(*traces.receipts.values())

    def turn(name: str) -> int:
        if name in traces.receipts:
            return 3
        if name == "stage.json":
            return 1
        return 0 if name in traces.recorded - by_receipt - traces.planned else 2

    stale = traces.ours - {*keep}
    for _, names in groupby(sorted(stale, key=lambda name: (turn(name), name)), turn):
        storage.remove(traces.folder / name for name in names)
    if storage.is_remote(traces.folder):
        return
    emptied = {above for name in stale for above in _above(name)} - {"receipts"}
    for name in sorted(emptied, key=len, reverse=True):
        with suppress(OSError):  # it holds another file
            (traces.folder / name).rmdir()


def nested_stages(names: Iterable[str], *notes: str) -> tuple[str, ...]:
    """Returns the prefixes, such as "signatures/", of the folders inside a stage's that hold one of these files."""
    parts = {name.rpartition("/") for name in names if name.count("/") == 1}
    return tuple(sorted({f"{folder}/" for folder, _, note in parts if note in notes}))
