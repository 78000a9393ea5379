"""Is an output what its records say? Every digest, row count and sum, checked from the data; one line per fault."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import recipe, settings, storage
from curate.crawl import conservation
from curate.dataset import export, manifest
from curate.errors import SettingsError
from curate.inputs.items import stage_items
from curate.inspection.funnel import planned, stage_folders
from curate.settings import Where
from curate.stage.kinds import KINDS
from curate.stage.ownership import strays
from curate.stage.parts import Counts, receipt_path
from curate.stage.plan import base_of, json_digest, key_of, stage_folder
from curate.stage.record import StageRecord, nested_stages, read_stage
from curate.storage.writing import sha256_of
from curate.tokens import load
from curate.tokens.shards import read_index


def faults(out: Path) -> Iterator[str]:
    """Every fault of a run folder or a stage folder, each one line that names file and values."""
    previous: StageRecord | None = None
    clean = False  # has the stage before no fault?
    sound = True  # are all records such that the manifest can be held against them?
    before = dict(pairwise(reversed(planned(out))))
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
    """The stages inside another's folder (dedup's signatures)."""
    found = nested_stages(storage.sizes(folder), "plan.json", "stage.json")
    return [folder / name.removesuffix("/") for name in found]


def _nested(folder: Path) -> Iterator[str]:
    try:
        record = read_stage(folder)
    except SettingsError as error:
        yield str(error) if (folder / "stage.json").exists() else f"{folder / 'stage.json'}: missing"
        return
    broken = list(_files(folder, record))
    yield from broken
    yield from _stage(folder, record, None, whole=not broken)


def _stage(folder: Path, record: StageRecord, previous: StageRecord | None, *, whole: bool) -> Iterator[str]:
    """The faults of a record and of the folder around it; of the record the first, as one wrong count brings more."""
    if not (folder / "plan.json").is_file():
        yield f"{folder / 'plan.json'}: missing"
    claims = chain(
        _key(folder, record),
        _sums(folder, record, previous),
        _rows(folder, record) if whole else (),
        _receipts(folder, record),
        _joined(folder, record) if whole and record.stage == "links" else (),
        _shards(folder, record) if whole and record.stage == "pack" else (),
        conservation.faults(folder, record) if whole and record.stage == "crawl" else (),
    )
    first = next(claims, None)
    if first:
        yield first


def _origins(folder: Path, record: StageRecord, previous: StageRecord) -> Iterator[str]:
    """Was the stage made from the parts that the one before holds?"""
    before = stage_folder(folder.parent, previous.stage)
    if record.stage == "pack":
        made_from = {
            json_digest([previous.outputs[name].sha256 for name in previous.outputs if name.startswith("part-")])
        }
        same = {item.digest for item in record.items} <= made_from
    else:
        try:
            same = [item.digest for item in record.items] == [item.digest for item in stage_items(before, folder)]
        except OSError:
            return  # a part is missing, which is named where it lay
    if not same:
        yield f"{folder / 'stage.json'}: made from other parts than those of {before}; run the same command again"


def _key(folder: Path, record: StageRecord) -> Iterator[str]:
    if record.key != key_of(base_of(record.stage, record.settings, record.versions), record.items):
        yield f"{folder / 'stage.json'}: its key is not that of its settings, items and versions"


def _files(folder: Path, record: StageRecord) -> Iterator[str]:
    for name, expected in record.outputs.items():
        path = folder / name
        if not path.is_file():
            yield f"{path}: missing"
        elif path.stat().st_size != expected.bytes:
            yield f"{path}: {path.stat().st_size} bytes, recorded are {expected.bytes}"
        elif sha256_of(path) != expected.sha256:
            yield f"{path}: its sha256 is not the recorded one; the content was changed"


def _sums(folder: Path, record: StageRecord, previous: StageRecord | None) -> Iterator[str]:
    counts, path = record.counts, folder / "stage.json"
    if counts.read != counts.kept + counts.rejected:
        yield f"{path}: read {counts.read} is not kept {counts.kept} + rejected {counts.rejected}"
    if sum(counts.reasons.values()) != counts.rejected:
        yield f"{path}: the reasons add up to {sum(counts.reasons.values())}, rejected are {counts.rejected}"
    if previous and counts.read != previous.counts.kept:
        yield f"{path}: read {counts.read}, but {previous.stage} kept {previous.counts.kept}"


def _receipts(folder: Path, record: StageRecord) -> Iterator[str]:
    """Do the parts' own counts add up to the record's?"""
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


def _rows(folder: Path, record: StageRecord) -> Iterator[str]:
    """Count kept and rejected documents from the files themselves."""
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
            found = pc.value_counts(column).to_pylist()
            reasons.update({pair["values"]: pair["counts"] for pair in found})
            rejected += rows
        elif name.startswith("failed-"):
            failed += rows
        elif name.startswith("part-") and KINDS[record.stage].leaves == "decisions":
            kept += pc.sum(pq.read_table(storage.source(path), columns=["kept"])["kept"]).as_py() or 0
        elif name.startswith("part-") or record.stage == "pack":
            kept += rows
    counts, path = record.counts, folder / "stage.json"
    if (kept, rejected, failed) != (counts.kept, counts.rejected, counts.failed):
        recorded = f"recorded are {counts.kept}, {counts.rejected} and {counts.failed}"
        yield f"{path}: the files hold {kept} kept, {rejected} rejected and {failed} failed, {recorded}"
    if dict(reasons) != counts.reasons:
        yield f"{path}: the reasons in the files are not those recorded"


def _joined(folder: Path, record: StageRecord) -> Iterator[str]:
    """Do the links of all candidates, kept or not, and those told of twice add up to what was gathered?"""
    gathered = read_stage(folder / "gathered").counts.kept
    notes = record.counts.notes
    parts = [name for name in record.outputs if name.startswith("part-")]
    columns = [pq.read_table(storage.source(folder / name), columns=["submissions"])["submissions"] for name in parts]
    kept = sum(pc.sum(column).as_py() or 0 for column in columns)
    if kept != notes.get("submissions", 0):
        yield f"{folder}: the candidates are of {kept} submissions, recorded are {notes.get('submissions', 0)}"
    if sum(notes.values()) != gathered:
        yield f"{folder}: {sum(notes.values())} submissions were joined, gathered were {gathered}"


def _shards(folder: Path, record: StageRecord) -> Iterator[str]:
    """Each shard's three files against each other, and all documents against the tokenized parts."""
    packed, tokenized = 0, 0
    dtype, eot = (load.stated_in(record.settings)[name] for name in ("dtype", "eot"))
    for cut in record.settings["cuts"]:
        stem = str(folder / cut["path"])
        ids = _tokens(storage.path(f"{stem}.bin"), dtype)
        meta = pq.read_table(storage.source(storage.path(f"{stem}.meta.parquet")), columns=["id", "tokens", "offset"])
        packed += _id_sum(meta["id"].to_pylist())
        try:
            index = read_index(storage.path(f"{stem}.idx"))
        except ValueError as error:
            yield str(error)
            continue
        lengths, offsets = meta["tokens"].to_numpy(), meta["offset"].to_numpy()
        if len(ids) != cut["tokens"] or int(lengths.sum()) != cut["tokens"]:
            yield f"{stem}.bin: {len(ids)} tokens, recorded are {cut['tokens']}"
        elif (
            index.dtype != dtype
            or not np.array_equal(index.lengths, lengths)
            or not np.array_equal(index.pointers, ids.itemsize * offsets)
        ):
            yield f"{stem}.idx: does not agree with .meta.parquet"
        elif not np.all(ids[offsets + lengths - 1] == eot):
            yield f"{stem}.bin: a document does not end with end-of-text"
    try:
        for uri in record.settings["parts"]:
            part = pq.read_table(storage.source(storage.join(folder, uri)), columns=["id"])
            tokenized += _id_sum(part["id"].to_pylist())
    except (OSError, ValueError):  # gone, or damaged, which is a fault of that stage's
        return
    if packed != tokenized:
        yield f"{folder}: the documents in the shards are not those that were tokenized"


def _tokens(path: Path, dtype: str) -> Any:
    """A shard's tokens: mapped into memory, or read if they are remote."""
    return np.frombuffer(path.read_bytes(), dtype) if storage.is_remote(path) else np.memmap(path, dtype, "r")


def _id_sum(ids: list[bytes]) -> int:
    return sum(int.from_bytes(identity) for identity in ids)


def _manifest(out: Path, sound: bool) -> Iterator[str]:
    """Is the manifest what the recipe and the stages' records give?"""
    path, source = out / "manifest.json", out / "recipe.toml"
    try:
        contract = manifest.read(out)
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
    """The manifest against the one that would be written now; a library may since have changed, the stages' may not."""
    used = {name: version for record in records.values() for name, version in record.versions.items()}
    expected = {**expected, "versions": {**expected["versions"], **contract.get("versions", {})}}
    expected["versions"] |= {name: version for name, version in used.items() if name in expected["versions"]}
    for name in sorted({*contract, *expected}):
        if contract.get(name) != json.loads(json.dumps(expected.get(name))):
            yield f"{path}: {name!r} is not what recipe.toml and the stages give"
