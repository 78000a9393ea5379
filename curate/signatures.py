"""Signature parts on disk: row-aligned with the text parts, read back whole when a duplicate is to be verified."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate import minhash, storage
from curate.clusters import make_node
from curate.documents import read_documents
from curate.parts import PartWriter
from curate.recipe import Dedup
from curate.records import Failure
from curate.stage import Item, Plan


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
    """One part's rows as columns."""

    ids: list[bytes]
    urls: list[str]
    sources: list[str]
    sizes: list[int]
    text_hashes: list[bytes]
    signatures: list[bytes | None]

    def evidence(self, row: int) -> bytes:
        """What another part needs to compare itself with a row: the text hash, then the signature if there is one."""
        return self.text_hashes[row] + (self.signatures[row] or b"")

    def similarity(self, row: int, evidence: bytes) -> float:
        """1 for the same text, else the share of agreeing places of the two signatures, 0 without signatures."""
        if self.text_hashes[row] == evidence[:16]:
            return 1.0
        mine, other = self.signatures[row], evidence[16:]
        if not mine or not other:
            return 0.0
        return minhash.similarity(np.frombuffer(mine, "<u4"), np.frombuffer(other, "<u4"))


def read_part(plan: Plan, number: int) -> SignaturePart:
    """A signature part of the dedup plan's items."""
    table = pq.read_table(storage.source(plan.path(plan.settings["signatures"][number])))
    names = ("id", "url", "source", "bytes", "text_hash", "signature")
    return SignaturePart(*(table[name].to_pylist() for name in names))


def entries(plan: Plan, number: int, settings: Dedup) -> Iterator[tuple[bytes, bytes]]:
    """One (text hash, node and band keys) per document of a part."""
    part = read_part(plan, number)
    order = {name: place for place, name in enumerate(plan.settings["sources"])}
    for row, (identity, source) in enumerate(zip(part.ids, part.sources, strict=True)):
        node = make_node(min(order.get(source, 255), 255), identity, number, row)
        stored = part.signatures[row]
        keys = minhash.band_keys(np.frombuffer(stored, "<u4"), settings) if stored else []
        yield part.text_hashes[row], node + b"".join(keys)
