"""Replaces the indexes among the items of a stage by pointers to the captures that they name."""

from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from curate import __version__, settings, storage
from curate.commoncrawl import cdx
from curate.commoncrawl.pointers import pointer_items, pointers_file
from curate.commoncrawl.selection import IndexRow, Select
from curate.errors import SettingsError
from curate.stage.plan import Item, json_digest


def resolve_indexes(
    items: list[Item], folder: Path, selects: Mapping[str, Select | None], base: str, say: Callable[[str], None]
) -> list[Item]:
    """Returns the items with each source's indexes replaced by pointers to the captures that its `select` takes.

    Raises SettingsError where a source selects and none of its inputs is an index. base: the folder or URL under which
    the crawl's files lie. say: called with a line before an index is read.
    """
    indexes: dict[str, list[Item]] = {}
    for item in items:
        indexes.setdefault(item.source, []).extend([item] if item.form == "index" else ())
    for source, select in selects.items():
        if select and not indexes.get(source):
            raise SettingsError(f"sources.{source}.select: {source} has no index of a crawl among its inputs")
    with_pointers: list[Item] = []
    for item in items:
        if item.form != "index":
            with_pointers.append(item)
            continue
        of_source = indexes.pop(item.source, [])  # all at the first of them
        if of_source:
            with_pointers += _pointer_items(of_source, folder, selects.get(item.source) or Select(), base, say)
    return with_pointers


def _pointer_items(
    indexes: list[Item], folder: Path, select: Select, base: str, say: Callable[[str], None]
) -> Iterator[Item]:
    """Yields the items of the pointers that the indexes of one source give."""
    source = indexes[0].source
    made_by = [__version__, metadata.version("pyarrow")]
    key = json_digest([[[item.name, item.digest] for item in indexes], settings.to_table(select), made_by])
    path = pointers_file(folder, source, key, lambda: _selected_rows(indexes, select, say))
    yield from pointer_items(path, folder, source, storage.uri(storage.path(base)))


def _selected_rows(indexes: list[Item], select: Select, say: Callable[[str], None]) -> Iterator[IndexRow]:
    from curate.commoncrawl import columnar

    for number, item in enumerate(indexes, start=1):
        say(f"select    source {item.source}: index {number} of {len(indexes)}, {item.name}")
        path = storage.path(item.uri)
        module = columnar if ".parquet" in path.name else cdx
        yield from module.rows(path, item.name, select)
