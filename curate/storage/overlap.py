"""Compares places: one as seen from another, on this machine or in a store; a file or a folder in another."""

import os
import posixpath
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from curate.errors import SettingsError
from curate.storage.paths import is_remote, path, uri

SAME_STORES = {"s3a": "s3", "gcs": "gs"}  # other names of a protocol


def join(folder: Path, name: str) -> Path:
    """Returns the path of a name that `relative` made, as seen from a folder; a whole name stays as it is."""
    if is_remote(name) or os.path.isabs(name):
        return path(name)
    if not is_remote(folder):
        return folder / name
    protocol, _, rest = str(folder).partition("://")
    return path(f"{protocol}://{posixpath.normpath(posixpath.join(rest, name))}")


def relative(target: Path, folder: Path) -> str:
    """Returns the name of a path as seen from a folder; whole where they lie in different stores."""
    if is_remote(target) or is_remote(folder):
        if _store(target) != _store(folder):
            return uri(target)
        return posixpath.relpath(_path_in_store(target), _path_in_store(folder))
    return os.path.relpath(target, folder)


def _store(path: Path) -> list[str] | None:
    """Returns protocol and bucket or host; None for a local path."""
    return str(path).split("/")[:3] if is_remote(path) else None


def _path_in_store(path: Path) -> str:
    return "/" + str(path).partition("://")[2]


def names_below(paths: list[Path]) -> list[str]:
    """Returns the names of absolute paths under the deepest folder above them all; whole if they share no protocol."""
    protocols = {str(path).partition("://")[0] if is_remote(path) else None for path in paths}
    if len(protocols) > 1:
        return [str(path) for path in paths]
    names = [_path_in_store(path) if is_remote(path) else str(path) for path in paths]
    above = posixpath.commonpath([posixpath.dirname(name) for name in names])
    return [posixpath.relpath(name, above) for name in names]


def place(name: str | Path) -> str:
    """Returns the one name of a place, from the root of this machine or of a store.

    >>> place("s3a://data/a/../b/")
    's3://data/b'
    """
    if not is_remote(name):
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
