"""The shape of a map-only stage: every pending item of the plan becomes a part, wherever a worker is free.

Only item numbers cross Beam; a worker reads the plan and the item, and writes the part itself.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apache_beam as beam

from curate.parts import read_receipt
from curate.stage import Item, Plan, load_plan

MakePart = Callable[[Plan, Item], None]
# A process may be given several bundles at once, in threads; fastText and trafilatura promise nothing about threads.
ONE_AT_A_TIME = threading.Lock()
Pick = tuple[str, int]  # a stage's folder and an item's number


def pending_numbers(folder: str) -> Iterator[Pick]:
    """The items of a planned stage that have no valid part yet."""
    for item in load_plan(Path(folder)).pending():
        yield folder, item.number


def make_part(pick: Pick, make: MakePart) -> None:
    """Make one part, unless another attempt has finished it."""
    folder, number = pick
    plan = load_plan(Path(folder))
    item = plan.items[number]
    with ONE_AT_A_TIME:
        if read_receipt(plan.folder, number, plan.part_key(item)) is None:
            make(plan, item)


class MakeParts(beam.PTransform):  # type: ignore[misc]
    """Runs `make` for every pending item of the stages in the given folders."""

    def __init__(self, make: MakePart) -> None:
        super().__init__()
        self.make = make

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """PCollection of folders (str) to a PCollection of nothing: the output is files."""
        return (
            folders
            | "Pending items" >> beam.FlatMap(pending_numbers)
            | "Spread over workers" >> beam.Reshuffle()
            | "Make parts" >> beam.Map(make_part, self.make)
        )


def map_only(pipeline: beam.Pipeline, plan: Plan, make: MakePart) -> None:
    """Wire a map-only stage."""
    pipeline | "Plan" >> beam.Create([str(plan.folder.absolute())]) | MakeParts(make)
