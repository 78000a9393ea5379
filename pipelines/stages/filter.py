"""Documents to documents: the rules of their source in order, the first that fails names the reason.

With `filter.signals` all that the rules measure is written beside each document; with `filter.all_reasons` a rejected
one names each rule that would reject it. A plan whose locations name a folder of such documents takes from there what
was measured (`curate filter --reapply`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.errors import SettingsError
from curate.filters.rules import Filter, Quality, judge, key_table, outside_digest
from curate.filters.signals.measuring import LANGUAGE, Measured, columns, measured
from curate.filters.signals.reapplying import rejudged
from curate.inputs.documents import BATCH_ROWS
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import documents, map_only
from curate.quality import model_file, scores
from curate.quality.config import Score
from curate.recipe import Recipe
from curate.records import Document, reject
from curate.stage.checked import changed, opened_part, receipt_of
from curate.stage.parts import PartWriter, part_name
from curate.stage.plan import Item, Plan
from curate.stage.schemas import KEPT, REJECTED
from curate.storage.writing import sha256_of

MEASURED = "signals"  # of a plan's locations: the folder of a stage that has measured the same documents
ALL_REASONS = "all reasons: "  # what the name of a count begins with


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filter of each source."""

    default: Filter = Filter()  # for documents of a source that the recipe does not name
    sources: Mapping[str, Filter] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)  # of what rules read beside settings
    score: Score = Score()  # with the model's digest: only where documents are rated, for filter.spare
    model: str = ""
    model_sha256: str = ""

    def of(self, source: str) -> Filter:
        """Returns the filter of a source."""
        return self.sources.get(source, self.default)

    @property
    def all(self) -> list[Filter]:
        """Returns all filters."""
        return [self.default, *self.sources.values()]


def may_be_ahead(recipe: Recipe) -> bool:
    """Returns whether a part can be made before the stage begins: unless a model is to be made first."""
    return not recipe.spares


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    map_only(pipeline, plan, make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Filters the documents of one part."""
    filters = plan.built(Filters)
    check_sources(filters.digests)
    has_more = any(chosen.signals or chosen.all_reasons for chosen in filters.all) or MEASURED in plan.locations
    with writer(plan, item, filters) as part:
        filter_measured(plan, item, filters, part) if has_more else filter_documents(plan, item, filters, part)


def filter_documents(plan: Plan, item: Item, filters: Filters, part: PartWriter) -> None:
    """Filters the documents of one part by the first rule that rejects."""
    quality = rater(plan)
    for document in documents(plan, item, part):
        verdict = judge(document, filters.of(document.source), quality)
        if verdict.reason:
            part.reject(reject(document, plan.stage, verdict.reason))
            continue
        part.keep(verdict.document, read=len(document.text.encode("utf-8", "replace")))
        for name, number in verdict.notes.items():
            part.note(name, number)


def filter_measured(plan: Plan, item: Item, filters: Filters, part: PartWriter) -> None:
    """Filters the documents of one part by all that the rules measure, and writes that by choice."""
    verdict_on = measuring(plan, item, filters)
    for document in documents(plan, item, part):
        chosen = filters.of(document.source)
        verdict, values, reasons = verdict_on(document)
        more: dict[str, Any] = dict(values) if chosen.signals else {}
        names = [*dict.fromkeys(reason.rule for reason in reasons)] if chosen.all_reasons else []
        for name in names:
            part.note(ALL_REASONS + name, 1)
        if verdict.reason:
            more |= {"reasons": names} if names else {}
            part.reject(reject(document, plan.stage, verdict.reason), more)
            continue
        part.keep(verdict.document, len(document.text.encode("utf-8", "replace")), more)
        for name, number in verdict.notes.items():
            part.note(name, number)


def writer(plan: Plan, item: Item, filters: Filters) -> PartWriter:
    """Returns the writer of a part, with columns for signals and reasons where a filter asks for them."""
    more = [pa.field(name, pa.string() if name == LANGUAGE[0] else pa.float64()) for name in columns(filters.all)]
    reasons = [pa.field("reasons", pa.list_(pa.string()))] if any(chosen.all_reasons for chosen in filters.all) else []
    schema = pa.schema([*KEPT, *more])
    rejected = pa.schema([*REJECTED, *more, *reasons])
    return PartWriter(plan.folder, item.number, plan.part_key(item), schema=schema, beside={"rejected": rejected})


def measuring(plan: Plan, item: Item, filters: Filters) -> Callable[[Document], Measured]:
    """Returns the function that judges a document by all values, measured here or read from an earlier stage."""
    if MEASURED not in plan.locations:
        quality = rater(plan)
        return lambda document: measured(document, filters.of(document.source), quality)
    stored = StoredSignals(plan.path(plan.locations[MEASURED]), item.number)
    return lambda document: rejudged(document, stored.of(document), filters.of(document.source))


def rater(plan: Plan) -> Quality | None:
    """Returns the function that rates documents by the plan's model; None where no rule spares any."""
    return scores.scorer(plan, plan.built(Score, "score")) if "score" in plan.settings else None


class StoredSignals:
    """The measures by an earlier stage of the documents of a part, kept and rejected, read in their order."""

    def __init__(self, folder: Path, number: int) -> None:
        self.path = folder / part_name(number)
        self._kept = kept_rows(self.path)
        self._rejected = rejected_rows(self.path, folder / part_name(number, "rejected"))
        self._next = next(self._kept, None)

    def of(self, document: Document) -> Mapping[str, Any]:
        """Returns the values of the next document by column; RuntimeError where the stage has read other documents."""
        if self._next and self._next["id"] == document.id:
            row, self._next = self._next, next(self._kept, None)
            return row
        for row in self._rejected:
            if row["id"] == document.id:
                return row
        place = document.url or document.id.hex()
        raise RuntimeError(f"{self.path}: holds no signals of {place}; filter the documents without --reapply")


def kept_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the ids and the signals of a part's kept documents."""
    with opened_part(path) as source, pq.ParquetFile(source) as file:
        yield from _signal_rows(file)


def rejected_rows(kept: Path, path: Path) -> Iterator[dict[str, Any]]:
    """Yields the ids and the signals of a part's rejected documents; DamageError where they are not as written."""
    stated = receipt_of(kept).files.get(path.name)
    if stated:
        if sha256_of(path) != stated.sha256:
            raise changed(path)
        with pq.ParquetFile(storage.source(path)) as file:
            yield from _signal_rows(file)


def _signal_rows(file: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    names = ["id", *(name for name in file.schema_arrow.names if "." in name)]
    for batch in file.iter_batches(BATCH_ROWS, columns=names):
        yield from batch.to_pylist()


def check_sources(digests: Mapping[str, str]) -> None:
    """Raises RuntimeError where a source or a file of a rule is another here than where the stage was planned."""
    for name, digest in digests.items():
        if outside_digest(name) != digest:
            raise RuntimeError(f"filter.rules: {name} has another source here than where the stage was planned")


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of filter: the recipe's rules, and each source's own; where they spare documents, the model."""
    table = tables(recipe)
    attached: tuple[str, ...] = ()
    if recipe.spares:
        if recipe.score and recipe.score.scorer:
            raise SettingsError("filter.spare: its scores are a model's, and score.scorer is a function; name a model")
        rules, sha256 = model_file.prepare(recipe.score or Score(), folder, given.digests, miniweb=given.miniweb)
        table |= {"score": {"label": rules.label}, "model": model_file.MODEL, "model_sha256": sha256}
        attached = (model_file.MODEL, model_file.CARD)
    return Plan(
        stage="filter",
        folder=folder,
        settings=table,
        items=tuple(given.items),
        attached=attached,
        alarms=recipe.alarms("filter"),
    )


def tables(recipe: Recipe) -> dict[str, Any]:
    """Returns the settings of filter, without a model."""
    sources = {name: key_table(source.filter) for name, source in recipe.sources.items()}
    table: dict[str, Any] = {"default": key_table(recipe.filter), "sources": sources}
    if digests := recipe.outside_rules():
        table["digests"] = digests
    return table
