"""A stage on disk: its plan, its key, the parts that are still to make, its closing record.

A stage folder holds `plan.json` (settings and items), parts, `receipts/`, and last `stage.json`. The key is the digest
of the stage's settings, its inputs' digests and the versions that its output depends on: equal key, equal bytes.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate import storage
from curate.errors import SettingsError
from curate.stage.parts import Counts, FileRecord, Receipt, receipt_path
from curate.stage.plan import Item as Item
from curate.stage.plan import Plan
from curate.storage.writing import as_json, sha256_of, write_bytes, write_json


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


def forget_failed(out: Path) -> int:
    """Drop the receipts of parts that hold a dead letter, in a stage's folder or a run's; how many there were.

    The next run makes these parts again, and what depends on them if they turn out otherwise.
    """
    folders = [out, *(out / name for name in sorted(storage.names(out)))]
    return sum(_forget(folder) for folder in folders if (folder / "plan.json").exists())


def _forget(folder: Path) -> int:
    receipts = [folder / "receipts" / name for name in sorted(storage.names(folder / "receipts"))]
    contents = zip(receipts, storage.contents(receipts), strict=True)
    failed = [path for path, content in contents if content and json.loads(content)["counts"]["failed"]]
    for path in failed:
        path.unlink(missing_ok=True)
    if failed:
        (folder / "stage.json").unlink(missing_ok=True)
    return len(failed)
