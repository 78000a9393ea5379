"""Signature parts on disk: one row per document of a text part, in its order; read whole to verify duplicates."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.dedup import minhash
from curate.dedup.clusters import RANK, Node, make_node
from curate.dedup.config import Dedup
from curate.inputs.documents import BATCH_ROWS, read_documents
from curate.records import Document
from curate.stage.checked import opened_part
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import read_stage
from curate.stage.schemas import TIMESTAMP
from curate.web.urls import compared_as_written

COLUMNS = ("id", "url", "source", "timestamp", "quality", "text")  # of a document, as many as its row needs
RANKED_BY = {"longest": "bytes", "quality": "quality", "newest": "timestamp", "oldest": "timestamp"}  # columns
LAST = 2**32 - 1  # the rank of a document that lacks what it is ranked by


def schema(settings: Dedup) -> pa.Schema:
    """Returns the columns of a signature part.

    `signature` is uint32[bands * rows], little-endian, and null for a text without words; `url_key` is null
    for a document without an address.
    """
    by_address = [pa.field("url_key", pa.binary(16))] if settings.url else []
    return pa.schema(
        [
            pa.field("id", pa.binary(16), nullable=False),
            pa.field("url", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("bytes", pa.int64(), nullable=False),
            pa.field("timestamp", TIMESTAMP),
            pa.field("quality", pa.float32()),
            pa.field("text_hash", pa.binary(16), nullable=False),
            pa.field("signature", pa.binary(4 * settings.bands * settings.rows)),
            *by_address,
        ]
    )


def url_key(url: str) -> bytes | None:
    """Returns the 16-byte key that addresses of one page share, or None where the text is no address.

    Addresses with a fragment share it only where their fragments are the same, as each may stand for a section.

    >>> url_key("http://www.example.com/a/?utm_source=x") == url_key("https://example.com/a")
    True
    """
    page, _, fragment = url.partition("#")
    address = compared_as_written(page) if page else ""
    content = f"{address}#{fragment}".encode("utf-8", "replace")
    return hashlib.blake2b(content, digest_size=16).digest() if address else None


def write_part(plan: Plan, item: Item, settings: Dedup) -> None:
    """Writes the signatures of the documents of one part."""
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=schema(settings)) as part:
        for document in read_documents(plan, item, columns=COLUMNS):
            if not isinstance(document, Document):
                raise ValueError(f"{item.name}: {document}; run filter on it first")
            size = len(document.text.encode())
            text_hash, signature = minhash.fingerprint(document.text, settings)
            row = {
                "id": document.id,
                "url": document.url,
                "source": document.source,
                "bytes": size,
                "timestamp": document.timestamp,
                "quality": document.quality,
                "text_hash": text_hash,
                "signature": None if signature is None else signature.astype("<u4").tobytes(),
            }
            if settings.url:
                row["url_key"] = url_key(document.url)
            part.keep_row(row, document.source, size)


@dataclass(frozen=True, slots=True)
class SignaturePart:
    """The rows of one signature part, as Arrow columns: about 500 bytes a row, a third of what Python values take."""

    table: pa.Table

    def value(self, name: str, row: int) -> Any:
        """Returns one value of a row."""
        return self.table[name][row].as_py()

    def rows(self, *names: str) -> Iterator[dict[str, Any]]:
        """Yields these values of every row, in order."""
        for batch in self.table.select(names).to_batches(BATCH_ROWS):
            yield from batch.to_pylist()

    def evidence(self, row: int) -> bytes:
        """Returns what a comparison with a row needs: its text hash, then its signature if it has one."""
        return bytes(self.value("text_hash", row) + (self.value("signature", row) or b""))

    def similarity(self, row: int, evidence: bytes) -> float:
        """Returns 1 for the same text, else the share of places where both signatures agree, 0 without signatures."""
        if self.value("text_hash", row) == evidence[:16]:
            return 1.0
        own, other = self.value("signature", row), evidence[16:]
        if not own or not other:
            return 0.0
        return minhash.similarity(np.frombuffer(own, "<u4"), np.frombuffer(other, "<u4"))


def read_part(plan: Plan, number: int) -> SignaturePart:
    """Reads the signature part of one item of a dedup plan."""
    with opened_part(_part_path(plan, number), copy=True) as source:
        return SignaturePart(pq.read_table(source, use_threads=False))


def entries(plan: Plan, number: int, settings: Dedup) -> Iterator[tuple[bytes, Node, bytes]]:
    """Yields the text hash, the node and the band keys of each document of a part, 8 bytes a key.

    A document without a signature has no keys.
    """
    rows = with_nodes(plan, number, settings, "text_hash")
    while batch := list(islice(rows, BATCH_ROWS)):
        signed = np.frombuffer(b"".join(row["signature"] or b"" for _, row in batch), "<u4")
        values = signed.reshape(-1, settings.bands * settings.rows)
        keys = minhash.band_hashes(values, settings).astype(">u8").tobytes()
        start = 0
        for node, row in batch:
            end = start + (8 * settings.bands if row["signature"] else 0)
            yield row["text_hash"], node, keys[start:end]
            start = end


def addresses(plan: Plan, number: int) -> Iterator[tuple[bytes | None, datetime | None, Node]]:
    """Yields the key of the address, the time and the node of each document of a part."""
    for node, row in with_nodes(plan, number, plan.built(Dedup, "dedup"), "url_key", "timestamp"):
        yield row["url_key"], row["timestamp"], node


def with_nodes(plan: Plan, number: int, settings: Dedup, *own: str) -> Iterator[tuple[Node, dict[str, Any]]]:
    """Yields the node of each document of a part, and its row with these columns and those that a node is made of."""
    priorities = {name: priority for priority, name in enumerate(plan.settings["sources"])}
    columns = list({"id", "source", "signature", *own, *(RANKED_BY[name] for name in settings.criteria)})
    index = plan.settings.get("index")
    above, padding = (1, bytes(index["padding"])) if index else (0, b"")  # priority 0 is that of the index's documents
    with opened_part(_part_path(plan, number)) as source, pq.ParquetFile(source) as file:
        rows = (row for batch in file.iter_batches(BATCH_ROWS, columns=columns) for row in batch.to_pylist())
        for row_number, row in enumerate(rows):
            priority = min(above + priorities.get(row["source"], 255), 255)
            rank = b"".join(rank_of(row, name).to_bytes(RANK) for name in settings.criteria) + padding
            sketch = int.from_bytes(row["signature"][:4], "little") if row["signature"] else 0
            yield make_node(priority, row["id"], number, row_number, rank=rank, sketch=sketch), row


def rank_of(row: Mapping[str, Any], name: str) -> int:
    """Returns the place of a row by a criterion of `dedup.keep`, in 32 bits; less is kept first, what it lacks last."""
    if name == "longest":
        return LAST - min(int(row["bytes"]), LAST)
    if name == "quality":
        return LAST if row["quality"] is None else round((1 - min(1.0, max(0.0, row["quality"]))) * (LAST - 1))
    if row["timestamp"] is None:
        return LAST
    second = min(max(0, int(row["timestamp"].timestamp())), LAST - 1)
    return second if name == "oldest" else LAST - 1 - second


def texts(plan: Plan, number: int, rows: Collection[int]) -> Iterator[tuple[int, str]]:
    """Yields the texts of these rows of a part, as (row, text), in order."""
    if not rows:
        return
    last = max(rows)
    for row, document in enumerate(read_documents(plan, plan.items[number], columns=("id", "text"))):
        if row in rows and isinstance(document, Document):
            yield row, document.text
        if row == last:
            return


def documents(plan: Plan) -> tuple[int, int]:
    """Returns the number of documents of a dedup plan and their bytes, as the finished signature stage counted them."""
    folders = {_part_path(plan, item.number).parent for item in plan.items}
    counts = [read_stage(folder).counts for folder in folders]
    return sum(count.kept for count in counts), sum(count.bytes_kept for count in counts)


def _part_path(plan: Plan, number: int) -> Path:
    """Returns where the signature part of an item lies."""
    return plan.path(plan.settings["signatures"][number])
