"""The rows of tokenized documents: their columns, and how one is made of a document."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.records import Document
from curate.tokens.splits import drawn_split, order_of
from curate.tokens.tokenizer import Tokenizer

TOKENS = pa.schema(
    [
        pa.field("split", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("order", pa.uint64(), nullable=False),
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("given_id", pa.string()),
        pa.field("quality", pa.float32()),
        pa.field("cluster_size", pa.int64()),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("ids", pa.binary(), nullable=False),
    ]
)
LIGHT = pa.schema([field for field in TOKENS if field.name != "ids"])  # all columns but the long one
QUALITY, CLUSTER_SIZE = "quality", "cluster_size"  # the columns whose edges make buckets


def tokenized_row(document: Document, seed: int, valid_fraction: float, tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns the row of one document; its split and its order are drawn from its id.

    A quality of NaN counts as none, as it lies between no two edges.
    """
    ids = tokenizer.encode(document.text)
    return {
        "split": drawn_split(document.id, seed, valid_fraction),
        "source": document.source,
        "order": order_of(document.id, seed),
        "id": document.id,
        "url": document.url,
        "given_id": document.given_id,
        "quality": None if document.quality is None or isnan(document.quality) else document.quality,
        "cluster_size": document.cluster_size,
        "bytes": len(document.text.encode()),
        "tokens": len(ids),
        "ids": ids.tobytes(),
    }


def buckets_of(table: pa.Table, edges: Sequence[float], by: str) -> npt.NDArray[np.int64]:
    """Returns the bucket k of each row, edges[k - 1] <= value < edges[k]; -1 where there are no edges or no value.

    by: the column of the values.
    """
    if not edges:
        return np.full(len(table), -1)
    values = pc.cast(table[by], pa.float64())
    buckets = np.searchsorted(np.array(edges), pc.fill_null(values, 0.0).to_numpy(), side="right")
    return np.where(pc.is_valid(values).to_numpy(), buckets, -1)
