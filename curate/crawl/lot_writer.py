"""The files of a lot: WARC parts with their outcomes, each committed whole, and at the end the sealed tables.

A part counts once its outcomes are there, which are written last. A lot that is started again goes on after its
committed parts. The seal is the lot's receipt, which names every file.
"""

import asyncio
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from curate import __version__, storage
from curate.crawl.config import Crawl
from curate.crawl.journal import PARTS, Place
from curate.crawl.rows import COMMITTED, DEFERRED, DEFERRED_NAMES, OUTCOME_NAMES, OUTCOMES, Row, exchange_key
from curate.errors import writing
from curate.stage import heartbeat
from curate.stage.parts import TableWriter, part_name, receipted
from curate.stage.receipts import Counts, FileRecord, Receipt
from curate.stage.schemas import REJECTED
from curate.storage.blocks import digest_of
from curate.storage.writing import write_bytes
from curate.warc import cdxj
from curate.warc.writer import Earlier, Exchange, WarcWriter, payload_digest, record_id

FILES = b"curate.files"  # in the metadata of committed outcomes: the records of the WARC file and index of the part
ROWS = re.compile(r"(\d{5,})\.parquet")
REVISIT_BYTES = 1024  # a smaller payload gets a full record each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a lot that is to be committed: outcomes, and a WARC file, if it has one, under a temporary name."""

    rows_path: Path
    rows: list[Row]
    lines: list[str]  # of the index
    file: BinaryIO | None
    draft: Path | None
    path: Path | None


class LotWriter:
    """Writes the parts of a lot and seals it.

    place: where the lot is worked on; nothing is published once it is another process's. rows: the committed outcomes,
    one of each URL; number: of the part that is next.
    """

    def __init__(self, out: Path, lot: str, wave: int, rules: Crawl, place: Place) -> None:
        self.out, self.work, self._rules, self._wave, self._place = out, place.folder, rules, wave, place
        self._lot, self._name = lot, f"crawl-{wave}-{lot}"
        storage.make_folder(out / "warc")
        storage.make_folder(self.work)
        self.rows: list[Row] = []
        self._files: dict[str, FileRecord] = {}  # the WARC files and indexes of committed parts
        self._segment: Segment | None = None  # that is being committed
        numbers = sorted(int(match[1]) for name in storage.names(self.work) if (match := ROWS.fullmatch(name)))
        for rows, files in _counted(self.work, numbers):
            self.rows += rows
            self._files |= files
        self.number = max(place.first, numbers[-1] + 1 if numbers else 0)
        self._payloads = {row["payload_digest"]: self._earlier(row) for row in self.rows if row["outcome"] == "ok"}
        heartbeat.count(len(self.rows))
        self._begin()

    def _earlier(self, row: Row) -> Earlier:
        """Returns what a revisit record states about this committed page."""
        name = record_id(self._name, exchange_key(row), "response")
        return Earlier(record_id=name, url=row["final_url"], date=row["fetched"], payload_digest=row["payload_digest"])

    def _begin(self) -> None:
        """Starts the next part, which has no file until it gets a page."""
        self._pending: list[Row] = []
        self._lines: list[str] = []
        self._file: BinaryIO | None = None
        self._since = time.monotonic()

    def _warc(self) -> WarcWriter:
        """Returns the writer of this part's WARC file, opened at its first page."""
        if self._file is None:
            name = f"{self._name}-{self.number:05d}.warc.gz"
            self._path = self.out / "warc" / name
            self._draft = storage.draft(self._path)
            with writing(self._path, self._draft):
                self._file = self._draft.open("wb")
            self._writer = WarcWriter(self._file, prefix=self._name)
            self._writer.write_info(name, datetime.now(UTC), self._info())
        return self._writer

    def _info(self) -> dict[str, str]:
        """Returns the fields of the record that opens a WARC file."""
        fields = {
            "software": f"curate {__version__}",
            "operator": self._rules.contact,
            "robots": "RFC 9309",
            "isPartOf": f"wave {self._wave}",
            "http-header-user-agent": f"{self._rules.agent}/{__version__} (+{self._rules.contact})",
        }
        if self._rules.allow_networks:
            fields["allowed-networks"] = " ".join(self._rules.allow_networks)
        return fields

    def add(self, row: Row, exchange: Exchange | None = None) -> None:
        """Appends an outcome, and its page if that is kept."""
        row |= {"wave": self._wave, "lot": self._lot}
        if exchange:
            exchange = self._with_earlier(exchange)
            warc = self._warc()
            with writing(self._path):
                written = warc.write(exchange)
            if written.kind == "revisit":
                row["outcome"] = "revisit"
            elif row["outcome"] == "ok":
                self._payloads[written.payload_digest] = written.earlier(exchange)
            row |= {
                "warc_file": f"warc/{self._path.name}",
                "warc_offset": written.offset,
                "warc_length": written.length,
                "payload_digest": written.payload_digest,
            }
            self._lines.append(cdxj.line(exchange, written, self._path.name))
        self._pending.append(row)
        heartbeat.count(1)

    def _with_earlier(self, exchange: Exchange) -> Exchange:
        """Returns the exchange, which names an earlier page of this lot if that has the same payload."""
        if not self._rules.revisits or len(exchange.body) < REVISIT_BYTES or exchange.truncated:
            return exchange
        earlier = self._payloads.get(payload_digest(exchange.body))
        return replace(exchange, earlier=earlier) if earlier else exchange

    @property
    def due(self) -> bool:
        """Returns True where it is time to commit."""
        big = self._file is not None and self._writer.offset >= self._rules.commit_bytes
        return bool(self._pending) and (big or time.monotonic() - self._since >= self._rules.commit_seconds)

    def commit(self) -> None:
        """Publishes what was added since the last commit."""
        if segment := self._cut():
            self._publish(segment)

    async def commit_beside(self) -> None:
        """Commits as `commit` does; in a thread where that is an upload, for which no request waits."""
        if segment := self._cut():
            if storage.is_remote(self.out):
                await asyncio.to_thread(self._publish, segment)
            else:
                self._publish(segment)

    def _cut(self) -> Segment | None:
        """Ends the part that is being written, and begins the next."""
        if not self._pending:
            return None
        at = (self._file, self._draft, self._path) if self._file else (None, None, None)
        self._segment = Segment(
            rows_path=self.work / f"{self.number:05d}.parquet",
            rows=self._pending,
            lines=self._lines,
            file=at[0],
            draft=at[1],
            path=at[2],
        )
        self.number += 1
        self._begin()
        return self._segment

    def _publish(self, segment: Segment) -> None:
        """Gives the files of a part their names: the WARC, its index, then the outcomes, by which the part counts.

        A process that has lost its lot by then, as the WARC took long, publishes no outcomes.
        """
        files: dict[str, FileRecord] = {}
        if segment.file and segment.draft and segment.path:
            with writing(segment.path):
                segment.file.close()
                files[f"warc/{segment.path.name}"] = _record(segment.draft)
                storage.publish(segment.draft, segment.path)
            index = cdxj.index(segment.lines)
            digest = hashlib.sha256(index).hexdigest()
            files[f"warc/{segment.path.name}.cdxj"] = FileRecord(rows=0, bytes=len(index), sha256=digest)
            write_bytes(segment.path.with_name(f"{segment.path.name}.cdxj"), index)
            _sync(segment.path.parent)
        if not self._place.holds:
            return
        stated = {FILES: json.dumps({name: asdict(record) for name, record in files.items()}).encode()}
        table = TableWriter(segment.rows_path, COMMITTED.with_metadata(stated))
        try:
            for row in segment.rows:
                table.add(row)
            table.close()
            table.publish()
        finally:
            table.abandon()
        _sync(self.work)
        self.rows += segment.rows
        self._files |= files
        self._segment = None

    def abandon(self) -> None:
        """Drops what is not committed."""
        opened = [(self._file, self._draft)] if self._file else []
        if self._segment and self._segment.file and self._segment.draft:
            opened.append((self._segment.file, self._segment.draft))
        for file, draft in opened:
            with suppress(OSError):  # the disk may be full
                file.close()
            draft.unlink(missing_ok=True)

    def seal(self, number: int, key: str, seconds: float) -> None:
        """Writes the tables of the whole lot from its committed outcomes, and its receipt last."""
        counts = Counts()
        names = {"part": OUTCOMES, "rejected": REJECTED, "deferred": DEFERRED}
        tables = {name: TableWriter(self.out / part_name(number, name), schema) for name, schema in names.items()}
        try:
            for row in sorted(self.rows, key=lambda row: row["id"]):
                _enter(row, tables, counts)
            files = {table.path.name: table.close() for table in tables.values()} | dict(self._warcs())
            blocks = {table.path.name: table.blocks for name, table in tables.items() if name != "rejected"}
            receipt = Receipt(key=key, number=number, counts=counts, files=files, blocks=blocks, seconds=seconds)
            with receipted(self.out, receipt):
                for table in tables.values():
                    table.publish()
        finally:
            for table in tables.values():
                table.abandon()

    def _warcs(self) -> Iterator[tuple[str, FileRecord]]:
        """Yields the WARC files that rows name, and their indexes, each with its record for the receipt."""
        for warc in sorted({row["warc_file"] for row in self.rows if row["warc_file"]}):
            for name in (warc, f"{warc}.cdxj"):
                yield name, self._files.get(name) or _record(self.out / name)


def _counted(work: Path, numbers: list[int]) -> Iterator[tuple[list[Row], dict[str, FileRecord]]]:
    """Yields the outcomes and files of the committed parts that count, of the process that had the lot last first.

    A process reads the parts of those before it when it begins, and asks for no URL of theirs. So a part with a URL
    that a later process has too came too late, from a process that had lost the lot. It does not count, nor do those
    behind it of that process.
    """
    taken: set[bytes] = set()
    for _, own in groupby(
        sorted(numbers, key=lambda number: (-(number // PARTS), number)), lambda number: number // PARTS
    ):
        ids: set[bytes] = set()
        for number in own:
            table = pq.read_table(storage.source(work / f"{number:05d}.parquet"))
            rows: list[Row] = table.to_pylist()
            if not taken.isdisjoint(row["id"] for row in rows):
                break
            ids.update(row["id"] for row in rows)
            stated = json.loads((table.schema.metadata or {}).get(FILES, b"{}"))
            yield rows, {name: FileRecord(**record) for name, record in stated.items()}
        taken |= ids


def _enter(row: Row, tables: dict[str, TableWriter], counts: Counts) -> None:
    """Counts a committed outcome and writes it to the tables it belongs to."""
    counts.notes["requests"] = counts.notes.get("requests", 0) + len(row["hops"] or ())
    if row["deferred"]:
        counts.skip("deferred")
        tables["deferred"].add({name: row[name] for name in DEFERRED_NAMES})
        return
    tables["part"].add({name: row[name] for name in OUTCOME_NAMES})
    if row["location"]:
        via = [*(row["via"] or ()), row["url"]]
        onward = {**row, "url": row["location"], "via": via, "tries": 0, "not_before": 0.0}
        tables["deferred"].add({name: onward[name] for name in DEFERRED_NAMES})
    if row["outcome"] == "revisit":
        counts.note("revisits")
    if row["truncated"] and row["kept"]:
        counts.note("truncated")
    size = row["wire_bytes"] or 0
    if row["kept"]:
        counts.keep(row["source"], size)
        return
    reason = f"crawl.{row['outcome']}"
    counts.reject(row["source"], size, reason)
    tables["rejected"].add(
        {
            **{name: row[name] for name in ("id", "url", "source", "detail")},
            "stage": "crawl",
            "reason": reason,
            "value": float(row["status"]) if row["status"] else None,
            "threshold": None,
            "bytes": size,
        }
    )


def _record(path: Path) -> FileRecord:
    """Returns the record of a file that is no table."""
    size, sha256, _ = digest_of(path)
    return FileRecord(rows=0, bytes=size, sha256=sha256)


def _sync(folder: Path) -> None:
    """Flushes a folder, so that the renames in it survive a crash; a store has none."""
    if storage.is_remote(folder):
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
