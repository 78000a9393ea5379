"""Decides which documents are held out: those that a draw takes, and more of a source where these are too few tokens.

The draw is from a document's id. Where `pack.valid_tokens` asks for more, a source also gives its first documents in
the global order: that order is drawn from the ids too, so they are a random sample, and one number says which they are.
"""

from collections.abc import Mapping
from typing import Any

from curate.records import keyed_hash, uniform

TRAIN, VALID = "train", "valid"
MOST = 0.5  # share of a source's tokens up to which documents are added to its held-out text

Orders = Mapping[str, int]  # by source, the place in the global order up to which documents are held out too


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
