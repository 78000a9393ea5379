"""A whole recipe as one Beam graph, for runners that plan nothing after the launch; the same files, byte for byte.

What `run.py` does on the driver between pipelines is done here in workers. Each stage is a gate (one element, the out
folder), an opening that plans the stage from the recipe and the stage before, the parts, a barrier that waits for them
all, and a closing that writes the record and hands on the gate. Every step may be tried again at any time: an opening
writes the same plan and removes nothing, a part that is there is not made, a closing adds up what lies there.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import apache_beam as beam

from curate import recipe as recipes
from curate import settings, storage
from curate.dataset import manifest
from curate.errors import SettingsError, UserError
from curate.inputs import apart
from curate.inputs.items import bytes_of
from curate.pipelines import outlook, plans
from curate.pipelines.engines.engine import Engine, kept_some, wiring
from curate.pipelines.engines.warnings import of_record, of_sources, of_splits
from curate.pipelines.stages.map_only import ALL, Made, MakeParts
from curate.recipe import Recipe
from curate.settings import Where
from curate.stage.claims import check_stages, claim_run
from curate.stage.kinds import KINDS, WHOLES
from curate.stage.ownership import held
from curate.stage.plan import load_plan, open_plan, stage_folder
from curate.stage.record import (
    StageRecord,
    begin_stage,
    close_stage,
    done,
    forget_failed,
    gather_left,
    read_stage,
)
from curate.storage.writing import write_bytes

OUTDATED = ("manifest.json", "report.html")  # they say what the output holds, and go once a stage is to change it
USER_ERROR = re.compile(r"(?:SettingsError|OlderOutput|UserError): (.+?)(?: \[while running .*)?$", re.MULTILINE)


def run(
    recipe: Recipe, out: Path, engine: Engine, *, retry_failed: bool = False, may_replace: bool = False
) -> dict[str, StageRecord]:
    """Runs or resumes a recipe as one job, to its end; returns the stages' records by name.

    may_replace: a finished run of other inputs is made anew.
    """
    plans.check_apart(recipe, out)
    with plans.started(engine, recipe, out) as engine, held(out) as ledger:
        engine.progress.warn_all(plans.left_out(recipe))
        size = check_inputs(recipe)
        seconds = size / KINDS[recipe.stages[0]].bytes_per_second
        claim_run(recipe.name, out)
        check_stages(out, recipe.stages)
        check_items(recipe, out, engine, may_replace=may_replace)
        for line in outlook.of_sizes(size, 0, engine.target.count):
            engine.progress.say(line)
        if retry_failed:
            engine.progress.say(f"retry: {forget_failed(out)} parts with dead letters are made again")
        for stage in halves(recipe):
            gather_left(stage_folder(out, stage))
        if engine.session is None:
            raise ValueError("an engine executes between `started` and the end of its block")
        try:
            with engine.progress.following(ledger, partial(open_plan, out, halves(recipe))):
                engine.session.run(lambda pipeline: build(pipeline, recipe, out), seconds)
        except Exception as error:
            text = f"SettingsError: {error}" if isinstance(error, UserError) else str(error)
            if messages := USER_ERROR.findall(text):
                raise SettingsError(messages[-1]) from error
            raise
    records = {stage: read_stage(stage_folder(out, stage)) for stage in recipe.stages}
    for stage, record in records.items():
        engine.progress.done(record)
        engine.progress.warn_all(of_record(record, stage_folder(out, stage), recipe.alarms(stage)))
    engine.progress.warn_all(of_sources(records[recipe.stages[0]], plans.given_inputs(recipe)))
    engine.progress.warn_all(of_splits(records["pack"], recipe.pack.valid_fraction, plans.untrained(recipe)))
    return records


def check_inputs(recipe: Recipe) -> int:
    """Returns the bytes of the inputs, mini-web aside; SettingsError, before any work, where one is missing."""
    patterns = [pattern for inputs in plans.given_inputs(recipe).values() for pattern in inputs]
    plans.check_model_files(recipe, None)
    return bytes_of(tuple(patterns), recipe.commoncrawl)


def check_items(recipe: Recipe, out: Path, engine: Engine, *, may_replace: bool) -> None:
    """Checks the columns of the user's documents, and that a finished run has no other inputs.

    The digests of the inputs, which it needs, are left to the workers.
    """
    digests = plans.open_digests(out, engine.progress.doing)
    items = plans.own_items(recipe, digests, engine.progress.warn)
    if not may_replace and (out / "manifest.json").exists():
        apart.check_same(stage_folder(out, recipe.stages[0]), out, items)
    digests.save()


def build(pipeline: beam.Pipeline, recipe: Recipe, out: Path) -> None:
    """Wires every stage of a recipe."""
    start = pipeline | "Recipe" >> beam.Create([recipes.to_toml(recipe)])
    gate = start | "Begin" >> beam.Map(begin, storage.uri(out))
    for name in halves(recipe):
        parts = parts_of(name, recipe, storage.uri(stage_folder(out, name)))
        gate = gate | name >> Stage(name, storage.uri(out), parts)
    gate | "Manifest" >> beam.Map(finish)


def halves(recipe: Recipe) -> list[str]:
    """Returns the stages of a recipe in order, each behind its first half, if that is needed."""
    names: list[str] = []
    for stage in recipe.stages:
        half = KINDS[stage].first_half
        names += [half, stage] if half and wiring(half).needed(recipe) else [stage]
    return names


def parts_of(stage: str, recipe: Recipe, folder: str) -> beam.PTransform:
    """Returns what makes the parts of a stage in its folder, which is planned by then."""
    module = wiring(stage)
    return module.parts(recipe, folder) if hasattr(module, "parts") else MakeParts(module.make_part)


class Stage(beam.PTransform):  # type: ignore[misc]
    """One stage between two gates; `parts` makes its parts of its folder, once that is open."""

    def __init__(self, stage: str, out: str, parts: beam.PTransform) -> None:
        super().__init__()
        self.stage, self.out, self.parts = stage, out, parts

    def expand(self, gate: beam.PCollection) -> beam.PCollection:
        """Takes the out folder (str) and returns it, once every part is made and the record is written."""
        made = gate | "Open" >> beam.FlatMap(open_stage, self.stage) | "Parts" >> self.parts
        arrived = gate | "Arrive" >> beam.Map(arrive)  # so that there is something to wait for in a stage done before
        return (
            (arrived, made)
            | "Gate and parts" >> beam.Flatten()
            | "All made" >> beam.GroupByKey()
            | "Close" >> beam.Map(close, self.out, self.stage)
        )


def begin(text: str, out: str) -> str:
    """Writes the recipe, which every later step reads; returns the out folder."""
    path = storage.path(out) / "recipe.toml"
    plans.open_digests(path.parent).save()  # shows that the folder is a run's
    if storage.contents([path]) != [text.encode()]:
        write_bytes(path, text.encode())
    return out


def open_stage(out: str, stage: str) -> Iterator[str]:
    """Plans a stage and writes the plan; yields its folder, or nothing where the stage is done already."""
    folder = storage.path(out)
    digests = plans.open_digests(folder)
    recipe, module = _recipe(folder), wiring(stage)
    if hasattr(module, "spared") and module.spared(
        recipe, stage_folder(folder, stage), plans.given(stage, recipe, folder, digests)
    ):
        return
    plan = plans.planned(stage, recipe, folder, digests)
    digests.save()
    if done(plan):
        return
    for name in OUTDATED:
        (folder / name).unlink(missing_ok=True)
    begin_stage(plan)
    yield storage.uri(plan.folder)


def arrive(_out: str) -> Made:
    """Returns an element like those of the parts, so that there is one to wait for where all parts are made."""
    return ALL, b""


def close(_words: tuple[bytes, Iterable[bytes]], out: str, stage: str) -> str:
    """Writes a stage's record, unless the stage is done; returns the out folder."""
    folder = storage.path(out)
    if hasattr(wiring(stage), "spared") and not (stage_folder(folder, stage) / "plan.json").exists():
        return out  # it was spared, or removed since: the stage that it serves is closed
    plan = load_plan(stage_folder(folder, stage))
    record = done(plan) or close_stage(plan)
    if stage not in WHOLES:
        kept_some(record, folder)
    if finish := getattr(wiring(stage), "finish", None):
        finish(plan, record)
    return out


def finish(out: str) -> None:
    """Writes the manifest."""
    folder = storage.path(out)
    recipe = _recipe(folder)
    records = {stage: read_stage(stage_folder(folder, stage)) for stage in recipe.stages}
    made = manifest.make(recipe, folder, records)
    manifest.write(made, folder)


def _recipe(out: Path) -> Recipe:
    path = out / "recipe.toml"
    text = path.read_bytes().decode()
    return recipes.from_table(settings.parse_toml(text, str(path)), Where(str(path), text))
