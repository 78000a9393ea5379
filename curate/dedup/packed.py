"""Records of one width, packed many to a blob, so that a shuffle carries a few blobs and not a value per record.

A value of its own costs a runner's memory some 200 bytes besides its own; in a blob a record costs its width.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.uint8]  # (records, width)
Rows = npt.NDArray[np.intp]


def unpacked(blobs: Iterable[bytes], width: int) -> Records:
    """The records of all blobs."""
    return np.frombuffer(b"".join(blobs), dtype=np.uint8).reshape(-1, width)


def spread(records: Records, key: int, count: int) -> Iterator[tuple[int, bytes]]:
    """(partition, its records) for each of `count` partitions that has any, by the 8-byte hash at byte `key`."""
    if not len(records):
        return
    hashes = _words(records[:, key : key + 8])[:, 0]
    places = (hashes >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)
    order = np.argsort(places, kind="stable")
    numbers, starts = np.unique(places[order], return_index=True)
    for number, rows in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        yield number, records[rows].tobytes()


def repeated(records: Records, key: int, width: int) -> Iterator[Rows]:
    """The rows of every key that more than one record has; a key is the `width` bytes, a multiple of 8, at `key`."""
    words = _words(records[:, key : key + width])
    order = np.lexsort(words.T)
    ordered = words[order]
    starts = np.flatnonzero(np.concatenate([[True], np.any(ordered[1:] != ordered[:-1], axis=1)]))
    sizes = np.diff(starts, append=len(order))
    for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
        yield order[start : start + size]


def _words(keys: Records) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(keys).view(">u8").astype(np.uint64)
