"""Parts in which a payload occurs once: every input is read twice, first for the hashes of its payloads.

Only hashes, ids and numbers are shuffled, as blobs (`curate.extract.repeats`).
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping

import apache_beam as beam

from curate import storage
from curate.extract.config import Extraction
from curate.extract.reading import early_reason, read_records
from curate.extract.repeats import BUCKET_BYTES, by_bucket, repeats, sighting
from curate.pipelines.stages.map_only import Made, Pick, make_part, part_numbers
from curate.records import Page
from curate.stage.heartbeat import beating
from curate.stage.plan import Item, Plan, load_plan

Blob = tuple[bytes, bytes]
ENTRY = struct.Struct(">I16s")  # a page's number within its item, and the id of the page that is kept for it
NO_PAGES = ("documents", "owned")


class MakePartsOnce(beam.PTransform):  # type: ignore[misc]
    """Runs `make` for every item of the stages in the given folders, with the pages that repeat another's payload."""

    def __init__(self, make: Callable[[Plan, Item, Mapping[int, bytes]], None]) -> None:
        super().__init__()
        self.make = make

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of folders (str); returns one of the parts made. The output proper is files."""
        picks = folders | "Items" >> beam.FlatMap(part_numbers) | "Spread over workers" >> beam.Reshuffle()
        repeated = (
            picks
            | "See payloads" >> beam.FlatMap(see)
            | "By payload" >> beam.GroupByKey()
            | "Find repeats" >> beam.FlatMap(find)
        )
        every = picks | "Every item" >> beam.Map(named)
        return (
            (every, repeated)
            | "Items and repeats" >> beam.Flatten()
            | "By item" >> beam.GroupByKey()
            | "Make parts" >> beam.Map(make_one, self.make)
        )


def named(pick: Pick) -> Blob:
    """Returns an item's key, so that an item without repeats is made too."""
    folder, number = pick
    return f"{folder}\0{number}".encode(), b""


def see(pick: Pick) -> Iterator[Blob]:
    """Yields the payload digests of an item's pages that pass the first tests: a blob for each bucket."""
    folder, number = pick
    plan = load_plan(storage.path(folder))
    item, chosen = plan.items[number], plan.built(Extraction)
    if item.form in NO_PAGES:
        return
    rank = [*dict.fromkeys(planned.source for planned in plan.items)].index(item.source)
    pages = (record for record in read_records(plan, item, chosen.extract.max_bytes) if isinstance(record, Page))
    seen = (
        sighting(page, chosen.gates(item.source), rank=rank, item=number, number=page_number)
        for page_number, page in enumerate(pages)
        if not early_reason(page, item.source, chosen)
    )
    buckets = 1 + sum(item.size for item in plan.items) // BUCKET_BYTES
    with beating(plan.folder, number, step="reading payloads", size=item.size):
        blobs = by_bucket(seen, buckets)
    for bucket, blob in blobs.items():
        yield f"{folder}\0{bucket}".encode(), blob


def find(bucket: tuple[bytes, Iterable[bytes]]) -> Iterator[Blob]:
    """Yields the pages of a bucket that repeat another's payload, as a blob for each item that holds some."""
    key, blobs = bucket
    folder = key.partition(b"\0")[0]
    by_item: dict[int, list[bytes]] = {}
    for repeat in repeats(blobs):
        by_item.setdefault(repeat.item, []).append(ENTRY.pack(repeat.page, repeat.kept))
    for item, entries in sorted(by_item.items()):
        yield folder + f"\0{item}".encode(), b"".join(entries)


def make_one(group: tuple[bytes, Iterable[bytes]], make: Callable[[Plan, Item, Mapping[int, bytes]], None]) -> Made:
    """Makes one part, unless it is there already."""
    key, blobs = group
    folder, _, number = key.partition(b"\0")
    pages = {page: kept for blob in blobs for page, kept in ENTRY.iter_unpack(blob)}
    return make_part((folder.decode(), int(number)), lambda plan, item: make(plan, item, pages))
