"""Who owns each file of an output: the run, a stage, or one part of a stage; a file that nobody owns is a stray."""

import json
from collections.abc import Iterator
from pathlib import Path

from curate import storage
from curate.settings import SettingsError
from curate.stage.parts import receipt_path
from curate.stage.record import load_plan, owned_files, read_stage

# What a run keeps beside its stages' folders.
RUN_FILES = ("recipe.toml", "inputs.json", "manifest.json", "report.html")
EXPORTED = (".curate-export-croissant.json", "croissant.json")  # the one export that may lie there too, and its record
DEPTH = 2  # a stage lies in a run, another in it
RUN_FOLDERS = {"miniweb": "mini-web", "train": "model"}


def owners(out: Path) -> dict[Path, str]:
    """Every file under a run's or a stage's folder with its owner, "" for a stray."""
    names = sorted(storage.sizes(out))
    alone = not {"plan.json", "stage.json"}.isdisjoint(names)
    owned = {} if alone else {out / name: "run" for name in RUN_FILES}
    if not alone and EXPORTED[0] in names:
        owned |= {out / name: "export" for name in EXPORTED}
    folders = {} if alone else RUN_FOLDERS
    for stage in {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in ("plan.json", "stage.json")}:
        if stage.count("/") < DEPTH:
            owned |= stage_owners(out / stage if stage else out)
    inside = {name: folders.get(name.partition("/")[0], "") if "/" in name else "" for name in names}
    return {out / name: owned.get(out / name, inside[name]) for name in names}


def stage_owners(folder: Path) -> dict[Path, str]:
    """The files that a stage's folder may hold: a closed stage's by its record, an open one's by its whole parts."""
    try:
        record = read_stage(folder)
    except SettingsError:
        return dict.fromkeys({folder / "stage.json", *_open_files(folder)}, "open stage")
    owned = {folder / name: record.stage for name in ("plan.json", "stage.json", *record.outputs)}
    receipts = [receipt_path(folder, item.number) for item in record.items]
    for item, receipt, content in zip(record.items, receipts, storage.contents(receipts), strict=True):
        part = f"{record.stage} part {item.number}"
        owned[receipt] = part
        owned |= {folder / name: part for name in _named(content) & record.outputs.keys()}
    return owned


def _open_files(folder: Path) -> set[Path]:
    try:
        return owned_files(load_plan(folder))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return {folder / "plan.json"}


def _named(receipt: bytes | None) -> set[str]:
    """The files that a receipt names."""
    try:
        return set(json.loads(receipt or b"")["files"])
    except (ValueError, KeyError, TypeError):
        return set()


def strays(out: Path) -> Iterator[Path]:
    """The files under an output that nobody owns."""
    yield from (path for path, owner in owners(out).items() if not owner)
