"""A worker's view of a run against an index: the plan, the index as it was before, the generation to be written."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate import storage
from curate.dedup.candidates import Layout, Pair, layout_of
from curate.dedup.config import Dedup
from curate.dedup.index import tables
from curate.dedup.index.generations import RECORD, Index, read_index
from curate.stage.plan import Plan, load_plan

ENTRY = b"ix"  # the key of what is said of a file that was written


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run against an index."""

    plan: Plan
    rules: Dedup
    layout: Layout
    index: Index  # without the generation that the run adds
    number: int  # of that generation
    folder: Path  # where its files are written
    added: bool  # whether the index has it already: its files are as an earlier run wrote them, and stay so

    @property
    def shingled(self) -> bool:
        """Returns whether the index holds the shingles of kept documents."""
        return self.rules.near and self.rules.verify == "shingles"


def job_of(folder: str) -> Job:
    """Returns the job of a planned dedup stage whose signatures are made."""
    plan = load_plan(storage.path(folder))
    table = plan.settings["index"]
    path = storage.path(plan.locations["index"])
    own = path / table["name"]
    return Job(
        plan=plan,
        rules=plan.built(Dedup, "dedup"),
        layout=layout_of(folder),
        index=_index(str(path), tuple(table["before"])),
        number=table["number"],
        folder=own,
        added=(own / RECORD).exists(),
    )


@lru_cache(maxsize=4)
def _index(path: str, before: tuple[str, ...]) -> Index:
    """Reads the generations of these digests; RuntimeError where they are not the first of the index."""
    index = read_index(storage.path(path)).before(len(before) + 1)
    if tuple(generation.digest for generation in index.generations) != before:
        raise RuntimeError(f"{path}: changed since the stage was planned; run the same command again")
    return index


def written(job: Job, name: str, schema: pa.Schema, rows: pa.Table, **facts: Any) -> Iterator[Pair]:
    """Writes a sorted file of a generation that is not added yet, unless it has no rows; yields what is said of it."""
    if rows.num_rows and not job.added:
        record = tables.write(job.folder / name, schema, [rows])
        yield entry(name, asdict(record), **facts)


def entry(name: str, file: dict[str, Any], **facts: Any) -> Pair:
    """Returns what is said of a file: its record, and other facts."""
    return ENTRY, json.dumps({"name": name, "file": file, **facts}, sort_keys=True).encode()
