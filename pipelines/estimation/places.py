"""Draws the sample: a few pages or rows in a row, at places that are spread evenly over the bytes of each source.

The first place is drawn by a hash of the source's name, and the others lie at equal distances of bytes behind it. At
each, the first whole records are taken, and no record twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from math import ceil
from pathlib import Path
from typing import BinaryIO

from curate import storage
from curate.commoncrawl.pointers import part_of
from curate.errors import SettingsError
from curate.inputs.items import number_items
from curate.pipelines.estimation import rows
from curate.pipelines.estimation.listing import UNREAD, Listing
from curate.records import Page, RefusedRecord, uniform
from curate.stage.plan import Item
from curate.storage.remote import GLANCE, UNTOLD, RangeReader
from curate.warc.reader import read_pages

PAGES = 5  # at a place; those of one host often follow each other, so few are taken from each
LEAST = 4  # places of a source
IDLE = 3  # parts of nothing, which cost what each part costs
PACKED = 16 << 20  # bytes of a file whose records are packed as one, and which is then taken whole
LOST = 1000  # records at one place of a file, which is then packed so


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Some records of an input, as an item of the sample."""

    item: Item
    bytes: float  # of the source's input that hold them
    growth: float = 1.0  # the size of its file over the size that a list gave it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is run: a place that warms the process up, items that hold nothing, and the other places."""

    places: tuple[Place, ...]  # of which the first warms up; the number of an item is that of its part in every stage
    idle: tuple[Item, ...]

    @property
    def items(self) -> list[Item]:
        """Returns the items in the order of their numbers."""
        return [self.places[0].item, *self.idle, *(place.item for place in self.places[1:])]


def drawn(listing: Listing, pages: int, folder: Path) -> Sample:
    """Draws a sample of about so many pages or rows; folder: for copies of what is remote, and of rows.

    SettingsError where an input cannot be sampled.
    """
    places: list[Place] = []
    whole = sum(listing.sizes.values())
    for source, size in listing.sizes.items():
        items = [item for item in listing.items if item.source == source]
        count = max(LEAST, round(ceil(pages / PAGES) * size / whole)) if whole else LEAST
        places += _of_source(items, count, folder)
    if not places:
        raise SettingsError("the inputs hold no page or row that a sample could take")
    nothing = folder / "nothing.warc"
    nothing.write_bytes(b"")
    first = places[0].item
    empty = Item(
        number=0, name=nothing.name, uri=storage.uri(nothing), form="warc", digest=UNREAD, size=0, source=first.source
    )
    # a piece that begins behind the end of its file is a part without a record
    idle = [replace(empty, start=1, stop=1) for _ in range(IDLE)]
    numbered = number_items([first, *idle, *(place.item for place in places[1:])])
    warm, others = numbered[0], numbered[1 + IDLE :]
    kept = [replace(place, item=item) for place, item in zip(places, [warm, *others], strict=True)]
    return Sample(places=tuple(kept), idle=tuple(numbered[1 : 1 + IDLE]))


def _of_source(items: list[Item], count: int, folder: Path) -> Iterator[Place]:
    """Yields the places of one source."""
    ends: dict[str, int] = {}  # how far a file has been taken
    spread = _spread(items, count)
    for number in sorted({number for number, _ in spread}):
        item, shares = items[number], [share for other, share in spread if other == number]
        if item.form == "owned":
            yield from (Place(item=row, bytes=size) for row, size in rows.taken(item, shares, PAGES, folder))
        elif item.form == "pointers":
            for share in shares:
                begin = max(item.start + int(share * ((item.stop or 0) - item.start)), ends.get(item.label, 0))
                end = ends[item.label] = min(begin + PAGES, item.stop or 0)
                if begin < end:
                    part = part_of(item, storage.path(item.uri), begin, end)
                    yield Place(item=part, bytes=part.size)
        else:
            yield from _pages(item, shares, folder)


def _spread(items: list[Item], count: int) -> list[tuple[int, float]]:
    """Returns places at equal distances of bytes: each the number of an item, and the share of it that lies before."""
    ends = list(accumulate(item.size for item in items))
    if not ends or not ends[-1]:
        return []
    start = uniform(0, "estimate", items[0].source.encode())
    places: list[tuple[int, float]] = []
    number = 0
    for step in range(count):
        offset = ends[-1] * (step + start) / count
        while ends[number] <= offset:
            number += 1
        places.append((number, 1 - (ends[number] - offset) / items[number].size))
    return places


def _pages(item: Item, shares: list[float], folder: Path) -> Iterator[Place]:
    """Yields the places of a file of records."""
    path = storage.path(item.uri)
    if not storage.is_remote(path):
        with storage.opened(path) as (file, size):
            for begin, end in _ranges(file, size, item, shares):
                piece = replace(item, start=begin, stop=end, size=end - begin, blocks="")
                yield Place(item=piece, bytes=end - begin)
        return
    with RangeReader(path, chunk=GLANCE) as file:
        growth = file.size / item.size if item.digest.startswith(UNTOLD) else 1.0
        for begin, end in _ranges(file, file.size, item, shares):  # type: ignore[arg-type] # it reads as a BinaryIO
            copy = folder / f"{begin}-{path.name}"
            file.seek(begin)
            copy.write_bytes(file.read(end - begin))
            here = replace(item, uri=storage.uri(copy), digest=UNREAD, size=end - begin)
            yield Place(item=here, bytes=end - begin, growth=growth)


def _ranges(file: BinaryIO, size: int, item: Item, shares: list[float]) -> Iterator[tuple[int, int]]:
    """Yields the ranges of bytes that hold the pages at places of a file."""
    last = 0
    for share in shares:
        place = _range(file, size, item, max(last, int(share * size)))
        if place is None and not last:
            place = _range(file, size, item, 0)  # the place lies behind the last record
        if place:
            last = place[1]
            yield place


def _range(file: BinaryIO, size: int, item: Item, offset: int) -> tuple[int, int] | None:
    """Returns where the first pages from an offset on begin and end; None where none begins there."""
    if offset >= size:
        return None
    begin = last = None
    count = 0
    for outcome in read_pages(file, item.name, size=size, max_bytes=0, start=offset):
        if not isinstance(outcome, Page | RefusedRecord):
            continue
        place = outcome.pointer.offset
        begin = place if begin is None else begin
        if count >= PAGES and place != last:
            return begin, place
        count, last = count + 1, place
        if count == LOST:
            if size <= PACKED:
                return (0, size) if not offset else None
            raise SettingsError(f"{item.uri}: its records are packed as one, so no sample can be cut out of it")
    return None if begin is None else (begin, size)
