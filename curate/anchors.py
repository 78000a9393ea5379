"""The relative paths of a recipe, made absolute from where it was read."""

import glob
from pathlib import Path
from typing import Any

from curate import settings, storage
from curate.commoncrawl import names
from curate.settings import Table

PATH_KEYS: tuple[tuple[str, ...], ...] = (
    ("commoncrawl",),
    ("extract", "quality_model"),
    ("score", "model"),
    ("score", "positive"),
    ("score", "negative"),
    ("tokenize", "encoding"),
)


def is_tokenizer_file(encoding: str) -> bool:
    """Does `tokenize.encoding` name a file rather than one of tiktoken's?"""
    return encoding.endswith(".json") or "/" in encoding


def anchored(table: Table, folder: Path) -> Table:
    """The tables with every input path made absolute from this folder; URIs stay."""
    paths = [*PATH_KEYS]
    if isinstance(sources := table.get("sources"), dict):
        paths += [("sources", name, "inputs") for name in sources]
    for path in paths:
        found: Any = table
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if _is_name(path, found):
            continue
        if isinstance(found, str):
            table = settings.assign(table, path, _absolute(found, folder))
        elif isinstance(found, list):
            table = settings.assign(table, path, [_absolute(each, folder) for each in found])
    return table


def _is_name(path: tuple[str, ...], value: Any) -> bool:
    """Is what may be a path the name of something that the package knows?"""
    if path == ("score", "model"):
        return bool(value == "default")
    return path == ("tokenize", "encoding") and isinstance(value, str) and not is_tokenizer_file(value)


def _absolute(path: Any, folder: Path) -> Any:
    if not isinstance(path, str) or "://" in path or path.startswith(("miniweb:", names.PREFIX)):
        return path
    if storage.is_remote(folder):
        return str(storage.join(folder, path))
    base = str(folder.absolute())
    return str(Path(glob.escape(base) if glob.has_magic(path) else base) / path)
