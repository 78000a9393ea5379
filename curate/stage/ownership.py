"""The owner of each file of an output (a run, a stage or a part), and the lock of the process that writes there.

A folder holds one run or one stage; it is locked while that is written. A file that nobody owns is a stray.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate import settings, storage
from curate.errors import SettingsError, UserError
from curate.stage import attempt
from curate.stage.attempt import Ledger
from curate.stage.kinds import KINDS
from curate.stage.parts import receipt_path
from curate.stage.plan import load_plan
from curate.stage.record import owned_files, read_stage

# What a run keeps beside its stages' folders.
RUN_FILES = ("recipe.toml", "inputs.json", "manifest.json", "report.html")
EXPORTED = (".curate-export-croissant.json", "croissant.json")  # the one export that may lie there too, and its record
MOMENT_S = 0.05
DEPTH = 2  # a stage lies in a run, another in it
RUN_FOLDERS = {"miniweb": "mini-web", "train": "model"}
STARTED_RUN = {"inputs.json", "miniweb"}  # what a run killed before its recipe.toml may have left


def owners(out: Path) -> dict[Path, str]:
    """Returns every file under a run's or a stage's folder with its owner, "" for a stray."""
    names = sorted(storage.sizes(out))
    alone = not {"plan.json", "stage.json"}.isdisjoint(names)
    owned = {out / attempt.NAME: "attempt"} | ({} if alone else {out / name: "run" for name in RUN_FILES})
    if not alone and EXPORTED[0] in names:
        owned |= {out / name: "export" for name in EXPORTED}
    folders = {} if alone else RUN_FOLDERS
    stages = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in ("plan.json", "stage.json")}
    for stage in stages:
        if stage.count("/") < DEPTH:
            owned |= stage_owners(out / stage if stage else out)
    inside = {name: folders.get(name.partition("/")[0], "") if "/" in name else "" for name in names}
    return {out / name: owned.get(out / name, inside[name]) for name in names}


def stage_owners(folder: Path) -> dict[Path, str]:
    """Returns the files that belong in a stage's folder with their owners.

    The record of a closed stage names them; of an open stage the parts that are whole count.
    """
    try:
        record = read_stage(folder)
    except SettingsError:
        return dict.fromkeys({folder / "stage.json", *_open_files(folder)}, "open stage")
    owned = {
        folder / name: record.stage
        for name in ("plan.json", "stage.json", *KINDS[record.stage].beside, *record.outputs)
    }
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
    """Returns the files that a receipt names."""
    try:
        return set(json.loads(receipt or b"")["files"])
    except (ValueError, KeyError, TypeError):
        return set()


def strays(out: Path) -> Iterator[Path]:
    """Yields the files under an output that nobody owns."""
    yield from (path for path, owner in owners(out).items() if not owner)


@contextmanager
def held(out: Path) -> Iterator[Ledger]:
    """Makes the folder, if it is not there, and locks it for the length of the block; yields the attempt's ledger.

    A new folder that a UserError leaves empty is removed again. A remote folder is not locked, only tried.
    """
    if storage.is_remote(out):
        storage.check_writable(out)
        yield Ledger()
        return
    fresh = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SettingsError(f"{out}: cannot write there: {error.strerror}") from None
    try:
        _lock(folder)
        if not os.access(out, os.W_OK):
            raise SettingsError(f"{out}: cannot write there: Permission denied")
        with attempt.recorded(out) as ledger:
            yield ledger
    except BlockingIOError:
        raise SettingsError(f"{out}: another run is writing there; wait for its end, or name another folder") from None
    except UserError:
        if fresh and not any(path.is_file() for path in out.rglob("*")):
            shutil.rmtree(out)
        raise
    finally:
        os.close(folder)


def _lock(folder: int) -> None:
    """Locks an open folder for this process alone; BlockingIOError where another process holds it for long."""
    for last in (False, False, True):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:  # `is_held` takes it for a moment
            if last:
                raise
            time.sleep(MOMENT_S)


def is_held(out: Path) -> bool:
    """Returns whether a process of this machine has locked a local output; a store has no locks."""
    if storage.is_remote(out):
        return False
    try:
        folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(folder)
    return False


def claim_run(name: str, out: Path) -> None:
    """Removes the leftovers of a killed run; SettingsError where the folder holds another recipe's or other files."""
    owner = out / "recipe.toml"
    if owner.exists():
        holds = settings.parse_toml(owner.read_bytes().decode(errors="replace"), str(owner)).get("name")
        if holds != name:
            raise SettingsError(f"{out}: holds recipe {holds!r}, not {name!r}; name another folder")
    elif not names(out) <= STARTED_RUN and not _only_pointers(out):
        raise SettingsError(f"{out}: not empty and no output of curate; name another folder")
    remove_temporaries(out)


def _only_pointers(out: Path) -> bool:
    """Returns True where the folder holds only what a run leaves that was killed while selecting from indexes."""
    return names(out) <= {*STARTED_RUN, "extract"} and storage.names(out / "extract") == {"pointers"}


def claim_stage(stage: str, out: Path) -> None:
    """Removes the leftovers of a killed stage; SettingsError where the folder holds anything but this stage."""
    try:
        planned = json.loads((out / "plan.json").read_bytes())["stage"] if (out / "plan.json").exists() else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{out / 'plan.json'}: cannot read what is there: {error}") from None
    started = KINDS[stage].leftovers
    if planned is None and "model.bin" in names(out) and "model.json" not in names(out):
        started = frozenset()  # a model without our card is the user's
    if planned not in (None, stage) or (planned is None and not names(out) <= started | {"receipts"}):
        holds = f"the output of {planned}" if planned else "other files"
        raise SettingsError(f"{out}: holds {holds}, not of {stage}; name another folder")
    remove_temporaries(out)


def names(out: Path) -> set[str]:
    """Returns the names in the folder, temporary files and the attempt's aside."""
    return {name for name in storage.names(out) if not is_temporary(name) and name != attempt.NAME}


def is_temporary(name: str) -> bool:
    """Returns whether `curate.storage.draft` made this name."""
    return name.startswith(".") and name.endswith(".tmp")


def remove_temporaries(out: Path) -> None:
    """Removes what a killed process was writing at the top of the folder."""
    for name in storage.names(out):
        if is_temporary(name):
            (out / name).unlink()
