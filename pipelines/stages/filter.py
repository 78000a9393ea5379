"""Documents to documents: the rules of their source in order, the first that fails names the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam

from curate.filters.rules import Filter, judge, key_table, outside_digest
from curate.inputs.documents import read_documents
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import map_only
from curate.recipe import Recipe
from curate.records import Document, reject
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filter of each source."""

    default: Filter = Filter()  # for documents of a source that the recipe does not name
    sources: Mapping[str, Filter] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)  # of what rules read beside settings


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Filters the documents of one part."""
    filters = plan.built(Filters)
    check_sources(filters.digests)
    with PartWriter(plan.folder, item.number, plan.part_key(item)) as part:
        for document in read_documents(plan, item, part.note):
            if not isinstance(document, Document):
                part.refuse(document, item.source)
                continue
            verdict = judge(document, filters.sources.get(document.source, filters.default))
            if verdict.reason:
                part.reject(reject(document, plan.stage, verdict.reason))
                continue
            part.keep(verdict.document, read=len(document.text.encode("utf-8", "replace")))
            for name, number in verdict.notes.items():
                part.note(name, number)


def check_sources(digests: Mapping[str, str]) -> None:
    """Raises RuntimeError where a source or a file of a rule is another here than where the stage was planned."""
    for name, digest in digests.items():
        if outside_digest(name) != digest:
            raise RuntimeError(f"filter.rules: {name} has another source here than where the stage was planned")


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of filter: the recipe's rules, and each source's own."""
    sources = {name: key_table(source.filter) for name, source in recipe.sources.items()}
    table: dict[str, Any] = {"default": key_table(recipe.filter), "sources": sources}
    if digests := recipe.outside_rules():
        table["digests"] = digests
    return Plan(stage="filter", folder=folder, settings=table, items=tuple(given.items))
