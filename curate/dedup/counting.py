"""In how many documents keys occur, over all parts, told to the parts that have them.

A record is key, part(4) and count(4), big-endian: the number of a part's documents that have the key. Only these counts
are shuffled, so that a key of all documents is no heavier than the parts are many.
"""

from collections.abc import Iterable, Iterator

from curate.dedup.candidates import Grouped, Pair, equal_rows, split_by_hash, unpack

NUMBER = 4  # bytes of a part and of a count
MOST = 2**32 - 1  # the greatest count that is told apart
Totals = dict[bytes, int]  # documents by key


def counts(number: int, keys: Iterable[bytes], partitions: int, width: int) -> Iterator[Pair]:
    """Yields (partition, records) for the documents of a part; keys: those of each document, joined.

    width: bytes of a key, a multiple of 8.
    """
    every, part = unpack(keys, width), number.to_bytes(NUMBER)
    packed = (
        every[rows[0]].tobytes() + part + len(rows).to_bytes(NUMBER) for rows in equal_rows(every, 0, width, least=1)
    )
    for partition, blob in split_by_hash(unpack(packed, width + 2 * NUMBER), 0, partitions):
        yield partition.to_bytes(4), blob


def totals(group: Grouped, least: int, width: int) -> Iterator[Pair]:
    """Yields (part, keys and totals) for the keys that at least so many documents have, to each part that has them."""
    records = unpack(group[1], width + 2 * NUMBER)
    by_part: dict[bytes, list[bytes]] = {}
    for rows in equal_rows(records, 0, width, least=1):
        total = sum(int.from_bytes(records[row, width + NUMBER :].tobytes()) for row in rows)
        if total >= least:
            entry = records[rows[0], :width].tobytes() + min(total, MOST).to_bytes(NUMBER)
            for row in rows:
                by_part.setdefault(records[row, width : width + NUMBER].tobytes(), []).append(entry)
    for part, entries in sorted(by_part.items()):
        yield part, b"".join(entries)


def by_key(blobs: Iterable[bytes], width: int) -> Totals:
    """Returns the totals that `totals` has sent to a part."""
    return {
        blob[at : at + width]: int.from_bytes(blob[at + width : at + width + NUMBER])
        for blob in blobs
        for at in range(0, len(blob), width + NUMBER)
    }
