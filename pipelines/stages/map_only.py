"""The wiring of a map-only stage: every item of the plan becomes a part, wherever a worker is free.

Only item numbers cross Beam; a worker reads the plan and the item, and writes the part itself.
"""

import threading
from collections.abc import Callable, Iterator

import apache_beam as beam

from curate import storage
from curate.stage.parts import read_receipt
from curate.stage.plan import Item, Plan, load_plan

MakePart = Callable[[Plan, Item], None]
# A process may be given several bundles at once, in threads; fastText and trafilatura promise nothing about threads.
ONE_AT_A_TIME = threading.Lock()
Pick = tuple[str, int]  # a stage's folder and an item's number
Made = tuple[bytes, bytes]  # one key for all, so that they can be waited for, and an item's number
ALL = b"all"


def part_numbers(folder: str) -> Iterator[Pick]:
    """Yields every item of a planned stage, made or not, so that a retried bundle emits the same."""
    for item in load_plan(storage.path(folder)).items:
        yield folder, item.number


def make_part(pick: Pick, make: MakePart) -> Made:
    """Makes one part, unless it is there already."""
    folder, number = pick
    plan = load_plan(storage.path(folder))
    item = plan.items[number]
    with ONE_AT_A_TIME:
        if read_receipt(plan.folder, number, plan.part_key(item)) is None:
            make(plan, item)
    return made(number)


def made(number: int) -> Made:
    """Returns the element that stands for a part that was made."""
    return ALL, number.to_bytes(4, "big")


class MakeParts(beam.PTransform):  # type: ignore[misc]
    """Runs `make` for every item of the stages in the given folders that has no valid part yet."""

    def __init__(self, make: MakePart) -> None:
        super().__init__()
        self.make = make

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of folders (str); returns one of the parts made. The output proper is files."""
        return (
            folders
            | "Items" >> beam.FlatMap(part_numbers)
            | "Spread over workers" >> beam.Reshuffle()
            | "Make parts" >> beam.Map(make_part, self.make)
        )


def map_only(pipeline: beam.Pipeline, plan: Plan, make: MakePart) -> None:
    """Wires a stage in which each item becomes a part."""
    pipeline | "Plan" >> beam.Create([storage.uri(plan.folder)]) | MakeParts(make)
