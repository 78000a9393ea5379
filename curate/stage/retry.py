"""Parts in which something failed, made again: the dead letters of an output, run once more."""

import json
from pathlib import Path

from curate import storage


def forget_failed(out: Path) -> int:
    """Drop the receipts of parts that hold a dead letter, in a stage's folder or a run's; how many there were.

    The next run makes these parts again, and what depends on them if they turn out otherwise.
    """
    folders = [out, *(out / name for name in sorted(storage.names(out)))]
    return sum(_forget(folder) for folder in folders if (folder / "plan.json").exists())


def _forget(folder: Path) -> int:
    receipts = [folder / "receipts" / name for name in sorted(storage.names(folder / "receipts"))]
    contents = zip(receipts, storage.contents(receipts), strict=True)
    failed = [path for path, content in contents if content and json.loads(content)["counts"]["failed"]]
    for path in failed:
        path.unlink(missing_ok=True)
    if failed:
        (folder / "stage.json").unlink(missing_ok=True)
    return len(failed)
