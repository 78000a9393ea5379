"""What a run did to the pages that it extracted, for a gate to learn from."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from curate import storage
from curate.extract.config import Extraction
from curate.extract.main_text import quick_text
from curate.extract.page import TEXT_TYPES
from curate.extract.quick_gate import JudgedPage
from curate.extract.reading import early_reason, read_records
from curate.records import Page, document_id, uniform
from curate.stage.parts import part_name
from curate.stage.plan import load_plan
from curate.stage.record import read_stage
from curate.web.encoding import decode


def pages_of(out: Path, most: int) -> Iterator[JudgedPage]:
    """Pages that a run extracted and its filter judged, drawn by their ids, at most about so many."""
    record = read_stage(out / "extract")
    kept = ids(out / "filter")
    plan = load_plan(out / "extract")
    asked = plan.built(Extraction)
    share = min(1.0, most / max(1, record.counts.kept))
    for item in plan.items:
        if item.form not in ("warc", "pointers"):
            continue
        extracted = part_ids(out / "extract", item.number)
        for page in read_records(plan, item, asked.extract.max_bytes):
            if not isinstance(page, Page) or early_reason(page, item.source, asked):
                continue
            identity = document_id(page.url, page.timestamp)
            if identity in extracted and uniform(0, "gate", identity) < share:
                content = decode(page.body, page.charset)
                quick = (
                    content.strip() if page.mime in TEXT_TYPES else quick_text(content, comments=asked.extract.comments)
                )
                yield JudgedPage(page.url, quick, identity in kept)


def ids(folder: Path) -> set[bytes]:
    """The ids that a finished stage kept."""
    return {each for item in read_stage(folder).items for each in part_ids(folder, item.number)}


def part_ids(folder: Path, number: int) -> set[bytes]:
    """The ids in one part of a stage."""
    path = folder / part_name(number)
    return set(pq.read_table(storage.source(path), columns=["id"])["id"].to_pylist())
