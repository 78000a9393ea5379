"""Decides which documents are held out: those that a draw takes, and more of a source where these are too few tokens.

The draw is from a document's id. Where `pack.valid_tokens` asks for more, a source also gives its first documents in
the global order: that order is drawn from the ids too, so they are a random sample, and one number says which they are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.records import keyed_hash, uniform
from curate.stage.checked import opened_part

TRAIN, VALID = "train", "valid"
MOST = 0.5  # share of a source's tokens up to which documents are added to its held-out text

Orders = Mapping[str, int]  # by source, the place in the global order up to which documents are held out too
Columns = dict[str, npt.NDArray[Any]]


def order_of(document_id: bytes, seed: int) -> int:
    """Returns the place of a document in the global order, drawn from its id."""
    return int.from_bytes(keyed_hash(seed, "order", document_id))


def drawn_split(document_id: bytes, seed: int, valid_fraction: float) -> str:
    """Returns the split that a document is drawn into by its id."""
    return VALID if uniform(seed, "split", document_id) < valid_fraction else TRAIN


def split_of(document_id: bytes, source: str, draw: Mapping[str, Any], orders: Orders) -> str:
    """Returns the split of a document's shard; draw: the settings of tokenize, orders: those of pack."""
    drawn = drawn_split(document_id, draw["seed"], draw["valid_fraction"])
    added = source in orders and order_of(document_id, draw["seed"]) <= orders[source]
    return VALID if added else drawn


def orders_in(settings: Mapping[str, Any]) -> Orders:
    """Returns the orders that the settings of a pack stage state."""
    orders: Orders = settings.get("valid", {}).get("orders", {})
    return orders


def valid_orders(parts: list[Path], valid_tokens: int) -> dict[str, int]:
    """Returns the orders with which each source holds out at least `valid_tokens`, or as many as MOST allows.

    A source without an entry needs no more than the draw gives it, or can give no more.
    """
    columns = _columns(parts) if valid_tokens else {}
    orders = {source: _last_order(own, valid_tokens) for source, own in sorted(columns.items())}
    return {source: order for source, order in orders.items() if order is not None}


def _columns(parts: list[Path]) -> dict[str, Columns]:
    """Returns, by source, the order and the tokens of each document, and whether it is drawn into "valid"."""
    pieces: dict[str, dict[str, list[npt.NDArray[Any]]]] = {}
    for part in parts:
        with opened_part(part) as file:
            table = pq.read_table(file, columns=["split", "source", "order", "tokens"])
        table = table.append_column("valid", pc.equal(table["split"], VALID))
        for source in table["source"].unique().to_pylist():
            own = table.filter(pc.field("source") == source)
            group = pieces.setdefault(source, {"order": [], "tokens": [], "valid": []})
            for name, arrays in group.items():
                arrays.append(own[name].to_numpy())
    return {
        source: {name: np.concatenate(arrays) for name, arrays in group.items()} for source, group in pieces.items()
    }


def _last_order(columns: Columns, valid_tokens: int) -> int | None:
    """Returns the order of the last document of a source that is held out beyond those drawn; None for none."""
    tokens, valid = columns["tokens"].astype(np.int64), columns["valid"]
    held, most = int(tokens[valid].sum()), int(MOST * int(tokens.sum()))
    order, first = np.unique(columns["order"][~valid], return_inverse=True)  # documents of equal order stay together
    sums = held + np.cumsum(np.bincount(first, tokens[~valid], len(order)).astype(np.int64))
    number = int(np.searchsorted(sums, valid_tokens)) + 1 if held < valid_tokens else 0
    number = min(number, int(np.searchsorted(sums, most, side="right")))
    return int(order[number - 1]) if number else None
