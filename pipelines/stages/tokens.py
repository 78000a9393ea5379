"""Documents to tokens: one sorted Parquet part per part, so that packing is range reads and a merge."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam

from curate import storage
from curate.inputs.documents import read_documents
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.records import Document
from curate.stage import heartbeat
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.sorting import in_order
from curate.tokens import load
from curate.tokens.rows import TOKENS, tokenized_row
from curate.tokens.tokenizer import FILE, Tokenizer

# Of a document, as many columns as its row needs.
COLUMNS = ("id", "url", "source", "text", "quality", "given_id", "cluster_size")


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Makes one part of token ids; rows are sorted by split, source, place in the global order, id."""
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=TOKENS) as part:
        near = plan.folder / f"run-{item.number:05d}"
        for row in in_order(rows(plan, item, part), TOKENS, sort_key, "ids", near):
            part.keep_row(row, row["source"], row["bytes"])


def rows(plan: Plan, item: Item, part: PartWriter) -> Iterator[dict[str, Any]]:
    """Yields the rows of the documents as they come; what is no document goes to the part's dead letters."""
    tokenizer = load.of(plan.settings["tokenizer"], plan.folder)
    for document in read_documents(plan, item, part.note, columns=COLUMNS):
        if not isinstance(document, Document):
            part.refuse(document, item.source)
        else:
            heartbeat.count(1)
            yield tokenized_row(document, plan.settings["seed"], plan.settings["valid_fraction"], tokenizer)


def sort_key(row: dict[str, Any]) -> tuple[str, str, int, bytes]:
    """Returns what a part's rows are sorted by."""
    return row["split"], row["source"], row["order"], row["id"]


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of tokenize: the split and the global order are drawn here, so the seed is in the key."""
    items = tuple(given.items)
    tokenizer = tokenizer_of(recipe)
    table = {"tokenizer": tokenizer.stated(), "seed": recipe.seed, "valid_fraction": recipe.pack.valid_fraction}
    if tokenizer.name != FILE:
        return Plan(stage="tokenize", folder=folder, settings=table, items=items)
    contents = {FILE: storage.path(recipe.tokenize.encoding).read_bytes()}
    return Plan(stage="tokenize", folder=folder, settings=table, items=items, attached=(FILE,), contents=contents)


def tokenizer_of(recipe: Recipe) -> Tokenizer:
    """Returns the recipe's tokenizer; SettingsError where there is none."""
    return load.load(recipe.tokenize.encoding, recipe.tokenize.eot)
