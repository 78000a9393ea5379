"""Inputs and the output of a command lie apart: else a run would read its own files, or write among the user's."""

import os
from collections.abc import Iterable, Iterator
from glob import has_magic
from pathlib import Path

from curate import storage
from curate.commoncrawl import names
from curate.errors import SettingsError
from curate.inputs.items import MINIWEB
from curate.stage.kinds import KINDS, NESTED
from curate.stage.plan import Item
from curate.storage import overlap
from curate.storage.remote import is_http

# Files of a stage and of a run, to tell whether a glob takes such.
PARTS = ("part-00000.parquet", "rejected-00000.parquet", "failed-00000.parquet", "receipts/00000.json")
RECORDS = ("plan.json", "stage.json", "model.bin", "model.json", "tokenizer.json", "crawl.json")
SHARDS = tuple(f"{split}/web/part-00000-of-00001.{end}" for split in ("train", "valid") for end in ("bin", "idx"))
CRAWLED = ("warc/crawl-0-0123456789abcdef-00000.warc.gz", "lots/00000.parquet", "pointers/web-0123456789ab.parquet")
RUN = ("recipe.toml", "inputs.json", "manifest.json", "report.html", "train/train.json", "miniweb/truth.jsonl")
MADE = ("miniweb/web-00000.warc.gz", "shards/train/web/part-00000-of-00001.meta.parquet")


def check_inputs(patterns: Iterable[str], out: Path) -> None:
    """Raises SettingsError where an input lies in the output, the output in an input, or a glob takes its files."""
    check_patterns(patterns, out, _samples())


def check_patterns(patterns: Iterable[str], out: Path, made: Iterable[str]) -> None:
    """Raises SettingsError as `check_inputs` does, for an output of which these files are made."""
    written = [*made]
    for pattern in patterns:
        if pattern.startswith((MINIWEB, names.PREFIX)) or is_http(pattern):
            continue
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
    uris = {uri for item in items for uri in (item.uri, item.base_uri) if uri}
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
