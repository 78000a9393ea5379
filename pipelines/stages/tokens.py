"""Documents to tokens: one sorted Parquet part per part, so that packing is range reads and a merge."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from curate.inputs.documents import read_documents
from curate.pipelines.stages.map_only import map_only
from curate.records import Failure
from curate.stage.parts import PartWriter
from curate.stage.plan import Item
from curate.stage.record import Plan
from curate.stage.sorting import in_order
from curate.tokens import bpe
from curate.tokens.packing import TOKENS, tokenized_row

COLUMNS = ("id", "url", "source", "text", "quality")  # of a document, as many as its row needs


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Tokenize one part; rows are sorted by split, source, place in the global order, id."""
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=TOKENS) as part:
        near = plan.folder / f"run-{item.number:05d}"
        for row in in_order(rows(plan, item, part), TOKENS, place, "ids", near):
            part.keep_row(row, row["source"], row["bytes"])


def rows(plan: Plan, item: Item, part: PartWriter) -> Iterator[dict[str, Any]]:
    """The rows of the documents as they come; what is no document goes to the part's dead letters."""
    tokenizer = bpe.of(plan.settings["tokenizer"], plan.folder)
    for document in read_documents(plan, item, columns=COLUMNS):
        if isinstance(document, Failure):
            part.fail(document, item.source)
        else:
            yield tokenized_row(document, plan.settings["seed"], plan.settings["valid_fraction"], tokenizer)


def place(row: dict[str, Any]) -> tuple[str, str, int, bytes]:
    """Where a row stands in its part."""
    return row["split"], row["source"], row["order"], row["id"]
