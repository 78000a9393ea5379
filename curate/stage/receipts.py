"""Receipts: the proofs that parts are whole, each a file of its own until its stage is closed, and then a line of one.

A stage that is closed has `receipts.json` in place of one file a part; single lines of it are read. Where such a stage
is planned anew, the lines of parts that hold stay; those of other parts go, or get a temporary name, under which they
still name files of ours.

On a store, reading the single receipts takes a request a part. So each process writes what it has put into receipts
into a file of copies too, as lines. A copy proves nothing: it counts while the listing of the store shows the receipt
with the checksum that the copy states of it, so a copy that is old, damaged or lost costs a request, and no part.
"""

import base64
import hashlib
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError
from curate.storage import listing
from curate.storage.identity import Fact
from curate.storage.listing import Listing, Row, guarded_rows, write_listing
from curate.storage.writing import sealed, unsealed

GATHERED = "receipts.json"
FORMAT = "curate.receipts"
COPIES = re.compile(r"(?:receipts/)?\.copies\.json\.\d+\.[0-9a-f]{16}\.curate\.note")
COPIED = 256  # receipts in one file of copies
MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One finished file."""

    rows: int  # 0 where it is no table
    bytes: int
    sha256: str


@dataclass(slots=True, kw_only=True)
class Counts:
    """The counts of a part's records: read = kept + rejected."""

    read: int = 0
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    bytes_read: int = 0
    bytes_kept: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # rejections by reason
    skipped: dict[str, int] = field(default_factory=dict)  # records that hold no document (requests, metadata), by kind
    notes: dict[str, int] = field(default_factory=dict)  # other counts, by name
    by_source: dict[str, list[int]] = field(default_factory=dict)  # of each source how many: [read, kept]

    def keep(self, source: str, size: int, *, read: int | None = None, number: int = 1) -> None:
        """Counts a record that stays; size: its bytes; read: those it came with, where its text was changed."""
        self._enter(source, size if read is None else read, number, number)
        self.kept += number
        self.bytes_kept += size

    def reject(self, source: str, size: int, reason: str) -> None:
        """Counts a record that does not stay."""
        self._enter(source, size, 1, 0)
        self.rejected += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def note(self, name: str, number: int = 1) -> None:
        """Adds to a count by name; it is neither a document nor a rejection."""
        if number:
            self.notes[name] = self.notes.get(name, 0) + number

    def skip(self, kind: str, number: int = 1) -> None:
        """Counts records that hold no document (requests, metadata)."""
        self.skipped[kind] = self.skipped.get(kind, 0) + number

    def _enter(self, source: str, size: int, read: int, kept: int) -> None:
        self.read += read
        self.bytes_read += size
        before = self.by_source.get(source, [0, 0])
        self.by_source[source] = [before[0] + read, before[1] + kept]

    def add(self, other: "Counts") -> None:
        """Adds another part's counts to these."""
        for name in ("read", "kept", "rejected", "failed", "bytes_read", "bytes_kept"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("reasons", "skipped", "notes"):
            setattr(self, name, dict(sorted((Counter(getattr(self, name)) + Counter(getattr(other, name))).items())))
        for source, (read, kept) in other.by_source.items():
            mine = self.by_source.setdefault(source, [0, 0])
            self.by_source[source] = [mine[0] + read, mine[1] + kept]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The proof that a part is whole."""

    key: str
    number: int  # of the part
    counts: Counts
    files: dict[str, FileRecord]  # by name
    blocks: dict[str, str] = field(default_factory=dict)  # the checksums of the blocks of files that stages read
    seconds: float = 0.0  # of CPU


def as_receipt(content: bytes | None) -> Receipt | None:
    """Returns the receipt that a file's bytes hold; None where they hold none."""
    try:
        return parse_receipt(content or b"")
    except ValueError:
        return None


def parse_receipt(content: bytes) -> Receipt:
    """Returns the receipt that a file holds; ValueError where it is not as it was written."""
    try:
        stored = unsealed(content)
        files = {name: FileRecord(**record) for name, record in stored["files"].items()}
        return Receipt(**{**stored, "files": files, "counts": Counts(**stored["counts"])})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a receipt: {error}") from None


def as_line(receipt: Receipt) -> dict[str, Any]:
    """Returns a receipt as a line of the gathered ones, without counts that are zero."""
    counts = {name: value for name in Counts.__slots__ if (value := getattr(receipt.counts, name))}
    files = {name: [file.rows, file.bytes, file.sha256] for name, file in receipt.files.items()}
    line = {"number": receipt.number, "key": receipt.key, "counts": counts, "files": files, "seconds": receipt.seconds}
    return {**line, "blocks": receipt.blocks} if receipt.blocks else line


def of_line(line: dict[str, Any] | None) -> Receipt | None:
    """Returns the receipt that a line of the gathered ones holds; None where there is no line, or none of a receipt."""
    if line is None:
        return None
    try:
        files = {name: FileRecord(rows=file[0], bytes=file[1], sha256=file[2]) for name, file in line["files"].items()}
        return Receipt(**{**line, "files": files, "counts": Counts(**line["counts"])})
    except (LookupError, TypeError, AttributeError):
        return None


def write_gathered(path: Path, rows: Iterable[Row]) -> str:
    """Writes gathered receipts, in the order of their numbers; returns the seal of the file."""
    return write_listing(path, {"format": FORMAT, "version": 1}, "receipts", rows, guarded=True)


def gathered(folder: Path) -> Listing | None:
    """Returns the gathered receipts of a stage; None where there are none. ValueError where they were changed."""
    try:
        return listing.cached(folder / GATHERED)
    except (FileNotFoundError, NotADirectoryError):
        return None


def gathered_line(folder: Path, number: int) -> Row | None:
    """Returns the gathered receipt of a part; None where there is none.

    ValueError where it is not as it was written.
    """
    receipts = gathered(folder)
    return receipts.numbered(number) if receipts else None


def gathered_lines(folder: Path) -> Iterator[Row]:
    """Yields the gathered receipts of a stage that are as they were written, in order; none where there are none."""
    path = folder / GATHERED
    try:
        receipts = Listing(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except ValueError:
        yield from guarded_rows(storage.contents([path])[0] or b"")
        return
    yield from receipts.sound()


def replace_gathered(folder: Path, kept: Iterable[Row], dropped: Iterable[Row]) -> None:
    """Keeps these receipts, and gives the dropped ones a temporary name: they vouch for no part, but name our files."""
    path, kept, dropped = folder / GATHERED, [*kept], [*dropped]
    if dropped:
        write_gathered(storage.notice(path), dropped)
    if kept:
        write_gathered(path, kept)
    else:
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A receipt as a file of copies holds it."""

    stamp: str  # the checksum and the size of the single receipt
    line: Row


def stamp_of(fact: Fact | None) -> str:
    """Returns the checksum and the size that a listing states of a single receipt; "" where there is none.

    >>> stamp_of(Fact(4, "md5:CY9rzUYh03PK3k6DJie09g==:4"))
    'md5:098f6bcd4621d373cade4e832627b4f6:4'
    >>> stamp_of(Fact(4, "etag:098f6bcd4621d373cade4e832627b4f6:4"))
    'md5:098f6bcd4621d373cade4e832627b4f6:4'
    """
    kind, _, rest = (fact.identity if fact else "").partition(":")
    value, _, size = rest.rpartition(":")
    if kind == "md5":  # in base64, as Google's store states it
        return f"md5:{base64.b64decode(value).hex()}:{size}"
    return f"md5:{value}:{size}" if kind == "etag" and MD5.fullmatch(value) else f"{kind}:{rest}" if kind else ""


def is_copies(name: str) -> bool:
    """Returns whether a name in a stage's folder is that of a file of copies."""
    return COPIES.fullmatch(name) is not None


def write_copies(path: Path, copies: Iterable[Copy]) -> None:
    """Writes a file of copies into a store."""
    path.write_bytes(sealed({"format": "curate.copies", "version": 1, "receipts": [*map(asdict, copies)]}))


def new_copies(folder: Path) -> Path:
    """Returns a new name for a file of copies of a stage."""
    return storage.notice(folder / "receipts" / "copies.json")


def read_copies(paths: Iterable[Path]) -> Iterator[Copy]:
    """Yields the copies in files; a file that is gone or damaged has none."""
    for content in storage.contents(paths):
        with suppress(ValueError, KeyError, TypeError):
            yield from [Copy(**copy) for copy in unsealed(content or b"")["receipts"]]


def copied(folder: Path, facts: Mapping[str, Fact]) -> Iterator[Receipt]:
    """Yields the receipts that lie in copies of a stage on a store; facts: as its listing has just stated them."""
    for copy in read_copies(folder / name for name in facts if is_copies(name)):
        receipt = of_line(copy.line)
        if receipt and copy.stamp == stamp_of(facts.get(f"receipts/{receipt.number:05d}.json")):
            yield receipt


class _Written:
    """The copies of the receipts that this process has written for one stage; the last file of them is written over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder, self._path = "", Path()
        self._copies: dict[int, Copy] = {}

    def add(self, folder: Path, receipt: Receipt, content: bytes) -> None:
        """Adds a receipt of this content, and writes the file; an error of the store costs a request later."""
        stamp = f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}:{len(content)}"
        with self._lock:
            if self._folder != str(folder) or len(self._copies) >= COPIED:
                self._folder, self._path, self._copies = str(folder), new_copies(folder), {}
            self._copies[receipt.number] = Copy(stamp=stamp, line=as_line(receipt))
            with suppress(SettingsError), storage.one_line(str(self._path), "cannot write"):
                write_copies(self._path, self._copies.values())


_written = _Written()


def _forget() -> None:
    """Has a forked process begin a file of its own."""
    global _written
    _written = _Written()


os.register_at_fork(after_in_child=_forget)


def copy_receipt(folder: Path, receipt: Receipt, content: bytes) -> None:
    """Writes a copy of a single receipt of this content, which lies in a store."""
    _written.add(folder, receipt, content)
