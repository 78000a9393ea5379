"""Score parts on disk, one row per document of a text part, and the cut through them that keeps an exact share."""

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import SettingsError, UserError
from curate.inputs.documents import BATCH_ROWS, read_documents
from curate.quality import measure
from curate.quality.classifier import load
from curate.quality.config import DOOR, Score
from curate.quality.keep import ScoreCut, tie_draw
from curate.records import Document
from curate.stage.checked import opened_part
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import read_stage

BINS = 10_000  # of equal width in [0, 1], in which scores are counted to fit alpha
SCORES = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("quality", pa.float32(), nullable=False),
    ]
)


class Threshold(NamedTuple):
    """The score that keeps a top share of the documents of some score parts."""

    score: float
    kept: int  # documents that have this score or more
    documents: int  # all documents


def write_part(plan: Plan, item: Item) -> None:
    """Writes the scores of the documents of one part.

    A row that is no document gets no score; the score stage itself reports it.
    """
    rules = plan.built(Score, "score")
    score_of = scorer(plan, rules)
    columns = None if rules.scorer else ("id", "source", "text")  # a function of the user's may read any
    with PartWriter(plan.folder, item.number, plan.part_key(item), schema=SCORES) as part:
        for document in read_documents(plan, item, columns=columns):
            if isinstance(document, Document):
                row = {"id": document.id, "source": document.source, "quality": score_of(document)}
                part.keep_row(row, document.source, len(document.text.encode()))


def scorer(plan: Plan, rules: Score) -> Callable[[Document], float]:
    """Returns the function that scores a document: the model of a plan, or a function of the user's.

    It raises RuntimeError where that function fails or returns no number in [0, 1].
    """
    if not rules.scorer:
        model = load(plan.path(plan.settings["model"]), plan.settings["model_sha256"])
        return lambda document: model.score(document.text, rules.label)
    path = rules.scorer
    DOOR.check_source(path, plan.settings["scorer_sha256"])
    own = DOOR.loaded(path, rules.own, ("score", "own"))

    def score(document: Document) -> float:
        place = document.url or document.id.hex()
        try:
            answer = own.function(document, own.settings)
        except Exception as error:
            raise RuntimeError(f"score.scorer: {path} fails on {place}: {type(error).__name__}: {error}") from error
        if isinstance(answer, bool) or not isinstance(answer, int | float) or not 0 <= answer <= 1:
            raise RuntimeError(f"score.scorer: {path} returns {answer!r} for {place}; return a number in [0, 1]")
        return float(answer)

    return score


def read_part(path: Path) -> Iterator[tuple[bytes, float]]:
    """Yields the id and the score of each document of a score part, in order."""
    with opened_part(path, copy=True) as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=["id", "quality"]):
            yield from zip(batch["id"].to_pylist(), batch["quality"].to_pylist(), strict=True)


def cut(parts: list[Path], fraction: float, sources: tuple[str, ...], seed: int) -> ScoreCut | None:
    """Returns the cut that keeps ceil(fraction of the documents), or None if there are no documents.

    sources: whose documents count; empty: all. Equal ids stand or fall together. The memory that it takes is for the
    ids of the documents whose score is exactly that of the cut.
    """
    top = top_share(parts, fraction, sources)
    if top is None:
        return None
    tied = _ids_of_score(parts, top.score, sources)
    draws = np.sort(np.array([tie_draw(seed, document_id) for document_id in tied], dtype=np.uint64))
    surplus = top.kept - share(fraction, top.documents)
    return ScoreCut(score=top.score, draw=int(draws[len(draws) - 1 - surplus]))


def alpha(parts: list[Path], positives: Sequence[float], sources: tuple[str, ...]) -> float:
    """Returns the alpha with which the kept documents score like good ones; 9, GPT-3's, if there are no documents.

    positives: quantiles of the scores of good documents. sources: whose documents count; empty: all.
    """
    counts = np.zeros(BINS, dtype=np.int64)
    for bits in _score_bits(parts, sources):
        bins = (bits.view(np.float32).astype(np.float64) * BINS).astype(np.int64)
        counts += np.bincount(np.minimum(bins, BINS - 1), minlength=BINS)
    if not counts.any():
        return 9.0
    return round(measure.fitted_alpha_of_counts(np.array(positives), counts), 2)


def threshold(folder: Path, fraction: float, source: str | None = None) -> Threshold:
    """Returns the threshold that keeps a top share of a score stage's documents; the stage must have kept all.

    source: whose documents count; None: all.
    """
    if not 0 < fraction <= 1:
        raise SettingsError(f"--fraction lies above 0 and up to 1, got {fraction}")
    record = read_stage(folder)
    if record.stage != "score" or record.settings["score"]["keep"] != "all":
        mend = 'score with --set score.keep="all" first'
        raise UserError(f"{folder}: a threshold needs a score stage that kept all documents; {mend}")
    parts = [folder / name for name in sorted(record.outputs) if name.startswith("part-")]
    top = top_share(parts, fraction, (source,) if source else ())
    if top is None:
        raise UserError(f"{folder}: no documents" + (f" of the source {source!r}" if source else ""))
    return top


def top_share(parts: list[Path], fraction: float, sources: tuple[str, ...] = ()) -> Threshold | None:
    """Returns the greatest score that at least a fraction of the documents have or exceed; None without documents.

    sources: whose documents count; empty: all. It counts the upper half of the scores' bits first, then the lower half
    of those with the same upper half, so it takes no memory per document.
    """
    upper_halves = _counts(bits >> np.uint32(16) for bits in _score_bits(parts, sources))
    total = int(upper_halves.sum())
    if not total:
        return None
    wanted = share(fraction, total)
    upper, above, _ = _half_of(upper_halves, wanted)
    lower_halves = _counts(
        (bits & np.uint32(0xFFFF))[bits >> np.uint32(16) == upper] for bits in _score_bits(parts, sources)
    )
    lower, between, equal = _half_of(lower_halves, wanted - above)
    score = np.array([upper << 16 | lower], dtype=np.uint32).view(np.float32)
    return Threshold(score=float(score[0]), kept=above + between + equal, documents=total)


def share(fraction: float, total: int) -> int:
    """Returns the fraction of a total, rounded up.

    >>> share(0.07, 100)  # 0.07 * 100 is above 7 in floating point
    7
    """
    return math.ceil(Fraction(str(fraction)) * total)


def _ids_of_score(parts: list[Path], score: float, sources: tuple[str, ...]) -> Iterator[bytes]:
    """Yields the ids of the documents of some sources, or of all, that have exactly this score."""
    for part in parts:
        with opened_part(part) as source:
            table = pq.read_table(source, columns=["id", "source", "quality"])
        equal = table.filter(pc.equal(table["quality"], pa.scalar(score, pa.float32())))
        if sources:
            equal = equal.filter(pc.is_in(equal["source"], pa.array(sources)))
        yield from equal["id"].to_pylist()


def _score_bits(parts: list[Path], sources: tuple[str, ...]) -> Iterator[npt.NDArray[np.uint32]]:
    """Yields the scores of the documents of some sources, or of all, as the bits of float32; no score counts as 0.

    Bits of scores that are not negative are ordered as the scores are.
    """
    for part in parts:
        with opened_part(part) as source, pq.ParquetFile(source) as file:
            for batch in file.iter_batches(columns=["source", "quality"]):
                if sources:
                    batch = batch.filter(pc.is_in(batch["source"], pa.array(sources)))
                scores = pc.fill_null(batch["quality"], 0.0).to_numpy(zero_copy_only=False)
                yield np.maximum(scores, np.float32(0)).astype(np.float32).view(np.uint32)


def _counts(halves: Iterator[npt.NDArray[np.uint32]]) -> npt.NDArray[np.int64]:
    """Returns the number of documents of each half, a number of 16 bits."""
    counts = np.zeros(1 << 16, dtype=np.int64)
    for half in halves:
        counts += np.bincount(half, minlength=1 << 16)
    return counts


def _half_of(counts: npt.NDArray[np.int64], wanted: int) -> tuple[int, int, int]:
    """Returns the half of the `wanted`-th document from the top, and how many documents lie above and in that half."""
    from_top = np.cumsum(counts[::-1])
    index = int(np.searchsorted(from_top, wanted))
    equal = int(counts[::-1][index])
    return (1 << 16) - 1 - index, int(from_top[index]) - equal, equal
