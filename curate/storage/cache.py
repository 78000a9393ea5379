"""Provides token shards as local files, checked against the manifest; a remote shard is downloaded once.

The cache is `$CURATE_CACHE`, else `curate` in the user's cache folder. A download is named by its digest, so several
processes and datasets share it; nothing is ever removed from it. A note there says which local shards were sound.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

from curate.errors import SettingsError, writing
from curate.storage import paths

Check = Literal["once", "always", "never"]
CHUNK = 1 << 20  # bytes of a download that are held at a time


def home() -> Path:
    """Returns the cache folder, which also holds the files that `curate runners fetch` gets.

    SettingsError where the user has no home folder and no variable names one.
    """
    own = os.environ.get("CURATE_CACHE")
    if own:
        return Path(own)
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        raise SettingsError("no cache folder: the user has no home folder; set CURATE_CACHE to a folder") from None
    return Path(base) / "curate"


def local_file(file: Path, size: int, sha256: str | None, check: Check = "once") -> Path:
    """Returns the local file to map, of this size (bytes) and digest; raises ValueError naming the shard if it is not.

    check: when the digest of a local shard is taken: "once" per size and time of the file, "always" or "never".
    A download is always checked.
    """
    if paths.is_remote(file):
        return _cached_copy(file, size, sha256, check)
    actual_size = _size(file)
    if actual_size != size:
        raise ValueError(f"{file}: {actual_size} bytes, but its manifest states {size}")
    if sha256 and check != "never":
        _check_digest(file, sha256, check)
    return file


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        raise ValueError(f"{file}: no such shard, though its manifest names it") from None
    except OSError as error:
        raise ValueError(f"{file}: cannot read this shard: {error.strerror}") from None


def _check_digest(file: Path, sha256: str, check: Check) -> None:
    """Raises ValueError where a local shard has another digest; a sound one is noted, and then checked no more."""
    note = _note(file, sha256)
    if check == "once" and note and os.path.exists(note):  # False where the cache cannot be read
        return
    digest = _file_digest(file)
    if digest != sha256:
        raise ValueError(f"{file}: damaged: its sha256 is {digest}, but its manifest states {sha256}")
    if note:
        with suppress(OSError):  # if the note cannot be written, the shard is checked again next time
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()


def _note(file: Path, sha256: str) -> Path | None:
    """Returns the file that says that a shard was sound, whether or not it is there; None where there is no cache."""
    status = file.stat()
    version = f"{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{sha256}"
    try:
        return home() / "checked" / hashlib.sha256(os.fsencode(version)).hexdigest()
    except SettingsError:
        return None


def _file_digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _cached_copy(file: Path, size: int, sha256: str | None, check: Check) -> Path:
    """Returns the copy of a remote shard in the cache; downloads it where there is none or it is not sound."""
    name = sha256 or hashlib.sha256(f"{paths.uri(file)}\0{size}".encode()).hexdigest()
    target = home() / "shards" / f"{name}.bin"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        right_size = target.is_file() and target.stat().st_size == size
    except OSError as error:
        message = f"{target.parent}: cannot keep shards there: {error.strerror}; set CURATE_CACHE to another folder"
        raise ValueError(message) from None
    if not right_size or (check == "always" and sha256 and _file_digest(target) != sha256):
        _download(file, target, size, sha256)
    return target


def _download(file: Path, target: Path, size: int, sha256: str | None) -> None:
    digest, written = hashlib.sha256(), 0
    draft = paths.draft(target)
    try:
        try:
            with writing(target, draft), paths.opened(file) as (source, _), draft.open("wb") as copy:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    written += copy.write(chunk)
        except FileNotFoundError:
            raise ValueError(f"{file}: no such shard, though its manifest names it") from None
        if written != size:
            raise ValueError(f"{file}: {written} bytes, but its manifest states {size}")
        if sha256 and digest.hexdigest() != sha256:
            raise ValueError(f"{file}: damaged: its sha256 is {digest.hexdigest()}, but its manifest states {sha256}")
        paths.publish(draft, target)
    finally:
        draft.unlink(missing_ok=True)
