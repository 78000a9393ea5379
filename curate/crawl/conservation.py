"""The law of a crawl, checked from its files: each planned URL has one outcome, each kept one a whole record."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from curate.crawl.lots import url_id
from curate.crawl.outcomes import KEPT, NAMES
from curate.stage.parts import part_name
from curate.stage.record import StageRecord
from curate.warc.readback import read_at

COLUMNS = ["id", "url", "final_url", "outcome", "kept", "warc_file", "warc_offset", "warc_length", "payload_digest"]


def faults(folder: Path, record: StageRecord) -> Iterator[str]:
    """Every fault, one line each; of outcomes the first."""
    planned: set[bytes] = set()
    told: Counter[bytes] = Counter()
    places: Counter[tuple[str, int]] = Counter()
    for item in record.items:
        asked = {url_id(url) for url in pq.read_table(folder / item.uri, columns=["url"])["url"].to_pylist()}
        planned |= asked
        rows = pq.read_table(folder / part_name(item.number), columns=COLUMNS).to_pylist()
        later = pq.read_table(folder / part_name(item.number, "deferred"), columns=["url", "tries"]).to_pylist()
        left = {url_id(row["url"]) for row in later if row["tries"]}
        mine = {row["id"] for row in rows}
        if mine & left or mine | left != asked:
            yield f"{folder / item.uri}: {len(asked)} URLs were planned, {len(mine | left)} have an outcome"
        told.update(row["id"] for row in rows)
        kept = [row for row in rows if row["kept"]]
        places.update((row["warc_file"], row["warc_offset"]) for row in kept)
        strange = next((row for row in rows if row["outcome"] not in NAMES), None)
        if strange:
            yield f"{folder}: {strange['url']}: no outcome is called {strange['outcome']!r}"
        if any((row["outcome"] in KEPT) != row["kept"] or row["kept"] != bool(row["warc_file"]) for row in rows):
            yield f"{folder}: a row of part {item.number} is kept without a record, or has one and is not"
        yield from _records(folder, kept)
    if twice := sum(number > 1 for number in told.values()):
        yield f"{folder}: {twice} URLs have more than one outcome"
    if lost := len(planned - told.keys()):
        yield f"{folder}: {lost} URLs have no outcome"
    if shared := sum(number > 1 for number in places.values()):
        yield f"{folder}: {shared} records belong to more than one URL"


def _records(folder: Path, kept: list[dict[str, object]]) -> Iterator[str]:
    """Does each kept row name the record of its page?"""
    for row in kept:
        path, offset, length = folder / str(row["warc_file"]), row["warc_offset"], row["warc_length"]
        try:
            if not isinstance(offset, int) or not isinstance(length, int):
                raise ValueError("no place in the file")
            with path.open("rb") as file:
                found = read_at(file, offset, length)
            if (found.url, found.payload_digest) != (row["final_url"], row["payload_digest"]):
                raise ValueError(f"holds {found.url}, not {row['final_url']}")
        except (OSError, ValueError) as error:
            yield f"{path}: the record at {offset} of {row['url']}: {error}"
            return
