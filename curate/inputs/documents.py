"""Documents read from disk: from a stage's parts, from dedup's decisions over parts, and from the user's own files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate.inputs.own import USER_FORMS, Note, uncounted, user_documents
from curate.records import Document, NoDocument
from curate.stage import heartbeat
from curate.stage.checked import opened_part, recorded, replaced
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.schemas import KEPT

BATCH_ROWS = 1024


def read_documents(
    plan: Plan, item: Item, note: Note = uncounted, *, columns: tuple[str, ...] | None = None
) -> Iterator[Document | NoDocument]:
    """Yields the documents of an item in order; in place of a user's row that is none, a Rejection or a Failure.

    note: takes counts by name. columns: of a part that are read, the others are blank; None: all.
    """
    path = plan.path(item.uri)
    if item.form == "part":
        yield from _part_documents(path, columns, item.digest)
    elif item.form == "decided":
        text = plan.path(item.base_uri)
        if json_digest([recorded(path).sha256, recorded(text).sha256]) != item.digest:
            raise replaced(path)
        for document, (is_kept, size) in zip(_part_documents(text, columns), _decisions(path), strict=True):
            if is_kept:
                yield replace(document, cluster_size=size)
    elif item.form in USER_FORMS:
        others = columns is None or "metadata" in columns
        yield from user_documents(path, item, plan.stage, note, others=others)
    else:
        raise ValueError(f"{item.name}: {plan.stage} reads documents, not {item.form} files; run extract first")


def _decisions(path: Path) -> list[tuple[bool, int | None]]:
    """Returns of each document whether dedup kept it, and its cluster's size, None in parts of earlier versions."""
    with opened_part(path) as source, pq.ParquetFile(source) as file:
        names = [name for name in ("kept", "cluster_size") if name in file.schema_arrow.names]
        decisions = file.read(names).to_pydict()
    kept = decisions["kept"]
    return [*zip(kept, decisions.get("cluster_size", [None] * len(kept)), strict=True)]


def _part_documents(path: Path, columns: tuple[str, ...] | None, sha256: str = "") -> Iterator[Document]:
    """Yields the documents of a part; columns that are not read are blank. sha256: of the part that is expected."""
    blank: dict[str, Any] = {"timestamp": None, "text": "", "url": "", "source": ""}
    names = list(columns) if columns else KEPT.names
    read = 0
    with opened_part(path, sha256, copy=True) as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            for row in batch.to_pylist():
                yield Document(**(blank | row if columns else row))
            read += batch.num_rows
            heartbeat.advance(read, file.metadata.num_rows)
