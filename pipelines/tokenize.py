"""Documents to tokens: one sorted Parquet part per part, so that packing is range reads and a merge."""

import apache_beam as beam

from curate.documents import read_documents
from curate.packing import TOKENS, tokenized_row
from curate.parts import PartWriter
from curate.pipelines.parts import map_only
from curate.records import Failure
from curate.stage import Item, Plan


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Tokenize one part; rows are sorted by split, source, place in the global order, id."""
    seed, fraction = plan.settings["seed"], plan.settings["valid_fraction"]
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=TOKENS) as part:
        rows = []
        for document in read_documents(plan, item):
            if isinstance(document, Failure):
                part.fail(document, item.source)
            else:
                rows.append(tokenized_row(document, seed, fraction))
        for row in sorted(rows, key=lambda row: (row["split"], row["source"], row["order"], row["id"])):
            part.keep_row(row, row["source"], row["bytes"])
