"""Documents of the user's own: each row of a file becomes a document, a rejection, or a dead letter.

A row needs a text. A value of any other column that cannot be what its column stands for is blank, counted, and kept
as metadata; it never costs the row.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from curate.distinct import Distinct
from curate.inputs.columns import METADATA, Taken, has, value_of
from curate.inputs.columns import USER_FORMS as USER_FORMS
from curate.inputs.rows import UnreadRows, item_rows
from curate.inputs.values import as_count, as_json, as_moment, as_number, as_text, storable
from curate.records import SOURCE, Document, Failure, NoDocument, Reason, Rejection, Skipped, document_id, row_id
from curate.stage.plan import Item

Note = Callable[[str, int], None]
STRINGS = ("title", "date", "language", "mime", "warc_file")  # a user's row may bring these along
NUMBERS = ("quality", "language_score")
COUNTS = ("cluster_size", "warc_offset", "warc_length")
FIELDS = ("text", "id", "url", "timestamp", "source", *STRINGS, *NUMBERS, *COUNTS)
KINDS = {type(None): "null", bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}


# The columns of a row that `curate export` wrote: those of JSON lines, and with these those of Parquet.
EXPORTED = {"id", "text", "url", "created", METADATA}
EXPORTED_TOO = {"source", "given_id", "title", "language", "quality"}
OF_PAGES = ("extractor", "truncated", "flags")  # what no row brings along, so that it is blank or metadata


def uncounted(_name: str, _number: int) -> None:
    """Counts nothing."""


def user_documents(
    path: Path, item: Item, stage: str, note: Note = uncounted, *, others: bool = True
) -> Iterator[Document | NoDocument]:
    """Yields the documents of a user's file; a row without a text as a Rejection, one that is no row as a Failure.

    The offset of a Failure is the number of the row, or the line, counted from 1. note: takes counts by name. others:
    whether columns that no field of a document stands for are kept, as its metadata.
    """
    reading = _Reading(item, stage, note, others=others)
    for number, row in item_rows(path, item, reading.needed):
        if isinstance(row, UnreadRows):
            yield _failure(item, stage, number, "unreadable", str(row), length=row.rows)
            continue
        if isinstance(row, Skipped):
            yield row
            continue
        try:
            yield reading.outcome(number, row)
        except (ValueError, RecursionError) as error:
            yield _failure(item, stage, number, "malformed", str(error), length=1)


def _failure(item: Item, stage: str, number: int, error: str, message: str, *, length: int) -> Failure:
    return Failure(
        file=item.name,
        offset=number,
        length=length,
        stage=stage,
        error=error,
        message=storable(message[:500], lambda _: None),
        record=error == "malformed",
    )


class _Reading:
    """The rows of one file so far."""

    def __init__(self, item: Item, stage: str, note: Note, *, others: bool) -> None:
        self.item, self.stage, self.note, self.others = item, stage, note, others
        taken = Taken.of(item)
        self.keep, self.renamed = taken.keep, bool(taken.columns.named)
        self.exported: bool | None = None  # whether `curate export` wrote the file, which its first row tells
        self.columns = {name: taken.columns.named.get(name, name) for name in FIELDS}
        if item.form == "owned":
            del self.columns["source"]  # the recipe's holds
        self.text_column = self.columns.pop("text")
        self.ids, self.given_ids = Distinct(), Distinct()

    @property
    def needed(self) -> tuple[str, ...] | None:
        """Returns the names of the columns that are read; None: all."""
        if self.others and self.keep is None:
            return None
        names = [self.text_column, *self.columns.values(), *sorted(EXPORTED | EXPORTED_TOO)]
        names += (self.keep or ()) if self.others else ()
        return tuple(dict.fromkeys([*names, *(name.partition(".")[0] for name in names)]))

    def outcome(self, number: int, row: Any) -> Document | Rejection:
        """Returns the document of a row, or its rejection; raises ValueError where it is no row with a text."""
        if isinstance(row, Exception):
            raise ValueError(str(row))
        if not isinstance(row, dict):
            raise ValueError(f"a row is an object with a text, this is {_kind(row)}")
        if self.exported is None:
            self.exported = _is_exported(row)
        row = as_before_export(row) if self.exported and not self.renamed else row
        if not has(row, self.text_column):
            raise ValueError(f"no column {self.text_column}")
        text = value_of(row, self.text_column)
        if text is not None and not isinstance(text, str | bytes):
            raise ValueError(f"column {self.text_column} is {_kind(text)}, no string")
        fields, used = self._fields(row)
        source = fields.pop("source", None) or self.item.source
        if not text:
            return self._without_text(number, "null" if text is None else "empty", source, fields)
        text = self._storable(as_text(text))
        return Document(
            id=self._id(fields, text),
            text=text,
            source=source,
            metadata=self._metadata(row, used) if self.others else None,
            **{"url": "", "timestamp": None, **fields},
        )

    def _fields(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
        """Returns the fields of a document besides its text, and the names of the columns that they used up."""
        fields: dict[str, Any] = {}
        used = {self.text_column}
        for name, column in self.columns.items():
            value = value_of(row, column)
            try:
                if not _is_nothing(name, value):
                    fields["given_id" if name == "id" else name] = self._field(name, value)
                used.add(column)
            except ValueError:
                self.note("unreadable_timestamps" if name == "timestamp" else "unreadable_values", 1)
        return fields, used

    def _field(self, name: str, value: Any) -> Any:
        """Returns a value as a field of a document; raises ValueError where it cannot be."""
        if name == "timestamp":
            return as_moment(value)
        if name in NUMBERS or name in COUNTS:
            return as_number(value) if name in NUMBERS else as_count(value)
        if name == "id" and isinstance(value, bytes):
            return _spelt(value)
        text = self._storable(as_text(value))
        if name == "source" and not SOURCE.fullmatch(text):
            raise ValueError("it cannot name a folder")
        return text

    def _storable(self, text: str) -> str:
        return storable(text, lambda number: self.note("replaced_characters", number))

    def _id(self, fields: Mapping[str, Any], text: str) -> bytes:
        """Returns the id of the next document, which no document of the file before it has."""
        given_id = fields.get("given_id")
        if not given_id:
            own = document_id(fields.get("url", ""), fields.get("timestamp"), text.encode())
        else:
            own, any_text = row_id(given_id, text), row_id(given_id, "")
            if any_text in self.given_ids and own not in self.ids:
                self.note("given_ids_of_other_texts", 1)
            self.given_ids.of(any_text)
        id_ = self.ids.of(own)
        if id_ != own:
            self.note("repeated_ids", 1)
        return id_

    def _without_text(self, number: int, fault: str, source: str, fields: Mapping[str, Any]) -> Rejection:
        url = fields.get("url", "")
        place = f"{self.item.source}/{self.item.name}#{number}".encode("utf-8", "surrogatepass")
        return Rejection.of(
            Reason(f"{self.stage}.no_text", 0, None, f"column {self.text_column} is {fault}"),
            id=document_id(url, None, place),
            url=url,
            source=source,
            stage=self.stage,
            size=0,
            given_id=fields.get("given_id"),
        )

    def _metadata(self, row: Mapping[str, Any], used: set[str]) -> str | None:
        """Returns the other columns of a row as JSON; the entries of a column `metadata` are columns of their own."""
        rest = _without(row, used)
        inner = _as_object(rest.get(METADATA))
        if inner is not None:
            del rest[METADATA]
            clashing = {name: value for name, value in inner.items() if name in rest}
            rest = inner | rest | ({METADATA: clashing} if clashing else {})
        if self.keep is not None:
            entries = inner or {} if METADATA in self.keep else {}
            rest = {name: value for name, value in rest.items() if name in self.keep or name in entries}
        return as_json(rest, lambda number: self.note("replaced_characters", number)) if rest else None


def _is_exported(row: Mapping[str, Any]) -> bool:
    """Returns True for the first row of a file that `curate export` wrote: it names all that it may hold."""
    if row.keys() == EXPORTED | {"source"}:
        return {"given_id", *OF_PAGES} <= (_as_object(row[METADATA]) or {}).keys()
    return row.keys() == EXPORTED | EXPORTED_TOO


def as_before_export(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row that `curate export` wrote with the columns that it was made of; any other row as it is.

    Its `id` is ours, made of what else it holds, so that the row has no id of its own unless it states `given_id`.
    """
    if not EXPORTED <= row.keys() <= EXPORTED | EXPORTED_TOO:
        return row
    inner = _as_object(row[METADATA]) or {}
    columns = {name: value for name, value in row.items() if name not in EXPORTED or name in ("text", "url")}
    fields = {name: inner[name] for name in ("given_id", *STRINGS, *NUMBERS, *COUNTS) if name in inner}
    blank = {name for name in OF_PAGES if inner.get(name) is None}
    rest = {name: value for name, value in inner.items() if name not in fields and name not in blank}
    columns = {**fields, **{name: value for name, value in columns.items() if value is not None or name not in fields}}
    given_id = columns.pop("given_id", None)
    return columns | {"id": given_id, "timestamp": row["created"], METADATA: rest}


def _without(row: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """Returns the columns of a row but these; one in an object, named with dots, is left out of the object."""
    rest = {name: value for name, value in row.items() if name not in names}
    for name in names:
        outer, dot, inner = name.partition(".")
        if dot and name not in row and isinstance(rest.get(outer), dict):
            rest[outer] = _without(rest[outer], {inner})
            if not rest[outer]:
                del rest[outer]
    return rest


def _as_object(value: Any) -> dict[str, Any] | None:
    """Returns a value as an object, which it is or which it spells as JSON; None where it is none."""
    if isinstance(value, str | bytes) and value[:1] in ("{", b"{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _is_nothing(name: str, value: Any) -> bool:
    """Returns True for a value that stands for none; a number that should be a score and is NaN does not."""
    if value is None or value in ("", b""):
        return True
    return bool(value != value) and name not in NUMBERS


def _spelt(id_: bytes) -> str:
    """Returns an id of bytes as a string: as text where it is one, else, or where it is of 16 bytes, in hex."""
    try:
        return id_.hex() if len(id_) == 16 else id_.decode()
    except UnicodeDecodeError:
        return id_.hex()


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "an object" if isinstance(value, dict) else f"a {type(value).__name__}")
