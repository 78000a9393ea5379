"""Files of links to candidates: gather (one part per file, sorted by key), then join (one part per range of keys).

No link goes through a shuffle: a part of the join reads its range of keys out of every gathered part, as pack does with
tokens, so that neither half needs more memory for twenty years of dumps than for one month.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq

from curate import settings, storage
from curate.links.config import Links
from curate.links.readers import form_of, found_in, rejection
from curate.links.sieve import LinkCandidate, judged, sieve
from curate.links.votes import CANDIDATES, GATHERED, Row, candidates, gathered, order
from curate.pipelines.stages.map_only import map_only
from curate.records import Failure, Reason, Rejection, Skipped
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, json_digest
from curate.stage.record import read_stage
from curate.stage.sorting import in_order

GATHERED_FOLDER = "gathered"
JOIN_ONLY = {"score", "min_score", "unscored", "provenance"}
PLACES = 1 << 16
ROWS_A_PART = 500_000  # links that one part of the join reads, about
READ_ROWS = 256  # of a gathered part in memory at a time
TOO_YOUNG = 0.2  # the share of immature scores in a file that is worth a warning


def items_of(items: list[Item], rules: Links) -> list[Item]:
    """The items of input files with the form of links that each holds; SettingsError where one does not tell."""
    return [replace(item, form=form_of(item.uri, rules.format)) for item in items]


def plan_gather(rules: Links, folder: Path, items: list[Item]) -> Plan:
    """The plan of the first half: all of the settings but what only the join reads."""
    table = {name: value for name, value in settings.to_table(rules).items() if name not in JOIN_ONLY}
    return Plan(stage="gather", folder=folder, settings=table, items=tuple(items_of(items, rules)))


def plan_join(rules: Links, folder: Path, gathered: Path) -> Plan:
    """The plan of the second half over a finished first one: as many ranges of keys as the links ask for."""
    record = read_stage(gathered)
    names = [name for name in record.outputs if name.startswith("part-")]
    made_from = json_digest([record.outputs[name].sha256 for name in names])
    size = sum(record.outputs[name].bytes for name in names)
    count = min(PLACES, 1 + record.counts.kept // ROWS_A_PART)
    bounds = [PLACES * number // count for number in range(count)] + [PLACES]
    items = tuple(
        Item(
            number=number,
            name="keys",
            uri="",
            form="keys",
            sha256=made_from,
            bytes=size // count,
            start=start,
            stop=stop,
        )
        for number, (start, stop) in enumerate(pairwise(bounds))
    )
    table = {
        "links": {name: value for name, value in settings.to_table(rules).items() if name in JOIN_ONLY},
        "gathered": [storage.relative(gathered / name, folder) for name in names],
    }
    return Plan(stage="links", folder=folder, settings=table, items=items)


def warnings(plan: Plan) -> Iterator[str]:
    """A line for each file of which many scores were read too soon after posting to mean anything."""
    for item, receipt in zip(plan.items, plan.receipts(), strict=True):
        young = receipt.counts.notes.get("immature scores", 0)
        if young > TOO_YOUNG * receipt.counts.read:
            hours = plan.settings["maturity_hours"]
            yield f"{item.label}: {young:,} of {receipt.counts.read:,} scores were read within {hours} hours of posting"


def build_gather(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the first half."""
    map_only(pipeline, plan, gather_part)


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wire the second half."""
    map_only(pipeline, plan, join_part)


def gather_part(plan: Plan, item: Item) -> None:
    """The links of one file that pass the filters, sorted; all others are counted, and listed unless they are none."""
    rules = settings.build(Links, plan.settings)
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=GATHERED) as part:
        near = plan.folder / f"sorting-{item.number:05d}"
        for row in in_order(_passing(plan, item, rules, part), GATHERED, order, "fetch_url", near):
            part.keep_row(row, item.source, len(row["fetch_url"]))


def _passing(plan: Plan, item: Item, rules: Links, part: PartWriter) -> Iterator[Row]:
    tables = sieve(rules)
    marks: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for found in found_in(plan, item, rules):
        if isinstance(found, LinkCandidate):
            marks.update(found.marks)
            verdict = judged(found, tables)
            if isinstance(verdict, Reason):
                part.reject(rejection(item, found.url, found.id, verdict))
            else:
                yield gathered(found, verdict, item.source)
        elif isinstance(found, Skipped):
            skipped[found.kind] += 1
        elif isinstance(found, Failure):
            part.fail(found, item.source)
        else:
            part.reject(found)
    for kind, number in sorted(skipped.items()):
        part.skip(kind, number)
    part.note("immature scores", marks["immature"])


def join_part(plan: Plan, item: Item) -> None:
    """The candidates of one range of keys."""
    rules = settings.build(Links, plan.settings["links"])
    parts = [storage.join(plan.folder, uri) for uri in plan.settings["gathered"]]
    found = chain.from_iterable(in_range(path, item.start, item.stop) for path in parts)
    rows = in_order(found, GATHERED, order, "fetch_url", plan.folder / f"sorting-{item.number:05d}")
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=CANDIDATES) as part:
        for candidate, reason, repeated in candidates(rows, rules):
            part.note("repeated submissions", repeated)
            part.note("submissions" if reason is None else "submissions of rejected", candidate["submissions"])
            if reason:
                part.reject(refusal(candidate, reason))
            else:
                part.keep_row(candidate, candidate["source"], len(candidate["fetch_url"]))


def refusal(candidate: Row, reason: Reason) -> Rejection:
    """The rejection of a page; its id is its key."""
    return Rejection(
        id=candidate["dedupe_key"],
        url=candidate["fetch_url"],
        source=candidate["source"],
        stage="links",
        reason=reason.rule,
        value=reason.value,
        threshold=reason.threshold,
        bytes=len(candidate["fetch_url"]),
        detail=reason.detail,
    )


def in_range(path: Path, start: int, stop: int | None) -> Iterator[Row]:
    """The rows of a gathered part whose key's first two bytes lie in [start, stop), read group by group."""
    with pq.ParquetFile(storage.source(path)) as file:
        for number in range(file.num_row_groups):
            bounds = file.metadata.row_group(number).column(0).statistics
            if bounds is not None and bounds.has_min_max:
                if place(bounds.max) < start:
                    continue
                if stop is not None and place(bounds.min) >= stop:
                    return
            for batch in file.iter_batches(READ_ROWS, row_groups=[number]):
                for row in batch.to_pylist():
                    at = place(row["dedupe_key"])
                    if at >= start and (stop is None or at < stop):
                        yield row


def place(key: bytes) -> int:
    """Where a key lies in the order of all, from 0 to 65,535."""
    return int.from_bytes(key[:2])
