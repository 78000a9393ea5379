"""Writes files whole or not at all, as bytes or JSON, and takes the sha256 of a file.

A record of ours is JSON with a seal: `seal` holds the sha256 of the file's bytes with zeros in the place of the seal,
so that every changed byte shows, white space too.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError, writing

BLOCK = 1 << 20  # bytes read at a time

BLANK = b"0" * 64  # in the place of a seal while its digest is taken
SEAL = re.compile(rb'^ "seal": "([0-9a-f]{64})"(?=,?$)', re.MULTILINE)  # only a key of the outermost table lies so
PAGE_SEAL = re.compile(rb"\n<!-- seal: ([0-9a-f]{64}) -->\n\Z")
LINES_SEAL = re.compile(rb'^{"seal": "([0-9a-f]{64})"}\n\Z', re.MULTILINE)
CHANGED = "changed since it was written"


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


def write_record(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a record with its seal, whole or not at all."""
    write_bytes(path, sealed(value))


def sealed(value: Mapping[str, Any]) -> bytes:
    """Returns a record as indented JSON with sorted keys and its seal."""
    blank = as_json({**value, "seal": BLANK.decode()})
    return _with_seal(blank, SEAL)


def unsealed(content: bytes) -> dict[str, Any]:
    """Returns the record that JSON with a seal holds; ValueError where the seal is not that of the content."""
    if not is_sealed(content):
        raise ValueError(CHANGED)
    record: dict[str, Any] = json.loads(content)
    del record["seal"]
    return record


def seal_of_lines(content: bytes) -> bytes:
    """Returns the seal of lines of JSON, which is to be their last line."""
    return _with_seal(content + b'{"seal": "' + BLANK + b'"}\n', LINES_SEAL)[len(content) :]


def is_sealed_lines(content: bytes) -> bool:
    """Returns whether lines of JSON have a seal, and are as they were sealed."""
    return _is_sealed(content, LINES_SEAL)


def is_sealed(content: bytes) -> bool:
    """Returns whether JSON has a seal, and is as it was sealed."""
    return _is_sealed(content, SEAL)


def sealed_page(content: bytes) -> bytes:
    """Returns a page of HTML with its seal in a comment at the end."""
    return _with_seal(content + b"\n<!-- seal: " + BLANK + b" -->\n", PAGE_SEAL)


def is_sealed_page(content: bytes) -> bool:
    """Returns whether a page of HTML has a seal, and is as it was sealed."""
    return _is_sealed(content, PAGE_SEAL)


def _with_seal(blank: bytes, place: re.Pattern[bytes]) -> bytes:
    match = place.search(blank)
    assert match is not None
    return blank[: match.start(1)] + hashlib.sha256(blank).hexdigest().encode() + blank[match.end(1) :]


def _is_sealed(content: bytes, place: re.Pattern[bytes]) -> bool:
    match = place.search(content)
    if match is None:
        return False
    blank = content[: match.start(1)] + BLANK + content[match.end(1) :]
    return hashlib.sha256(blank).hexdigest().encode() == match[1]
