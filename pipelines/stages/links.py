"""Gathered links to candidates: one part per range of keys.

No link goes through a shuffle. Where the gathered parts are so small that one worker may read them all, a part of the
join reads its range of keys out of each. Else the links are brought into ranges in passes first (`stage/ranges.py`),
each of which reads and writes every link once, so that no worker opens more than a few hundred files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import settings, storage
from curate.links.config import WEBTEXT, Links
from curate.links.votes import CANDIDATES, GATHERED, Row, candidates, order
from curate.pipelines.engines.engine import Engine, execute
from curate.pipelines.stages import gather
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import in_passes, map_only
from curate.recipe import Recipe
from curate.records import Reason, Rejection
from curate.stage import heartbeat
from curate.stage.checked import opened_part
from curate.stage.kinds import KINDS
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.ranges import GROUP_BYTES, Group, Passes, cut, grouped, passes_of, slices, writing_run
from curate.stage.receipts import FileRecord
from curate.stage.record import read_stage
from curate.stage.sorting import in_order

RANGES = 1 << 16
ROWS_A_PART = 500_000  # links that one part of the join reads, about
PLACED = GATHERED.append(pa.field("place", pa.uint64(), nullable=False))
TABLE_ROWS = 65_536  # of a gathered part at a time, where links are brought into ranges
CUT_BYTES = 96 << 20  # of links in memory, before they are cut into ranges
READ_ROWS = 256  # of a gathered part in memory at a time


def plan(recipe: Recipe, folder: Path, _given: Given) -> Plan:
    """Returns the plan of links over what gather has left: as many ranges of keys as the links ask for."""
    rules, gathered = recipe.links or WEBTEXT, folder / KINDS["gather"].folder
    record = read_stage(gathered)
    names = [name for name in record.outputs if name.startswith("part-")]
    join = {name: value for name, value in settings.to_table(rules).items() if name in gather.JOIN_ONLY}
    outputs = [record.outputs[name] for name in names]
    groups = grouped([output.bytes for output in outputs], [output.rows for output in outputs], GROUP_BYTES)
    if len(groups) > 1:
        passes = Passes.over(len(groups))
        items = tuple(_steps(passes, groups, [storage.relative(gathered / name, folder) for name in names], outputs))
        return Plan(stage="links", folder=folder, settings={"links": join, "passes": asdict(passes)}, items=items)
    made_from = json_digest([output.sha256 for output in outputs])
    size = sum(output.bytes for output in outputs)
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
    table = {"links": join, "gathered": [storage.relative(gathered / name, folder) for name in names]}
    return Plan(stage="links", folder=folder, settings=table, items=items)


def _steps(passes: Passes, groups: list[Group], names: list[str], outputs: list[FileRecord]) -> Iterator[Item]:
    """Yields an item for each step of the passes; its digest is that of the gathered parts whose links it reads."""
    for number in range(passes.starts[-1]):
        step = passes.step(number)
        own = groups[step.cluster * passes.fan**step.number : (step.cluster + 1) * passes.fan**step.number]
        first, stop = own[0].first, own[-1].stop
        digest = json_digest([output.sha256 for output in outputs[first:stop]])
        size = sum(group.size for group in own) // passes.fan**step.number
        if step.number:
            name = f"keys, pass {step.number}, cluster {step.cluster}, range {step.piece}"
            yield Item(number=number, name=name, uri="", form="keys", digest=digest, size=size)
        else:
            yield Item(
                number=number,
                name="parts",
                uri=names[first],
                form="part",
                digest=digest,
                size=size,
                start=own[0].start_row,
                stop=own[0].stop_row,
                files=tuple(name.rpartition("/")[2] for name in names[first:stop]),
            )


def prepare(recipe: Recipe, folder: Path, given: Given, engine: Engine) -> None:
    """Gathers the links of every file, and warns of each whose scores were read too soon."""
    first = gather.plan(recipe, folder / KINDS["gather"].folder, given)
    execute(first, engine)
    engine.progress.warn_all(gather.warnings(first))


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    (in_passes if "passes" in plan.settings else map_only)(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Writes the candidates of one range of keys, or does a step towards that."""
    if "passes" not in plan.settings:
        parts = [storage.join(plan.folder, uri) for uri in plan.settings["gathered"]]
        _join(plan, item, _links(parts, item))
        return
    passes = passes_of(plan)
    step = passes.step(item.number)
    if passes.is_last(step):
        tables = slices(plan.folder, passes, step, PLACED)
        batches = (batch for table in tables for batch in table.select(GATHERED.names).to_batches(READ_ROWS))
        _join(plan, item, (row for batch in batches for row in batch.to_pylist()))
        return
    with writing_run(plan, item) as run:
        tables = slices(plan.folder, passes, step, PLACED) if step.number else _placed(plan, item)
        cut(tables, "place", passes.edges(step), run, CUT_BYTES)


def _placed(plan: Plan, item: Item) -> Iterator[pa.Table]:
    """Yields the links of a group of gathered parts with the place of their key among all keys."""
    paths = [storage.join(plan.folder, uri) for uri in item.uris]
    for number, path in enumerate(paths):
        before = 0
        with opened_part(path) as source, pq.ParquetFile(source) as file:
            for batch in file.iter_batches(TABLE_ROWS):
                first, last = max(item.start - before, 0), len(batch)
                last = last if item.stop is None else min(item.stop - before, last)
                before += len(batch)
                if first < last:
                    yield _with_place(pa.Table.from_batches([batch.slice(first, last - first)]))
        heartbeat.advance(number + 1, len(paths))


def _with_place(table: pa.Table) -> pa.Table:
    """Returns the links with the place of their key: its first eight bytes, as a number."""
    heads = pc.binary_slice(table["dedupe_key"].cast(pa.binary()), 0, 8).combine_chunks()
    places = np.frombuffer(b"".join(heads.to_pylist()), ">u8").astype(np.uint64)
    return table.select(GATHERED.names).cast(GATHERED).append_column("place", pa.array(places))


def _join(plan: Plan, item: Item, links: Iterable[Row]) -> None:
    """Writes the candidates of links that come in any order."""
    rules = plan.built(Links, "links")
    rows = in_order(links, GATHERED, order, "fetch_url", plan.folder / f"sorting-{item.number:05d}")
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
