"""What became of one document, and which inputs failed: read back from the parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.errors import SettingsError
from curate.inputs.documents import given_id
from curate.inspection.funnel import stage_folders
from curate.stage.record import read_stage
from curate.tokens import load

Row = dict[str, Any]
PASSAGE = 40  # tokens
OTHER_NAMES = {"url": "fetch_url", "id": "dedupe_key"}  # of these columns in the parts about links


def of(out: Path, what: str) -> list[Row]:
    """The verdict of every stage on the documents of this URL, hex id or own id; the tokens' place where packed."""
    wanted = bytes.fromhex(what) if len(what) == 32 and all(c in "0123456789abcdef" for c in what) else given_id(what)
    return _seen(out, "url", what) or _seen(out, "id", wanted)


def _seen(out: Path, column: str, value: Any) -> list[Row]:
    rows: list[Row] = []
    for stage, folder in stage_folders(out).items():
        record = read_stage(folder)
        for name in record.outputs:
            if name.endswith(".parquet") and not name.startswith(("failed-", "pointers/", "lots/", "deferred-")):
                rows += _matches(folder, name, stage, column, value)
    return rows


def _matches(folder: Path, name: str, stage: str, column: str, value: Any) -> list[Row]:
    if stage in ("gather", "links") and not name.startswith("rejected-"):
        column = OTHER_NAMES[column]
    table = pq.read_table(storage.source(folder / name), filters=pc.field(column) == value)
    found = []
    for row in table.drop([each for each in ("text", "ids") if each in table.column_names]).to_pylist():
        if stage in ("dedup", "crawl") and not name.startswith("rejected-") and not row["kept"]:
            continue  # the rejection tells the same
        verdict = "rejected" if name.startswith("rejected-") else "kept"
        keep = {key: each.hex() if isinstance(each, bytes) else each for key, each in row.items() if each is not None}
        keep = {key: str(each) if key == "timestamp" else each for key, each in keep.items()}
        keep |= {ours: keep[theirs] for ours, theirs in OTHER_NAMES.items() if theirs in keep}
        found.append({**keep, "stage": stage, "verdict": verdict, "file": f"{folder.name}/{name}"})
    return found


@dataclass(frozen=True, slots=True)
class Owner:
    """The document that holds a token of a shard: its hex id, its tokens start .. stop - 1."""

    id: str
    start: int
    stop: int


def owner(out: Path, shard: str, token: int) -> Owner:
    """The document that holds a token of a shard; SettingsError where there is no such place."""
    folder = stage_folders(out).get("pack", out)
    path = folder / f"{shard.removeprefix('shards/').removesuffix('.bin')}.meta.parquet"
    if not path.is_file():
        raise SettingsError(f"{shard}: no such shard in {out}; curate inspect {out} lists them")
    meta = pq.read_table(storage.source(path), columns=["id", "offset", "tokens"])
    size = sum(meta["tokens"].to_pylist())
    if not 0 <= token < size:
        raise SettingsError(f"--token {token}: the shard's tokens are 0 to {size - 1}")
    row = int(np.searchsorted(meta["offset"].to_numpy(), token, side="right")) - 1
    start = meta["offset"][row].as_py()
    return Owner(meta["id"][row].as_py().hex(), start, start + meta["tokens"][row].as_py())


def passage(out: Path, shard: str, token: int, stop: int) -> str:
    """The text of a shard's tokens from this one on, a few before `stop`; SettingsError without their tokenizer."""
    folder = stage_folders(out).get("pack", out)
    settings = read_stage(folder).settings
    stated = load.stated_in(settings)
    tokenizer = load.of(stated, storage.join(folder, settings["parts"][0]).parent)
    with storage.local(folder / f"{shard.removeprefix('shards/').removesuffix('.bin')}.bin") as copy:
        ids = np.memmap(copy, stated["dtype"], "r")[token : min(stop, token + PASSAGE)].tolist()
    return tokenizer.decode(ids)


def line(row: Row) -> str:
    """One verdict as a line."""
    head = f"{row['stage']:9} {row['verdict']:8} {row['id']}"
    if row["verdict"] == "rejected":
        limit = f" (limit {row['threshold']:.6g})" if "threshold" in row else ""
        value = f" {row['value']:.6g}{limit}" if "value" in row else ""
        detail = f" {row['detail']}" if row.get("detail") else ""
        return f"{head}  {row['reason']}{value}{detail}  {row['url']}"
    if row["stage"] == "pack":
        return f"{head}  tokens {row['offset']} to {row['offset'] + row['tokens']} of {row['file']}"
    return f"{head}  {row['file']}  {row.get('url', '')}".rstrip()


def dead_letters(out: Path) -> list[str]:
    """Every dead letter of an output as a line: file, offset, error."""
    rows: list[Row] = []
    for folder in stage_folders(out).values():
        names = [name for name in read_stage(folder).outputs if name.startswith("failed-")]
        rows += [row for name in names for row in pq.read_table(storage.source(folder / name)).to_pylist()]
    return [_letter(row) for row in rows]


def _letter(row: Row) -> str:
    by_bytes = row["stage"] in ("extract", "links") and row["error"] not in ("malformed", "unreadable")
    unit = "offset" if by_bytes else "line"
    return f"{row['file']}, {unit} {row['offset']}: {row['error']}: {row['message']}"
