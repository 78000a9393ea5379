"""Checks a crawl by its files: each planned URL has one outcome, and each kept URL one whole record."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate import storage
from curate.crawl.lots import url_id
from curate.crawl.outcomes import KEPT, NAMES
from curate.stage.parts import part_name
from curate.stage.record import StageRecord
from curate.warc.readback import read_at

COLUMNS = ["id", "url", "final_url", "outcome", "kept", "warc_file", "warc_offset", "warc_length", "payload_digest"]


def faults(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields every fault, one line each; of outcomes without a name only the first of a part."""
    planned: set[bytes] = set()
    outcomes: Counter[bytes] = Counter()  # by URL
    records: Counter[tuple[str, int]] = Counter()  # kept rows by WARC file and offset
    for item in record.items:
        lot = {
            url_id(url) for url in pq.read_table(storage.source(folder / item.uri), columns=["url"])["url"].to_pylist()
        }
        planned |= lot
        rows = pq.read_table(storage.source(folder / part_name(item.number)), columns=COLUMNS).to_pylist()
        onward = _deferred(folder, item.number)
        deferred = {url_id(row["url"]) for row in onward if row["tries"]}
        ended = {row["id"] for row in rows}
        if ended & deferred or ended | deferred != lot:
            yield f"{folder / item.uri}: {len(lot)} URLs were planned, {len(ended | deferred)} have an outcome"
        outcomes.update(row["id"] for row in rows)
        kept = [row for row in rows if row["kept"]]
        records.update((row["warc_file"], row["warc_offset"]) for row in kept)
        nameless = next((row for row in rows if row["outcome"] not in NAMES), None)
        if nameless:
            yield f"{folder}: {nameless['url']}: no outcome is called {nameless['outcome']!r}"
        if any((row["outcome"] in KEPT) != row["kept"] or row["kept"] != bool(row["warc_file"]) for row in rows):
            yield f"{folder}: a row of part {item.number} is kept without a record, or has one and is not kept"
        yield from _record_faults(folder, kept)
    if repeated := sum(number > 1 for number in outcomes.values()):
        yield f"{folder}: {repeated} URLs have more than one outcome"
    if lost := len(planned - outcomes.keys()):
        yield f"{folder}: {lost} URLs have no outcome"
    if shared := sum(number > 1 for number in records.values()):
        yield f"{folder}: {shared} records belong to more than one URL"


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
