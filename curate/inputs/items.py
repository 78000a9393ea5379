"""From what a user names (files, globs, stage folders, mini-web pages) to the items of a stage."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from curate import storage
from curate.commoncrawl import names as crawls
from curate.commoncrawl.names import Listed
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.records import SOURCE
from curate.stage import plan
from curate.stage.kinds import KINDS
from curate.stage.parts import part_name
from curate.stage.plan import Form, Item
from curate.stage.record import read_stage
from curate.storage.remote import UNTOLD

LINES = (".jsonl", ".ndjson", ".json")
DOCUMENT_SUFFIXES = (".parquet", *(name + packed for name in LINES for packed in ("", ".gz", ".zst")))
MINIWEB = "miniweb:"
INDEX = re.compile(r".*\.cdxj?(?:\.gz)?|.*cdx-\d+\.gz")


def files(pattern: str, *, miniweb: Path | None = None) -> list[Path]:
    """Returns the files that a glob, a folder or a path names, sorted; SettingsError if there is none.

    miniweb: the folder that holds the mini-web, for a pattern that begins with "miniweb:".
    """
    if pattern.startswith(MINIWEB):
        if miniweb is None:
            raise SettingsError(
                "miniweb: inputs belong to `curate run`; elsewhere name files that `curate miniweb DIR` wrote"
            )
        pattern = str(miniweb / pattern.removeprefix(MINIWEB))
    found = _crawled(pattern) or storage.glob(pattern)
    if not found:
        raise SettingsError(f"{pattern}: no such input file")
    return found


def _crawled(name: str) -> list[Path]:
    """The WARC files of a finished crawl's folder; none where it is none."""
    folder = storage.path(name)
    if storage.is_remote(name) or not (folder / "stage.json").is_file():
        return []
    record = read_stage(folder)
    return [folder / each for each in record.outputs if record.stage == "crawl" and each.endswith(".warc.gz")]


def source_items(
    sources: Mapping[str, tuple[str, ...]],
    digests: Digests,
    *,
    miniweb: Path | None = None,
    base: str = crawls.BASE,
) -> list[Item]:
    """One item per input file, source by source, a file that is named twice once; SettingsError where there is none.

    base: where the files of crawls lie.
    """
    items: list[Item] = []
    for source, patterns in sources.items():
        if not SOURCE.fullmatch(source):
            raise SettingsError(f"the source {source!r} cannot name a folder; give it a plain name")
        if not patterns:
            mend = f"name files with --set 'sources.{source}.inputs=[\"FILE\"]'"
            raise SettingsError(f"sources.{source}.inputs: no inputs; {mend}")
        entries = _entries(patterns, miniweb, base)
        facts = iter(digests.facts([entry.path for entry in entries if not entry.fact]))
        names = iter(_names([entry.path for entry in entries if not entry.name]))
        for entry in entries:
            fact = entry.fact or next(facts)
            items.append(
                Item(
                    number=len(items),
                    name=entry.name or next(names),
                    uri=entry.uri,
                    form=_form(entry),
                    digest=fact.identity,
                    size=fact.size,
                    source=source,
                )
            )
    if not items:
        raise SettingsError("the recipe has no sources; add a [sources.NAME] table with inputs")
    return items


def _names(paths: list[Path]) -> list[str]:
    return storage.names_below(paths) if paths else []


def _entries(patterns: tuple[str, ...], miniweb: Path | None, base: str) -> list[Listed]:
    """The files that inputs name, by lists too, each once."""
    found: list[Listed] = []
    for pattern in patterns:
        if pattern.startswith(crawls.PREFIX):
            found += crawls.list_files(pattern, base)
            continue
        for path in files(pattern, miniweb=miniweb):
            named_by_list = path.name.endswith(crawls.LISTS)
            found += crawls.list_files(str(path), base) if named_by_list else [Listed(name="", uri=storage.uri(path))]
    return [*{entry.uri: entry for entry in found}.values()]


def _form(entry: Listed) -> Form:
    """What is in a file, by its name; a Parquet file with the columns of an index is one."""
    name = entry.uri.rpartition("/")[2]
    name = name.partition("?")[0] if storage.is_remote(entry.uri) else name
    if entry.index or INDEX.fullmatch(name):
        return "index"
    if name.endswith(".parquet"):
        from curate.commoncrawl.columnar import is_index

        return "index" if is_index(entry.path) else "documents"
    return "documents" if name.endswith(DOCUMENT_SUFFIXES) else "warc"


def bytes_of(patterns: tuple[str, ...], base: str) -> int:
    """The bytes of inputs, mini-web aside, about where a list does not tell; SettingsError where one is missing."""
    entries = _entries(tuple(pattern for pattern in patterns if not pattern.startswith(MINIWEB)), None, base)
    asked = [entry.path for entry in entries if not entry.fact]
    remote = [path for path in asked if storage.is_remote(path)]
    try:
        sizes = storage.sizes_of(remote) + storage.sizes_of([path for path in asked if not storage.is_remote(path)])
    except FileNotFoundError as error:
        raise SettingsError(f"{error.filename}: no such input file") from None
    return sum(sizes) + sum(entry.fact.size for entry in entries if entry.fact)


def stage_items(folder: Path, reader: Path, *, first: int = 0) -> list[Item]:
    """The kept parts of a finished stage as items for the stage that will write to `reader`."""
    record = read_stage(folder)
    decided = record.stage == "dedup"
    if KINDS[record.stage].leaves != "documents" and not decided:
        raise SettingsError(f"{folder}: the output of {record.stage} holds no documents; name a folder before it")
    texts = [storage.join(folder, item.uri) for item in record.items] if decided else []
    extra = storage.sizes_of(texts)
    items = []
    for number, item in enumerate(record.items):
        name = part_name(item.number)
        output = record.outputs[name]
        items.append(
            Item(
                number=first + number,
                name=f"{record.stage}/{name}",
                uri=storage.relative(folder / name, reader),
                form="decided" if decided else "part",
                digest=plan.json_digest([output.sha256, item.digest]) if decided else output.sha256,
                size=output.bytes + (extra[number] if decided else 0),
                source=item.source,
                base_uri=storage.relative(texts[number], reader) if decided else "",
            )
        )
    return items


def named_items(names: tuple[str, ...], reader: Path, digests: Digests, source: str) -> list[Item]:
    """The items of a verb's arguments: folders of earlier stages, then files of the user's own documents."""
    items: list[Item] = []
    own = tuple(name for name in names if not _holds(name, "stage.json"))
    for name in own:
        if _holds(name, "recipe.toml"):
            raise SettingsError(f"{name}: a run's folder; name one of its stages, such as {name.rstrip('/')}/filter")
    for name in names:
        if name not in own:
            items += stage_items(storage.path(name), reader, first=len(items))
    for item in source_items({source: own}, digests) if own else ():
        if item.form != "documents":
            raise SettingsError(f"{item.uri}: neither a stage folder nor documents ({', '.join(DOCUMENT_SUFFIXES)})")
        items.append(replace(item, number=len(items)))
    return items


def _holds(name: str, file: str) -> bool:
    return (storage.path(name) / file).exists()


def rebase_items(items: list[Item], reader: Path, other: Path) -> list[Item]:
    """The same items as seen from another stage folder."""
    return [
        replace(
            item,
            uri=storage.relative(storage.join(reader, item.uri), other),
            base_uri=storage.relative(storage.join(reader, item.base_uri), other) if item.base_uri else "",
        )
        for item in items
    ]


def pieces(item: Item, limit: int) -> Iterator[Item]:
    """A file of WARC records in pieces of equal size, none above the limit; what is no such file, or of a size that
    nobody has told, stays whole."""
    count = math.ceil(item.size / limit) if item.form == "warc" and not item.digest.startswith(UNTOLD) else 1
    if count <= 1:
        yield item
        return
    for start, stop in pairwise(item.size * number // count for number in range(count + 1)):
        yield replace(item, start=start, stop=stop, size=stop - start)


def number_items(items: list[Item]) -> list[Item]:
    """The items with the numbers that their order gives them."""
    return [replace(item, number=number) for number, item in enumerate(items)]
