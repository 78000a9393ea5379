"""Who owns each file of an output: the run, a stage, or one part of a stage; a file that nobody owns is a stray."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate import settings, storage
from curate.errors import SettingsError
from curate.stage.kinds import KINDS
from curate.stage.parts import receipt_path
from curate.stage.plan import load_plan
from curate.stage.record import owned_files, read_stage

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
        plan = load_plan(folder)
        return owned_files(plan, plan.receipts())
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


# What a run killed before its recipe.toml may have left.
STARTED_RUN = {"inputs.json", "miniweb"}


@contextmanager
def held(out: Path) -> Iterator[None]:
    """The folder, made if need be and locked; a folder that a SettingsError leaves empty is removed again.

    A remote folder is only tried; there are no locks there.
    """
    if storage.is_remote(out):
        storage.check_writable(out)
        yield
        return
    fresh = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SettingsError(f"{out}: cannot write there: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.access(out, os.W_OK):
            raise SettingsError(f"{out}: cannot write there: Permission denied")
        yield
    except BlockingIOError:
        raise SettingsError(f"{out}: another run is writing there") from None
    except SettingsError:
        if fresh and not any(path.is_file() for path in out.rglob("*")):
            shutil.rmtree(out)
        raise
    finally:
        os.close(folder)


def claim_run(name: str, out: Path) -> None:
    """SettingsError where the folder holds another recipe's output, or anything else; leftovers of a kill go."""
    owner = out / "recipe.toml"
    if owner.exists():
        found = settings.parse_toml(owner.read_bytes().decode(errors="replace"), str(owner)).get("name")
        if found != name:
            raise SettingsError(f"{out}: holds recipe {found!r}, not {name!r}; name another folder")
    elif not names(out) <= STARTED_RUN and not _only_pointers(out):
        raise SettingsError(f"{out}: not empty and no output of curate; name another folder")
    remove_temporaries(out)


def _only_pointers(out: Path) -> bool:
    """Was a run killed while it selected from indexes?"""
    return names(out) <= {*STARTED_RUN, "extract"} and storage.names(out / "extract") == {"pointers"}


def claim_stage(stage: str, out: Path) -> None:
    """SettingsError where the folder holds anything but this stage; leftovers of a kill go."""
    try:
        found = json.loads((out / "plan.json").read_bytes())["stage"] if (out / "plan.json").exists() else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{out / 'plan.json'}: cannot read what is there: {error}") from None
    started = KINDS[stage].leftovers
    if found is None and "model.bin" in names(out) and "model.json" not in names(out):
        started = frozenset()  # a model without our card is the user's
    if found not in (None, stage) or (found is None and not names(out) <= started | {"receipts"}):
        held_by = f"the output of {found}" if found else "other files"
        raise SettingsError(f"{out}: holds {held_by}, not of {stage}; name another folder")
    remove_temporaries(out)


def names(out: Path) -> set[str]:
    """What the folder holds, temporary files aside."""
    return {name for name in storage.names(out) if not is_temporary(name)}


def is_temporary(name: str) -> bool:
    """Is this a name that `curate.storage.draft` made?"""
    return name.startswith(".") and name.endswith(".tmp")


def remove_temporaries(out: Path) -> None:
    """Remove what a killed process was writing at the top of the folder."""
    for name in storage.names(out):
        if is_temporary(name):
            (out / name).unlink()
