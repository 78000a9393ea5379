"""A stage's folder, opened and closed: its closing record, the files that belong to it, the parts still to make."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate import storage
from curate.errors import OlderOutput, SettingsError, UserError
from curate.stage import traces
from curate.stage.parts import Counts, FileRecord, Receipt, drop_receipt, parse_receipt, receipt_path
from curate.stage.plan import VERSION, Item, Plan, check_version, plan_bytes, read_plan, stated_version
from curate.storage.writing import sha256_of, unsealed, write_bytes, write_record

RECEIPT = re.compile(r"(\d{5,})\.json")
Receipts = list[Receipt | None]  # of a plan's items, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """The closing record of a stage, as `stage.json` holds it."""

    stage: str
    key: str
    settings: dict[str, Any]
    items: tuple[Item, ...]
    outputs: dict[str, FileRecord]
    counts: Counts
    seconds: float
    versions: dict[str, str]


def read_stage(folder: Path) -> StageRecord:
    """Reads the closing record of a stage; SettingsError if there is none, OlderOutput if an older version wrote it."""
    try:
        content = (folder / "stage.json").read_bytes()
        check_version(stated_version(content), folder)
        stored = unsealed(content)
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
    except OlderOutput:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise SettingsError(f"{folder}: not the folder of a finished stage (it has no stage.json)") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{folder / 'stage.json'}: not readable as a stage record: {error}") from None


def done(plan: Plan) -> StageRecord | None:
    """Reads the record of a plan's stage if the folder holds it closed, under this key, with its files in place."""
    try:
        record = read_stage(plan.folder)
    except SettingsError:
        return None
    if record.key != plan.key:
        return None
    try:
        read_plan(plan.folder)
    except (UserError, OSError):
        return None
    sizes = storage.sizes(plan.folder)
    notes = ["plan.json", *(f"receipts/{item.number:05d}.json" for item in plan.items)]
    whole = all(sizes.get(name) == file.bytes for name, file in record.outputs.items()) and sizes.keys() >= {*notes}
    return record if whole else None


def open_stage(plan: Plan) -> list[Item]:
    """Makes a stage's folder ready and returns the items still to do: stale files go, the plan is written.

    SettingsError, before any change, where a file that is not ours would be replaced. The caller has found that the
    stage is not done, and holds the folder alone.
    """
    receipts = plan.receipts()
    before = traces.read(plan.folder, plan.stage, receipts)
    traces.check_free(before, traces.files_of(plan))
    traces.clear(before, owned_files(plan, receipts))
    write_plan(plan)
    return plan.pending(receipts)


def begin_stage(plan: Plan) -> None:
    """Writes the plan and removes no part: another attempt at the same job may be making parts, or have closed it.

    SettingsError, before any change, where a file that is not ours would be replaced.
    """
    before = traces.read(plan.folder, plan.stage)
    traces.check_free(before, traces.files_of(plan))
    try:
        closed = read_stage(plan.folder).key == plan.key
    except SettingsError:
        closed = False
    stale = [*(() if closed else ("stage.json",)), *sorted(before.planned - {"plan.json", *plan.attached})]
    for name in stale:
        (plan.folder / name).unlink(missing_ok=True)
    write_plan(plan)


def write_plan(plan: Plan) -> None:
    """Writes `plan.json`, then the attached files that it holds, each unless it is there already.

    OlderOutput where the folder holds an older version's.
    """
    path, content = plan.folder / "plan.json", plan_bytes(plan)
    storage.make_folder(plan.folder / "receipts")
    stored = storage.contents([path])[0]
    if stored != content:
        if stored is not None:
            check_version(stated_version(stored, unstated=1), plan.folder)
        write_bytes(path, content)
    for name, attached in plan.contents.items():
        if storage.contents([plan.folder / name]) != [attached]:
            write_bytes(plan.folder / name, attached)


def owned_files(plan: Plan, receipts: Receipts) -> set[str]:
    """Returns the files of a stage's folder that belong there, as far as parts are whole; `stage.json` aside."""
    owned = {"plan.json", *plan.attached}
    for receipt in receipts:
        if receipt:
            owned |= {*receipt.files, str(receipt_path(Path(), receipt.number))}
    return owned


def nested_stages(names: Iterable[str], *notes: str) -> tuple[str, ...]:
    """Returns the prefixes, such as "signatures/", of the folders inside a stage's that hold one of these files."""
    parts = {name.rpartition("/") for name in names if name.count("/") == 1}
    return tuple(sorted({f"{folder}/" for folder, _, note in parts if note in notes}))


def close_stage(plan: Plan) -> StageRecord:
    """Adds up the receipts into `stage.json`, after which the stage is done; RuntimeError if a part is missing."""
    receipts = plan.receipts()
    whole = [receipt for receipt in receipts if receipt]
    if missing := plan.pending(receipts):
        raise RuntimeError(f"{plan.stage}: no part was made of {missing[0].label} ({len(missing)} missing in all)")
    counts = Counts()
    for receipt in whole:
        counts.add(receipt.counts)
    record = StageRecord(
        stage=plan.stage,
        key=plan.key,
        settings=plan.settings,
        items=plan.items,
        outputs=dict(sorted([*_files(whole), *_attached(plan)])),
        counts=counts,
        seconds=round(sum(receipt.seconds for receipt in whole), 3),
        versions=plan.versions,
    )
    # What an attempt that lost its part, or was killed, has left goes; not the record, if another attempt wrote it.
    traces.clear(traces.read(plan.folder, plan.stage, receipts), owned_files(plan, receipts) | {"stage.json"})
    write_record(plan.folder / "stage.json", {"format": "curate.stage", "version": VERSION, **asdict(record)})
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
    """Removes the receipts of parts that hold a dead letter, in a stage's folder or a run's; returns how many.

    The next run makes these parts again, and what depends on them if they turn out otherwise.
    """
    folders = [out, *(out / name for name in sorted(storage.names(out)))]
    return sum(_forget(folder) for folder in folders if (folder / "plan.json").exists())


def _forget(folder: Path) -> int:
    numbers = (RECEIPT.fullmatch(name) for name in sorted(storage.names(folder / "receipts")))
    receipts = [receipt_path(folder, int(match[1])) for match in numbers if match]
    contents = zip(receipts, storage.contents(receipts), strict=True)
    failed = [path for path, content in contents if content and _holds_failed(content)]
    for path in failed:
        drop_receipt(path)
    if failed:
        (folder / "stage.json").unlink(missing_ok=True)
    return len(failed)


def _holds_failed(receipt: bytes) -> bool:
    """Returns whether a receipt counts a dead letter; one of ours that is damaged vouches for nothing."""
    try:
        return parse_receipt(receipt).counts.failed > 0
    except ValueError:
        return traces.is_ours(receipt, "curate.receipt")
