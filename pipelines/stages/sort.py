"""Tokens to the global order, in passes: the first half of pack, whose folder goes once the shards are there."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from curate import errors, storage
from curate.pipelines.stages.given import Given
from curate.pipelines.stages.map_only import MakeInPasses, in_passes
from curate.recipe import Recipe
from curate.stage import traces
from curate.stage.kinds import KINDS
from curate.stage.plan import Item, Plan, json_digest, read_plan
from curate.stage.ranges import Group, Passes, grouped
from curate.stage.record import StageRecord, done, read_stage
from curate.tokens import load
from curate.tokens.lanes import group_bytes, segment_bytes, sort_step
from curate.tokens.rows import CLUSTER_SIZE, QUALITY


@dataclass(frozen=True, kw_only=True)  # no slots: the digests are kept once they are known
class Tokenized:
    """A finished tokenize stage."""

    folder: Path
    record: StageRecord
    names: list[str]  # of its parts

    @cached_property
    def digests(self) -> list[str]:
        """Returns the sha256 of each part."""
        return [self.record.outputs[name].sha256 for name in self.names]

    def uris(self, folder: Path) -> list[str]:
        """Returns where the parts lie, seen from a folder."""
        return [storage.relative(self.folder / name, folder) for name in self.names]

    @property
    def token_bytes(self) -> int:
        """Returns the bytes of a token."""
        return np.dtype(load.stated_in(self.record.settings)["dtype"]).itemsize


def tokenized(given: Given) -> Tokenized:
    """Returns the stage that pack was given; SettingsError where it is another's."""
    if given.previous is None:
        raise ValueError("pack is given the folder of tokenize")
    record = read_stage(given.previous)
    if record.stage != "tokenize":
        raise errors.SettingsError(f"{given.previous}: the output of {record.stage}; pack reads that of tokenize")
    names = [name for name in record.outputs if name.startswith("part-")]
    return Tokenized(folder=given.previous, record=record, names=names)


def bucket_settings(recipe: Recipe) -> tuple[str, tuple[float, ...]]:
    """Returns the column whose edges make buckets, and the edges."""
    settings = recipe.pack
    return (CLUSTER_SIZE, settings.clusters) if settings.clusters else (QUALITY, settings.buckets)


def needed(_recipe: Recipe) -> bool:
    """Returns whether the recipe's pack has this half: always."""
    return True


def spared(recipe: Recipe, folder: Path, given: Given) -> bool:
    """Returns whether the shards that it is to serve are there already."""
    return closed_pack(recipe, folder.parent, given) is not None


def closed_pack(recipe: Recipe, folder: Path, given: Given) -> Plan | None:
    """Returns the plan of the shards in a folder if they are whole, and made from these tokens by these settings."""
    try:
        plan = read_plan(folder)[0]
        same = plan.stage == "pack" and plan.locations.get("made_from") == made_from(recipe, folder, tokenized(given))
    except (errors.UserError, OSError):
        return None
    return plan if same and done(plan) else None


def made_from(recipe: Recipe, folder: Path, tokens: Tokenized) -> str:
    """Returns the digest of all that the shards in a folder are planned from."""
    stated = [recipe.pack.max_tokens, recipe.pack.valid_tokens, *bucket_settings(recipe)]
    return json_digest([tokens.digests, tokens.uris(folder), load.stated_in(tokens.record.settings), *stated])


def plan(recipe: Recipe, folder: Path, given: Given) -> Plan:
    """Returns the plan of sort: groups of parts, then what every later pass brings together."""
    tokens = tokenized(given)
    outputs = [tokens.record.outputs[name] for name in tokens.names]
    sizes, shard = [output.bytes for output in outputs], recipe.pack.max_tokens * tokens.token_bytes
    groups = grouped(sizes, [output.rows for output in outputs], group_bytes(shard))
    passes, (by, edges) = Passes.over(len(groups)), bucket_settings(recipe)
    table = {"passes": asdict(passes), "by": by, "buckets": list(edges), "segment": segment_bytes(shard)}
    items = tuple(_items(tokens, folder, groups or [Group(first=0, stop=0, size=0)], passes))
    return Plan(stage="sort", folder=folder, settings=table, items=items)


def _items(tokens: Tokenized, folder: Path, groups: list[Group], passes: Passes) -> Iterator[Item]:
    """Yields an item for each step; its digest is that of the parts whose rows it reads."""
    for number, group in enumerate(groups):
        own = slice(group.first, group.stop)
        first = storage.relative(tokens.folder / tokens.names[group.first], folder) if tokens.names else ""
        yield Item(
            number=number,
            name="parts",
            uri=first,
            form="part",
            digest=json_digest(tokens.digests[own]),
            size=group.size,
            start=group.start_row,
            stop=group.stop_row,
            files=tuple(tokens.names[own]),
        )
    digests = dict[tuple[int, int], dict[str, Any]]()
    for number in range(len(groups), passes.starts[-1]):
        step = passes.step(number)
        cluster = (step.number, step.cluster)
        if cluster not in digests:
            own = slice(step.cluster * passes.fan**step.number, (step.cluster + 1) * passes.fan**step.number)
            of_parts = slice(groups[own][0].first, groups[own][-1].stop)
            size = sum(group.size for group in groups[own]) // passes.fan**step.number
            digests[cluster] = {"digest": json_digest(tokens.digests[of_parts]), "size": size}
        name = f"pass {step.number}, cluster {step.cluster}, range {step.piece}"
        yield Item(number=number, name=name, uri="", form="keys", **digests[cluster])


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the stage."""
    in_passes(pipeline, plan, make_part)


def parts(_recipe: Recipe, _folder: str) -> beam.PTransform:
    """Returns what makes the parts of the stage in a job that is wired before it is planned."""
    return MakeInPasses(make_part)


def make_part(plan: Plan, item: Item) -> None:
    """Does one step."""
    sort_step(plan, item)


def remove(folder: Path) -> None:
    """Removes what the stage has left in its folder, and the folder if nothing else is in it."""
    if storage.names(folder):
        traces.clear(traces.read(folder, "sort"), keep=())
    if not storage.is_remote(folder):
        for emptied in (folder / "receipts", folder):
            with suppress(OSError):  # a file of the user's is in it
                emptied.rmdir()


def folder_in(shards: Path) -> Path:
    """Returns where the stage lies in the folder of shards."""
    return shards / KINDS["sort"].folder
