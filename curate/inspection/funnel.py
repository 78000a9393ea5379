"""What a run did, read back from its records: the funnel, the sources, the shards."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate import settings
from curate.dataset import manifest
from curate.errors import SettingsError
from curate.stage.kinds import KINDS, STAGES
from curate.stage.plan import stage_folder
from curate.stage.record import StageRecord, read_stage


def stage_folders(out: Path) -> dict[str, Path]:
    """The finished stages of a run folder, or of a stage's own folder; SettingsError if it is neither."""
    if (out / "stage.json").exists():
        stage = read_stage(out).stage
        before = {"extract": out / "documents"}  # the user's own documents, which dedup brought into parts
        if (half := KINDS[stage].first_half) and KINDS[half].takes == "files":
            before[half] = out / KINDS[half].folder
        halves = {name: folder for name, folder in before.items() if (folder / "stage.json").exists()}
        return {**halves, stage: out}
    found = {stage: stage_folder(out, stage) for stage in planned(out)}
    done = {stage: folder for stage, folder in found.items() if (folder / "stage.json").exists()}
    if not done and not (out / "recipe.toml").exists():
        raise SettingsError(f"{out}: no output of curate (neither recipe.toml nor stage.json is there)")
    return done


def planned(out: Path) -> tuple[str, ...]:
    """The stages of the run's recipe; a folder of another may be left from an earlier one."""
    try:
        table = settings.parse_toml((out / "recipe.toml").read_text(encoding="utf-8"), "recipe.toml")
    except (OSError, ValueError):
        return STAGES
    return tuple(stage for stage in STAGES if stage != "score" or stage in table)


def records(out: Path) -> dict[str, StageRecord]:
    """The closing records of the finished stages, in order."""
    return {stage: read_stage(folder) for stage, folder in stage_folders(out).items()}


def summary(out: Path) -> dict[str, Any]:
    """Everything that `curate inspect` prints, as plain values."""
    found = records(out)
    stages = [
        {"stage": stage, "seconds": record.seconds, **asdict(record.counts), "key": record.key}
        for stage, record in found.items()
    ]
    result: dict[str, Any] = {"output": str(out), "stages": stages, "run": (out / "recipe.toml").exists()}
    result["finished"] = (out / "manifest.json").exists()
    if "pack" in found and not result["run"]:
        names = ("path", "split", "source", "documents", "tokens")
        result["shards"] = [{name: cut[name] for name in names} for cut in found["pack"].settings["cuts"]]
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
    found = {name: source[name] for name in ("name", "weight", "share", "epochs")}
    for split in ("train", "valid"):
        for unit in ("documents", "tokens"):
            found[f"{split}_{unit}"] = source["splits"].get(split, {}).get(unit, 0)
    return found
