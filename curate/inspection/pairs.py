"""The texts of documents that dedup removed, each beside that of the document which was kept instead."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.inspection.differences import Passage, passages
from curate.stage.parts import part_name
from curate.stage.record import StageRecord, read_stage

COMPARED = ("dedup.near", "dedup.contained")  # the reasons of removals whose two texts are alike and not the same
REJECTED = re.compile(r"rejected-(\d{5,})\.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A removed document and the one that was kept instead."""

    url: str
    kept_url: str
    similarity: float
    passages: list[Passage]  # in which they differ


def of_rejection(folder: Path, name: str, row: dict[str, Any]) -> Pair | None:
    """Returns the pair of a row of dedup's rejections, in this file; None where its kept document is not there."""
    match = REJECTED.fullmatch(name)
    if row["reason"] not in COMPARED or not match:
        return None
    record, number = read_stage(folder), int(match[1])
    table = pq.read_table(
        storage.source(folder / part_name(number)), columns=["winner"], filters=pc.field("id") == row["id"]
    )
    winner = table["winner"].drop_null()[0].as_py()
    place = _place(folder, record, winner)
    removed = _row_of(folder, record, number, row["id"])
    kept = _row_of(folder, record, place, winner) if place is not None else None
    return _pair(removed, kept, row["value"]) if removed and kept else None


def of_sample(folder: Path, named: list[dict[str, Any]], most: int) -> Iterator[Pair]:
    """Yields the first of the pairs that the record of removals names."""
    record = read_stage(folder)
    for entry in named[:most]:
        removed = _row_of(folder, record, entry["place"][0], bytes.fromhex(entry["id"]))
        kept = _row_of(folder, record, entry["kept_place"][0], bytes.fromhex(entry["winner"]))
        if removed and kept:
            yield _pair(removed, kept, entry["similarity"])


def _pair(removed: dict[str, Any], kept: dict[str, Any], similarity: float) -> Pair:
    return Pair(
        url=removed["url"],
        kept_url=kept["url"],
        similarity=similarity,
        passages=passages(removed["text"], kept["text"]),
    )


def _place(folder: Path, record: StageRecord, identity: bytes) -> int | None:
    """Returns the part that holds a kept document; the ids of decisions are read, and no text."""
    chosen = (pc.field("id") == identity) & pc.field("kept")
    for item in record.items:
        path = storage.source(folder / part_name(item.number))
        if pq.read_table(path, columns=["id"], filters=chosen).num_rows:
            return item.number
    return None


def _row_of(folder: Path, record: StageRecord, number: int, identity: bytes) -> dict[str, Any] | None:
    """Returns URL and text of a document of a part that dedup has read; None where that is not there any more."""
    item = record.items[number]
    path = storage.join(folder, item.uri)
    if item.form != "part" or not path.is_file():
        return None
    table = pq.read_table(storage.source(path), columns=["url", "text"], filters=pc.field("id") == identity)
    return table.slice(0, 1).to_pylist()[0] if table.num_rows else None
