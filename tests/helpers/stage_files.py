"""Files of a stage, made or changed by hand as a stage would have written them: receipts of parts, sealed records."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate.stage.parts import receipted
from curate.stage.receipts import Counts, FileRecord, Receipt
from curate.storage.blocks import digest_of
from curate.storage.listing import GUARD, write_listing
from curate.storage.writing import write_record


def vouch(path: Path, number: int = 0) -> Path:
    """Writes the receipt of a part that a test has written, and returns the part's path."""
    digest = digest_of(path)
    record = FileRecord(rows=pq.read_metadata(path).num_rows, bytes=digest.size, sha256=digest.sha256)
    (path.parent / "receipts").mkdir(exist_ok=True)
    receipt = Receipt(
        key="k", number=number, counts=Counts(), files={path.name: record}, blocks={path.name: digest.blocks}
    )
    with receipted(path.parent, receipt):
        pass
    return path


def reseal(path: Path, stored: Any) -> None:
    """Writes a record with the seal of its content."""
    write_record(path, {name: value for name, value in stored.items() if name != "seal"})


def relist(path: Path, **fields: Any) -> None:
    """Writes a plan or gathered receipts with other fields, or another list, and the seal of that."""
    stored = stored_in(path) | fields
    name = next(name for name in ("items", "receipts") if name in stored)
    rows = [{key: value for key, value in row.items() if key != GUARD} for row in stored.pop(name)]
    record = {key: value for key, value in stored.items() if key not in ("index", "list")}
    write_listing(path, record, name, rows, guarded=name == "receipts")


def stored_in(path: Path) -> dict[str, Any]:
    """Returns what a record holds, its seal aside."""
    stored: dict[str, Any] = json.loads(path.read_bytes())
    stored.pop("seal", None)
    return stored
