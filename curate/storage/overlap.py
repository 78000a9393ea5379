"""Compares places: a file or a folder in another, on this machine or in a store, with links and `..` resolved."""

import os
import posixpath
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from curate import storage
from curate.errors import SettingsError

SAME_STORES = {"s3a": "s3", "gcs": "gs"}  # other names of a protocol


def place(name: str | Path) -> str:
    """Returns the one name of a place, from the root of this machine or of a store.

    >>> place("s3a://data/a/../b/")
    's3://data/b'
    """
    if not storage.is_remote(name):
        return os.path.realpath(name)
    protocol, _, rest = str(name).partition("://")
    return f"{SAME_STORES.get(protocol, protocol)}://{posixpath.normpath(rest)}"


def is_within(name: str | Path, folder: str | Path) -> bool:
    """Returns whether a place is the folder itself or lies in it."""
    inner, outer = place(name), place(folder)
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


def check_apart(read: str | Path, out: Path) -> None:
    """Raises SettingsError where what is read lies in the output, or the output in what is read."""
    if is_within(read, out):
        raise SettingsError(f"{read}: lies in the output {out}; name an output outside of what is read")
    if is_within(out, read):
        raise SettingsError(f"{out}: lies in the input {read}; name an output outside of it")


def takes(pattern: str, folder: str | Path, names: Iterable[str]) -> bool:
    """Returns whether a glob takes a file of one of these names in a folder, there or not; "" is the folder itself."""
    fixed, magic = split(pattern)
    start, within = place(fixed).rstrip("/") + "/", place(folder).rstrip("/") + "/"
    for name in names:
        path = f"{within}{name}/" if name else within
        parts = path.removeprefix(start).split("/")[:-1]
        if path.startswith(start) and (_matches(magic, parts) if parts else magic == ["**"] and not name):
            return True
    return False


def split(pattern: str) -> tuple[str, list[str]]:
    """Returns the folder in which a glob looks, and the parts of the pattern below it.

    >>> split("/data/*/a.jsonl")
    ('/data', ['*', 'a.jsonl'])
    """
    protocol, mark, rest = pattern.rpartition("://")
    parts = rest.split("/")
    first = next((number for number, part in enumerate(parts) if has_magic(part)), len(parts))
    fixed = "/".join(parts[:first])
    return f"{protocol}{mark}{fixed}" or ("/" if pattern.startswith("/") else "."), parts[first:]


def _matches(patterns: Sequence[str], parts: Sequence[str]) -> bool:
    """Returns whether the parts of a name fit those of a glob, in which ** stands for any number of folders."""
    if not patterns:
        return not parts
    if [*patterns] == ["**"]:
        return bool(parts) and not any(part.startswith(".") for part in parts)
    if patterns[0] == "**":
        deeper = parts and not parts[0].startswith(".") and _matches(patterns, parts[1:])
        return bool(deeper or _matches(patterns[1:], parts))
    if not parts or (parts[0].startswith(".") and not patterns[0].startswith(".")):
        return False
    return fnmatchcase(parts[0], patterns[0]) and _matches(patterns[1:], parts[1:])
