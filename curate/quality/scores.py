"""Scores on disk, row-aligned with the parts they are of, and the cut through them that keeps an exact share."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.errors import SettingsError
from curate.inputs.documents import BATCH_ROWS, read_documents
from curate.quality.classifier import load
from curate.quality.config import Score
from curate.quality.keep import ScoreCut, drawn
from curate.records import Failure
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import read_stage

SCORES = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("quality", pa.float32(), nullable=False),
    ]
)


def write_part(plan: Plan, item: Item) -> None:
    """Score the documents of one part; what is no document has no row, and is the second half's to report."""
    rules = plan.built(Score, "score")
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


def cut(parts: list[Path], fraction: float, sources: tuple[str, ...], seed: int) -> ScoreCut | None:
    """The cut that keeps ceil(fraction of the documents) of these sources, all where none is named; None without any.

    Takes memory for the ids of the documents that score exactly what the cut does. Equal ids stand or fall together.
    """
    found = of_parts(parts, fraction, sources)
    if found is None:
        return None
    tied = np.sort(np.array([drawn(seed, each) for each in _tied(parts, found.score, sources)], dtype=np.uint64))
    surplus = found.kept - share(fraction, found.documents)
    return ScoreCut(score=found.score, draw=int(tied[len(tied) - 1 - surplus]))


def _tied(parts: list[Path], score: float, sources: tuple[str, ...]) -> Iterator[bytes]:
    for part in parts:
        with storage.local(part) as path:
            table = pq.read_table(path, columns=["id", "source", "quality"])
        equal = table.filter(pc.equal(table["quality"], pa.scalar(score, pa.float32())))
        if sources:
            equal = equal.filter(pc.is_in(equal["source"], pa.array(sources)))
        yield from equal["id"].to_pylist()


class Threshold(NamedTuple):
    """What keeps a top share: the score, the documents that have it or more, and all documents."""

    score: float
    kept: int
    documents: int


def threshold(folder: Path, fraction: float, source: str | None = None) -> Threshold:
    """The threshold of a score stage that kept all documents, of one source or of all."""
    if not 0 < fraction <= 1:
        raise SettingsError(f"--fraction lies above 0 and up to 1, got {fraction}")
    record = read_stage(folder)
    if record.stage != "score" or record.settings["score"]["keep"] != "all":
        mend = 'score with --set score.keep="all" first'
        raise SettingsError(f"{folder}: only a score stage that kept all can tell; {mend}")
    parts = [folder / name for name in sorted(record.outputs) if name.startswith("part-")]
    found = of_parts(parts, fraction, (source,) if source else ())
    if found is None:
        raise SettingsError(f"{folder}: no documents" + (f" of the source {source!r}" if source else ""))
    return found


def of_parts(parts: list[Path], fraction: float, sources: tuple[str, ...] = ()) -> Threshold | None:
    """The greatest score that at least a fraction of the documents have or exceed; None without documents.

    sources: whose documents count, all where it is empty.
    """
    upper_halves = _counted(bits >> np.uint32(16) for bits in _bits(parts, sources))
    total = int(upper_halves.sum())
    if not total:
        return None
    wanted = share(fraction, total)
    upper, above, _ = _place(upper_halves, wanted)
    lower_halves = _counted(
        (bits & np.uint32(0xFFFF))[bits >> np.uint32(16) == upper] for bits in _bits(parts, sources)
    )
    lower, between, equal = _place(lower_halves, wanted - above)
    exact = np.array([upper << 16 | lower], dtype=np.uint32).view(np.float32)
    return Threshold(float(exact[0]), above + between + equal, total)


def share(fraction: float, total: int) -> int:
    """How many of a total a fraction is, rounded up.

    >>> share(0.07, 100)  # 0.07 * 100 is above 7 in floating point
    7
    """
    return math.ceil(Fraction(str(fraction)) * total)


def _bits(parts: list[Path], sources: tuple[str, ...]) -> Iterator[npt.NDArray[np.uint32]]:
    """The scores of these sources' documents, or of all, as the bits of float32; no score counts as 0."""
    for part in parts:
        with storage.local(part) as path, pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["source", "quality"]):
                if sources:
                    batch = batch.filter(pc.is_in(batch["source"], pa.array(sources)))
                scores = pc.fill_null(batch["quality"], 0.0).to_numpy(zero_copy_only=False)
                yield np.maximum(scores, np.float32(0)).astype(np.float32).view(np.uint32)


def _counted(halves: Iterator[npt.NDArray[np.uint32]]) -> npt.NDArray[np.int64]:
    """How many documents have each half."""
    counts = np.zeros(1 << 16, dtype=np.int64)
    for half in halves:
        counts += np.bincount(half, minlength=1 << 16)
    return counts


def _place(counts: npt.NDArray[np.int64], wanted: int) -> tuple[int, int, int]:
    """The half of the wanted document from the top; how many documents lie above that half, and how many have it."""
    from_top = np.cumsum(counts[::-1])
    place = int(np.searchsorted(from_top, wanted))
    equal = int(counts[::-1][place])
    return (1 << 16) - 1 - place, int(from_top[place]) - equal, equal
