"""Makes parts of a stage before it begins: each once the part of the stage before is there, from which it is made.

A stage begins when all parts of the one before are there, so that workers would wait for the last of these. What they
make meanwhile lies in the folder of the stage that is to begin, each part with its receipt, and no plan: as after a
run that was killed there. The stage then finds these parts whole, as their keys are those of its items.
"""

from dataclasses import dataclass
from pathlib import Path

from curate import storage
from curate.inputs.items import part_item
from curate.pipelines.engines.engine import wiring
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import Pick, make_missing
from curate.recipe import Recipe
from curate.stage.kinds import KINDS
from curate.stage.parts import part_name, read_receipt
from curate.stage.plan import Item, Plan, load_plan, stage_folder

Task = tuple[int, int]  # of which of the later stages, and of which of its items


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesAhead:
    """The stages behind one that runs, whose parts depend on one item each."""

    folder: str  # of the stage that runs
    plans: tuple[Plan, ...]  # of those behind it, in order, without items

    def __call__(self, task: Task) -> None:
        """Makes the part of a task, unless it is there."""
        place, number = task
        plan = self.plans[place]
        storage.make_folder(plan.folder / "receipts")
        make_missing(plan, self._item(place, number), wiring(plan.stage).make_part)

    def after(self, task: Task | Pick) -> Task | None:
        """Returns the task that can be done once a part of the stage that runs, or one ahead of it, is there."""
        before, number = task
        place = before + 1 if isinstance(before, int) else 0
        return (place, number) if place < len(self.plans) else None

    def _item(self, place: int, number: int) -> Item:
        """Returns the item of a later stage; RuntimeError where the part that it stands for is not there."""
        plan = load_plan(storage.path(self.folder))
        item = plan.items[number]
        for later in self.plans[: place + 1]:
            receipt = read_receipt(plan.folder, number, plan.part_key(item))
            if receipt is None:
                raise RuntimeError(f"{plan.folder}: no part was made of {item.label}")
            item = part_item(plan.stage, item, receipt.files[part_name(number)], plan.folder, later.folder)
            plan = later
        return item


def chain(recipe: Recipe, out: Path, first: Plan) -> tuple[Plan, ...]:
    """Returns the plan of a run's first stage, and those, without items, of stages whose parts may be made ahead.

    These are the stages right behind it whose parts depend on the recipe and on one item each, and which have made
    nothing yet.
    """
    names = [name for stage in recipe.stages[1:] for name in (KINDS[stage].first_half, stage) if name]
    plans = [first]
    for name in names:
        folder, may_begin = stage_folder(out, name), getattr(wiring(name), "may_be_ahead", None)
        if not (may_begin and may_begin(recipe)) or storage.names(folder):
            break
        plans.append(wiring(name).plan(recipe, folder, Given()))
    return tuple(plans)


def ahead_of(plan: Plan, chain: tuple[Plan, ...]) -> StagesAhead | None:
    """Returns what workers can do, while a stage of a chain runs, for those behind it; None for nothing."""
    folders = [step.folder for step in chain]
    if plan.folder not in folders[:-1] or not plan.per_item:
        return None
    return StagesAhead(folder=storage.uri(plan.folder), plans=chain[folders.index(plan.folder) + 1 :])
