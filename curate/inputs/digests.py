"""The digests and sizes of input files, remembered between runs so that unchanged files are not read again."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError, of_the_machine
from curate.storage.identity import Fact
from curate.storage.patience import RemoteError
from curate.storage.writing import sha256_of, write_json

# Shows what a block does, by its name and the bytes that it reads; the block calls what it is given with those read.
Doing = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def nothing(_amount: int) -> None:
    """Does nothing."""


@contextmanager
def unseen(_what: str, _total: int = 0) -> Iterator[Callable[[int], None]]:
    """Shows nothing."""
    yield nothing


class Digests:
    """Identifies input files, and remembers the sha256 of those that it has read.

    A local file is identified by its sha256, remembered by path, size and change time. A remote file is identified by
    what its store states ("etag:…", "md5:…", which is no sha256), so it is not read at all. Remote files under `ours`,
    which earlier stages wrote, are read once, so that their digest is that of their content wherever they lie.

    memory: the JSON file in which digests are remembered; None: they are forgotten. doing: shows that files are read.
    """

    def __init__(self, memory: Path | None = None, ours: Path | None = None, doing: Doing = unseen) -> None:
        self.memory, self.ours = memory, ours
        self._doing = doing
        self._advance: Callable[[int], None] = nothing
        # A path's key, then its sha256. The key is [size, change time in ns] of a local file, else [size, identity].
        self._entries: dict[str, list[Any]] = _read_memory(memory) if memory else {}

    def of(self, path: Path) -> str:
        """Returns the identity of a file; SettingsError in one line if the file cannot be read."""
        return self.facts([path])[0].identity

    def facts(self, paths: list[Path]) -> list[Fact]:
        """Returns the identity and the size of each file; SettingsError in one line if one cannot be read."""
        remote = [path for path in paths if storage.is_remote(path)]
        try:
            stated = dict(zip(remote, storage.facts(remote), strict=True))
        except RemoteError as error:
            raise SettingsError(str(error)) from None
        except OSError as error:
            raise SettingsError(f"{error.filename or remote[0]}: cannot read this input: {error}") from None
        with self._doing("reading input digests", sum(map(self._unread, paths))) as self._advance:
            return [
                self._remote_fact(path, stated[path]) if path in stated else self._local_fact(path) for path in paths
            ]

    def _unread(self, path: Path) -> int:
        """Returns the bytes of a local file that is to be read, and 0 of one that is remembered."""
        if storage.is_remote(path) or not path.is_file():
            return 0
        status, entry = path.stat(), self._entries.get(str(path))
        return 0 if entry and entry[:2] == [status.st_size, status.st_mtime_ns] else status.st_size

    def save(self) -> None:
        """Writes the remembered digests for the next run."""
        if self.memory:
            write_json(self.memory, self._entries)

    def _remote_fact(self, path: Path, stated: Fact) -> Fact:
        """Returns what the store states of a file, with the file's sha256 in place of its identity if it is ours."""
        if not self.ours or not str(path).startswith(f"{self.ours}/"):
            return stated
        return Fact(stated.size, self._sha256(path, [stated.size, stated.identity]))

    def _local_fact(self, path: Path) -> Fact:
        """Returns the size of a local file and its sha256."""
        try:
            status = path.stat()
            return Fact(status.st_size, self._sha256(path, [status.st_size, status.st_mtime_ns]))
        except OSError as error:
            if of_the_machine(error):
                raise
            raise SettingsError(f"{path}: cannot read this input: {error.strerror}") from None

    def _sha256(self, path: Path, key: list[Any]) -> str:
        """Returns the sha256 of a file, which is read if its key is not the remembered one."""
        entry = self._entries.get(str(path))
        if entry is None or entry[:2] != key:
            entry = self._entries[str(path)] = [*key, sha256_of(path, self._advance)]
        return str(entry[2])


def _read_memory(memory: Path) -> dict[str, list[Any]]:
    """Reads the remembered digests; a file that cannot be read counts as empty."""
    try:
        entries: dict[str, list[Any]] = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return entries
