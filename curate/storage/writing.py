"""Writes files whole or not at all, as bytes or JSON, and takes the sha256 of a file."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError, writing

BLOCK = 1 << 20  # bytes read at a time


def sha256_of(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """Returns the hex sha256 of a file; advance: called with the bytes that were read, again and again."""
    with path.open("rb") as file:
        if advance is None:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := file.read(BLOCK):
            digest.update(block)
            advance(len(block))
        return digest.hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary name to write to; on success the file becomes `path`, else it is removed.

    Raises WriteError where it cannot be written.
    """
    with drafted(path) as draft:
        yield draft
        storage.publish(draft, path)


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """Yields a temporary name for a file; what lies there at the end, not published, is removed.

    Raises WriteError where it cannot be written.
    """
    draft = storage.draft(path)
    try:
        with writing(path, draft):
            yield draft
    finally:
        draft.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a small file whole or not at all."""
    with replacing(path) as draft:
        draft.write_bytes(content)


def write_flushed(path: Path, content: bytes) -> None:
    """Writes a new small file, flushed to disk; it may be seen half written, so nothing reads its name yet."""
    if storage.is_remote(path):
        path.write_bytes(content)
        return
    with writing(path), path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def check_new(path: Path, *, replace: bool) -> None:
    """Raises SettingsError where a file that the user named is there already, unless it may be replaced."""
    if os.path.lexists(path) and not replace:
        raise SettingsError(f"{path}: is there already; give --replace, or name another file")


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON with sorted keys, whole or not at all."""
    write_bytes(path, as_json(value))


def as_json(value: Any) -> bytes:
    """Returns a value as indented JSON with sorted keys."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
