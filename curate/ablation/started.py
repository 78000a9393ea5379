"""The file started.json: the settings, the data and the judges with which the training of an ablation began.

It is written before the first step. What decides the numbers may not change after it, so that no judge is chosen by its
outcome; seeds may be added, and the baseline, the gap and the number of processes may change.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate import settings
from curate.ablation.arms import Data
from curate.ablation.config import Ablation, Judge
from curate.ablation.judges import Fixed
from curate.ablation.runs import START
from curate.errors import SettingsError
from curate.storage.writing import unsealed, write_record

FORMAT = "curate.ablation.started/1"
MAY_CHANGE = ("seeds", "processes", "baseline", "gap")
MEND = "give --replace to train anew what it changes, or name another folder"


def check_settings(ablation: Ablation, out: Path) -> None:
    """Raises SettingsError where training began there with other settings."""
    before = _stored(out)
    if not before:
        return
    then, now = before["ablation"], settings.to_table(ablation)
    for name in (name for name in sorted({*then, *now}) if name not in MAY_CHANGE):
        if then.get(name) != now.get(name):
            raise SettingsError(f"{out}: training began with other settings: {_change(name, then, now)}; {MEND}")


def check_content(data: Mapping[str, Data], judges: Mapping[str, Fixed], out: Path) -> None:
    """Raises SettingsError where training began there with other data or other texts of a judge."""
    before = _stored(out)
    if not before:
        return
    for name, own in data.items():
        if before["data"].get(name) != own.sha256:
            raise SettingsError(f"{out}: arm {name}: its dataset has changed since training began; {MEND}")
    for name, fixed in judges.items():
        then = before["judges"].get(name, {})
        if (then.get("sha256"), then.get("task_sha256", "")) != (fixed.sha256, fixed.task_sha256):
            raise SettingsError(f"{out}: judge {name}: its texts or its task have changed since training began; {MEND}")


def write(ablation: Ablation, data: Mapping[str, Data], judges: Mapping[str, Fixed], out: Path) -> None:
    """Writes the file, which says what is trained and measured from now on."""
    out.mkdir(parents=True, exist_ok=True)
    content = {
        "format": FORMAT,
        "ablation": settings.to_table(ablation),
        "data": {name: own.sha256 for name, own in data.items()},
        "judges": {name: _judge(fixed) for name, fixed in judges.items()},
    }
    write_record(out / START, content)


def read(path: Path) -> dict[str, Fixed]:
    """Returns the judges that the file states; ValueError or OSError where it cannot be read."""
    judges = {}
    for name, table in unsealed(path.read_bytes())["judges"].items():
        judge, items = settings.build(Judge, table["judge"]), tuple(table["items"])
        judges[name] = Fixed(**{**table, "judge": judge, "items": items})
    return judges


def _judge(fixed: Fixed) -> dict[str, Any]:
    return {**asdict(fixed), "judge": settings.to_table(fixed.judge), "items": [*fixed.items]}


def _stored(out: Path) -> dict[str, Any]:
    try:
        return unsealed((out / START).read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise SettingsError(f"{out / START}: changed since it was written; {MEND}") from None


def _change(path: str, then: Any, now: Any) -> str:
    """Returns the first setting that differs, with both values."""
    keys = path.split(".")
    old, new = then.get(keys[-1]), now.get(keys[-1])
    if isinstance(old, dict) and isinstance(new, dict):
        inner = next(name for name in sorted({*old, *new}) if old.get(name) != new.get(name))
        return _change(f"{path}.{inner}", old, new)
    return f"{path} was {old!r} and is {new!r}"
