"""The wiring of a stage whose items are made in passes: those of a pass once the pass before is done.

Only item numbers cross Beam, as in `map_only.py`. What the items of a pass do is told in `curate/stage/ranges.py`.
"""

from collections.abc import Iterable, Iterator

import apache_beam as beam

from curate import storage
from curate.pipelines.stages.map_only import Made, MakePart, Pick, made, make_part
from curate.stage.plan import Plan, load_plan
from curate.stage.ranges import MOST_PASSES, passes_of

Waited = tuple[bytes, bytes]  # a stage's folder, so that the gate can be built anew, and an item's number


def numbers_of_pass(folder: str, number: int) -> Iterator[Pick]:
    """Yields the items of a pass; nothing where the stage has fewer passes, or was removed when its work was over."""
    if not (storage.path(folder) / "plan.json").exists():
        return
    plan = load_plan(storage.path(folder))
    starts = passes_of(plan).starts
    if number < len(starts) - 1:
        yield from ((folder, item) for item in range(starts[number], starts[number + 1]))


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
