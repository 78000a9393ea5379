"""WARC and WET files to documents: one part per file, piece of a file, or group of pointers into files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import apache_beam as beam

from curate import storage
from curate.commoncrawl.indexes import resolve_indexes
from curate.distinct import Distinct
from curate.extract import quick_gate
from curate.extract.config import DOOR, Extraction, gates_of, key_table
from curate.extract.reading import early_reason, read_records
from curate.extract.sandbox import shared
from curate.inputs.items import number_items, pieces
from curate.inputs.own import USER_FORMS, user_documents
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import MakeParts, map_only
from curate.pipelines.stages.repeats import MakePartsOnce
from curate.recipe import Recipe
from curate.records import Document, Failure, Id, Page, Reason, RefusedRecord, Rejection, Skipped, page_id
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan

NO_REPEATS: Mapping[int, bytes] = {}


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    if plan.per_item:
        map_only(pipeline, plan, make_part)
    else:
        pipeline | "Plan" >> beam.Create([storage.uri(plan.folder)]) | MakePartsOnce(make_part)


def parts(recipe: Recipe, _folder: str) -> beam.PTransform:
    """Returns the transform from the stage's folder to its parts, for `--one-job`, where workers plan it later."""
    return MakePartsOnce(make_part) if recipe.extract.payload_duplicates == "reject" else MakeParts(make_part)


def make_part(plan: Plan, item: Item, repeats: Mapping[int, bytes] = NO_REPEATS) -> None:
    """Extracts one file; the user's own documents among the inputs pass through as they are.

    repeats: of pages whose payload another page has, their numbers and the id of that other, which is kept.
    """
    chosen = plan.built(Extraction)
    for path, digest in chosen.digests.items():
        DOOR.check_source(path, digest)
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        if item.form in USER_FORMS:
            for document in user_documents(plan.path(item.uri), item, plan.stage, part.note):
                if isinstance(document, Document):
                    part.keep(document)
                else:
                    part.refuse(document, item.source)
            return
        pages, ids = 0, Distinct()
        for record in read_records(plan, item, chosen.extract.max_bytes):
            if isinstance(record, Skipped):
                part.skip(record.kind)
            elif isinstance(record, Failure):
                part.fail(record, item.source)
            elif isinstance(record, RefusedRecord):
                part.reject(refusal(record, ids.of(page_id(record)), item.source))
            else:
                result = outcome(record, item.source, chosen, part, repeats.get(pages))
                write(part, result, record, ids, item.source)
                part.note("unreadable_timestamps", record.timestamp is None)
                pages += 1
        part.note("repeated_ids", ids.repeated)


def outcome(
    page: Page, source: str, chosen: Extraction, part: PartWriter, kept: bytes | None
) -> Document | Reason | Failure:
    """Makes a document of a page, or says why not: tests that need no parser first, then the extractor's process."""
    if reason := early_reason(page, source, chosen):
        return reason
    if kept is not None:
        return Reason("extract.payload", detail=f"the payload of {kept.hex()}")
    gates = replace(chosen.gates(source), url=None)  # asked already, and it may hold a long list of domains
    document, seconds = shared().extract(page, source, chosen.extract, gates)
    part.seconds_elsewhere += seconds
    return document


def refusal(record: RefusedRecord, id: Id, source: str) -> Rejection:
    """Returns the rejection of a record that holds no page."""
    reason = Reason(record.reason, detail=record.detail)
    return Rejection.of(reason, id=id, url=record.url, source=source, stage="extract", size=record.bytes)


def write(part: PartWriter, outcome: Document | Reason | Failure, page: Page, ids: Distinct, source: str) -> None:
    """Writes what became of a page to the part: kept, rejected or failed."""
    if isinstance(outcome, Document):
        part.keep(replace(outcome, id=ids.of(outcome.id)))
    elif isinstance(outcome, Failure):
        part.fail(outcome, source)
    else:
        id_, size = ids.of(page_id(page)), len(page.body)
        part.reject(Rejection.of(outcome, id=id_, url=page.url, source=source, stage="extract", size=size))


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of extract: what indexes select is looked up first, large files are cut into pieces."""
    selects = {name: source.select for name, source in recipe.sources.items()}
    whole = resolve_indexes(given.items, folder, selects, recipe.commoncrawl, given.say)
    items = number_items([piece for item in whole for piece in pieces(item, recipe.extract.split_bytes)])
    attached = tuple(sorted({item.uri for item in items if item.form == "pointers"}))
    model = quick_gate.checked_model(recipe.extract.quality_model)
    gates = {name: gates_of(source.filter, model) for name, source in recipe.sources.items()}
    digests = recipe.extract.outside_digests()
    chosen = Extraction(extract=recipe.extract, default=gates_of(recipe.filter, model), sources=gates, digests=digests)
    return Plan(
        stage="extract",
        folder=folder,
        settings=key_table(chosen),
        items=tuple(items),
        per_item=recipe.extract.payload_duplicates == "keep",
        attached=attached,
    )
