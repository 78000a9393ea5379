"""Checks that a run or a stage may write into a folder without a loss of the user's files, and removes leftovers."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from curate import settings, storage
from curate.errors import DamageError, SettingsError
from curate.stage import attempt, traces
from curate.stage.kinds import KINDS
from curate.stage.plan import stage_folder
from curate.stage.receipts import GATHERED
from curate.stage.record import read_stage

# What files of ours hold, by name; a seal tells every other one.
OWN_MARKS = {
    "inputs.json": (),
    "manifest.json": (b'"curate.manifest"',),
    "report.html": (b'<meta name="generator" content="curate">',),
    "plan.json": (b'"curate.plan"',),
    "stage.json": (b'"curate.stage"',),
    "receipts.json": (b'"curate.receipts"',),
}
SHA256 = 64  # hex digits
# What a stage may write under a name that its plan decides, with the number of the part.
PLACES = re.compile(
    r"(?:part|rejected|failed)-(?P<number>\d{5,})\.parquet|receipts/(?P<receipt>\d{5,})\.json"
    r"|(?:plan|stage|receipts)\.json"
    r"|(?:train|valid)/[^/]+/part-\d{5,}-of-\d{5,}\.(?:bin|idx|meta\.parquet)"
)


def claim_run(name: str, out: Path) -> None:
    """Removes the leftovers of a killed run; SettingsError where the folder holds another recipe's or other files."""
    check_outside(out)
    owner = out / "recipe.toml"
    if is_run(out):
        holds = settings.parse_toml(owner.read_bytes().decode(errors="replace"), str(owner)).get("name")
        if holds != name:
            raise SettingsError(f"{out}: holds recipe {holds!r}, not {name!r}; name another folder")
    elif others := sorted(name for name in storage.entries(out)[0] if not _is_started(out, name)):
        raise SettingsError(f"{out}: not empty and no output of curate (it holds {others[0]}); name another folder")
    for file in ("inputs.json", "manifest.json", "report.html"):
        check_own(out / file)
    _remove_drafts(out)


def is_run(out: Path) -> bool:
    """Returns whether a folder is a run's: it holds recipe.toml, and what else a run writes."""
    folders = [kind.folder for kind in KINDS.values() if kind.in_recipe]
    names = [*OWN_MARKS, *(f"{folder}/{name}" for folder in folders for name in ("plan.json", "stage.json"))]
    return (out / "recipe.toml").exists() and any(is_own(out / name) for name in names)


def _is_started(out: Path, name: str) -> bool:
    """Returns whether a file is one that a run may leave that was killed before it had written its recipe."""
    if name == "inputs.json":
        return is_own(out / name)
    pointers = name.startswith("extract/pointers/") and traces.is_marked(out / name)
    return name == attempt.NAME or storage.is_draft(name) or name.startswith("miniweb/") or pointers


def check_stages(out: Path, stages: Sequence[str], parts: int | None = None) -> None:
    """Raises SettingsError where a file that is not ours lies where a stage of a run may write one.

    parts: how many parts the stages have; None: as many as before, as workers plan them later. Shards are cut later
    too, so all of their names count.
    """
    if parts is None:
        parts = traces.planned_items(stage_folder(out, stages[0]))
    halves = (KINDS[stage].first_half for stage in stages)
    for stage in (*stages, *(half for half in halves if half)):
        folder = stage_folder(out, stage)
        numbered = [(name, match) for name in storage.entries(folder)[0] if (match := PLACES.fullmatch(name))]
        wanted = {name for name, match in numbered if int(match["number"] or match["receipt"] or 0) < parts}
        wanted |= {name for name in KINDS[stage].attached if (folder / name).exists()}
        if wanted and not wanted <= _recorded(folder):
            traces.check_free(traces.read(folder, stage), sorted(wanted))


def _recorded(folder: Path) -> set[str]:
    """Returns the files of a closed stage by name; nothing of another, or of one whose receipts are damaged."""
    try:
        return {"plan.json", "stage.json", GATHERED, *read_stage(folder).outputs}
    except (SettingsError, DamageError):
        return set()


def claim_stage(stage: str, out: Path) -> None:
    """Removes the leftovers of a killed stage; SettingsError where the folder holds anything but this stage."""
    check_outside(out)
    planned = _planned(out)
    if planned not in (None, stage):
        raise SettingsError(f"{out}: holds the output of {planned}, not of {stage}; name another folder")
    if planned is None:
        names = storage.listed(out) if storage.is_remote(out) else None
        there = traces.read(out, stage, names=names)
        others = there.files - there.ours
        inside = storage.entries(out, names)[0] - there.files - {attempt.NAME}
        others |= {name for name in inside if not _is_inside(out, name)}
        if others:
            raise SettingsError(f"{out}: holds other files, not of {stage} ({min(others)}); name another folder")
    for file in {*KINDS[stage].beside} & {*OWN_MARKS}:
        check_own(out / file)
    _remove_drafts(out)


def _planned(out: Path) -> str | None:
    """Returns which stage a folder holds, by its plan or its closing record; None where it has neither."""
    for path in (out / "plan.json", out / "stage.json"):
        content = storage.contents([path])[0]
        if content is None:
            continue
        try:
            stage = json.loads(content)["stage"]
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path}: cannot read what is there: {error}") from None
        if stage not in KINDS:
            raise SettingsError(f"{path}: not written by curate; name another folder")
        return str(stage)
    return None


def _is_inside(out: Path, name: str) -> bool:
    """Returns whether a file belongs to a stage inside the folder, which has a plan by now, or is a temporary one."""
    return storage.is_draft(name) or is_own(out / name.partition("/")[0] / "plan.json")


def check_outside(out: Path) -> None:
    """Raises SettingsError where a folder lies in that of a run or of a stage, which owns all that is in it."""
    here = out if storage.is_remote(out) else out.resolve()
    for above in here.parents:
        if is_run(above):
            raise SettingsError(f"{out}: belongs to the run {above}; name a folder outside of it")
    for above in here.parents:
        if is_own(above / "plan.json") or is_own(above / "stage.json"):
            raise SettingsError(f"{out}: belongs to the stage in {above}; name a folder outside of it")


def is_own(path: Path) -> bool:
    """Returns whether a file is a record or a page of ours, whole or damaged; False where there is none."""
    try:
        content = storage.contents([path])[0]
    except OSError:  # it may not be read, as may what lies above a folder in a store
        return False
    if path.name == "inputs.json" and content is not None and b'"seal": "' not in content:
        return _holds_digests(content)
    return content is not None and any(mark in content for mark in (b'"seal": "', *OWN_MARKS.get(path.name, ())))


def _holds_digests(content: bytes) -> bool:
    try:
        entries = json.loads(content)
        return all(isinstance(entry, list) and len(entry[-1]) == SHA256 for entry in entries.values())
    except (ValueError, TypeError, AttributeError, IndexError):
        return False


def check_own(path: Path) -> None:
    """Raises SettingsError where a file lies there that is not ours and would be replaced."""
    if path.exists() and not is_own(path):
        raise traces.not_ours(path)


def _remove_drafts(out: Path) -> None:
    """Removes what a killed process was writing at the top of the folder; a stage removes its own."""
    for name in storage.names(out):
        if storage.is_draft(name):
            (out / name).unlink(missing_ok=True)
