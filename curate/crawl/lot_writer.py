"""The files of a lot: WARC parts with their outcomes, each committed whole, and at the end the sealed tables.

A part counts once its outcomes are there, which are written last. A lot that is started again goes on after its
committed parts. The seal is the lot's receipt, which names every file.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from curate import __version__, storage
from curate.crawl.config import Crawl
from curate.crawl.rows import COMMITTED, DEFERRED, DEFERRED_NAMES, OUTCOME_NAMES, OUTCOMES, Row, exchange_key
from curate.errors import writing
from curate.stage import heartbeat
from curate.stage.parts import TableWriter, part_name, receipted
from curate.stage.receipts import Counts, FileRecord, Receipt
from curate.stage.schemas import REJECTED
from curate.storage.writing import sha256_of, write_bytes
from curate.warc import cdxj
from curate.warc.writer import Earlier, Exchange, WarcWriter, payload_digest, record_id

REVISIT_BYTES = 1024  # a smaller payload gets a full record each time


class LotWriter:
    """Writes the parts of a lot and seals it. rows: the committed outcomes; number: of the part that is next."""

    def __init__(self, out: Path, work: Path, lot: str, wave: int, rules: Crawl) -> None:
        self.out, self.work, self._rules, self._wave = out, work, rules, wave
        self._lot, self._name = lot, f"crawl-{wave}-{lot}"
        (out / "warc").mkdir(exist_ok=True)
        work.mkdir(parents=True, exist_ok=True)
        self.rows: list[Row] = []
        self.number = 0
        while (path := self._rows_path()).exists():
            self.rows += pq.read_table(path).to_pylist()
            self.number += 1
        self._payloads = {row["payload_digest"]: self._earlier(row) for row in self.rows if row["outcome"] == "ok"}
        heartbeat.count(len(self.rows))
        self._begin()

    def _earlier(self, row: Row) -> Earlier:
        """Returns what a revisit record states about this committed page."""
        name = record_id(self._name, exchange_key(row), "response")
        return Earlier(record_id=name, url=row["final_url"], date=row["fetched"], payload_digest=row["payload_digest"])

    def _rows_path(self) -> Path:
        return self.work / f"{self.number:05d}.parquet"

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
            fields = {
                "software": f"curate {__version__}",
                "operator": self._rules.contact,
                "robots": "RFC 9309",
                "isPartOf": f"wave {self._wave}",
                "http-header-user-agent": f"{self._rules.agent}/{__version__} (+{self._rules.contact})",
            }
            if self._rules.allow_networks:
                fields["allowed-networks"] = " ".join(self._rules.allow_networks)
            self._writer.write_info(name, datetime.now(UTC), fields)
        return self._writer

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
        """Writes to disk what was added since the last commit: the WARC, its index, then the outcomes."""
        if not self._pending:
            return
        if self._file is not None:
            with writing(self._path):
                self._file.close()
                storage.publish(self._draft, self._path)
            write_bytes(self._path.with_name(f"{self._path.name}.cdxj"), cdxj.index(self._lines))
            _sync(self._path.parent)
        table = TableWriter(self._rows_path(), COMMITTED)
        try:
            for row in self._pending:
                table.add(row)
            table.close()
            table.publish()
        finally:
            table.abandon()
        _sync(self.work)
        self.rows += self._pending
        self.number += 1
        self._begin()

    def abandon(self) -> None:
        """Drops what is not committed."""
        if self._file is not None:
            with suppress(OSError):  # the disk may be full
                self._file.close()
            self._draft.unlink(missing_ok=True)

    def seal(self, number: int, key: str, seconds: float) -> None:
        """Writes the tables of the whole lot from its committed outcomes, and its receipt last."""
        counts = Counts()
        names = {"part": OUTCOMES, "rejected": REJECTED, "deferred": DEFERRED}
        tables = {name: TableWriter(self.out / part_name(number, name), schema) for name, schema in names.items()}
        try:
            for row in sorted(self.rows, key=lambda row: row["id"]):
                _enter(row, tables, counts)
            files = {table.path.name: table.close() for table in tables.values()} | dict(_warcs(self.out, self.rows))
            blocks = {table.path.name: table.blocks for name, table in tables.items() if name != "rejected"}
            receipt = Receipt(key=key, number=number, counts=counts, files=files, blocks=blocks, seconds=seconds)
            with receipted(self.out, receipt):
                for table in tables.values():
                    table.publish()
        finally:
            for table in tables.values():
                table.abandon()


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


def _warcs(out: Path, rows: list[Row]) -> Iterator[tuple[str, FileRecord]]:
    """Yields the WARC files that rows name, and their indexes, each with its record for the receipt."""
    for warc in sorted({row["warc_file"] for row in rows if row["warc_file"]}):
        for name in (warc, f"{warc}.cdxj"):
            path = out / name
            yield name, FileRecord(rows=0, bytes=path.stat().st_size, sha256=sha256_of(path))


def _sync(folder: Path) -> None:
    """Flushes a folder, so that the renames in it survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
