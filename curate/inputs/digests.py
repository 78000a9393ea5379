"""What identifies an input file, remembered between runs."""

import json
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError
from curate.storage.identity import Fact
from curate.storage.patience import RemoteError
from curate.storage.writing import sha256_of, write_json


class Digests:
    """What identifies input files, and their bytes.

    A local file by its sha256, remembered by path, size and change time so that a resume does not read it again; a
    remote one by what its store says ("etag:…", "md5:…", which is no sha256), so that it is not read at all. Remote
    files under `ours` were written by us and are read, so that they count as what they are.
    """

    def __init__(self, memory: Path | None = None, ours: Path | None = None) -> None:
        self.memory, self.ours = memory, ours
        try:
            self._known: dict[str, list[Any]] = json.loads(memory.read_bytes()) if memory else {}
        except (OSError, ValueError):
            self._known = {}

    def of(self, path: Path) -> str:
        """What identifies a file; SettingsError in one line where it cannot be read."""
        return self.facts([path])[0].identity

    def facts(self, paths: list[Path]) -> list[Fact]:
        """What identifies each file, and its bytes; SettingsError in one line where one cannot be read."""
        remote = [path for path in paths if storage.is_remote(path)]
        try:
            told = dict(zip(remote, storage.facts(remote), strict=True))
        except RemoteError as error:
            raise SettingsError(str(error)) from None
        except OSError as error:
            raise SettingsError(f"{error.filename or remote[0]}: cannot read this input: {error}") from None
        return [self._ours(path, told[path]) if path in told else self._local(path) for path in paths]

    def _ours(self, path: Path, told: Fact) -> Fact:
        if not self.ours or not str(path).startswith(f"{self.ours}/"):
            return told
        known = self._known.get(str(path))
        if known is None or known[:2] != [told.size, told.identity]:
            known = self._known[str(path)] = [told.size, told.identity, sha256_of(path)]
        return Fact(told.size, known[2])

    def _local(self, path: Path) -> Fact:
        try:
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
            known = self._known.get(str(path))
            if known is None or known[:2] != stamp:
                known = [*stamp, sha256_of(path)]
                self._known[str(path)] = known
        except OSError as error:
            raise SettingsError(f"{path}: cannot read this input: {error.strerror}") from None
        return Fact(status.st_size, str(known[2]))

    def save(self) -> None:
        """Keep what was learnt for the next run."""
        if self.memory:
            write_json(self.memory, self._known)
