"""Whose folder is it: an output belongs to one recipe or one stage, and to one process at a time."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate import settings, storage
from curate.settings import SettingsError

# What a run killed before its recipe.toml, or a stage before its plan.json, may have left.
STARTED_RUN = {"inputs.json", "miniweb"}
STARTED_STAGE = {
    "extract": {"pointers"},
    "dedup": {"signatures", "documents"},
    "score": {"model.bin", "model.json", "scores"},
    "tokenize": {"tokenizer.json"},
    "links": {"gathered"},
    "crawl": {"lots", "warc", "work", "crawl.json"},
}


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
    started = STARTED_STAGE.get(stage, set())
    if found is None and "model.bin" in names(out) and "model.json" not in names(out):
        started = set()  # a model without our card is the user's
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
