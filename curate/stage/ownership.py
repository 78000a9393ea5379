"""The owner of each file of an output (a run, a stage or a part), and the lock of the process that writes there.

A folder holds one run or one stage; it is locked while that is written. A file that nobody owns is a stray.
"""

import fcntl
import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate import storage
from curate.errors import DamageError, SettingsError, UserError
from curate.stage import attempt, traces
from curate.stage.attempt import Ledger
from curate.stage.kinds import KINDS
from curate.stage.parts import receipt_name
from curate.stage.plan import load_plan
from curate.stage.receipts import GATHERED, gathered_lines, is_copies, of_line, parse_receipt
from curate.stage.record import Outputs, StageRecord, owned_files, read_stage
from curate.storage import together
from curate.storage.locks import lock, opened

# Checkpoints, the log and TensorBoard's events of the model that a run trains.
OF_MODEL = re.compile(r"train/(?:checkpoints/step-\d{8}\.safetensors|log\.jsonl|tensorboard/events\.out\.tfevents\..+)")
# What a run keeps beside its stages' folders.
RUN_FILES = ("recipe.toml", "inputs.json", "manifest.json", "report.html")
EXPORTED = (".curate-export-croissant.json", "croissant.json")  # the one export that may lie there too, and its record
AHEAD = re.compile(r"(.+)/receipts/\d{5,}\.json")
DEPTH = 2  # a stage lies in a run, another in it
RUN_FOLDERS = {"miniweb": ("mini-web", "miniweb.json"), "train": ("model", "train.json")}  # and the records there


def owners(out: Path) -> dict[Path, str]:
    """Returns every file under a run's or a stage's folder with its owner, "" for a stray."""
    names = sorted(storage.sizes(out))
    alone = not {"plan.json", "stage.json"}.isdisjoint(names)
    owned = {out / attempt.NAME: "attempt"} | ({} if alone else {out / name: "run" for name in RUN_FILES})
    if not alone and EXPORTED[0] in names:
        owned |= {out / name: "export" for name in EXPORTED}
    for folder, (owner, record) in ({} if alone else RUN_FOLDERS).items():
        owned |= {out / folder / name: owner for name in together.named(out / folder / record)}
    owned |= {out / name: "model" for name in names if not alone and OF_MODEL.fullmatch(name)}
    owned |= {out / name: "open stage" for name in names if is_copies("/".join(name.split("/")[-2:]))}
    stages = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in ("plan.json", "stage.json")}
    for stage in stages:
        if stage.count("/") < DEPTH:
            owned |= stage_owners(out / stage if stage else out)
    receipts = [] if alone else [name for name in names if (match := AHEAD.fullmatch(name)) and match[1] not in stages]
    owned |= dict.fromkeys(_named_by(out, receipts), "open stage")
    return {out / name: owned.get(out / name, "") for name in names}


def _named_by(out: Path, receipts: Collection[str]) -> Iterator[Path]:
    """Yields these receipts of parts that were made before their stage began, and the files that each names."""
    for name, content in zip(receipts, storage.contents(out / name for name in receipts), strict=True):
        with suppress(ValueError):
            for file in parse_receipt(content or b"").files:
                yield (out / name).parents[1] / file
            yield out / name


def stage_owners(folder: Path) -> dict[Path, str]:
    """Returns the files that belong in a stage's folder with their owners.

    The record of a closed stage names them; of an open stage the parts that are whole count.
    """
    try:
        record = read_stage(folder)
    except SettingsError:
        return dict.fromkeys({folder / "stage.json", *_open_files(folder)}, "open stage")
    own = ("plan.json", "stage.json", GATHERED, *KINDS[record.stage].beside, *_files(record))
    owned = {folder / name: record.stage for name in own}
    for number, names in _of_parts(folder, record):
        part = f"{record.stage} part {number}"
        owned |= {folder / name: part for name in (*names, receipt_name(number))}
    return owned


def _files(record: StageRecord) -> Collection[str]:
    """Returns the files of a closed stage; the attached ones alone where its receipts are damaged."""
    try:
        return [*record.outputs]
    except DamageError:
        return record.outputs.attached if isinstance(record.outputs, Outputs) else ()


def _of_parts(folder: Path, record: StageRecord) -> Iterator[tuple[int, Iterable[str]]]:
    """Yields the numbers of a closed stage's parts with their files: all that a part may hold, where none can be read.

    A single receipt that a closing left when it was killed belongs to its part.
    """
    numbers = set()
    for receipt in map(of_line, gathered_lines(folder)):
        if receipt:
            numbers.add(receipt.number)
            yield receipt.number, receipt.files
    with suppress(DamageError):
        for number in {*range(len(record.items))} - numbers:
            yield number, traces.part_files(record.stage, number, record.settings)


def _open_files(folder: Path) -> set[Path]:
    try:
        plan = load_plan(folder)
        return {folder / name for name in owned_files(plan, plan.receipts())}
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return {folder / "plan.json"}


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
    folder = opened(out)
    try:
        lock(folder)
        if not os.access(out, os.W_OK):
            raise SettingsError(f"{out}: cannot write there: Permission denied")
        with attempt.recorded(out) as ledger:
            yield ledger
    except BlockingIOError:
        raise SettingsError(f"{out}: another run is writing there; wait for its end, or name another folder") from None
    except UserError:
        if fresh:
            _remove_empty(out)
        raise
    finally:
        os.close(folder)


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


def _remove_empty(folder: Path) -> None:
    """Removes a folder and those in it, as far as they are empty."""
    for above, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # it holds something
            os.rmdir(above)
