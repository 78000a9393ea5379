"""Is an output what its records say? Every digest, row count and sum, checked from the data; one line per fault."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import manifest
from curate.funnel import stage_folders
from curate.parts import sha256_of
from curate.settings import SettingsError
from curate.shards import read_index
from curate.stage import StageRecord, read_stage
from curate.tokens import END_OF_TEXT


def faults(out: Path) -> Iterator[str]:
    """Every fault of a run folder or a stage folder, each one line that names file and values."""
    previous: StageRecord | None = None
    for stage, folder in stage_folders(out).items():
        try:
            record = read_stage(folder)
        except SettingsError as error:
            yield str(error)
            continue
        broken = list(_files(folder, record))
        yield from broken
        yield from _sums(folder, record, previous)
        if not broken:
            yield from _rows(folder, record)
            if stage == "pack":
                yield from _shards(folder, record)
        yield from _strays(folder, record)
        if stage == "dedup" and (folder / "signatures" / "stage.json").exists():
            yield from _files(folder / "signatures", read_stage(folder / "signatures"))
        previous = record
    if (out / "manifest.json").exists():
        yield from _manifest(out)
    elif (out / "recipe.toml").exists():
        yield f"{out}: not finished, it has no manifest.json; run the same command again"


def _files(folder: Path, record: StageRecord) -> Iterator[str]:
    for name, expected in record.outputs.items():
        path = folder / name
        if not path.is_file():
            yield f"{path}: missing"
        elif path.stat().st_size != expected.bytes:
            yield f"{path}: {path.stat().st_size} bytes, recorded are {expected.bytes}"
        elif sha256_of(path) != expected.sha256:
            yield f"{path}: its sha256 is not the recorded one; the content was changed"


def _sums(folder: Path, record: StageRecord, previous: StageRecord | None) -> Iterator[str]:
    counts = record.counts
    if counts.read != counts.kept + counts.rejected:
        yield f"{folder}: read {counts.read} is not kept {counts.kept} + rejected {counts.rejected}"
    if sum(counts.reasons.values()) != counts.rejected:
        yield f"{folder}: the reasons add up to {sum(counts.reasons.values())}, rejected are {counts.rejected}"
    if previous and counts.read != previous.counts.kept:
        yield f"{folder}: read {counts.read}, but {previous.stage} kept {previous.counts.kept}"


def _rows(folder: Path, record: StageRecord) -> Iterator[str]:
    """Count kept and rejected documents from the files themselves."""
    kept, rejected, reasons = 0, 0, Counter[str]()
    for name, expected in record.outputs.items():
        if not name.endswith(".parquet"):
            continue
        rows = pq.read_metadata(folder / name).num_rows
        if rows != expected.rows:
            yield f"{folder / name}: {rows} rows, recorded are {expected.rows}"
        if name.startswith("rejected-"):
            found = pc.value_counts(pq.read_table(folder / name, columns=["reason"])["reason"]).to_pylist()
            reasons.update({pair["values"]: pair["counts"] for pair in found})
            rejected += rows
        elif name.startswith("part-") and record.stage == "dedup":
            kept += pc.sum(pq.read_table(folder / name, columns=["kept"])["kept"]).as_py() or 0
        elif name.startswith("part-") or record.stage == "pack":
            kept += rows
    counts = record.counts
    if (kept, rejected) != (counts.kept, counts.rejected):
        recorded = f"recorded are {counts.kept} and {counts.rejected}"
        yield f"{folder}: the files hold {kept} kept and {rejected} rejected, {recorded}"
    if dict(reasons) != counts.reasons:
        yield f"{folder}: the reasons in the files are not those recorded"


def _shards(folder: Path, record: StageRecord) -> Iterator[str]:
    """Each shard's three files against each other, and all documents against the tokenized parts."""
    packed, tokenized = 0, 0
    for cut in record.settings["cuts"]:
        stem = str(folder / cut["path"])
        ids = np.memmap(f"{stem}.bin", dtype="<u2", mode="r")
        meta = pq.read_table(f"{stem}.meta.parquet", columns=["id", "tokens", "offset"])
        packed += _id_sum(meta["id"].to_pylist())
        try:
            index = read_index(Path(f"{stem}.idx"))
        except ValueError as error:
            yield str(error)
            continue
        lengths, offsets = meta["tokens"].to_numpy(), meta["offset"].to_numpy()
        if len(ids) != cut["tokens"] or int(lengths.sum()) != cut["tokens"]:
            yield f"{stem}.bin: {len(ids)} tokens, recorded are {cut['tokens']}"
        elif not np.array_equal(index.lengths, lengths) or not np.array_equal(index.pointers, 2 * offsets):
            yield f"{stem}.idx: does not agree with .meta.parquet"
        elif not np.all(ids[offsets + lengths - 1] == END_OF_TEXT):
            yield f"{stem}.bin: a document does not end with end-of-text"
    for uri in record.settings["parts"]:
        if not (folder / uri).exists():
            return
        tokenized += _id_sum(pq.read_table(folder / uri, columns=["id"])["id"].to_pylist())
    if packed != tokenized:
        yield f"{folder}: the documents in the shards are not those that were tokenized"


def _id_sum(ids: list[bytes]) -> int:
    return sum(int.from_bytes(identity) for identity in ids)


def _strays(folder: Path, record: StageRecord) -> Iterator[str]:
    owned = {folder / name for name in (*record.outputs, "plan.json", "stage.json")}
    owned |= {folder / "receipts" / f"{item.number:05d}.json" for item in record.items}
    nested = {path.parent for path in folder.glob("*/plan.json")}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in owned and not nested & set(path.parents):
            yield f"{path}: no record owns this file"


def _manifest(out: Path) -> Iterator[str]:
    try:
        contract = manifest.read(out)
    except SettingsError as error:
        yield str(error)
        return
    listed: set[str] = set()
    tokens = 0
    for source in contract["sources"]:
        for split in source["splits"].values():
            for shard in split["shards"]:
                tokens += shard["tokens"]
                for suffix, file in shard["files"].items():
                    path = out / f"{shard['path']}.{suffix}"
                    listed.add(f"{shard['path'].removeprefix('shards/')}.{suffix}")
                    if not path.is_file() or path.stat().st_size != file["bytes"]:
                        yield f"{path}: missing or not of the size in manifest.json"
                    elif sha256_of(path) != file["sha256"]:
                        yield f"{path}: its sha256 is not that in manifest.json"
    packed = read_stage(out / "shards")
    if listed != set(packed.outputs):
        yield f"{out / 'manifest.json'}: lists other shard files than shards/stage.json"
    if tokens != sum(cut["tokens"] for cut in packed.settings["cuts"]):
        yield f"{out / 'manifest.json'}: {tokens} tokens, the shards hold other"
    for stage in contract["stages"]:
        if read_stage(out / Path(stage["path"]).parent).key != stage["key"]:
            yield f"{out / stage['path']}: its key is not that in manifest.json; run the recipe again"
