"""Gathered links to candidates: one part per range of keys.

No link goes through a shuffle: a part of the join reads its range of keys out of every gathered part, as pack does with
tokens, so that neither half needs more memory for twenty years of dumps than for one month.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq

from curate import settings, storage
from curate.links.config import WEBTEXT, Links
from curate.links.votes import CANDIDATES, GATHERED, Row, candidates, order
from curate.pipelines.engines.engine import Engine, execute
from curate.pipelines.stages import gather
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.records import Reason, Rejection
from curate.stage import heartbeat
from curate.stage.checked import opened_part
from curate.stage.kinds import KINDS
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.record import read_stage
from curate.stage.sorting import in_order

RANGES = 1 << 16
ROWS_A_PART = 500_000  # links that one part of the join reads, about
READ_ROWS = 256  # of a gathered part in memory at a time


def plan(recipe: Recipe, folder: Path, _given: Given) -> Plan:
    """Returns the plan of links over what gather has left: as many ranges of keys as the links ask for."""
    rules, gathered = recipe.links or WEBTEXT, folder / KINDS["gather"].folder
    record = read_stage(gathered)
    names = [name for name in record.outputs if name.startswith("part-")]
    made_from = json_digest([record.outputs[name].sha256 for name in names])
    size = sum(record.outputs[name].bytes for name in names)
    count = min(RANGES, 1 + record.counts.kept // ROWS_A_PART)
    bounds = [RANGES * number // count for number in range(count)] + [RANGES]
    items = tuple(
        Item(
            number=number,
            name="keys",
            uri="",
            form="keys",
            digest=made_from,
            size=size // count,
            start=start,
            stop=stop,
        )
        for number, (start, stop) in enumerate(pairwise(bounds))
    )
    table = {
        "links": {name: value for name, value in settings.to_table(rules).items() if name in gather.JOIN_ONLY},
        "gathered": [storage.relative(gathered / name, folder) for name in names],
    }
    return Plan(stage="links", folder=folder, settings=table, items=items)


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Gathers the links of every file, and warns of each whose scores were read too soon."""
    first = gather.plan(recipe, folder / KINDS["gather"].folder, given)
    execute(first, engine)
    engine.progress.warn_all(gather.warnings(first))


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes the candidates of one range of keys."""
    rules = plan.built(Links, "links")
    parts = [storage.join(plan.folder, uri) for uri in plan.settings["gathered"]]
    rows = in_order(_links(parts, item), GATHERED, order, "fetch_url", plan.folder / f"sorting-{item.number:05d}")
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=CANDIDATES) as part:
        for candidate, reason, repeated in candidates(rows, rules):
            part.note("repeated submissions", repeated)
            part.note("submissions" if reason is None else "submissions of rejected", candidate["submissions"])
            if reason:
                part.reject(refusal(candidate, reason))
            else:
                part.keep_row(candidate, candidate["source"], len(candidate["fetch_url"]))


def _links(parts: list[Path], item: Item) -> Iterator[Row]:
    for number, path in enumerate(parts):
        yield from in_range(path, item.start, item.stop)
        heartbeat.advance(number + 1, len(parts))


def refusal(candidate: Row, reason: Reason) -> Rejection:
    """Returns the rejection of a page; its id is its key."""
    return Rejection.of(
        reason,
        id=candidate["dedupe_key"],
        url=candidate["fetch_url"],
        source=candidate["source"],
        stage="links",
        size=len(candidate["fetch_url"]),
    )


def in_range(path: Path, start: int, stop: int | None) -> Iterator[Row]:
    """Yields the rows of a gathered part whose key's first two bytes lie in [start, stop), group by group."""
    with opened_part(path) as source, pq.ParquetFile(source) as file:
        for group in range(file.num_row_groups):
            bounds = file.metadata.row_group(group).column(0).statistics
            if bounds is not None and bounds.has_min_max:
                if key_range(bounds.max) < start:
                    continue
                if stop is not None and key_range(bounds.min) >= stop:
                    return
            for batch in file.iter_batches(READ_ROWS, row_groups=[group]):
                for row in batch.to_pylist():
                    number = key_range(row["dedupe_key"])
                    if number >= start and (stop is None or number < stop):
                        yield row


def key_range(key: bytes) -> int:
    """Returns the first two bytes of a key as a number, which tells the range that it lies in."""
    return int.from_bytes(key[:2])
