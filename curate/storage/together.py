"""Writes files that belong together, and their record: the record goes first and comes last.

All files are written under temporary names, the record too; then the old record gets a temporary name, the files get
their names, and last the record. What stops it before that leaves the old files and their record as they were; what
stops it after that leaves no record, so nothing counts as whole, but the temporary ones still say which files are ours.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError
from curate.storage.writing import drafted, sealed, sha256_of, unsealed, write_flushed

Write = Callable[[Path], object]  # writes one file to this path


def write_together(
    record: Path, files: Mapping[str, Write], describe: Callable[[Mapping[str, Path]], Mapping[str, Any]]
) -> dict[str, Any]:
    """Writes files beside their record, in this order, and returns the record.

    describe: called with the written files by name, under temporary names, for what the record states beside `files`,
    the size and the sha256 of each by its name.
    """
    storage.make_folder(record.parent)
    with ExitStack() as stack:
        drafts = {name: stack.enter_context(drafted(record.with_name(name))) for name in files}
        for name, write in files.items():
            write(drafts[name])
        facts = {name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for name, path in drafts.items()}
        content = {**describe(drafts), "files": facts}
        notice = storage.notice(record)
        try:
            write_flushed(notice, sealed(content))
        except BaseException:
            notice.unlink(missing_ok=True)
            raise
        with suppress(FileNotFoundError):
            storage.rename(record, storage.notice(record))  # where it still says which files are ours
        for name, path in drafts.items():
            storage.publish(path, record.with_name(name))
        storage.rename(notice, record)
        for path, _ in _records(record):
            if path != record:
                path.unlink(missing_ok=True)
    return content


def named(record: Path) -> Iterator[str]:
    """Yields the names of the record and of the files that it, or one that was not finished, states."""
    for path, stored in _records(record):
        yield from (path.name, *stored["files"])


def ours(record: Path) -> Iterator[str]:
    """Yields the same names, but of the files only those whose content is as stated."""
    for path, stored in _records(record):
        yield path.name
        for name, fact in stored["files"].items():
            file = record.with_name(name)
            if file.is_file() and file.stat().st_size == fact["bytes"] and sha256_of(file) == fact["sha256"]:
                yield name


def read(record: Path) -> dict[str, Any]:
    """Returns what a record states; {} where there is none of ours that is as it was written."""
    try:
        stored = unsealed(record.read_bytes())
    except (OSError, ValueError):
        return {}
    return stored if _states_files(stored.get("files")) else {}


def whole(record: Path, stored: Mapping[str, Any]) -> bool:
    """Returns whether every file that a record states lies beside it in its size."""
    try:
        facts = stored["files"].items()
        return all(record.with_name(name).stat().st_size == fact["bytes"] for name, fact in facts)
    except (OSError, KeyError, TypeError, AttributeError):
        return False


def check_free(record: Path, files: Collection[str]) -> None:
    """Raises SettingsError, which names the file, where one that no record states lies in the place of one to write."""
    there = [name for name in (*files, record.name) if name in storage.names(record.parent)]
    if there and (others := sorted({*there} - {*ours(record)})):
        path = record.with_name(others[0])
        raise SettingsError(f"{path}: not written by curate, or changed since; move it, or name another place")


def _records(record: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yields the record, and those of attempts that were not finished, each with its content, where they are ours."""
    start = f".{record.name}."
    names = sorted(storage.names(record.parent))
    paths = [record, *(record.with_name(name) for name in names if name.startswith(start) and storage.is_draft(name))]
    for path, content in zip(paths, storage.contents(paths), strict=True):
        with suppress(ValueError):
            stored = json.loads(content or b"")
            if isinstance(stored, dict) and _states_files(stored.get("files")):
                yield path, stored


def _states_files(files: Any) -> bool:
    if not isinstance(files, dict):
        return False
    facts = [fact for fact in files.values() if isinstance(fact, dict) and {"bytes", "sha256"} <= fact.keys()]
    return len(facts) == len(files) and all("/" not in name for name in files)
