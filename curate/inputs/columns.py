"""Finds the column of each field in a user's files; checked on the first rows of each file before any work."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate import storage
from curate.errors import SettingsError
from curate.inputs.forms import form_of
from curate.settings import check

if TYPE_CHECKING:  # a recipe is read without what plans need
    from curate.stage.plan import Item

USER_FORMS = ("documents", "owned")
USUAL = ("content", "raw_content", "body", "document")  # the names of a text's column, if none is called `text`
FIXED = ("text", "dump")  # forms whose columns are always the same, so that no setting names them
FIRST_ROWS = 100  # as many as are read of a file of lines, where its first one has not all columns
SHOWN = 20  # names of columns in a message
METADATA = "metadata"  # a column whose entries are columns of their own

Warn = Callable[[str, str], None]  # takes what happened, and the setting that changes it


def unheard(_message: str, _mend: str) -> None:
    """Drops a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The names of the columns that hold a document's fields; a name with dots reaches into objects.

    None stands for the field's own name.
    """

    text: str | None = None
    id: str | None = None
    url: str | None = None
    timestamp: str | None = None
    source: str | None = None
    title: str | None = None
    date: str | None = None
    language: str | None = None
    quality: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            check(getattr(self, field.name) != "", f"{field.name} names no column")

    @property
    def named(self) -> dict[str, str]:
        """Returns the fields that a setting names a column for, with its name."""
        return {name: column for name, column in asdict(self).items() if column is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The columns that are taken from the rows of a source."""

    columns: Columns = Columns()
    keep: tuple[str, ...] | None = None  # the other columns that are kept as metadata; None: all

    @classmethod
    def of(cls, item: "Item") -> "Taken":
        """Returns the value that `written` wrote into an item."""
        if not item.columns:
            return cls()
        stored = json.loads(item.columns)
        keep = stored["keep"]
        return cls(columns=Columns(**stored["columns"]), keep=None if keep is None else tuple(keep))

    def written(self) -> str:
        """Returns the value as JSON, which is part of an item's key; "" for the defaults."""
        return "" if self == Taken() else json.dumps({"columns": self.columns.named, "keep": self.keep}, sort_keys=True)


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """Returns the value of a column, or None; a name with dots that no column has leads into objects.

    >>> value_of({"meta": {"body": "a"}}, "meta.body")
    'a'
    """
    if name in row:
        return row[name]
    outer, dot, inner = name.partition(".")
    held = row.get(outer) if dot else None
    return value_of(held, inner) if isinstance(held, dict) else None


def has(row: Mapping[str, Any], name: str) -> bool:
    """Returns True where a row has a column; a name with dots that no column has leads into objects."""
    if name in row:
        return True
    outer, dot, inner = name.partition(".")
    held = row.get(outer) if dot else None
    return isinstance(held, dict) and has(held, inner)


def resolved(items: "Iterable[Item]", taken: Mapping[str, Taken], warn: Warn) -> "list[Item]":
    """Returns the items with the columns of the user's documents among them; SettingsError where one is missing.

    taken: by source. The column of the text is one of USUAL where a file has none of the name that it should have,
    which is told once for each source.
    """
    done: list[Item] = []
    usual: dict[tuple[str, str], list[str]] = {}
    kept: dict[str, set[str]] = {}
    for item in items:
        if item.form not in USER_FORMS:
            done.append(item)
            continue
        chosen = taken.get(item.source, Taken())
        if form_of(item.name) in FIXED:
            done.append(replace(item, columns=replace(chosen, columns=Columns()).written()))
            continue
        first = _FirstRows(item, chosen)
        if first.names and not chosen.columns.text and "text" not in first.names:
            chosen = replace(chosen, columns=replace(chosen.columns, text=_usual_text(item, first.names)))
            usual.setdefault((item.source, chosen.columns.text or ""), []).append(item.name)
        if first.names:
            kept.setdefault(item.source, set()).update(set(chosen.keep or ()) - first.missing)
        done.append(replace(item, columns=chosen.written()))
    for (source, column), files in usual.items():
        more = len(files) - 1
        whose = (
            f"{files[0]} and {more:,} more files have no column text, so their"
            if more
            else f"{files[0]} has no column text, so its"
        )
        warn(f"source {source}: {whose} column {column} is taken", f"sources.{source}.columns.text names another")
    for source, names in kept.items():
        if absent := [name for name in taken.get(source, Taken()).keep or () if name not in names]:
            message = f"source {source}: the first rows of its files have no column {', '.join(absent)}"
            warn(f"{message}, which metadata was to keep", f"sources.{source}.keep_columns names such columns")
    return done


def _usual_text(item: "Item", names: list[str]) -> str:
    """Returns the usual column of a text that a file has; SettingsError where it has none."""
    if name := next((name for name in USUAL if name in names), None):
        return name
    raise _no_column(item, "text column", names, "text")


def _no_column(item: "Item", missing: str, names: list[str], field: str) -> SettingsError:
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    mend = f"give --set sources.{item.source}.columns.{field}=NAME"
    return SettingsError(f"{item.uri}: no {missing}; its columns are {shown}; {mend}")


class _FirstRows:
    """The names of the columns that the first rows of a file have."""

    def __init__(self, item: "Item", chosen: Taken) -> None:
        named = chosen.columns.named
        self.missing = {*named.values(), *(chosen.keep or ())}
        self._names: dict[str, None] = {}
        if not named.get("text"):
            self.missing.add("text")
        for row in _first_rows(item):
            self._see(row)
            if not self.missing:
                break
        for field, column in named.items():
            if self.names and column in self.missing:
                raise _no_column(item, f"column {column}, which sources.{item.source}.columns names", self.names, field)

    @property
    def names(self) -> list[str]:
        """Returns the names of the columns, in the order in which they came; none where no row could be read."""
        return [*self._names]

    def _see(self, row: Mapping[str, Any]) -> None:
        self._names |= dict.fromkeys(row)
        inner = row.get(METADATA)
        for name in [*self.missing]:
            if has(row, name) or (isinstance(inner, dict) and name in inner and name != "text"):
                self.missing.discard(name)


def _first_rows(item: "Item") -> Iterator[Mapping[str, Any]]:
    """Yields the first rows of a file, or for Parquet one that has all columns; nothing where it cannot be read."""
    from curate.inputs.rows import numbered_rows

    path = storage.path(item.uri)
    if path.name.endswith(".parquet"):
        yield from _parquet_row(path)
        return
    for number, (_, row) in enumerate(numbered_rows(path, name=item.name, digest=item.digest), start=1):
        if isinstance(row, dict):
            yield row
        if number == FIRST_ROWS:
            return


def _parquet_row(path: Path) -> Iterator[dict[str, Any]]:
    """Yields a row with the columns of a Parquet file, without values; nothing where the file cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def blank(columns: Iterable[pa.Field]) -> dict[str, Any]:
        return {column.name: blank(column.type) if pa.types.is_struct(column.type) else None for column in columns}

    try:
        yield blank(pq.read_schema(storage.source(path)))
    except (OSError, ValueError, pa.ArrowException):
        return  # a dead letter will say so
