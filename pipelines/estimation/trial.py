"""Runs a sample through a recipe's stages, as a run does but in this process, and measures what each place took."""

import io
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.dataset import manifest
from curate.extract import sandbox
from curate.inputs.columns import resolved, unheard
from curate.pipelines import plans
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.estimation.listing import Unread
from curate.pipelines.estimation.places import Sample
from curate.pipelines.run import run_stage
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.stage.kinds import KINDS
from curate.stage.parts import ROW_GROUP_ROWS, part_name
from curate.stage.plan import load_plan, stage_folder
from curate.stage.receipts import Receipt
from curate.stage.record import StageRecord
from curate.storage.writing import write_bytes

WHOLE_FILE = 1 << 60  # bytes: no item of the sample is cut


@dataclass(slots=True, kw_only=True)
class PartCost:
    """The cost of the part of one item in a stage, its first half included."""

    seconds: float = 0.0  # of CPU
    read: int = 0  # documents
    kept: int = 0
    text: int = 0  # bytes of the text of those that were kept
    written: float = 0.0  # bytes of files, as one large file would hold them
    files: int = 0  # bytes of its own files
    tokens: int = 0  # of the stage tokenize


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTrial:
    """A stage of the sample."""

    stage: str
    parts: dict[int, PartCost]  # by the number of the item; of pack by that of the shard
    seconds: float  # of CPU, of this process and of those that it started
    record: StageRecord
    beside_bytes: int  # of files that belong to no part, such as a model
    records: float  # bytes of records a part
    start_s: float  # CPU seconds in which the extractor's process started, which every worker has; 0 where none did

    @property
    def beside(self) -> float:
        """Returns the CPU seconds beside its parts and extractor: planning, Beam, a model that is trained."""
        return max(0.0, self.seconds - self.start_s - sum(part.seconds for part in self.parts.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The stages of a sample, up to the first that kept nothing."""

    stages: tuple[StageTrial, ...]
    closing_s: float  # of CPU, for the manifest
    memory: int  # bytes at the peak of this process and of its extractor


def run(recipe: Recipe, sample: Sample, out: Path, heard: Callable[[str], None]) -> Trial:
    """Runs the sample into a folder; heard: called with the name of each stage before it begins."""
    first, *_ = recipe.stages
    # an index is not added to, and no item is cut
    recipe = replace(
        recipe,
        extract=replace(recipe.extract, split_bytes=WHOLE_FILE),
        dedup=replace(recipe.dedup, index=""),
    )
    write_bytes(out / "recipe.toml", b"")
    trials: list[StageTrial] = []
    with Engine(target=EngineOptions(workers=1)).started() as engine:
        for stage in recipe.stages:
            heard(stage)
            began, started = _cpu(), sandbox.shared().start_s
            if stage == first:
                given = Given(items=resolved(sample.items, plans.taken(recipe), unheard), digests=Unread())
            else:
                given = plans.given(stage, recipe, out, Unread())
            record = run_stage(stage, recipe, stage_folder(out, stage), given, engine)
            sandbox.shared().close()  # so that its time counts
            seconds, start_s = _cpu() - began, sandbox.shared().start_s - started
            trials.append(_measured(stage, out, seconds, record, start_s))
            if not record.counts.kept:
                break
    return Trial(stages=tuple(trials), closing_s=_closing(recipe, out, trials), memory=_peak())


def _closing(recipe: Recipe, out: Path, trials: list[StageTrial]) -> float:
    """Returns the CPU seconds that the manifest takes."""
    if len(trials) < len(recipe.stages):
        return 0.0
    began = _cpu()
    manifest.write(manifest.make(recipe, out, {trial.stage: trial.record for trial in trials}), out)
    return _cpu() - began


def _measured(stage: str, out: Path, seconds: float, record: StageRecord, start_s: float) -> StageTrial:
    """Returns what a stage took that is closed."""
    folder = stage_folder(out, stage)
    noted = sum(size for name, size in storage.sizes(folder).items() if name.endswith(".json"))
    parts = _costs(stage, out)
    beside = sum(file.bytes for name, file in record.outputs.items() if name in load_plan(folder).attached)
    return StageTrial(
        stage=stage,
        parts=parts,
        seconds=seconds,
        record=record,
        beside_bytes=beside,
        records=noted / len(parts),
        start_s=start_s,
    )


def _costs(stage: str, out: Path) -> dict[int, PartCost]:
    """Returns what the parts of a stage took, by their numbers."""
    costs: dict[int, PartCost] = {}
    for name, folder, receipts in _receipts(stage, out):
        for receipt in receipts:
            cost = costs.setdefault(receipt.number, PartCost())
            cost.seconds += receipt.seconds
            cost.files += sum(record.bytes for record in receipt.files.values())
            if name == stage:
                counts = receipt.counts
                cost.read, cost.kept, cost.text = counts.read, counts.kept, counts.bytes_kept
        for number, size in _written(folder, receipts).items():
            costs[number].written += size
    if stage == "tokenize":
        folder = stage_folder(out, stage)
        for number, cost in costs.items():
            part = pq.read_table(folder / part_name(number), columns=["tokens"])
            cost.tokens = sum(part["tokens"].to_pylist())
    return costs


def _receipts(stage: str, out: Path) -> Iterator[tuple[str, Path, list[Receipt]]]:
    """Yields the receipts of a stage and of its first half, each with its name and its folder."""
    half = KINDS[stage].first_half
    for name in (half, stage):
        folder = stage_folder(out, name) if name else None
        if name and folder and (folder / "plan.json").exists():
            yield name, folder, [receipt for receipt in load_plan(folder).receipts() if receipt]


def _written(folder: Path, receipts: list[Receipt]) -> dict[int, float]:
    """Returns the bytes of files by part, as if those of all parts were one file of each kind.

    Small files do not pack as well as those of a run.
    """
    kinds: dict[str, dict[int, str]] = {}
    sizes: dict[int, float] = {}
    for receipt in receipts:
        for name, record in receipt.files.items():
            if name.endswith(".parquet") and "/" not in name:
                kinds.setdefault(name.rpartition("-")[0], {})[receipt.number] = name
            else:
                sizes[receipt.number] = sizes.get(receipt.number, 0.0) + record.bytes
    for names in kinds.values():
        tables = {number: pq.read_table(folder / name) for number, name in names.items()}
        whole = pa.concat_tables(tables.values())
        target = io.BytesIO()
        pq.write_table(whole, target, compression="zstd", row_group_size=ROW_GROUP_ROWS)
        for number, table in tables.items():
            share = table.nbytes / whole.nbytes if whole.nbytes else 0.0
            sizes[number] = sizes.get(number, 0.0) + share * target.tell()
    return sizes


def _cpu() -> float:
    """Returns the CPU seconds of this process, and of those that it started and that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak() -> int:
    """Returns the bytes of memory at the peak of this process, and of the largest that it started."""
    return sum(resource.getrusage(who).ru_maxrss << 10 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
