"""Checks that the ids of an output are unique, in memory that does not grow with the output.

Ids are spread over temporary files by their first byte; one file at a time is sorted. Texts are read only of ids that
stand in more than one place.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage

BINS = 256  # temporary files at most
WIDTH = 16  # bytes of an id
AT_ONCE = 1 << 20  # ids in a bin, about; repeated ids whose texts are compared in one pass over the files
BATCH_ROWS = 4096
TYPE = f"V{WIDTH}"

Ids = npt.NDArray[np.void]


def repeated_in(files: Iterable[Path], only: str = "") -> Iterator[str]:
    """Yields one line where an id stands twice in some files; only: a column that a row must have as True to count."""
    paths = [*files]
    repeated = next(_repeated(paths, only), None)
    if repeated is None:
        return
    first = bytes(repeated[0])
    places = [str(path) for path in paths for id_ in _ids(path, only) for _ in range(int((id_ == repeated[0]).sum()))]
    yield f"{places[0]}: the id {first.hex()} stands {len(places)} times, last in {places[-1]}"


def differing_in(files: Iterable[Path]) -> Iterator[str]:
    """Yields one line where documents of different text have the same id."""
    paths = [*files]
    for repeated in _repeated(paths, ""):
        for start in range(0, len(repeated), AT_ONCE):
            fault = _different_texts(paths, repeated[start : start + AT_ONCE])
            if fault:
                yield fault
                return


def _different_texts(paths: list[Path], repeated: Ids) -> str | None:
    """Returns a line about the first of these ids, in the order of the files, that has two texts."""
    wanted = pa.array([bytes(id_) for id_ in repeated], pa.binary(WIDTH))
    hashes: dict[bytes, tuple[bytes, Path]] = {}
    for path in paths:
        with pq.ParquetFile(storage.source(path)) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=["id", "text"]):
                chosen = batch.filter(pc.is_in(batch["id"], wanted))
                for id_, text in zip(chosen["id"].to_pylist(), chosen["text"].to_pylist(), strict=True):
                    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
                    before, where = hashes.setdefault(id_, (digest, path))
                    if before != digest:
                        return f"{path}: the document {id_.hex()} has another text than in {where}"
    return None


def _repeated(paths: list[Path], only: str) -> Iterator[Ids]:
    """Yields the ids that stand more than once, each once, a bin's at a time."""
    total = sum(pq.read_metadata(storage.source(path)).num_rows for path in paths)
    with ExitStack() as stack:
        count = min(BINS, 1 + total // AT_ONCE)
        bins = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(count)]
        for path in paths:
            for ids in _ids(path, only):
                _spread(ids, bins)
        for file in bins:
            file.seek(0)
            ids = np.sort(np.frombuffer(file.read(), TYPE))
            repeated = np.unique(ids[1:][ids[1:] == ids[:-1]])
            if len(repeated):
                yield repeated


def _spread(ids: Ids, bins: Sequence[IO[bytes]]) -> None:
    """Appends ids to the bins of their first bytes."""
    places = np.frombuffer(ids, np.uint8)[::WIDTH].astype(np.int64) * len(bins) // BINS
    order = np.argsort(places, kind="stable")
    ends = np.cumsum(np.bincount(places, minlength=len(bins)))
    for file, chosen in zip(bins, np.split(ids[order], ends[:-1]), strict=True):
        file.write(chosen.tobytes())


def _ids(path: Path, only: str) -> Iterator[Ids]:
    """Yields the ids of a file's rows, batch by batch; only: the column that chooses rows, "" for all."""
    with pq.ParquetFile(storage.source(path)) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=["id", only] if only else ["id"]):
            chosen = batch.filter(batch[only]) if only else batch
            yield np.array(chosen["id"].to_pylist(), TYPE)
