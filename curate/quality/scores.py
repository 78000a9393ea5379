"""Scores on disk, row-aligned with the parts they are of, and the cut through them that keeps an exact share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import settings, storage
from curate.inputs.documents import BATCH_ROWS, read_documents
from curate.quality import quantile
from curate.quality.classifier import Cut, drawn, load
from curate.recipe import Score
from curate.records import Failure
from curate.stage.parts import PartWriter
from curate.stage.plan import Item
from curate.stage.record import Plan

SCORES = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("quality", pa.float32(), nullable=False),
    ]
)


def write_part(plan: Plan, item: Item) -> None:
    """Score the documents of one part; what is no document has no row, and is the second half's to report."""
    rules = settings.build(Score, plan.settings["score"])
    model = load(plan.path(plan.settings["model"]), plan.settings["model_sha256"])
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=SCORES) as part:
        for document in read_documents(plan, item):
            if not isinstance(document, Failure):
                score = model.score(document.text, rules.label)
                row = {"id": document.id, "source": document.source, "quality": score}
                part.keep_row(row, document.source, len(document.text.encode()))


def read_part(path: Path) -> Iterator[tuple[bytes, float]]:
    """The id and the score of each document of a part, in order."""
    with storage.local(path) as file, pq.ParquetFile(file) as found:
        for batch in found.iter_batches(BATCH_ROWS, columns=["id", "quality"]):
            yield from zip(batch["id"].to_pylist(), batch["quality"].to_pylist(), strict=True)


def cut(parts: list[Path], fraction: float, sources: tuple[str, ...], seed: int) -> Cut | None:
    """The cut that keeps ceil(fraction of the documents) of these sources, all where none is named; None without any.

    Takes memory for the ids of the documents that score exactly what the cut does. Equal ids stand or fall together.
    """
    found = quantile.of_parts(parts, fraction, sources)
    if found is None:
        return None
    tied = np.sort(np.array([drawn(seed, each) for each in _tied(parts, found.score, sources)], dtype=np.uint64))
    surplus = found.kept - quantile.share(fraction, found.documents)
    return Cut(score=found.score, draw=int(tied[len(tied) - 1 - surplus]))


def _tied(parts: list[Path], score: float, sources: tuple[str, ...]) -> Iterator[bytes]:
    for part in parts:
        with storage.local(part) as path:
            table = pq.read_table(path, columns=["id", "source", "quality"])
        equal = table.filter(pc.equal(table["quality"], pa.scalar(score, pa.float32())))
        if sources:
            equal = equal.filter(pc.is_in(equal["source"], pa.array(sources)))
        yield from equal["id"].to_pylist()
