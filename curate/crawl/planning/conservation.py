"""Checks a crawl by its files: each planned URL has one outcome, and each kept URL one whole record."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.crawl.lots import url_id
from curate.crawl.outcomes import KEPT, NAMES
from curate.crawl.planning.tables import KEY, joined, numbers
from curate.stage.parts import part_name
from curate.stage.plan import Item
from curate.stage.record import StageRecord
from curate.stage.sorting import sorted_tables
from curate.warc.readback import read_at

COLUMNS = ["id", "url", "final_url", "outcome", "kept", "warc_file", "warc_offset", "warc_length", "payload_digest"]


def faults(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields every fault, one line each; of outcomes without a name only the first of a part.

    The URLs of one lot are in memory at a time; those of all lots meet by sorting.
    """
    near = Path(tempfile.gettempdir()) / "curate-verify"
    lines: list[str] = []
    repeated = lost = 0
    for outcomes, planned in _by_id(sorted_tables(_ids(folder, record, lines), KEY, near)):
        repeated += int((outcomes > 1).sum())
        lost += int(((outcomes == 0) & (planned > 0)).sum())
    yield from lines
    if repeated:
        yield f"{folder}: {repeated} URLs have more than one outcome"
    if lost:
        yield f"{folder}: {lost} URLs have no outcome"


def _ids(folder: Path, record: StageRecord, lines: list[str]) -> Iterator[pa.Table]:
    """Yields the ids of the URLs that each lot has planned, and of those with an outcome; adds the faults of a lot."""
    position = 0
    for item in record.items:
        lot = {
            url_id(url) for url in pq.read_table(storage.source(folder / item.uri), columns=["url"])["url"].to_pylist()
        }
        path = folder / part_name(item.number)
        rows = pq.read_table(storage.source(path), columns=COLUMNS).to_pylist()
        lines += _lot_faults(folder, item, lot, rows)
        for ids, outcome in ((sorted(lot), 0), ([row["id"] for row in rows], 1)):
            places = numbers(np.arange(position, position + len(ids), dtype=np.uint64))
            key = joined([pa.array(ids, pa.binary()), places])
            yield pa.table({KEY: key, "outcome": pa.array([outcome] * len(ids), pa.int64())})
            position += len(ids)


def _lot_faults(folder: Path, item: Item, lot: set[bytes], rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yields what is wrong with the outcomes of one lot."""
    deferred = {url_id(row["url"]) for row in _deferred(folder, item.number) if row["tries"]}
    ended = {row["id"] for row in rows}
    if ended & deferred or ended | deferred != lot:
        yield f"{folder / item.uri}: {len(lot)} URLs were planned, {len(ended | deferred)} have an outcome"
    kept = [row for row in rows if row["kept"]]
    nameless = next((row for row in rows if row["outcome"] not in NAMES), None)
    if nameless:
        yield f"{folder}: {nameless['url']}: no outcome is called {nameless['outcome']!r}"
    if any((row["outcome"] in KEPT) != row["kept"] or row["kept"] != bool(row["warc_file"]) for row in rows):
        yield f"{folder}: a row of part {item.number} is kept without a record, or has one and is not kept"
    records = Counter((row["warc_file"], row["warc_offset"]) for row in kept)
    strange = sum(not str(file).startswith(f"warc/crawl-{item.wave}-{item.digest}-") for file, _ in records)
    if shared := sum(number > 1 for number in records.values()) + strange:
        yield f"{folder}: {shared} records belong to more than one URL, or to another lot"
    yield from _record_faults(folder, kept)


def _by_id(tables: Iterator[pa.Table]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yields, for ids in order, how many outcomes each has, and how often it was planned."""
    rest: pa.Table | None = None
    for table in chain(tables, [None]):
        parts = [part for part in (rest, table) if part is not None and len(part)]
        if not parts:
            return
        held = pa.concat_tables(parts)
        ids = pc.binary_slice(held[KEY], 0, 16).to_numpy(zero_copy_only=False)
        first = np.ones(len(ids), bool)
        first[1:] = ids[1:] != ids[:-1]
        starts = np.flatnonzero(first)
        stop = len(ids) if table is None else int(starts[-1])  # the last id may go on in the next table
        outcome = held["outcome"].to_numpy()
        starts = starts[starts < stop]
        if len(starts):
            outcomes = np.add.reduceat(outcome[:stop], starts)
            yield outcomes, np.diff(np.append(starts, stop)) - outcomes
        rest = held.slice(stop)


def _deferred(folder: Path, number: int) -> list[dict[str, Any]]:
    path = folder / part_name(number, "deferred")
    rows: list[dict[str, Any]] = pq.read_table(storage.source(path), columns=["url", "tries"]).to_pylist()
    return rows


def _record_faults(folder: Path, kept: list[dict[str, Any]]) -> Iterator[str]:
    """Yields the first kept row that does not name the record of its page; each file is opened once."""
    in_order = sorted(kept, key=lambda row: (str(row["warc_file"]), row["warc_offset"] or 0))
    for name, rows in groupby(in_order, key=lambda row: str(row["warc_file"])):
        row: dict[str, Any] = {}
        try:
            with storage.opened(folder / name) as (file, _):
                for row in rows:
                    exchange = read_at(file, row["warc_offset"], row["warc_length"])
                    if (exchange.url, exchange.payload_digest) != (row["final_url"], row["payload_digest"]):
                        raise ValueError(f"holds {exchange.url}, not {row['final_url']}")
        except (OSError, ValueError, TypeError) as error:
            yield f"{folder / name}: the record at {row.get('warc_offset')} of {row.get('url')}: {error}"
            return
