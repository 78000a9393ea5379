"""Reads back what a run did from the records of its stages: the counts of each, the sources, the shards."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate import settings
from curate.dataset import manifest
from curate.errors import UserError
from curate.stage.kinds import KINDS, STAGES
from curate.stage.plan import stage_folder
from curate.stage.record import StageRecord, read_stage
from curate.storage.writing import unsealed


def stage_folders(out: Path) -> dict[str, Path]:
    """Returns the folders of the finished stages of a run folder, or of a stage's own; raises UserError otherwise."""
    if (out / "stage.json").exists():
        stage = read_stage(out).stage
        inside = {"extract": out / "documents"}  # the user's own documents, which dedup brought into parts
        half = KINDS[stage].first_half
        if half and KINDS[half].takes == "files":
            inside[half] = out / KINDS[half].folder
        return {**_finished(inside), stage: out}
    done = _finished({stage: stage_folder(out, stage) for stage in planned_stages(out)})
    if not done and not (out / "recipe.toml").exists():
        raise UserError(f"{out}: no output of curate (neither recipe.toml nor stage.json is there)")
    return done


def tables(out: Path, *, letters: bool = False) -> Iterator[tuple[str, Path, str]]:
    """Yields the tables of an output that hold rows about documents, pages or links: stage, folder, name in the folder.

    Tables of a stage's own are left out. letters: also those of dead letters.
    """
    own = (f"{name}-" for kind in KINDS.values() for name in kind.tables)
    others = ("pointers/", "lots/", *own, *(() if letters else ("failed-",)))
    for stage, folder in stage_folders(out).items():
        for name in read_stage(folder).outputs:
            if name.endswith(".parquet") and not name.startswith(others):
                yield stage, folder, name


def _finished(folders: dict[str, Path]) -> dict[str, Path]:
    return {stage: folder for stage, folder in folders.items() if (folder / "stage.json").exists()}


def planned_stages(out: Path) -> tuple[str, ...]:
    """Returns the stages of the run's recipe; the folder of another stage may be left from an earlier recipe."""
    try:
        return _stages_of((out / "recipe.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return STAGES


@lru_cache(maxsize=1)
def _stages_of(recipe: str) -> tuple[str, ...]:
    table = settings.parse_toml(recipe, "recipe.toml")
    return tuple(stage for stage in STAGES if not KINDS[stage].optional or stage in table)


def closing_records(out: Path) -> dict[str, StageRecord]:
    """Returns the closing records of the finished stages, in order."""
    return {stage: read_stage(folder) for stage, folder in stage_folders(out).items()}


def contamination(out: Path) -> dict[str, Any] | None:
    """Returns what the stage decontaminate says of its evaluation sets; None where no such stage is finished."""
    folder = stage_folders(out).get("decontaminate")
    try:
        return unsealed((folder / "contamination.json").read_bytes()) if folder else None
    except (OSError, ValueError):  # verify names it
        return None


def removals(out: Path) -> dict[str, Any] | None:
    """Returns what the stage dedup says of its removals; None where no such stage is finished."""
    folder = stage_folders(out).get("dedup")
    try:
        return unsealed((folder / "removals.json").read_bytes()) if folder else None
    except (OSError, ValueError):  # verify names it
        return None


def summary(out: Path) -> dict[str, Any]:
    """Returns everything that `curate inspect` prints, as plain values."""
    records = closing_records(out)
    stages = [
        {"stage": stage, "seconds": record.seconds, **asdict(record.counts), "key": record.key}
        for stage, record in records.items()
    ]
    result: dict[str, Any] = {"output": str(out), "stages": stages, "run": (out / "recipe.toml").exists()}
    result["finished"] = (out / "manifest.json").exists()
    if leaks := contamination(out):
        columns = ("name", "ngram", "items", "short", "dirty", "dirty_share", "documents", "documents_share", "leaking")
        result["evaluation_sets"] = [{name: row[name] for name in columns} for row in leaks["sets"]]
    if removed := removals(out):
        result["removals"] = {name: removed[name] for name in ("hosts", "near", "limit", "without_winner", "sample")}
    if "pack" in records and not result["run"]:
        names = ("path", "split", "source", "documents", "tokens")
        result["shards"] = [{name: cut[name] for name in names} for cut in records["pack"].settings["cuts"]]
    if result["finished"]:
        contract = manifest.read(out)
        result["name"] = contract["name"]
        result["budget"] = contract["mixture"]["tokens"]
        result["sources"] = [_source(source) for source in contract["sources"]]
        result["shards"] = [
            {"split": split, "source": source["name"]} | {name: shard[name] for name in ("path", "documents", "tokens")}
            for source in contract["sources"]
            for split, part in sorted(source["splits"].items())
            for shard in part["shards"]
        ]
    return result


def _source(source: dict[str, Any]) -> dict[str, Any]:
    row = {name: source[name] for name in ("name", "weight", "share", "epochs")}
    for split in ("train", "valid"):
        for unit in ("documents", "tokens"):
            row[f"{split}_{unit}"] = source["splits"].get(split, {}).get(unit, 0)
    return row
