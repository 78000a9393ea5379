"""Match parts on disk, which the first half writes: one row per document of a text part, with the grams that it holds.

A document of any length is matched whole: GPT-3's filter failed on books (appendix C).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.decontaminate import sets
from curate.decontaminate.grams import Table, keys_of
from curate.decontaminate.words import joined
from curate.inputs.documents import BATCH_ROWS, read_documents
from curate.records import Document, NoDocument
from curate.stage import heartbeat
from curate.stage.checked import opened_part
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan

GROUP = 1 << 17  # characters of documents that are matched together, which is quicker than one at a time
ROW = np.dtype([("text", np.int64), ("start", np.int64), ("stop", np.int64), ("key", np.uint64)])
Rows = npt.NDArray[np.void]
PLACES = pa.list_(pa.int64())
MATCHES = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string()),  # this and the columns below are null where the document holds no gram
        pa.field("grams", pa.list_(pa.uint64())),  # the keys, in the order of their places
        pa.field("starts", PLACES),  # of the same: the first character of each in the text
        pa.field("stops", PLACES),  # one more than its last character
        pa.field("passages", pa.list_(pa.string())),  # the text that grams cover without a gap
        pa.field("passage_starts", PLACES),
    ]
)


@dataclass(frozen=True, slots=True)
class Match:
    """The grams of a table that a text holds, in the order of their places."""

    grams: tuple[int, ...]  # keys; one occurs as often as the text holds it
    starts: tuple[int, ...]
    stops: tuple[int, ...]


def matches_of(texts: Sequence[str], table: Table) -> list[Match | None]:
    """Returns for each text the grams of a table that it holds; None where it holds none."""
    words, begins = joined(texts)
    parts: list[Rows] = []
    for size, keys in keys_of(words, table.sizes).items():
        at = table.holds(keys)
        at = at[np.searchsorted(begins, at, side="right") == np.searchsorted(begins, at + size - 1, side="right")]
        rows = np.empty(len(at), ROW)
        rows["text"] = np.searchsorted(begins, at, side="right") - 1
        rows["start"], rows["stop"], rows["key"] = words.starts[at], words.stops[at + size - 1], keys[at]
        parts.append(rows)
    matches: list[Match | None] = [None] * len(texts)
    rows = np.sort(np.concatenate([np.empty(0, ROW), *parts]))
    numbers, first = np.unique(rows["text"], return_index=True)
    for number, own in zip(numbers.tolist(), np.split(rows, first[1:]), strict=False):
        matches[number] = Match(*(tuple(own[name].tolist()) for name in ("key", "start", "stop")))
    return matches


def merged(starts: tuple[int, ...], stops: tuple[int, ...]) -> list[tuple[int, int]]:
    """Returns the spans that some spans, sorted by their starts, cover together.

    >>> merged((0, 2, 9), (4, 6, 12))
    [(0, 6), (9, 12)]
    """
    spans: list[tuple[int, int]] = []
    for start, stop in zip(starts, stops, strict=True):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], stop))
        else:
            spans.append((start, stop))
    return spans


def write_part(plan: Plan, item: Item) -> None:
    """Writes the matches of the documents of one part; a row that is no document is left to the second half."""
    table = sets.load(plan.folder / sets.FILE, plan.settings["sets_sha256"]).table
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=MATCHES) as part:
        for group in _groups(read_documents(plan, item, columns=("id", "url", "source", "text"))):
            for document, own in zip(group, matches_of([document.text for document in group], table), strict=True):
                heartbeat.count(1)
                part.keep_row(_row(document, own), document.source, len(document.text.encode("utf-8", "replace")))


def _groups(documents: Iterable[Document | NoDocument]) -> Iterator[list[Document]]:
    """Yields the documents in groups of about GROUP characters, or of one that is longer."""
    group: list[Document] = []
    size = 0
    for document in documents:
        if not isinstance(document, Document):
            continue
        if group and size + len(document.text) > GROUP:
            yield group
            group, size = [], 0
        group.append(document)
        size += len(document.text)
    if group:
        yield group


def _row(document: Document, own: Match | None) -> dict[str, Any]:
    if own is None:
        return {**dict.fromkeys(MATCHES.names), "id": document.id}
    passages = merged(own.starts, own.stops)
    return {
        "id": document.id,
        "url": document.url,
        "grams": own.grams,
        "starts": own.starts,
        "stops": own.stops,
        "passages": [document.text[start:stop] for start, stop in passages],
        "passage_starts": [start for start, _ in passages],
    }


def read_part(path: Path) -> Iterator[tuple[bytes, Match | None]]:
    """Yields the id and the match of each document of a match part, in order."""
    with opened_part(path, copy=True) as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=["id", "grams", "starts", "stops"]):
            for id_, *columns in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield id_, Match(*map(tuple, columns)) if columns[0] else None


def matching_rows(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yields these columns of the rows of a match part that hold a gram, in batches that are not empty."""
    with opened_part(path) as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            chosen = batch.filter(pc.is_valid(batch["grams"]))
            if chosen.num_rows:
                yield chosen
