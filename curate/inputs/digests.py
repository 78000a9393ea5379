"""The digests and sizes of input files, remembered between runs so that unchanged files are not read again."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from curate import storage
from curate.errors import SettingsError, of_the_machine
from curate.storage.blocks import Digest, digest_of
from curate.storage.identity import Fact
from curate.storage.patience import CHANGED_INPUT, ChangedError, RemoteError
from curate.storage.writing import unsealed, write_record

SAMPLE = 16 << 10  # bytes of each place that a sample is taken from
HEX_SHA256 = 64  # digits, by which a digest of content differs from what a store states
FORMAT = "curate.inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The size, times and a sample of a file, which show cheaply that it has changed.

    The change time stays different when a file is replaced and its time is set back. Where a file system has none (a
    bucket mounted as a folder), the sample tells. The inode is left out: network file systems give a file another one
    at every mount, and all of it would be read again.
    """

    size: int  # bytes
    modified: int  # ns
    changed: int  # ns; 0 of a remote file
    sample: str  # a digest of the first, middle and last bytes; what the store states of a remote file


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file that was read, and what it held."""

    stamp: Stamp
    sha256: str
    blocks: str


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

    A local file is identified by its sha256, remembered by path and stamp. A remote file is identified by what its
    store states ("etag:…", "md5:…", which is no sha256), so it is not read at all. Remote files under `ours`, which
    earlier stages wrote, are read once, so that their digest is that of their content wherever they lie.

    memory: the JSON file in which digests are remembered; None: they are forgotten. doing: shows that files are read.
    """

    def __init__(self, memory: Path | None = None, ours: Path | None = None, doing: Doing = unseen) -> None:
        self.memory, self.ours = memory, ours
        self._doing = doing
        self._advance: Callable[[int], None] = nothing
        self._entries: dict[str, Entry] = _read_memory(memory) if memory else {}

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
        then = (entry.stamp.size, entry.stamp.modified, entry.stamp.changed) if entry else None
        return 0 if then == (status.st_size, status.st_mtime_ns, status.st_ctime_ns) else status.st_size

    def save(self) -> None:
        """Writes the remembered digests for the next run."""
        if self.memory:
            files = {name: asdict(entry) for name, entry in self._entries.items()}
            write_record(self.memory, {"format": FORMAT, "files": files})

    def _remote_fact(self, path: Path, stated: Fact) -> Fact:
        """Returns what the store states of a file, with the file's sha256 in place of its identity if it is ours."""
        if not self.ours or not str(path).startswith(f"{self.ours}/"):
            return stated
        stamp = Stamp(size=stated.size, modified=0, changed=0, sample=stated.identity)
        return Fact(stated.size, self._entry(path, stamp).sha256)

    def _local_fact(self, path: Path) -> Fact:
        """Returns the size of a local file, its sha256 and the checksums of its blocks."""
        try:
            stamp = stamp_of(path)
            entry = self._entry(path, stamp)
            if entry.stamp != stamp_of(path):
                raise SettingsError(f"{path}: is changed while it is read; wait until it is whole")
            return Fact(entry.stamp.size, entry.sha256, entry.blocks)
        except OSError as error:
            if of_the_machine(error):
                raise
            raise SettingsError(f"{path}: cannot read this input: {error.strerror}") from None

    def _entry(self, path: Path, stamp: Stamp) -> Entry:
        """Returns what is remembered of a file, which is read if its stamp is not the remembered one."""
        entry = self._entries.get(str(path))
        if entry is None or entry.stamp != stamp:
            digest = digest_of(path, self._advance)
            entry = self._entries[str(path)] = Entry(stamp=stamp, sha256=digest.sha256, blocks=digest.blocks)
        return entry


def stamp_of(path: Path) -> Stamp:
    """Returns the stamp of a local file; reads a few bytes of it."""
    with path.open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        sample = hashlib.blake2b(digest_size=16)
        for offset in sorted({0, max(0, (status.st_size - SAMPLE) // 2), max(0, status.st_size - SAMPLE)}):
            sample.update(os.pread(file.fileno(), SAMPLE, offset))
    return Stamp(
        size=status.st_size, modified=status.st_mtime_ns, changed=status.st_ctime_ns, sample=sample.hexdigest()
    )


@contextmanager
def as_planned(path: Path, digest: str) -> Iterator[Path]:
    """Yields a local file, or a copy of a remote one, that has the digest with which a stage was planned.

    Raises ChangedError where its content is another, before the block or at its end; one that cannot be read is the
    reader's to report. It is for libraries that open a file by name; other files are checked block by block.
    """
    with storage.local(path, digest if ":" in digest else "") as copy:
        try:
            before = stamp_of(copy)
        except OSError:
            yield copy
            return
        if len(digest) == HEX_SHA256 and _digest_at(copy, before).sha256 != digest:
            raise ChangedError(f"{path}: {CHANGED_INPUT}")
        yield copy
        if stamp_of(copy) != before:
            raise ChangedError(f"{path}: {CHANGED_INPUT}")


@lru_cache(maxsize=64)
def _digest_at(path: Path, _stamp: Stamp) -> Digest:
    return digest_of(path)


def _read_memory(memory: Path) -> dict[str, Entry]:
    """Reads the remembered digests; a file that cannot be read counts as empty."""
    try:
        return remembered(memory.read_bytes())
    except (OSError, ValueError):
        return {}


def remembered(content: bytes) -> dict[str, Entry]:
    """Returns the entries of a file of digests; ValueError where it is not as it was written."""
    stored = unsealed(content)
    try:
        if stored["format"] != FORMAT:
            raise ValueError(f"not of the format {FORMAT}")
        return {name: Entry(**{**entry, "stamp": Stamp(**entry["stamp"])}) for name, entry in stored["files"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not readable: {error}") from None
