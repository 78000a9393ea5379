"""From what a user names (files, globs, stage folders, mini-web pages) to the items of a stage."""

import glob
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from curate import __version__, stage
from curate.parts import sha256_of, write_json
from curate.records import SOURCE
from curate.settings import SettingsError
from curate.stage import Item

LINES = (".jsonl", ".ndjson", ".json")
DOCUMENT_SUFFIXES = (".parquet", *(name + packed for name in LINES for packed in ("", ".gz", ".zst")))
NO_DOCUMENTS = ("sign", "tokenize", "pack")  # stages
MINIWEB = "miniweb:"


class Digests:
    """The sha256 of input files, remembered by path, size and change time so that a resume does not read them again."""

    def __init__(self, memory: Path | None = None) -> None:
        self.memory = memory
        try:
            self._known: dict[str, list[object]] = json.loads(memory.read_bytes()) if memory else {}
        except (OSError, ValueError):
            self._known = {}

    def of(self, path: Path) -> str:
        """The digest of a file; SettingsError in one line where it cannot be read."""
        try:
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
            known = self._known.get(str(path))
            if known is None or known[:2] != stamp:
                known = [*stamp, sha256_of(path)]
                self._known[str(path)] = known
        except OSError as error:
            raise SettingsError(f"{path}: cannot read this input: {error.strerror}") from None
        return str(known[2])

    def save(self) -> None:
        """Keep what was learnt for the next run."""
        if self.memory:
            write_json(self.memory, self._known)


def files(pattern: str, *, miniweb: Path | None = None) -> list[Path]:
    """The files that a glob, a folder or a path names, sorted; SettingsError if there is none."""
    if pattern.startswith(MINIWEB):
        pattern = str(_miniweb(miniweb) / pattern.removeprefix(MINIWEB))
    elif "://" in pattern:
        raise SettingsError(f"{pattern}: only local files can be read so far; copy it here first")
    if os.path.isfile(pattern):
        return [Path(pattern)]
    if os.path.isdir(pattern):
        pattern = os.path.join(glob.escape(pattern), "*")
    found = [Path(name) for name in glob.glob(pattern, recursive=True) if os.path.isfile(name)]
    if not found:
        raise SettingsError(f"{pattern}: no such input file")
    return sorted(found)


def _miniweb(folder: Path | None) -> Path:
    if folder is None:
        raise SettingsError(
            "miniweb: inputs belong to `curate run`; elsewhere name files that `curate miniweb DIR` wrote"
        )
    from curate import miniweb

    made_by = folder / "version"  # written last
    if not made_by.exists() or made_by.read_text() != __version__:
        miniweb.build(folder)
        made_by.write_text(__version__)
    return folder


def source_items(
    sources: Mapping[str, tuple[str, ...]], digests: Digests, *, miniweb: Path | None = None
) -> list[Item]:
    """One item per input file, source by source, a file that is named twice once; SettingsError where there is none."""
    items: list[Item] = []
    for source, patterns in sources.items():
        if not SOURCE.fullmatch(source):
            raise SettingsError(f"the source {source!r} cannot name a folder; give it a plain name")
        if not patterns:
            mend = f"name files with --set 'sources.{source}.inputs=[\"FILE\"]'"
            raise SettingsError(f"sources.{source}.inputs: no inputs; {mend}")
        named = (path.absolute() for pattern in patterns for path in files(pattern, miniweb=miniweb))
        paths = list(dict.fromkeys(named))
        above = Path(os.path.commonpath([path.parent for path in paths]))
        for path in paths:
            items.append(
                Item(
                    number=len(items),
                    name=str(path.relative_to(above)),
                    uri=str(path),
                    form="documents" if path.name.endswith(DOCUMENT_SUFFIXES) else "warc",
                    sha256=digests.of(path),
                    bytes=path.stat().st_size,
                    source=source,
                )
            )
    if not items:
        raise SettingsError("the recipe has no sources; add a [sources.NAME] table with inputs")
    return items


def stage_items(folder: Path, reader: Path, *, first: int = 0) -> list[Item]:
    """The kept parts of a finished stage as items for the stage that will write to `reader`."""
    record = stage.read_stage(folder)
    if record.stage in NO_DOCUMENTS:
        raise SettingsError(f"{folder}: the output of {record.stage} holds no documents; name a folder before it")
    items = []
    for number, item in enumerate(record.items):
        name = f"part-{item.number:05d}.parquet"
        output = record.outputs[name]
        decided = record.stage == "dedup"
        text = folder / item.uri if decided else Path()
        items.append(
            Item(
                number=first + number,
                name=f"{record.stage}/{name}",
                uri=os.path.relpath(folder / name, reader),
                form="decided" if decided else "part",
                sha256=stage.digest([output.sha256, item.sha256]) if decided else output.sha256,
                bytes=output.bytes + (text.stat().st_size if decided else 0),
                source=item.source,
                text_uri=os.path.relpath(text, reader) if decided else "",
            )
        )
    return items


def named_items(names: tuple[str, ...], reader: Path, digests: Digests, source: str) -> list[Item]:
    """The items of a verb's arguments: folders of earlier stages, then files of the user's own documents."""
    items: list[Item] = []
    own = tuple(name for name in names if not (Path(name) / "stage.json").exists())
    for name in own:
        if (Path(name) / "recipe.toml").exists():
            raise SettingsError(f"{name}: a run's folder; name one of its stages, such as {Path(name) / 'filter'}")
    for name in names:
        if name not in own:
            items += stage_items(Path(name), reader, first=len(items))
    for item in source_items({source: own}, digests) if own else ():
        if item.form != "documents":
            raise SettingsError(f"{item.uri}: neither a stage folder nor documents ({', '.join(DOCUMENT_SUFFIXES)})")
        items.append(replace(item, number=len(items)))
    return items


def moved(items: list[Item], reader: Path, other: Path) -> list[Item]:
    """The same items as seen from another stage folder."""
    return [
        replace(
            item,
            uri=os.path.relpath(reader / item.uri, other),
            text_uri=os.path.relpath(reader / item.text_uri, other) if item.text_uri else "",
        )
        for item in items
    ]
