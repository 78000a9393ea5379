"""The score from which on the best share of a source's documents lies, exactly, from a scored stage's parts.

Passes over one column and 65,536 counters, whatever the number of documents: scores are float32 from 0 on, whose
bits are in the order of their values, so one pass finds the upper half of the threshold's bits, the next the rest.
"""

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
from curate.settings import SettingsError
from curate.stage.record import read_stage


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
