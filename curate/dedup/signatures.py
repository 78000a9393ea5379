"""Signature parts on disk: row-aligned with the text parts, read back whole when a duplicate is to be verified."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.dedup import minhash
from curate.dedup.clusters import make_node
from curate.dedup.config import Dedup
from curate.inputs.documents import BATCH_ROWS, read_documents
from curate.records import Failure
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import read_stage


def schema(settings: Dedup) -> pa.Schema:
    """Rows of a signature part; `signature` is uint32[bands * rows], null for a text shorter than a shingle."""
    return pa.schema(
        [
            pa.field("id", pa.binary(16), nullable=False),
            pa.field("url", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("bytes", pa.int64(), nullable=False),
            pa.field("text_hash", pa.binary(16), nullable=False),
            pa.field("signature", pa.binary(4 * settings.bands * settings.rows)),
        ]
    )


def write_part(plan: Plan, item: Item, settings: Dedup) -> None:
    """Sign the documents of one part."""
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=schema(settings)) as part:
        for document in read_documents(plan, item):
            if isinstance(document, Failure):
                raise ValueError(f"{item.name}: row {document.offset}: {document.message}; run filter on it first")
            size = len(document.text.encode())
            values = minhash.signature(document.text, settings) if settings.near else None
            row = {
                "id": document.id,
                "url": document.url,
                "source": document.source,
                "bytes": size,
                "text_hash": minhash.text_hash(document.text),
                "signature": None if values is None else values.astype("<u4").tobytes(),
            }
            part.keep_row(row, document.source, size)


@dataclass(frozen=True, slots=True)
class SignaturePart:
    """One part's rows, as Arrow columns: some 500 bytes a row, where Python values would be three times as many."""

    table: pa.Table

    def value(self, name: str, row: int) -> Any:
        """One value of a row."""
        return self.table[name][row].as_py()

    def rows(self, *names: str) -> Iterator[dict[str, Any]]:
        """These values of every row, in order."""
        for batch in self.table.select(names).to_batches(BATCH_ROWS):
            yield from batch.to_pylist()

    def evidence(self, row: int) -> bytes:
        """What another part needs to compare itself with a row: the text hash, then the signature if there is one."""
        return bytes(self.value("text_hash", row) + (self.value("signature", row) or b""))

    def similarity(self, row: int, evidence: bytes) -> float:
        """1 for the same text, else the share of agreeing places of the two signatures, 0 without signatures."""
        if self.value("text_hash", row) == evidence[:16]:
            return 1.0
        mine, other = self.value("signature", row), evidence[16:]
        if not mine or not other:
            return 0.0
        return minhash.similarity(np.frombuffer(mine, "<u4"), np.frombuffer(other, "<u4"))


def _path(plan: Plan, number: int) -> Path:
    return plan.path(plan.settings["signatures"][number])


def read_part(plan: Plan, number: int) -> SignaturePart:
    """A signature part of the dedup plan's items."""
    return SignaturePart(pq.read_table(storage.source(_path(plan, number)), use_threads=False))


def entries(plan: Plan, number: int, settings: Dedup) -> Iterator[tuple[bytes, bytes, list[bytes]]]:
    """The text hash, the node and the band keys of each document of a part."""
    order = {name: place for place, name in enumerate(plan.settings["sources"])}
    columns = ["id", "source", "text_hash", "signature"]
    with pq.ParquetFile(storage.source(_path(plan, number))) as file:
        rows = (row for batch in file.iter_batches(BATCH_ROWS, columns=columns) for row in batch.to_pylist())
        for place, row in enumerate(rows):
            node = make_node(min(order.get(row["source"], 255), 255), row["id"], number, place)
            stored = row["signature"]
            yield row["text_hash"], node, minhash.band_keys(np.frombuffer(stored, "<u4"), settings) if stored else []


def documents(plan: Plan) -> int:
    """The documents that a dedup plan is over, as the finished signature stage has counted them."""
    folders = {_path(plan, item.number).parent for item in plan.items}
    return sum(read_stage(folder).counts.kept for folder in folders)
