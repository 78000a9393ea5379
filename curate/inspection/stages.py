"""Checks one stage's folder against its records: plan, receipts, files, counts, rows and ids."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.crawl.planning.conservation import faults as crawl_faults
from curate.errors import DamageError, UserError
from curate.inspection import ids
from curate.links.votes import faults as link_faults
from curate.stage.kinds import KINDS
from curate.stage.plan import Plan, base_of, key_of, read_plan
from curate.stage.receipts import GATHERED, Counts, FileRecord, Receipt
from curate.stage.record import Outputs, StageRecord
from curate.storage.writing import sha256_of
from curate.tokens.conservation import faults as shard_faults

# What is checked of a stage beside its files, counts and receipts, by the subject that wrote it.
FAULTS: dict[str, Callable[[Path, StageRecord], Iterator[str]]] = {
    "links": link_faults,
    "pack": shard_faults,
    "crawl": crawl_faults,
}


def faults(folder: Path, record: StageRecord, previous: StageRecord | None) -> tuple[list[str], list[str]]:
    """Returns the lines about files that are missing or changed, and those about a record that is wrong.

    Of the latter the first alone is returned, as one wrong count would bring others after it. previous: the record of
    the stage before, if its counts can be compared.
    """
    plan, wrong_plan = _plan(folder, record)
    if plan and (fault := next(_key(folder, record), None)):
        return [*_files(folder, record)], [fault]
    receipts, wrong_receipts = _receipts(folder, record, plan)
    broken = [*_files(folder, record), *wrong_plan, *wrong_receipts]
    checks = chain(
        _sums(folder, record, previous),
        () if wrong_receipts or wrong_plan else _added(folder, record, receipts, plan),
        () if broken else _contents(folder, record),
    )
    return broken, [fault for fault in [next(checks, None)] if fault]


def _contents(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields what is wrong with the content of files that are as recorded."""
    try:
        yield from _row_counts(folder, record)
        if record.stage in FAULTS:
            yield from FAULTS[record.stage](folder, record)
        yield from _ids(folder, record)
    except Exception as error:  # a file of another stage, which is damaged and named where it lies
        yield f"{folder}: cannot be checked: {' '.join(str(error).split()) or type(error).__name__}"


def _files(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields the recorded files that are missing or changed; none where the receipts cannot be read, which is named."""
    with suppress(DamageError):
        for name, expected in record.outputs.items():
            yield from file_faults(folder / name, expected.bytes, expected.sha256)


def file_faults(path: Path, size: int, sha256: str) -> Iterator[str]:
    """Yields a line where a file is missing, or has not the recorded bytes."""
    if not path.is_file():
        yield f"{path}: missing"
    elif path.stat().st_size != size:
        yield f"{path}: {path.stat().st_size} bytes, recorded are {size}"
    elif sha256_of(path) != sha256:
        yield f"{path}: its sha256 is not the recorded one; the content was changed"


def _plan(folder: Path, record: StageRecord) -> tuple[Plan | None, list[str]]:
    """Returns the plan of a stage, None where it is not the recorded one or damaged, and what is wrong with it."""
    path = folder / "plan.json"
    try:
        for _ in record.items:  # each is compared with its checksum
            pass
        plan, versions = read_plan(folder)
    except OSError:
        return None, [f"{path}: missing"]
    except UserError as error:
        return None, [str(error)]
    if (plan.stage, plan.settings, versions) != (record.stage, record.settings, record.versions):
        return plan, [f"{path}: not the plan that stage.json records"]
    return plan, []


def _receipts(folder: Path, record: StageRecord, plan: Plan | None) -> tuple[list[Receipt], list[str]]:
    """Returns the receipts of a stage's parts, and what is wrong with them; plan: as read, to know their keys."""
    path = folder / GATHERED
    receipts: list[Receipt] = []
    try:
        if not isinstance(record.outputs, Outputs):
            raise TypeError("a stage that was read")
        receipts += record.outputs.receipts()
    except DamageError as error:
        return [], [str(error)]
    if plan is None:
        return receipts, []
    if len(receipts) != len(plan.items):
        return receipts, [f"{path}: of {len(receipts)} parts, planned are {len(plan.items)}"]
    for item, receipt in zip(plan.items, receipts, strict=True):
        if receipt.number != item.number or receipt.key != plan.part_key(item):
            return receipts, [f"{path}: holds another receipt than that of part {item.number}"]
    return receipts, []


def _key(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a fault where the record's key is not that of its settings, items and versions."""
    if record.key != key_of(base_of(record.stage, record.settings, record.versions), record.items):
        yield f"{folder / 'stage.json'}: its key is not that of its settings, items and versions"


def _sums(folder: Path, record: StageRecord, previous: StageRecord | None) -> Iterator[str]:
    """Yields the counts of a record that do not add up, or do not follow from the stage before."""
    counts, path = record.counts, folder / "stage.json"
    if counts.read != counts.kept + counts.rejected:
        yield f"{path}: read {counts.read} is not kept {counts.kept} + rejected {counts.rejected}"
    if sum(counts.reasons.values()) != counts.rejected:
        yield f"{path}: the reasons add up to {sum(counts.reasons.values())}, rejected are {counts.rejected}"
    if previous and counts.read != previous.counts.kept:
        yield f"{path}: read {counts.read}, but {previous.stage} kept {previous.counts.kept}"


def _added(folder: Path, record: StageRecord, receipts: list[Receipt], plan: Plan | None) -> Iterator[str]:
    """Yields a fault where counts and files of the parts' receipts do not add up to the record's."""
    total, path = Counts(), folder / "stage.json"
    files: dict[str, FileRecord] = {}
    for receipt in receipts:
        total.add(receipt.counts)
        files |= receipt.files
    recorded, added = asdict(record.counts), asdict(total)
    for name in recorded:
        if recorded[name] != added[name]:
            yield f"{path}: {name} {recorded[name]}, the receipts add up to {added[name]}"
    if record.outputs.keys() != {*files, *(plan.attached if plan else ())}:
        yield f"{path}: names other files than the plan and the receipts"


def _row_counts(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a fault where the rows in the files are not those that the record counts."""
    if KINDS[record.stage].leaves == "ranges":
        return  # a row lies there once for each pass
    kept, rejected, failed, reasons = 0, 0, 0, Counter[str]()
    for name, expected in record.outputs.items():
        if not name.endswith(".parquet"):
            continue
        path = folder / name
        rows = pq.read_metadata(storage.source(path)).num_rows
        if rows != expected.rows:
            yield f"{folder / 'stage.json'}: {name} has {rows} rows, recorded are {expected.rows}"
        if name.startswith("rejected-"):
            column = pq.read_table(storage.source(path), columns=["reason"])["reason"]
            reasons.update({pair["values"]: pair["counts"] for pair in pc.value_counts(column).to_pylist()})
            rejected += rows
        elif name.startswith("failed-"):
            failed += rows
        elif name.startswith("part-") and KINDS[record.stage].leaves == "decisions":
            kept += pc.sum(pq.read_table(storage.source(path), columns=["kept"])["kept"]).as_py() or 0
        elif name.startswith("part-") or KINDS[record.stage].leaves == "shards":
            kept += rows
    counts, path = record.counts, folder / "stage.json"
    if (kept, rejected, failed) != (counts.kept, counts.rejected, counts.failed):
        recorded = f"recorded are {counts.kept}, {counts.rejected} and {counts.failed}"
        yield f"{path}: the files hold {kept} kept, {rejected} rejected and {failed} failed, {recorded}"
    if dict(reasons) != counts.reasons:
        yield f"{path}: the reasons in the files are not those recorded"


def _ids(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a fault where an id stands for two texts, or twice where repeats are rejected."""
    parts = [folder / name for name in record.outputs if name.startswith("part-")]
    if KINDS[record.stage].leaves == "documents":
        yield from ids.differing_in(parts)
    elif record.stage == "dedup":
        yield from ids.repeated_in(parts, only="kept")
    elif record.stage == "pack":
        yield from ids.repeated_in(folder / name for name in record.outputs if name.endswith(".meta.parquet"))
