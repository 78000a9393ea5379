"""Checks an output against its records: every digest, row count and sum is taken from the data again.

A fault is one line that names a file and the values that differ.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import recipe, settings, storage
from curate.crawl.conservation import faults as crawl_faults
from curate.dataset import chained, export, manifest
from curate.errors import SettingsError
from curate.inputs.items import stage_items
from curate.inspection.funnel import planned_stages, stage_folders
from curate.links.votes import faults as link_faults
from curate.settings import Where
from curate.stage.kinds import KINDS
from curate.stage.ownership import strays
from curate.stage.parts import Counts, receipt_path
from curate.stage.plan import base_of, json_digest, key_of, stage_folder
from curate.stage.record import StageRecord, nested_stages, read_stage
from curate.storage.writing import sha256_of
from curate.tokens.conservation import faults as shard_faults

# What is checked of a stage beside its files, counts and receipts, by the subject that wrote it.
FAULTS: dict[str, Callable[[Path, StageRecord], Iterator[str]]] = {
    "links": link_faults,
    "pack": shard_faults,
    "crawl": crawl_faults,
}


def faults(out: Path) -> Iterator[str]:
    """Yields the faults of a run folder or of a stage's own folder."""
    previous: StageRecord | None = None
    clean = False  # the stage before has no fault
    sound = True  # no record so far has a fault, so the manifest can be compared with them
    before = dict(pairwise(reversed(planned_stages(out))))
    for stage, folder in stage_folders(out).items():
        record, wrong = None, []
        if previous and previous.stage != before.get(stage):
            previous = None  # the stage between is not finished
        try:
            record = read_stage(folder)
        except SettingsError as error:
            yield str(error)
        if record:
            broken = list(_files(folder, record))
            wrong = list(_stage(folder, record, previous, whole=not broken))
            if previous and clean and not broken and not wrong:
                wrong = list(_origins(folder, record, previous))
            clean = not broken and not wrong
            yield from broken
            yield from wrong
            for nested in _folders(folder):
                yield from _nested(nested)
        previous = record
        sound = sound and record is not None and not wrong
    yield from (f"{path}: no record owns this file" for path in strays(out))
    if (out / "manifest.json").exists():
        yield from _manifest(out, sound)
        yield from export.outdated(out)
    elif (out / "recipe.toml").exists():
        yield f"{out}: not finished, it has no manifest.json; run the same command again"


def _folders(folder: Path) -> list[Path]:
    """Returns the folders of the stages that lie inside a stage's folder, such as dedup's signatures."""
    names = nested_stages(storage.sizes(folder), "plan.json", "stage.json")
    return [folder / name.removesuffix("/") for name in names]


def _nested(folder: Path) -> Iterator[str]:
    """Yields the faults of a stage that lies inside another's folder."""
    try:
        record = read_stage(folder)
    except SettingsError as error:
        yield str(error) if (folder / "stage.json").exists() else f"{folder / 'stage.json'}: missing"
        return
    broken = list(_files(folder, record))
    yield from broken
    yield from _stage(folder, record, None, whole=not broken)


def _stage(folder: Path, record: StageRecord, previous: StageRecord | None, *, whole: bool) -> Iterator[str]:
    """Yields a missing plan and the first fault of a record; one wrong count would bring others after it.

    whole: every file is as recorded, so that the rows can be read.
    """
    if not (folder / "plan.json").is_file():
        yield f"{folder / 'plan.json'}: missing"
    record_faults = chain(
        _key(folder, record),
        _sums(folder, record, previous),
        _row_counts(folder, record) if whole else (),
        _receipts(folder, record),
        FAULTS[record.stage](folder, record) if whole and record.stage in FAULTS else (),
    )
    first = next(record_faults, None)
    if first:
        yield first


def _origins(folder: Path, record: StageRecord, previous: StageRecord) -> Iterator[str]:
    """Yields a fault where a stage was made from other parts than the stage before holds."""
    before = stage_folder(folder.parent, previous.stage)
    if KINDS[record.stage].leaves == "shards":
        digests = [output.sha256 for name, output in previous.outputs.items() if name.startswith("part-")]
        same = {item.digest for item in record.items} <= {json_digest(digests)}
    else:
        try:
            same = [item.digest for item in record.items] == [item.digest for item in stage_items(before, folder)]
        except OSError:
            return  # a part is missing, which is named where it lay
    if not same:
        yield f"{folder / 'stage.json'}: made from other parts than those of {before}; run the same command again"


def _key(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a fault where the record's key is not that of its settings, items and versions."""
    if record.key != key_of(base_of(record.stage, record.settings, record.versions), record.items):
        yield f"{folder / 'stage.json'}: its key is not that of its settings, items and versions"


def _files(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields the recorded files that are missing or changed."""
    for name, expected in record.outputs.items():
        path = folder / name
        if not path.is_file():
            yield f"{path}: missing"
        elif path.stat().st_size != expected.bytes:
            yield f"{path}: {path.stat().st_size} bytes, recorded are {expected.bytes}"
        elif sha256_of(path) != expected.sha256:
            yield f"{path}: its sha256 is not the recorded one; the content was changed"


def _sums(folder: Path, record: StageRecord, previous: StageRecord | None) -> Iterator[str]:
    """Yields the counts of a record that do not add up, or do not follow from the stage before."""
    counts, path = record.counts, folder / "stage.json"
    if counts.read != counts.kept + counts.rejected:
        yield f"{path}: read {counts.read} is not kept {counts.kept} + rejected {counts.rejected}"
    if sum(counts.reasons.values()) != counts.rejected:
        yield f"{path}: the reasons add up to {sum(counts.reasons.values())}, rejected are {counts.rejected}"
    if previous and counts.read != previous.counts.kept:
        yield f"{path}: read {counts.read}, but {previous.stage} kept {previous.counts.kept}"


def _receipts(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a fault where the counts of the parts' receipts do not add up to the record's."""
    total = Counts()
    for item in record.items:
        path = receipt_path(folder, item.number)
        try:
            total.add(Counts(**json.loads(path.read_bytes())["counts"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield f"{path}: not readable as a receipt: {error}"
            return
    recorded, added = asdict(record.counts), asdict(total)
    for name in recorded:
        if recorded[name] != added[name]:
            yield f"{folder / 'stage.json'}: {name} {recorded[name]}, the receipts add up to {added[name]}"


def _row_counts(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a fault where the rows in the files are not those that the record counts."""
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


def _manifest(out: Path, sound: bool) -> Iterator[str]:
    """Yields a fault where the manifest is not what the recipe and the stages' records give.

    sound: the records have no fault.
    """
    path, source = out / "manifest.json", out / "recipe.toml"
    try:
        contract = manifest.read(out)
        if (out / "stage.json").exists():  # the manifest of a pack stage of its own
            yield from chained.faults(out, contract) if sound else ()
            return
        text = source.read_text(encoding="utf-8")
        chosen = recipe.from_table(settings.parse_toml(text, str(source)), Where(str(source), text))
        folders = {stage: stage_folder(out, stage) for stage in chosen.stages}
        absent = [folder for folder in folders.values() if not (folder / "stage.json").exists()]
        yield from (f"{folder / 'stage.json'}: missing" for folder in absent)
        if contract.get("recipe") != text:
            yield f"{path}: its recipe is not {source.name}"
        elif sound and not absent:
            records = {stage: read_stage(folder) for stage, folder in folders.items()}
            yield from _contract(path, contract, manifest.make(chosen, out, records), records)
    except SettingsError as error:
        yield str(error)
    except OSError as error:
        yield f"{source}: cannot read it: {error.strerror}"


def _contract(path: Path, contract: Any, expected: Any, records: dict[str, StageRecord]) -> Iterator[str]:
    """Yields the fields of the manifest that differ from those that would be written now.

    The version of a library may have changed since, except that of one which a stage recorded.
    """
    used = {name: version for record in records.values() for name, version in record.versions.items()}
    versions = {**expected["versions"], **contract.get("versions", {})}
    versions |= {name: version for name, version in used.items() if name in versions}
    expected = {**expected, "versions": versions}
    for name in sorted({*contract, *expected}):
        if contract.get(name) != json.loads(json.dumps(expected.get(name))):
            yield f"{path}: {name!r} is not what recipe.toml and the stages give"
