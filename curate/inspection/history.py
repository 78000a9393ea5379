"""Follows one document through the parts of all stages, and lists the inputs that failed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.errors import UserError
from curate.inspection import addresses, pairs
from curate.inspection.funnel import stage_folders, tables
from curate.stage.kinds import KINDS
from curate.stage.parts import part_name
from curate.stage.record import read_stage
from curate.tokens import load

Row = dict[str, Any]
TEXT, LONG = "text", ("text", "ids")  # columns that no row of `of` has
SHOWN = 60  # characters that are shown of what was changed
PASSAGE = 40  # tokens that are shown of a document
OTHER_NAMES = {"url": "fetch_url", "id": "dedupe_key"}  # the names that these columns have in the parts about links


def of(out: Path, name: str) -> list[Row]:
    """Returns every stage's verdict on the documents of a URL, hex id or own id, with their tokens where packed.

    The URL is first taken as it is, and then, where no stage has seen it, as other spellings of the same page. Raises
    UserError, with the nearest URLs of its host, where there is nothing.
    """
    if rows := _verdicts(out, "url", [name]) or _verdicts(out, "id", _ids(out, name)):
        return rows
    result = addresses.search(out, name)
    if not result.spellings:
        near = ", ".join(f"{seen.url} ({seen.verdict} by {seen.stage})" for seen in result.nearest)
        mend = f"; the nearest that it has: {near}" if near else ""
        raise UserError(f"{name}: no stage of {out} has seen this URL or id{mend}")
    return _verdicts(out, "url", list(result.spellings))


def _ids(out: Path, name: str) -> list[bytes]:
    """Returns the ids that a name may stand for: a hex id's own, and those of all rows whose own id it is."""
    ids = {bytes.fromhex(name)} if re.fullmatch("[0-9a-f]{32}", name) else set()
    for _, folder, table in tables(out):
        path = storage.source(folder / table)
        if "given_id" in pq.read_schema(path).names:
            rows = pq.read_table(path, columns=["id"], filters=pc.field("given_id") == name)
            ids.update(rows["id"].to_pylist())
    return sorted(ids)


def _verdicts(out: Path, column: str, values: list[Any]) -> list[Row]:
    named = tables(out, letters=column == "url") if values else ()
    rows = (row for stage, folder, name in named for row in _matches(folder, name, stage, column, values))
    return [*_changes(rows)]


def _changes(rows: Iterable[Row]) -> Iterator[Row]:
    """Yields rows without their texts, but with what has changed in a text since the stage before."""
    before: dict[str, str] = {}
    for row in rows:
        text = row.pop(TEXT, None)
        if text is not None:
            old = before.get(row["id"])
            if old is not None and old != text:
                pairs = enumerate(zip(old, text, strict=False))
                start = next((place for place, (one, other) in pairs if one != other), min(len(old), len(text)))
                row |= {"characters": len(text), "characters_before": len(old), "changed": old[start : start + SHOWN]}
        for place in row.get("cuts", ()):
            if row["id"] in before:
                place["text"] = before[row["id"]][place["start"] : place["stop"]]
        if text is not None:
            before[row["id"]] = text
        yield row


def _matches(folder: Path, name: str, stage: str, column: str, values: list[Any]) -> list[Row]:
    if KINDS[stage].leaves == "links" and not name.startswith(("rejected-", "failed-")):
        column = OTHER_NAMES[column]
    table = pq.read_table(storage.source(folder / name), filters=pc.field(column).isin(values))
    if name.startswith("failed-"):
        return [{**row, "stage": stage, "verdict": "failed"} for row in table.to_pylist()]
    rows = []
    texts = table["text"].to_pylist() if KINDS[stage].leaves == "documents" and "text" in table.column_names else []
    for number, row in enumerate(table.drop([long for long in LONG if long in table.column_names]).to_pylist()):
        if KINDS[stage].leaves == "decisions" and not name.startswith("rejected-") and not row["kept"]:
            continue  # the rejection says the same
        verdict = "rejected" if name.startswith("rejected-") else "kept"
        own = {TEXT: texts[number]} if texts else {}
        if verdict == "rejected" and stage == "dedup" and (pair := pairs.of_rejection(folder, name, row)):
            own = {"kept_url": pair.kept_url, "differences": [[*map(list, passage)] for passage in pair.passages]}
        if stage == "lines" and (cuts := _cuts(folder, name, row["id"])):
            own["cuts"] = cuts
        rows.append({**_printable(row), **own, "stage": stage, "verdict": verdict, "file": f"{folder.name}/{name}"})
    return rows


def _cuts(folder: Path, name: str, identity: bytes) -> list[Row]:
    """Returns the places that stage lines has cut out of a document of this part, each with the rule that did."""
    path = folder / part_name(int(name.rpartition("-")[2].removesuffix(".parquet")), "cut")
    if not path.is_file():
        return []
    table = pq.read_table(storage.source(path), filters=pc.field("id") == identity)
    cuts: list[Row] = table.drop(["id"]).sort_by("start").to_pylist()
    return cuts


def _printable(row: Row) -> Row:
    """Returns the values of a row that are not null, bytes in hex, under the names that documents have."""
    values = {
        key: value.hex() if isinstance(value, bytes) else value for key, value in row.items() if value is not None
    }
    values = {key: str(value) if key == "timestamp" else value for key, value in values.items()}
    return values | {ours: values[theirs] for ours, theirs in OTHER_NAMES.items() if theirs in values}


@dataclass(frozen=True, slots=True)
class Owner:
    """The document that holds a token of a shard."""

    id: str  # in hex
    start: int  # its first token, as a number in the shard
    stop: int  # one more than the number of its last token


def owner(out: Path, shard: str, token: int) -> Owner:
    """Returns the document that holds a token of a shard; raises UserError where there is no such shard or token."""
    folder = stage_folders(out).get("pack", out)
    path = folder / f"{shard.removeprefix('shards/').removesuffix('.bin')}.meta.parquet"
    if not path.is_file():
        raise UserError(f"{shard}: no such shard in {out}; curate inspect {out} lists them")
    meta = pq.read_table(storage.source(path), columns=["id", "offset", "tokens"])
    size = sum(meta["tokens"].to_pylist())
    if not 0 <= token < size:
        raise UserError(f"--token {token}: the shard's tokens are 0 to {size - 1}")
    row = int(np.searchsorted(meta["offset"].to_numpy(), token, side="right")) - 1
    start = meta["offset"][row].as_py()
    return Owner(meta["id"][row].as_py().hex(), start, start + meta["tokens"][row].as_py())


def passage(out: Path, shard: str, token: int, stop: int) -> str:
    """Returns the text of at most PASSAGE tokens of a shard from `token` on and before `stop`.

    Raises SettingsError where their tokenizer cannot be loaded.
    """
    folder = stage_folders(out).get("pack", out)
    settings = read_stage(folder).settings
    stated = load.stated_in(settings)
    tokenizer = load.of(stated, storage.join(folder, settings["parts"][0]).parent)
    with storage.local(folder / f"{shard.removeprefix('shards/').removesuffix('.bin')}.bin") as copy:
        ids = np.memmap(copy, stated["dtype"], "r")[token : min(stop, token + PASSAGE)].tolist()
    return tokenizer.decode(ids)


def line(row: Row) -> str:
    """Returns one row of `of` as a line of text."""
    if row["verdict"] == "failed":
        return f"{row['stage']:9} failed   {_letter_line(row)}  {row['url']}"
    head = f"{row['stage']:9} {row['verdict']:8} {row['id']}"
    if row["verdict"] == "rejected":
        limit = f" (limit {row['threshold']:.6g})" if "threshold" in row else ""
        value = f" {row['value']:.6g}{limit}" if "value" in row else ""
        detail = f" {row['detail']}" if row.get("detail") else ""
        return f"{head}  {row['reason']}{value}{detail}  {row['url']}"
    if KINDS[row["stage"]].leaves == "shards":
        return f"{head}  tokens {row['offset']} to {row['offset'] + row['tokens']} of {row['file']}"
    own = [flag for flag in str(row.get("flags", "")).split() if flag.startswith(f"{row['stage']}:")]
    changed = ""
    if "changed" in row:
        changed = f"  {row['characters_before']:,} characters became {row['characters']:,}, from {row['changed']!r} on"
    return "  ".join([head, row["file"], *own, row.get("url", "")]).rstrip() + changed


def dead_letters(out: Path) -> list[str]:
    """Returns every dead letter of an output as a line: file, offset, error."""
    rows: list[Row] = []
    for folder in stage_folders(out).values():
        names = [name for name in read_stage(folder).outputs if name.startswith("failed-")]
        rows += [row for name in names for row in pq.read_table(storage.source(folder / name)).to_pylist()]
    return [_letter_line(row) for row in rows]


def _letter_line(row: Row) -> str:
    by_bytes = KINDS[row["stage"]].takes == "files" and row["error"] not in ("malformed", "unreadable")
    unit = "offset" if by_bytes else "line"
    return f"{row['file']}, {unit} {row['offset']}: {row['error']}: {row['message']}"
