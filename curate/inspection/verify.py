"""Checks an output against its records: every digest, row count and sum is taken from the data again.

A fault is one line that names a file and the values that differ.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from curate import recipe, settings, storage
from curate.dataset import chained, export, manifest
from curate.errors import DamageError, SettingsError, UserError
from curate.inputs.items import stage_items
from curate.inspection import notes, stages
from curate.inspection.funnel import planned_stages, stage_folders
from curate.settings import Where
from curate.stage.kinds import KINDS
from curate.stage.ownership import strays
from curate.stage.plan import json_digest, stage_folder
from curate.stage.record import StageRecord, read_stage
from curate.stage.traces import nested_stages
from curate.storage.writing import is_sealed


def faults(out: Path) -> Iterator[str]:
    """Yields the faults of a run folder, of a stage's own folder, or of an export."""
    if not storage.names(out) & {"recipe.toml", "stage.json"} and export.records(out):
        yield from export.faults(out)
        return
    try:
        folders = stage_folders(out)
    except UserError as error:
        if not (out / "stage.json").exists():
            raise
        yield str(error)
        return
    sound = yield from _stages(out, folders)
    yield from (f"{path}: no record owns this file" for path in strays(out))
    is_run, finished = (out / "recipe.toml").exists(), (out / "manifest.json").exists()
    if is_run:
        yield from notes.faults(out, finished=finished)
    else:
        yield from notes.report_faults(out)
    if finished:
        yield from _manifest(out, sound)
        yield from export.faults(out)
        yield from export.outdated(out)
    elif is_run:
        yield f"{out}: not finished, it has no manifest.json; run the same command again"


def _stages(out: Path, folders: dict[str, Path]) -> Generator[str, None, bool]:
    """Yields the faults of stages; returns whether no record is wrong, so that the manifest can be compared."""
    previous: StageRecord | None = None
    clean, sound = False, True  # whether the stage before has no fault; whether no record is wrong
    before = dict(pairwise(reversed(planned_stages(out))))
    for stage, folder in folders.items():
        record: StageRecord | None = None
        wrong: list[str] = []
        if previous and previous.stage != before.get(stage):
            previous = None  # the stage between is not finished
        try:
            record = read_stage(folder)
        except SettingsError as error:
            yield str(error)
        if record:
            broken, wrong = stages.faults(folder, record, previous)
            if record.stage != stage:
                wrong = [f"{folder / 'stage.json'}: the record of {record.stage}, not of {stage}"]
            if previous and clean and not broken and not wrong:
                wrong = list(_origins(folder, record, previous))
            clean = not broken and not wrong
            yield from broken
            yield from wrong
            for nested in _folders(folder):
                yield from _nested(nested)
        previous = record
        sound = sound and record is not None and not wrong
    return sound


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
    if stage_folder(folder.parent, record.stage).name != folder.name and folder.name != "documents":
        yield f"{folder / 'stage.json'}: the record of {record.stage}, which lies elsewhere"
    yield from chain(*stages.faults(folder, record, None))


def _origins(folder: Path, record: StageRecord, previous: StageRecord) -> Iterator[str]:
    """Yields a fault where a stage was made from other parts than the stage before holds."""
    before = stage_folder(folder.parent, previous.stage)
    if KINDS[record.stage].leaves == "shards":
        digests = [output.sha256 for name, output in previous.outputs.items() if name.startswith("part-")]
        same = {item.digest for item in record.items} <= {json_digest(digests)}
    else:
        try:
            same = [item.digest for item in record.items] == [item.digest for item in stage_items(before, folder)]
        except (OSError, DamageError):
            return  # a part is missing, or a record damaged, which is named where it lies
    if not same:
        yield f"{folder / 'stage.json'}: made from other parts than those of {before}; run the same command again"


def _manifest(out: Path, sound: bool) -> Iterator[str]:
    """Yields a fault where the manifest is not what the recipe and the stages' records give.

    sound: the records have no fault.
    """
    path, source = out / "manifest.json", out / "recipe.toml"
    try:
        contract = manifest.read(out)
        if not is_sealed(path.read_bytes()):
            yield f"{path}: changed since it was written; the same command writes it anew"
            return
        if (out / "stage.json").exists():  # the manifest of a pack stage of its own
            with suppress(DamageError):  # of a stage's receipts, which is named there
                yield from chained.faults(out, contract) if sound else ()
            return
        text = source.read_bytes().decode(errors="replace")
        if contract.get("recipe") != text:
            yield f"{source}: not the recipe that manifest.json holds; the same command writes it anew"
            return
        chosen = recipe.from_table(settings.parse_toml(text, str(source)), Where(str(source), text))
        folders = {stage: stage_folder(out, stage) for stage in chosen.stages}
        absent = [folder for folder in folders.values() if not (folder / "stage.json").exists()]
        yield from (f"{folder / 'stage.json'}: missing" for folder in absent)
        if sound and not absent:
            records = {stage: read_stage(folder) for stage, folder in folders.items()}
            with suppress(DamageError):  # of a stage's receipts, which is named there
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
