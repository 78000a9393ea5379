"""The pages of a finished run with the filter's verdict on each, from which a quality gate is trained."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from curate.extract.config import Extraction
from curate.extract.main_text import quick_text
from curate.extract.page import TEXT_TYPES
from curate.extract.quick_gate import JudgedPage
from curate.extract.reading import early_reason, read_records
from curate.records import Page, page_id, uniform
from curate.stage.checked import opened_part
from curate.stage.parts import part_name
from curate.stage.plan import load_plan
from curate.stage.record import read_stage
from curate.web.encoding import decode


def judged_pages(out: Path, most: int) -> Iterator[JudgedPage]:
    """Yields the quick text of pages that a run extracted, and whether its filter kept them.

    most: about how many pages at most, drawn by the ids of their documents.
    """
    record = read_stage(out / "extract")
    kept_ids = stage_ids(out / "filter")
    plan = load_plan(out / "extract")
    extraction = plan.built(Extraction)
    share = min(1.0, most / max(1, record.counts.kept))
    for item in plan.items:
        if item.form not in ("warc", "pointers"):
            continue
        extracted_ids = part_ids(out / "extract", item.number)
        for page in read_records(plan, item, extraction.extract.max_bytes):
            if not isinstance(page, Page) or early_reason(page, item.source, extraction):
                continue
            id_ = page_id(page)
            if id_ in extracted_ids and uniform(0, "gate", id_) < share:
                quick = _quick_text(page, comments=extraction.extract.comments)
                yield JudgedPage(page.url, quick, id_ in kept_ids)


def stage_ids(folder: Path) -> set[bytes]:
    """Returns the ids that a finished stage kept."""
    return {document for item in read_stage(folder).items for document in part_ids(folder, item.number)}


def part_ids(folder: Path, number: int) -> set[bytes]:
    """Returns the ids in one part of a stage."""
    with opened_part(folder / part_name(number)) as source:
        return set(pq.read_table(source, columns=["id"])["id"].to_pylist())


def _quick_text(page: Page, *, comments: bool) -> str:
    """Returns the quick text that the extract stage judges a page by."""
    content = decode(page.body, page.charset)
    return content.strip() if page.mime in TEXT_TYPES else quick_text(content, comments=comments)
