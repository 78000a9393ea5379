"""The items of a stage, made from what a user names: files, globs, lists, stage folders, pages of the mini-web."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from curate import storage
from curate.commoncrawl import names
from curate.commoncrawl.names import Listed
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.inputs.forms import ENDINGS, form_of
from curate.records import SOURCE
from curate.stage.kinds import KINDS
from curate.stage.parts import part_name
from curate.stage.plan import Form, Item, json_digest
from curate.stage.receipts import FileRecord
from curate.stage.record import read_stage
from curate.storage.identity import Fact
from curate.storage.remote import UNTOLD, is_http

# Small texts of a source are grouped where there are many, as each item costs a part in every stage.
SINGLE_TEXTS = 64  # as many small texts stay items of their own
GROUP_FILES = 256
GROUP_BYTES = 16 << 20
MINIWEB = "miniweb:"  # the prefix of an input that names pages of the mini-web
INDEX = re.compile(r".*\.cdxj?(?:\.gz)?|.*cdx-\d+(?:\.gz)?")  # names of indexes in lines


def files(pattern: str, *, miniweb: Path | None = None) -> list[Path]:
    """Returns the files that a glob, a folder or a path names, sorted; SettingsError if there is none.

    A finished crawl's folder names its WARC files. miniweb: the folder that holds the mini-web, for a pattern that
    begins with "miniweb:".
    """
    if pattern.startswith(MINIWEB):
        if miniweb is None:
            raise SettingsError(
                "miniweb: inputs belong to `curate run`; elsewhere name files that `curate miniweb DIR` wrote"
            )
        pattern = str(miniweb / pattern.removeprefix(MINIWEB))
    paths = _crawl_outputs(pattern)
    if not paths:
        _check_no_output(pattern)
        paths = storage.glob(pattern)
    if not paths:
        raise SettingsError(f"{pattern}: no such input file")
    return paths


def _check_no_output(name: str) -> None:
    """Raises SettingsError for the folder of a stage or of a run: what lies there is read by verbs, or exported."""
    if storage.is_remote(name) or not Path(name).is_dir():
        return
    is_run = _holds(name, "recipe.toml") and _holds(name, "inputs.json")
    if is_run or _holds(name, "stage.json"):
        mend = f"name the files that curate export jsonl {name} -o DEST writes"
        raise SettingsError(f"{name}: the folder of a {'run' if is_run else 'stage'}, and here files are read; {mend}")


def source_items(
    sources: Mapping[str, tuple[str, ...]],
    digests: Digests,
    *,
    miniweb: Path | None = None,
    base: str = names.BASE,
) -> list[Item]:
    """Returns one item per input file, source by source; SettingsError if a source or the recipe has no input.

    A file that a source names twice is one item, and many small texts are grouped. sources: the inputs of each source,
    by its name. base: the address or the folder of Common Crawl's files.
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
        short_names = iter(_names_below([entry.path for entry in entries if not entry.name]))
        singles = []
        for entry in entries:
            fact, name = entry.fact or next(facts), entry.name or next(short_names)
            singles.append(_item(entry, name, fact, source))
        items += _grouped(singles)
    items = number_items(items)
    if not items:
        raise SettingsError("the recipe has no sources; add a [sources.NAME] table with inputs")
    return items


def _item(entry: Listed, name: str, fact: Fact, source: str) -> Item:
    return Item(
        number=0,
        name=name,
        uri=entry.uri,
        form=_form(entry),
        digest=fact.identity,
        size=fact.size,
        source=source,
        blocks=fact.blocks,
    )


def _grouped(items: list[Item]) -> list[Item]:
    """Returns the items of a source with its small texts in groups, in order, if it has many of them."""
    if sum(map(_is_small_text, items)) <= SINGLE_TEXTS:
        return items
    done: list[Item] = []
    group: list[Item] = []
    for item in items:
        small = _is_small_text(item)
        if group and (not small or len(group) == GROUP_FILES or sum(member.size for member in group) > GROUP_BYTES):
            done.append(_as_one(group))
            group = []
        (group if small else done).append(item)
    return [*done, _as_one(group)] if group else done


def _is_small_text(item: Item) -> bool:
    """Returns True for a text on this machine that is much smaller than a group, and whose name ends its path."""
    is_text = item.form == "documents" and form_of(item.name) == "text"
    return is_text and item.size < GROUP_BYTES >> 4 and not storage.is_remote(item.uri) and item.uri.endswith(item.name)


def _as_one(group: list[Item]) -> Item:
    """Returns one item of several files; its name ends as theirs do, so that its form can be told."""
    first, *others = group
    if not others:
        return first
    return replace(
        first,
        name=f"{first.name} to {others[-1].name}",
        digest=json_digest([[item.name, item.digest] for item in group]),
        size=sum(item.size for item in group),
        files=tuple(item.name for item in group),
        blocks=" ".join(item.blocks for item in group),
    )


def bytes_of(patterns: tuple[str, ...], base: str) -> int:
    """Returns the bytes of inputs without the mini-web's; SettingsError if a file is missing.

    It is an estimate where a list of Common Crawl names the files, whose sizes are not requested.
    """
    entries = _entries(tuple(pattern for pattern in patterns if not pattern.startswith(MINIWEB)), None, base)
    unsized = [entry.path for entry in entries if not entry.fact]
    remote = [path for path in unsized if storage.is_remote(path)]
    local = [path for path in unsized if not storage.is_remote(path)]
    try:
        sizes = storage.sizes_of(remote) + storage.sizes_of(local)
    except FileNotFoundError as error:
        raise SettingsError(f"{error.filename}: no such input file") from None
    return sum(sizes) + sum(entry.fact.size for entry in entries if entry.fact)


def local_bytes(patterns: tuple[str, ...]) -> int | None:
    """Returns what `bytes_of` does without a request; None where a store or Common Crawl has some of the files."""
    for name in patterns:
        if storage.is_remote(name) or name.startswith(names.PREFIX) or name.endswith(names.LISTS):
            return None
    return bytes_of(patterns, "")


def named_items(inputs: tuple[str, ...], reader: Path, digests: Digests, source: str) -> list[Item]:
    """Returns the items of a verb's arguments: first the parts of stage folders, then the user's own documents.

    reader: the folder of the stage that will read them. source: of the user's own documents. SettingsError for an
    argument that is neither a stage folder nor documents.
    """
    items: list[Item] = []
    own = tuple(name for name in inputs if not _holds(name, "stage.json"))
    for name in own:
        if _holds(name, "recipe.toml"):
            raise SettingsError(f"{name}: a run's folder; name one of its stages, such as {name.rstrip('/')}/filter")
    for name in inputs:
        if name not in own:
            items += stage_items(storage.path(name), reader, first=len(items))
    for item in source_items({source: own}, digests) if own else ():
        if item.form != "documents":
            raise SettingsError(f"{item.uri}: neither a stage folder nor a file of documents; these end in {ENDINGS}")
        items.append(replace(item, number=len(items)))
    return items


def stage_items(folder: Path, reader: Path, *, first: int = 0) -> list[Item]:
    """Returns one item per part of kept documents in a finished stage's folder; SettingsError if it has no documents.

    An item of dedup joins a part of decisions with the part of text that they are about.

    reader: the folder of the stage that will read the items, to which their paths are relative. first: the number of
    the first item.
    """
    record = read_stage(folder)
    is_dedup = record.stage == "dedup"
    if KINDS[record.stage].leaves != "documents" and not is_dedup:
        raise SettingsError(f"{folder}: the output of {record.stage} holds no documents; name a folder before it")
    texts = [storage.join(folder, item.uri) for item in record.items] if is_dedup else []
    text_sizes = storage.sizes_of(texts)
    items = []
    for number, item in enumerate(record.items):
        made = part_item(record.stage, item, record.outputs[part_name(item.number)], folder, reader)
        if is_dedup:
            digest, size = json_digest([made.digest, item.digest]), made.size + text_sizes[number]
            base_uri = storage.relative(texts[number], reader)
            made = replace(made, form="decided", digest=digest, size=size, base_uri=base_uri)
        items.append(replace(made, number=first + number))
    return items


def part_item(stage: str, item: Item, output: FileRecord, folder: Path, reader: Path) -> Item:
    """Returns the item of the same number that a stage's part of documents is for the stage behind it.

    item: of which the part was made. output: the part's file. folder, reader: where the two stages lie.
    """
    name = part_name(item.number)
    return Item(
        number=item.number,
        name=f"{stage}/{name}",
        uri=storage.relative(folder / name, reader),
        form="part",
        digest=output.sha256,
        size=output.bytes,
        source=item.source,
    )


def rebase_items(items: list[Item], reader: Path, other: Path) -> list[Item]:
    """Returns items whose paths are relative to the folder `other` instead of the folder `reader`."""
    return [
        replace(
            item,
            uri=storage.relative(storage.join(reader, item.uri), other),
            base_uri=storage.relative(storage.join(reader, item.base_uri), other) if item.base_uri else "",
        )
        for item in items
    ]


def pieces(item: Item, limit: int) -> Iterator[Item]:
    """Yields a WARC file in pieces of equal size, none above the limit in bytes.

    Any other item stays whole, as does a file of a list whose size was not requested.
    """
    is_sized_warc = item.form == "warc" and not item.digest.startswith(UNTOLD)
    count = math.ceil(item.size / limit) if is_sized_warc else 1
    if count <= 1:
        yield item
        return
    for start, stop in pairwise(item.size * number // count for number in range(count + 1)):
        yield replace(item, start=start, stop=stop, size=stop - start, blocks="" if start else item.blocks)


def number_items(items: list[Item]) -> list[Item]:
    """Returns items numbered from 0 in their order."""
    return [replace(item, number=number) for number, item in enumerate(items)]


def _crawl_outputs(name: str) -> list[Path]:
    """Returns the WARC files of a finished crawl's folder; nothing for any other name."""
    folder = storage.path(name)
    if is_http(name) or "*" in name or not (folder / "stage.json").is_file():
        return []
    record = read_stage(folder)
    if record.stage != "crawl":
        return []
    return [folder / output for output in record.outputs if output.endswith(".warc.gz")]


def _entries(patterns: tuple[str, ...], miniweb: Path | None, base: str) -> list[Listed]:
    """Returns the files that the inputs of a source name, directly or by lists, each once and in order."""
    entries: list[Listed] = []
    for pattern in patterns:
        if pattern.startswith(names.PREFIX):
            entries += names.list_files(pattern, base)
            continue
        for path in files(pattern, miniweb=miniweb):
            if path.name.endswith(names.LISTS):
                entries += names.list_files(str(path), base)
            else:
                entries.append(Listed(name="", uri=storage.uri(path)))
    return [*{entry.uri: entry for entry in entries}.values()]


def _names_below(paths: list[Path]) -> list[str]:
    return storage.names_below(paths) if paths else []


def _form(entry: Listed) -> Form:
    """Returns the form of a file by its name: WARC unless the name is one of documents or of an index.

    A Parquet file is opened, as its columns tell an index from documents.
    """
    name = entry.uri.rpartition("/")[2]
    if storage.is_remote(entry.uri):
        name = name.partition("?")[0]
    if entry.index or INDEX.fullmatch(name):
        return "index"
    if name.endswith(".parquet"):
        from curate.commoncrawl.columnar import is_index

        return "index" if is_index(entry.path) else "documents"
    return "documents" if form_of(name) else "warc"


def _holds(name: str, file: str) -> bool:
    """Returns True if a folder holds a file of this name."""
    path = storage.path(name)
    if not storage.is_remote(path):
        return (path / file).exists()
    storage.need(path)
    with storage.one_line(name, "cannot look for this input"):
        return (path / file).exists()
