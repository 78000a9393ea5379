"""Checks that inputs and output do not lie in each other, and that a finished output is not replaced unasked.

Otherwise a run would read its own files, write among the user's, or replace one result by that of other inputs.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from glob import has_magic
from pathlib import Path

from curate import storage
from curate.commoncrawl import names
from curate.errors import SettingsError
from curate.inputs.items import MINIWEB
from curate.stage.kinds import KINDS, NESTED, OWN_DOCUMENTS
from curate.stage.plan import Item, json_digest
from curate.stage.record import StageRecord, read_stage
from curate.storage import overlap
from curate.storage.remote import is_http

# Files of a stage and of a run, to tell whether a glob takes such.
PARTS = ("part-00000.parquet", "rejected-00000.parquet", "failed-00000.parquet", "receipts/00000.json")
RECORDS = ("plan.json", "receipts.json", "stage.json", "model.bin", "model.json", "tokenizer.json", "crawl.json")
SHARDS = tuple(f"{split}/web/part-00000-of-00001.{end}" for split in ("train", "valid") for end in ("bin", "idx"))
CRAWLED = ("warc/crawl-0-0123456789abcdef-00000.warc.gz", "lots/00000.parquet", "pointers/web-0123456789ab.parquet")
RUN = ("recipe.toml", "inputs.json", "manifest.json", "report.html", "train/train.json", "miniweb/truth.jsonl")
MADE = ("miniweb/web-00000.warc.gz", "shards/train/web/part-00000-of-00001.meta.parquet")
UNNAMED = ("pointers", "lot", "keys", "shard")  # items that are no file which the user named


def check_inputs(patterns: Iterable[str], out: Path) -> None:
    """Raises SettingsError where an input lies in the output, the output in an input, or a glob takes its files."""
    check_patterns(patterns, out, _samples())


def check_patterns(patterns: Iterable[str], out: Path, made: Iterable[str]) -> None:
    """Raises SettingsError as `check_inputs` does, for an output of which these files are made."""
    written = [*made]
    for pattern in patterns:
        if pattern.startswith((MINIWEB, names.PREFIX)) or is_http(pattern):
            continue
        if not storage.is_remote(pattern):
            storage.check_name(pattern)
        if not _is_glob(pattern):
            overlap.check_apart(pattern, out)
        elif overlap.is_within(fixed := overlap.split(pattern)[0], out):
            raise SettingsError(f"{fixed}: lies in the output {out}; name an output outside of what is read")
        elif overlap.takes(pattern, out, written):
            raise SettingsError(f"{pattern}: takes files of the output {out} too; name an output outside of it")
        if not storage.is_remote(pattern):
            check_files((str(path) for path in storage.glob(pattern)), out)


def check_items(items: Iterable[Item], reader: Path, out: Path) -> None:
    """Raises SettingsError where a file that items name lies in the output; reader: the folder they are relative to."""
    uris = {uri for item in items for uri in (*item.uris, item.base_uri) if uri}
    check_files((str(storage.join(reader, uri)) for uri in sorted(uris)), out)


def check_files(files: Iterable[str], out: Path) -> None:
    """Raises SettingsError where one of these files lies in the output."""
    output, folders = overlap.place(out), dict[str, str]()
    for name in files:
        if is_http(name):
            continue
        folder, _, base = name.rpartition("/")
        if storage.is_remote(name) or os.path.islink(name):
            inner = overlap.place(name)
        else:
            if folder not in folders:
                folders[folder] = overlap.place(folder or ("/" if name.startswith("/") else "."))
            inner = f"{folders[folder]}/{base}"
        if inner.startswith(output.rstrip("/") + "/"):
            raise SettingsError(f"{name}: lies in the output {out}; name an output outside of what is read")


def _is_glob(pattern: str) -> bool:
    return has_magic(pattern) and (storage.is_remote(pattern) or not os.path.lexists(pattern))


def _samples() -> Iterator[str]:
    stage = (*PARTS, *RECORDS, *SHARDS, *CRAWLED)
    folders = ("", *(f"{kind.folder}/" for kind in KINDS.values()))
    inside = (f"{folder}{nested}/" for folder in folders for nested in sorted(NESTED))
    yield from (f"{folder}{name}" for folder in (*folders, *inside) for name in stage)
    yield from (*RUN, *MADE)


def check_same(folder: Path, out: Path, items: Iterable[Item], digests: Collection[str] = ()) -> None:
    """Raises SettingsError where the finished stage in a folder was made from inputs that are not among these items.

    An input that was moved is known by its digest. out: the output that the stage belongs to; what lies in it is no
    input of the user's. digests: of further inputs.
    """
    items = list(items)
    places = {_place(folder, item, uri) for item in items if item.uri for uri in item.uris}
    given = {*digests, *(item.digest for item in items if item.digest)}
    for name, place, digest in _read(folder):
        if place not in places and digest not in given and not overlap.is_within(place, out):
            mend = "give --replace to make it anew from these, or name another folder"
            raise SettingsError(f"{out}: was made from {name}, which is not among the inputs now; {mend}")


def check_previous(out: Path, tokenized: Path) -> None:
    """Raises SettingsError where finished shards in a folder were made from another stage's tokens than these."""
    try:
        record = read_stage(out)
        parts = [output.sha256 for name, output in read_stage(tokenized).outputs.items() if name.startswith("part-")]
    except SettingsError:
        return
    before = {overlap.place(storage.join(out, uri).parent) for uri in record.settings["parts"]}
    if before and before != {overlap.place(tokenized)} and not _are_of(record, parts):
        mend = "give --replace to make it anew from this, or name another folder"
        raise SettingsError(f"{out}: was made from {min(before)}, not from {tokenized}; {mend}")


def _are_of(record: StageRecord, parts: list[str]) -> bool:
    return {item.digest for item in record.items} == {json_digest(parts)}


def _read(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yields the label, the place and the digest of each input of a finished stage; nothing if it is not finished."""
    try:
        record = read_stage(folder)
        half = KINDS[record.stage].first_half
        if any(item.form == "keys" for item in record.items) and half:
            folder = folder / KINDS[half].folder
            record = read_stage(folder)
        elif any(item.uri.startswith(f"{OWN_DOCUMENTS}/") for item in record.items):
            folder = folder / OWN_DOCUMENTS
            record = read_stage(folder)
    except SettingsError:
        return
    for item in record.items:
        if item.form not in UNNAMED:
            for uri in item.uris:
                yield overlap.place(storage.join(folder, uri)), _place(folder, item, uri), item.digest


def _place(folder: Path, item: Item, uri: str) -> str:
    """Returns where a file of an item lies: the folder of a stage's part, else the file."""
    path = storage.join(folder, uri)
    return overlap.place(path.parent if item.form in ("part", "decided") else path)
