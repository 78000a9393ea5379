"""Writes files whole or not at all, as bytes or JSON, and takes the sha256 of a file."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate import storage

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
    """Yields a temporary name to write to; on success the file becomes `path`, else it is removed."""
    draft = storage.draft(path)
    try:
        yield draft
        storage.publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a small file whole or not at all."""
    with replacing(path) as draft:
        draft.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON with sorted keys, whole or not at all."""
    write_bytes(path, as_json(value))


def as_json(value: Any) -> bytes:
    """Returns a value as indented JSON with sorted keys."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
