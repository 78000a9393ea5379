"""Parts and receipts: how every stage writes.

A part is up to three Parquet files (kept, rejected, failed) made from one item. Each is written to a temporary name,
flushed to disk and renamed, or uploaded whole; the receipt, which gets its name last, holds rows, bytes, sha256 and
counts. A part with a valid receipt is never made again, so `kill -9` at any moment leaves whole parts, and temporary
files that the next run removes.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.distinct import Distinct
from curate.errors import writing
from curate.records import Document, Failure, NoDocument, Rejection, Skipped, lost_record
from curate.stage import heartbeat
from curate.stage.receipts import (
    GATHERED,
    Counts,
    FileRecord,
    Receipt,
    as_receipt,
    copied,
    copy_receipt,
    gathered_line,
    gathered_lines,
    of_line,
)
from curate.stage.schemas import FAILED, KEPT, REJECTED
from curate.storage.blocks import digest_of
from curate.storage.identity import Fact
from curate.storage.writing import sealed, write_flushed

MARK = b"curate.table"  # in the metadata of every table that is written here, so that it is known as ours
AT_ONCE = 1000  # receipts whose bytes are held while they are read
NO_MORE: Mapping[str, Any] = {}
ROW_GROUP_ROWS = 4096
ROW_GROUP_BYTES = 32 << 20  # of text, so that a row group of long documents stays small too


class TableWriter:
    """One Parquet file, written by rows in groups of bounded size; nothing is visible before `publish`.

    Every method raises WriteError where it cannot be written.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        schema = schema.with_metadata({**(schema.metadata or {}), MARK: b""})
        self.path, self.schema, self.rows = path, schema, 0
        self.draft = storage.draft(path)
        with writing(path, self.draft):
            self._writer = pq.ParquetWriter(self.draft, schema, compression="zstd")
        self._pending: list[dict[str, Any]] = []
        self._tables: list[pa.Table] = []
        self._size = 0
        self.blocks = ""  # the checksums of the closed file's blocks

    def add(self, row: dict[str, Any], size: int = 0) -> None:
        """Appends a row; size: its bytes, about."""
        self._pending.append(row)
        self._size += size
        if len(self._pending) >= ROW_GROUP_ROWS or self._size >= ROW_GROUP_BYTES:
            self._flush()

    def add_table(self, table: pa.Table) -> None:
        """Appends rows that are a table already, in groups of as many as they come in by `add`."""
        self._tables.append(table)
        while sum(map(len, self._tables)) >= ROW_GROUP_ROWS:
            joined = pa.concat_tables(self._tables)
            self._write(joined.slice(0, ROW_GROUP_ROWS))
            self._tables = [joined.slice(ROW_GROUP_ROWS)]

    def _write(self, table: pa.Table) -> None:
        with writing(self.path):
            self._writer.write_table(table.cast(self.schema).combine_chunks())
        self.rows += len(table)

    def _flush(self) -> None:
        if sum(map(len, self._tables)):
            self._write(pa.concat_tables(self._tables))
        self._tables = []
        if self._pending:
            with writing(self.path):
                self._writer.write_table(pa.Table.from_pylist(self._pending, schema=self.schema))
            self.rows += len(self._pending)
            self._pending, self._size = [], 0

    def close(self) -> FileRecord:
        """Writes what is pending, still under the temporary name, and returns the file's record."""
        self._flush()
        with writing(self.path):
            self._writer.close()
            digest = digest_of(self.draft)
        self.blocks = digest.blocks
        return FileRecord(rows=self.rows, bytes=digest.size, sha256=digest.sha256)

    def publish(self) -> None:
        """Gives the closed file its name."""
        with writing(self.path):
            storage.publish(self.draft, self.path)

    def abandon(self) -> None:
        """Removes the file if it was not published, also where the disk is too full to close it."""
        with suppress(OSError):
            self._writer.close()
        self.draft.unlink(missing_ok=True)


def part_name(number: int, kind: str = "part") -> str:
    """Returns the name of a part's file; kind: part, rejected, failed, or a stage's own.

    >>> part_name(7, "rejected")
    'rejected-00007.parquet'
    """
    return f"{kind}-{number:05d}.parquet"


def as_row(record: Document | Rejection | Failure) -> dict[str, Any]:
    """Returns a record as a Parquet row: its fields by name, in the schema's order."""
    return {name: getattr(record, name) for name in record.__slots__}


class PartWriter:
    """Writes one part of a stage. A context: it publishes the part at its end, and removes it on any error."""

    def __init__(
        self,
        folder: Path,
        number: int,
        key: str,
        *,
        schema: pa.Schema = KEPT,
        beside: Mapping[str, pa.Schema] | None = None,
    ) -> None:
        """Opens no file yet; beside: the columns of a stage's own tables, by the kind in their names.

        schema, and "rejected" there, may have columns beside those of all stages.
        """
        self.folder, self.number, self.key = folder, number, key
        self.counts = Counts()
        self._tables: dict[str, TableWriter] = {}
        self._schemas = {"part": schema, "rejected": REJECTED, "failed": FAILED, **(beside or {})}
        self._started = time.thread_time()
        self.seconds_elsewhere = 0.0  # of CPU that other processes spent on this part
        self._lost = Distinct()  # ids of failed records
        self.receipt: Receipt | None = None
        self._work = heartbeat.Work(folder, number, self.counts)

    def __enter__(self) -> Self:
        self._table("part")
        heartbeat.begin(self._work)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                self._publish()
            elif isinstance(error, OSError):  # a limit that reading met stops the part too
                with writing(self.folder / part_name(self.number)):
                    raise error
        finally:
            for table in self._tables.values():
                table.abandon()
            heartbeat.end(self._work)

    def _publish(self) -> None:
        files = {part_name(self.number, name): table.close() for name, table in self._tables.items()}
        self.receipt = Receipt(
            key=self.key,
            number=self.number,
            counts=self.counts,
            files=dict(sorted(files.items())),
            blocks={part_name(self.number): self._tables["part"].blocks},
            seconds=round(time.thread_time() - self._started + self.seconds_elsewhere, 3),
        )
        with receipted(self.folder, self.receipt):
            for table in self._tables.values():
                table.publish()

    def _table(self, name: str) -> TableWriter:
        if name not in self._tables:
            self._tables[name] = TableWriter(self.folder / part_name(self.number, name), self._schemas[name])
        return self._tables[name]

    def keep(self, document: Document, read: int | None = None, more: Mapping[str, Any] = NO_MORE) -> None:
        """Counts and writes a document that stays.

        read: the bytes it came with, where its text was changed. more: values of columns of the stage's own.
        """
        size = len(document.text.encode("utf-8", "replace"))
        self.keep_row({**as_row(document), **more}, document.source, size, read)

    def keep_row(self, row: dict[str, Any], source: str, size: int, read: int | None = None) -> None:
        """Counts and writes a row of the stage's own schema; size: the document's text in UTF-8 bytes."""
        self.counts.keep(source, size, read=read)
        self._table("part").add(row, size)

    def reject(self, rejection: Rejection, more: Mapping[str, Any] = NO_MORE) -> None:
        """Counts and writes a record that does not stay; more: values of columns of the stage's own."""
        self.counts.reject(rejection.source, rejection.bytes, rejection.reason)
        self._table("rejected").add({**as_row(rejection), **more}, 256)

    def fail(self, failure: Failure, source: str) -> None:
        """Writes a dead letter; a failed *record* is rejected besides, so that read = kept + rejected holds."""
        self.counts.failed += 1
        self._table("failed").add(as_row(failure), 256)
        if failure.record:
            rejection = lost_record(failure, source)
            self.reject(replace(rejection, id=self._lost.of(rejection.id)))

    def refuse(self, record: NoDocument, source: str) -> None:
        """Counts and writes a record that is no document: rejected, skipped, or a dead letter of this source."""
        if isinstance(record, Rejection):
            self.reject(record)
        elif isinstance(record, Skipped):
            self.skip(record.kind)
        else:
            self.fail(record, source)

    def add_row(self, row: dict[str, Any]) -> None:
        """Writes a row to the part without counting it as kept (a dedup decision against a document)."""
        self._table("part").add(row)

    def add_beside(self, kind: str, row: dict[str, Any]) -> None:
        """Writes a row to a table of the stage's own; it counts as nothing."""
        self._table(kind).add(row)

    def note(self, name: str, number: int) -> None:
        """Adds to a count by name; it is neither a document nor a rejection."""
        self.counts.note(name, number)

    def skip(self, kind: str, number: int = 1) -> None:
        """Counts records that hold no document (requests, metadata)."""
        self.counts.skip(kind, number)


def receipt_name(number: int) -> str:
    """Returns the name of the receipt of a part in its stage's folder, until that is closed."""
    return f"receipts/{number:05d}.json"


def receipt_path(folder: Path, number: int) -> Path:
    """Returns where the receipt of a part lies, until its stage is closed."""
    return folder / receipt_name(number)


@contextmanager
def receipted(folder: Path, receipt: Receipt) -> Iterator[None]:
    """Writes a receipt under a temporary name before the block, which gives files their names; after it under its own.

    So files that a crash leaves without a receipt are named by the temporary one, and the next run knows them as ours.
    """
    notice = announce_receipt(folder, receipt)
    drop_other_receipt(folder, receipt.number, receipt.key)
    yield
    write_receipt(notice, folder, receipt)


def announce_receipt(folder: Path, receipt: Receipt) -> Path:
    """Writes a receipt under a temporary name beside its own, and returns that."""
    notice = storage.notice(receipt_path(folder, receipt.number))
    storage.make_folder(notice.parent)
    write_flushed(notice, sealed(asdict(receipt)))
    return notice


def drop_other_receipt(folder: Path, number: int, key: str) -> None:
    """Gives a part's receipt of another key a temporary name, as it must not stand for old and new files together."""
    path = receipt_path(folder, number)
    stored = storage.contents([path])[0]
    if stored is not None and f'"key": "{key}"'.encode() not in stored:
        drop_receipt(path)


def drop_receipt(path: Path) -> None:
    """Gives a receipt a temporary name: its part counts as unfinished, and its files are still known as ours."""
    with suppress(FileNotFoundError):  # another attempt has done it
        storage.rename(path, storage.notice(path))


def write_receipt(notice: Path, folder: Path, receipt: Receipt) -> None:
    """Gives a receipt that was announced its name, once its files have theirs; a store gets a copy of it too."""
    path = receipt_path(folder, receipt.number)
    if not storage.is_remote(folder):
        storage.rename(notice, path)
        return
    content = sealed(asdict(receipt))
    path.write_bytes(content)  # a rename would be three requests
    storage.remove([notice])
    copy_receipt(folder, receipt, content)


def read_receipt(folder: Path, number: int, key: str) -> Receipt | None:
    """Reads the receipt of a part; None unless it has this key and its files have the sizes that it states."""
    for receipt in _stored_receipts(folder, number):
        if receipt and receipt.key == key:
            sizes = storage.sizes_there(folder, receipt.files)
            if all(sizes.get(name) == file.bytes for name, file in receipt.files.items()):
                return receipt
    return None


def _stored_receipts(folder: Path, number: int) -> Iterator[Receipt | None]:
    """Yields the gathered receipt of a part, and the single one, which is read only where the first does not hold."""
    line = None
    with suppress(ValueError):
        line = gathered_line(folder, number)
    yield of_line(line)
    yield as_receipt(storage.contents([receipt_path(folder, number)])[0])


def read_receipts(
    folder: Path, numbers: Iterable[tuple[int, str]], facts: Mapping[str, Fact] | None = None
) -> list[Receipt | None]:
    """Reads the receipts of parts, each given by number and key; None where one is not valid (see `read_receipt`).

    The gathered ones are read in one pass, and of the others those that are listed. A store is listed once, and of the
    single receipts there only those are read that have no copy. facts: of a store that has just been listed.
    """
    keys = dict(numbers)
    if facts is None and storage.is_remote(folder):
        facts = storage.listed(folder)
    receipts: dict[int, Receipt] = {}
    for line in gathered_lines(folder) if facts is None or GATHERED in facts else ():
        receipt = of_line(line) if line.get("key") == keys.get(line["number"]) else None
        if receipt:
            receipts[receipt.number] = receipt
    _drop_unfit(folder, receipts, facts)
    for receipt in copied(folder, facts or {}):
        if receipt.key == keys.get(receipt.number):
            receipts.setdefault(receipt.number, receipt)
    names = {f"receipts/{name}" for name in storage.names(folder / "receipts")} if facts is None else facts.keys()
    single = [number for number in keys if number not in receipts and receipt_name(number) in names]
    for start in range(0, len(single), AT_ONCE):
        chosen = single[start : start + AT_ONCE]
        contents = storage.contents(receipt_path(folder, number) for number in chosen)
        for number, content in zip(chosen, contents, strict=True):
            if (receipt := as_receipt(content)) and receipt.key == keys[number]:
                receipts[number] = receipt
    _drop_unfit(folder, receipts, facts)
    return [receipts.get(number) for number in keys]


def _drop_unfit(folder: Path, receipts: dict[int, Receipt], facts: Mapping[str, Fact] | None) -> None:
    """Drops the receipts whose files have not the sizes that they state; facts: of the files in a store."""
    if facts is None:
        sizes = storage.sizes_there(folder, [name for receipt in receipts.values() for name in receipt.files])
    else:
        sizes = {name: fact.size for name, fact in facts.items()}
    unfit = [
        number
        for number, receipt in receipts.items()
        if any(sizes.get(name) != file.bytes for name, file in receipt.files.items())
    ]
    for number in unfit:
        del receipts[number]
