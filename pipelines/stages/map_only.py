"""The wiring of a map-only stage: every item of the plan becomes a part, wherever a worker is free.

Only item numbers cross Beam; a worker reads the plan and the item, and writes the part itself. Where the items come in
passes (`curate/stage/ranges.py`), those of a pass are made once the pass before is done.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import apache_beam as beam

from curate import storage
from curate.inputs.documents import read_documents
from curate.pipelines.engines import crew as crews
from curate.records import Document
from curate.stage.parts import PartWriter, read_receipt
from curate.stage.plan import Item, Plan, load_plan
from curate.stage.ranges import MOST_PASSES, passes_of
from curate.stage.receipts import gathered_lines

MakePart = Callable[[Plan, Item], None]
# A process may be given several bundles at once, in threads; fastText and trafilatura promise nothing about threads.
ONE_AT_A_TIME = threading.Lock()
Pick = tuple[str, int]  # a stage's folder and an item's number
Made = tuple[bytes, bytes]  # one key for all, so that they can be waited for, and an item's number
ALL = b"all"
Waited = tuple[bytes, bytes]  # a stage's folder, from which the next pass begins, and an item's number


def documents(plan: Plan, item: Item, part: PartWriter) -> Iterator[Document]:
    """Yields the documents of an item; rows that are none go to the part's rejections and dead letters."""
    for document in read_documents(plan, item, part.note):
        if isinstance(document, Document):
            yield document
        else:
            part.refuse(document, item.source)


def part_numbers(folder: str) -> Iterator[Pick]:
    """Yields the items of a planned stage but those whose receipts were gathered when it was opened.

    As nothing is gathered while parts are made, a retried bundle emits the same. The largest come first, so that what
    the last worker still does while the others have nothing left is small.
    """
    plan = load_plan(storage.path(folder))
    whole = gathered_numbers(plan)
    for item in sorted(plan.items, key=lambda item: -item.size):
        if item.number not in whole:
            yield folder, item.number


def gathered_numbers(plan: Plan) -> set[int]:
    """Returns the parts whose receipts lie together, which were found whole when the stage was opened."""
    keys = {line["number"]: line.get("key") for line in gathered_lines(plan.folder)}
    items = plan.items if keys else ()
    return {item.number for item in items if item.number in keys and keys[item.number] == plan.part_key(item)}


def make_part(pick: Pick, make: MakePart) -> Made:
    """Makes one part, unless it is there already."""
    folder, number = pick
    plan = load_plan(storage.path(folder))
    make_missing(plan, plan.items[number], make)
    return made(number)


def make_missing(plan: Plan, item: Item, make: MakePart) -> None:
    """Makes the part of an item, unless it is there already."""
    with ONE_AT_A_TIME:
        if read_receipt(plan.folder, item.number, plan.part_key(item)) is None:
            make(plan, item)


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
    """Wires a stage in which each item becomes a part, unless there is a crew, which begins with the items."""
    if crew := crews.current():
        crew.begin(partial(make_part, make=make), part_numbers(storage.uri(plan.folder)))
        if crew.works:
            return
    pipeline | "Plan" >> beam.Create([storage.uri(plan.folder)]) | MakeParts(make)


def numbers_of_pass(folder: str, number: int) -> Iterator[Pick]:
    """Yields the items of a pass; nothing where the stage has fewer passes, or was removed when its work was over."""
    if not (storage.path(folder) / "plan.json").exists():
        return
    plan = load_plan(storage.path(folder))
    starts = passes_of(plan).starts
    if number < len(starts) - 1:
        whole = gathered_numbers(plan)
        yield from ((folder, item) for item in range(starts[number], starts[number + 1]) if item not in whole)


def make_in_pass(pick: Pick, make: MakePart) -> Waited:
    """Makes one part, unless it is there already, or the stage was removed when its work was over."""
    folder, number = pick
    if (storage.path(folder) / "plan.json").exists():
        make_part(pick, make)
    return folder.encode(), number.to_bytes(4, "big")


def arrive(folder: str) -> Waited:
    """Returns an element like those of the parts, so that there is one to wait for in a pass without items."""
    return folder.encode(), b""


def gate(waited: tuple[bytes, Iterable[bytes]]) -> str:
    """Returns the folder of the stage, once all parts of a pass are made."""
    return waited[0].decode()


def finished(waited: Waited) -> Made:
    """Returns the element that stands for a part that was made."""
    return made(int.from_bytes(waited[1], "big"))


class MakeInPasses(beam.PTransform):  # type: ignore[misc]
    """Runs `make` for every item of the stages in the given folders that has no valid part yet, pass by pass."""

    def __init__(self, make: MakePart, passes: int = MOST_PASSES) -> None:
        super().__init__()
        self.make, self.passes = make, passes

    def expand(self, folders: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of folders (str); returns one of the parts of the last pass. The output is files."""
        for number in range(self.passes):
            parts = (
                folders
                | f"Items of pass {number}" >> beam.FlatMap(numbers_of_pass, number)
                | f"Spread pass {number}" >> beam.Reshuffle()
                | f"Make pass {number}" >> beam.Map(make_in_pass, self.make)
            )
            if number == self.passes - 1:
                return parts | "Made" >> beam.Map(finished)
            arrived = folders | f"Arrive in pass {number}" >> beam.Map(arrive)
            folders = (
                (arrived, parts)
                | f"Gate and pass {number}" >> beam.Flatten()
                | f"Pass {number} made" >> beam.GroupByKey()
                | f"Gate {number}" >> beam.Map(gate)
            )
        raise ValueError(f"a stage has at least one pass, got {self.passes}")


def in_passes(pipeline: beam.Pipeline, plan: Plan, make: MakePart) -> None:
    """Wires a stage in which items become parts pass by pass."""
    folders = pipeline | "Plan" >> beam.Create([storage.uri(plan.folder)])
    folders | MakeInPasses(make, passes_of(plan).last + 1)
