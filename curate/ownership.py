"""Who owns each file of an output: the run, a stage, or one part of a stage; a file that nobody owns is a stray."""

import json
from collections.abc import Iterator
from pathlib import Path

from curate.parts import receipt_path
from curate.settings import SettingsError
from curate.stage import load_plan, owned_files, read_stage

# What a run keeps beside its stages' folders.
RUN_FILES = ("recipe.toml", "inputs.json", "manifest.json", "report.html")
RUN_FOLDERS = {"miniweb": "mini-web", "train": "model"}


def owners(out: Path) -> dict[Path, str]:
    """Every file under a run's or a stage's folder with its owner, "" for a stray."""
    alone = (out / "plan.json").exists() or (out / "stage.json").exists()
    owned = {} if alone else {out / name: "run" for name in RUN_FILES}
    folders = {} if alone else RUN_FOLDERS
    for path in (*out.glob("plan.json"), *out.glob("stage.json"), *out.glob("*/plan.json"), *out.glob("*/stage.json")):
        owned |= stage_owners(path.parent)
    for nested in (*out.glob("*/*/plan.json"), *out.glob("*/*/stage.json")):
        owned |= stage_owners(nested.parent)
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file():
            inside = folders.get(path.relative_to(out).parts[0], "") if path.parent != out else ""
            found[path] = owned.get(path, inside)
    return found


def stage_owners(folder: Path) -> dict[Path, str]:
    """The files that a stage's folder may hold: a closed stage's by its record, an open one's by its whole parts."""
    try:
        record = read_stage(folder)
    except SettingsError:
        return dict.fromkeys({folder / "stage.json", *_open_files(folder)}, "open stage")
    owned = {folder / name: record.stage for name in ("plan.json", "stage.json", *record.outputs)}
    for item in record.items:
        receipt = receipt_path(folder, item.number)
        part = f"{record.stage} part {item.number}"
        owned[receipt] = part
        owned |= {folder / name: part for name in _named(receipt) & record.outputs.keys()}
    return owned


def _open_files(folder: Path) -> set[Path]:
    try:
        return owned_files(load_plan(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return {folder / "plan.json"}


def _named(receipt: Path) -> set[str]:
    """The files that a receipt names."""
    try:
        return set(json.loads(receipt.read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def strays(out: Path) -> Iterator[Path]:
    """The files under an output that nobody owns."""
    yield from (path for path, owner in owners(out).items() if not owner)
