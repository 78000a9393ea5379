"""New documents against an index: by address, by text and by band; and the tables of these that the run adds.

The functions are steps between dedup's shuffles, in place of those of `urls` and `candidates`. What they yield goes
different ways, which its key tells: marks to a part (4 bytes), links to the part of their new end (5), questions to a
file of the index (7), entries of files that were written. A question is kind(1) row(4) and a new node.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator

import numpy as np
import numpy.typing as npt

from curate.dedup import signatures, urls
from curate.dedup.candidates import HASH, KEY, Grouped, Pair, Records, equal_rows, node_at, unpack
from curate.dedup.clusters import node_part, node_row, star
from curate.dedup.index import places, tables
from curate.dedup.index.job import Job, job_of, written

ADDRESS, TEXT, LINK = b"u", b"t", b"l"  # kinds of questions: of a capture, of a copy, of a candidate pair
LINKS = b"\1"  # begins the key of a part that adds signatures to links
PART, FILE = 4, places.GENERATION + 4  # bytes of the keys of marks and of questions
Chosen = npt.NDArray[np.bool_]


def captures(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields marks for captures that give way to new ones, questions for those whose address the index has."""
    job = job_of(folder)
    records = unpack(group[1], HASH + urls.AGE + job.layout.node)
    earlier = job.index.first("urls", keys_of(records, HASH))
    rest = without(records, HASH, earlier)
    for key, node in _nodes(records[~rest], HASH, HASH + urls.AGE):
        yield question(earlier[key], ADDRESS, node)
    records = records[rest]
    yield from urls.marks([records.tobytes()], job.layout.node)
    stays = np.ones(len(records), bool)
    for rows in equal_rows(records, 0, HASH):
        ranked = [(record[HASH + urls.AGE :][:1], record[HASH:]) for record in (records[row].tobytes() for row in rows)]
        stays[rows] = np.arange(len(rows)) == ranked.index(min(ranked))
    yield from _table(job, f"urls-{int.from_bytes(group[0]):05d}", records[stays], HASH)


def texts(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields the text records of a partition that the index does not have, joined, and questions for the others."""
    job = job_of(folder)
    records = unpack(group[1], job.layout.width)
    earlier = job.index.first("texts", keys_of(records, HASH))
    rest = without(records, HASH, earlier)
    for key, node in _nodes(records[~rest], HASH, job.layout.keys_end):
        yield question(earlier[key], TEXT, node)
    records = records[rest]
    yield from _table(
        job, f"texts-{int.from_bytes(group[0]):05d}", records[first_of_each(records, HASH, job.layout.keys_end)], HASH
    )
    if len(records):
        yield group[0], records.tobytes()


def pairs(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields candidate pairs of new documents as `candidates.candidate_pairs` does, and links to those of the index.

    A link is the place of the first document of a band in the index, and the node of a new one.
    """
    job = job_of(folder)
    records = unpack(group[1], KEY + job.layout.node)
    band = f"{group[0][0]:03d}-"
    earlier = defaultdict(list)
    for generation, row in job.index.rows("bands", keys_of(records, KEY), band):
        earlier[row["key"]].append(places.place(generation.number, row["part"], row["row"]))
    rest = without(records, KEY, earlier)
    for key, node in _nodes(records[~rest], KEY, KEY):
        for place in earlier[key]:
            yield LINKS + node_part(node), place + node
    records = records[rest]
    for rows in equal_rows(records, 0, KEY):
        for lower, higher in star([node_at(records, row, KEY) for row in rows]):
            yield node_part(higher), lower + higher
    name = f"bands-{band}{int.from_bytes(group[0][1:]):05d}"
    yield from _table(job, name, records[first_of_each(records, KEY, KEY)], KEY)


def signed_links(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields a question for each link of a part, once, with the signature of its new end."""
    job = job_of(folder)
    part = signatures.read_part(job.plan, int.from_bytes(group[0][1:]))
    for link in sorted({*group[1]}):
        place, node = link[: places.PLACE], link[places.PLACE :]
        key, content = question(place, LINK, node)
        yield key, content + bytes(part.value("signature", node_row(node)))


def question(place: bytes, kind: bytes, node: bytes) -> Pair:
    """Returns (file of the index, question) about the document at a place."""
    return places.file_of(place), kind + place[FILE:] + node


def keys_of(records: Records, width: int) -> set[bytes]:
    """Returns the distinct keys of records, which are their first `width` bytes."""
    return {key.tobytes() for key in records[:, :width]}


def without(records: Records, width: int, earlier: Collection[bytes]) -> Chosen:
    """Returns which records have none of these keys."""
    if not earlier:
        return np.ones(len(records), bool)
    return np.array([key.tobytes() not in earlier for key in records[:, :width]], bool)


def first_of_each(records: Records, width: int, start: int) -> Chosen:
    """Returns which record of each key has the least node, which begins at byte `start`."""
    chosen = np.ones(len(records), bool)
    for rows in equal_rows(records, 0, width):
        nodes = [node_at(records, row, start) for row in rows]
        chosen[rows] = np.arange(len(rows)) == nodes.index(min(nodes))
    return chosen


def _nodes(records: Records, width: int, start: int) -> Iterator[tuple[bytes, bytes]]:
    for record in records:
        yield record[:width].tobytes(), record[start:].tobytes()


def _table(job: Job, name: str, records: Records, width: int) -> Iterator[Pair]:
    """Writes the keys of records and the places at their ends as a file of the new generation."""
    rows = tables.least_places(records[:, :width], records[:, -12:-4])
    return written(job, f"{name}.parquet", tables.keyed(width, *tables.PLACED), rows)
