"""Draws the sample: the records that begin in some spans of bytes, one in each of as many equal stretches of a source.

Where a span lies in its stretch is drawn by a hash of the source's name and its number. Spans are measured in bytes, so
that a record's chance does not depend on its length; to take so many records at each place would not do, as long ones
lie together. Every fourth span is short: small parts beside larger ones show what a part costs however small it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from math import ceil
from pathlib import Path
from typing import BinaryIO, cast

from curate import storage
from curate.commoncrawl.pointers import part_of
from curate.errors import SettingsError
from curate.inputs.items import number_items
from curate.pipelines.estimation import rows
from curate.pipelines.estimation.listing import UNREAD, Listing
from curate.pipelines.estimation.rows import Spot
from curate.records import Page, RefusedRecord, uniform
from curate.stage.plan import Item
from curate.storage.remote import GLANCE, UNTOLD, RangeReader
from curate.warc.reader import read_pages

PAGES = 10  # in a span, on the average; those of one host often follow each other, so few are taken at each place
# Rows of the user's documents cost so little that a small part of them seems dearer than a large one is, whose first
# rows have warmed up what the others use. So as many are taken at a place as leave a source FEW places.
ROWS, FEW = 25, 8
SHORT, EVERY = 0.2, 4  # of the average span is a short one; every so many is one
LONG = (EVERY - SHORT) / (EVERY - 1)
LEAST = 4  # places of a source
PILOTS = 8  # places at which the length of a record is measured first
IDLE = 3  # parts of nothing, which cost what each part costs
PACKED = 16 << 20  # bytes of a file whose records are packed as one, and which is then taken whole
LOST = 1000  # records at one place of a file, which is then packed so


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Some records of an input, as an item of the sample."""

    item: Item
    bytes: float  # of the source's input that hold them
    growth: float = 1.0  # the size of its file over the size that a list gave it
    short: bool = False  # whether its span is a short one


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The items that are run: a place that warms the process up, items that hold nothing, and the other places."""

    places: tuple[Place, ...]  # of which the first warms up; the number of an item is that of its part in every stage
    idle: tuple[Item, ...]

    @property
    def items(self) -> list[Item]:
        """Returns the items in the order of their numbers."""
        return [self.places[0].item, *self.idle, *(place.item for place in self.places[1:])]


def drawn(listing: Listing, pages: int, folder: Path) -> Sample:
    """Draws a sample of about so many pages or rows; folder: for copies of what is remote, and of rows.

    SettingsError where an input cannot be sampled, or a source has no page or row at any place.
    """
    places: list[Place] = []
    whole = sum(listing.sizes.values())
    for source, size in listing.sizes.items():
        items = [item for item in listing.items if item.source == source]
        own_pages = pages * size / whole if whole else 0.0
        of_place = _of_place(items, own_pages)
        own = list(_of_source(items, max(LEAST, round(ceil(own_pages) / of_place)), of_place, folder))
        if size and not own:
            raise SettingsError(f"source {source}: no page or row can be read at any place of the sample; leave it out")
        places += own
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


def _of_place(items: list[Item], pages: float) -> float:
    """Returns how many records a place of a source has on the average, of which so many are to be drawn."""
    if any(item.form != "owned" for item in items):
        return PAGES
    return min(ROWS, max(PAGES, pages / FEW))


def _of_source(items: list[Item], count: int, of_place: float, folder: Path) -> Iterator[Place]:
    """Yields the places of one source."""
    spread = _spread(items, count)
    lengths = list(_lengths([(items[number], share) for number, share in spread[:: max(1, len(spread) // PILOTS)]]))
    if not (records := sum(number for _, number in lengths)):
        return
    record = sum(size for size, _ in lengths) / records
    by_item: dict[int, list[Spot]] = {}
    for step, (number, share) in enumerate(spread):
        short = step % EVERY == EVERY // 2  # never the first, in which the process warms up
        span = record * of_place * (SHORT if short else LONG)
        by_item.setdefault(number, []).append(Spot(share=share, span=span, short=short))
    for number, spots in by_item.items():
        item = items[number]
        if item.form == "owned":
            taken = rows.taken(item, spots, folder)
            yield from (Place(item=row, bytes=size, short=spot.short) for spot, row, size in taken)
        elif item.form == "pointers":
            yield from _pointers(item, spots)
        else:
            yield from _pages(item, spots, folder)


def _lengths(pilots: list[tuple[Item, float]]) -> Iterator[tuple[float, int]]:
    """Yields the bytes of some records at each place, and how many they are."""
    for item, share in pilots:
        if item.form == "owned":
            yield item.size, rows.count(item)
        elif item.form == "pointers":
            yield item.size, (item.stop or 0) - item.start
        else:
            with _opened(item) as (file, size):
                if range_ := _range(file, size, item, int(share * size), pages=PAGES):
                    yield range_[1] - range_[0], range_[2]


def _pointers(item: Item, spots: list[Spot]) -> Iterator[Place]:
    """Yields the places of a group of pointers."""
    count = (item.stop or 0) - item.start
    last = item.start
    for spot in spots:
        begin = max(last, item.start + int(spot.share * count))
        last = min(begin + max(1, round(spot.span * count / item.size)), item.stop or 0)
        if begin < last:
            part = part_of(item, storage.path(item.uri), begin, last)
            yield Place(item=part, bytes=part.size, short=spot.short)


def _spread(items: list[Item], count: int) -> list[tuple[int, float]]:
    """Returns a place in each of equal stretches of bytes: the number of an item, and the share of it before that."""
    ends = list(accumulate(item.size for item in items))
    if not ends or not ends[-1]:
        return []
    places: list[tuple[int, float]] = []
    number = 0
    for step in range(count):
        offset = ends[-1] * (step + uniform(0, "estimate", f"{items[0].source} {step}".encode())) / count
        while ends[number] <= offset:
            number += 1
        places.append((number, 1 - (ends[number] - offset) / items[number].size))
    return places


@contextmanager
def _opened(item: Item) -> Iterator[tuple[BinaryIO, int]]:
    """Yields a file and its size; of a remote one little more is read than what is looked at."""
    path = storage.path(item.uri)
    if not storage.is_remote(path):
        with storage.opened(path) as (file, size):
            yield file, size
        return
    with RangeReader(path, chunk=GLANCE) as reader:
        yield cast(BinaryIO, reader), reader.size


def _pages(item: Item, spots: list[Spot], folder: Path) -> Iterator[Place]:
    """Yields the places of a file of records."""
    path, last = storage.path(item.uri), 0
    with _opened(item) as (file, size):
        growth = size / item.size if item.digest.startswith(UNTOLD) else 1.0
        for spot in spots:
            start = int(spot.share * size)
            place = _range(file, size, item, max(last, start), stop=start + int(spot.span))
            if not place:
                continue
            begin, last, _ = place
            if not storage.is_remote(path):
                piece = replace(item, start=begin, stop=last, size=last - begin, blocks="")
            else:
                copy = folder / f"{begin}-{path.name}"
                file.seek(begin)
                copy.write_bytes(file.read(last - begin))
                piece = replace(item, uri=storage.uri(copy), digest=UNREAD, size=last - begin)
            yield Place(item=piece, bytes=last - begin, growth=growth, short=spot.short)


def _range(
    file: BinaryIO, size: int, item: Item, offset: int, *, stop: int | None = None, pages: int = 0
) -> tuple[int, int, int] | None:
    """Returns where the records that begin in [offset, stop) lie, or the first `pages` from there, and their number.

    None where none begins there.
    """
    if offset >= size:
        return None
    begin = last = None
    count = same = 0
    for outcome in read_pages(file, item.name, size=size, max_bytes=0, start=offset):
        if not isinstance(outcome, Page | RefusedRecord):
            continue
        place = outcome.pointer.offset
        if place != last and (count >= pages if stop is None else place >= stop):
            return None if begin is None else (begin, place, count)
        begin = place if begin is None else begin
        count, same, last = count + 1, same + 1 if place == last else 0, place
        if same == LOST:
            if size <= PACKED:
                return (0, size, LOST) if not offset else None
            raise SettingsError(f"{item.uri}: its records are packed as one, so no sample can be cut out of it")
    return None if begin is None else (begin, size, count)
