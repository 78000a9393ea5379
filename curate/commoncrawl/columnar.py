"""Reads Common Crawl's columnar index: Parquet with a record's place in `warc_filename` and two columns beside it.

Only the columns that are needed are read, and nothing of row groups whose statistics show that none of their rows is
taken. The condition on the columns takes too many rows rather than too few: `Select.takes` has the last word.
"""

import functools
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from curate import storage
from curate.commoncrawl.cdx import languages_of
from curate.commoncrawl.selection import IndexRow, Select
from curate.errors import SettingsError

PLACE = ("warc_filename", "warc_record_offset", "warc_record_length")  # these columns say where a record lies
# fmt: off
READ = (
    "url", *PLACE, "fetch_status", "content_mime_type", "content_mime_detected", "content_languages",
    "content_truncated",
)
# fmt: on
BATCH_ROWS = 8192  # read at a time


def is_index(path: Path) -> bool:
    """Returns True for a Parquet file with the columns of an index; False for one that cannot be read."""
    try:
        with storage.opened(path) as (file, _):
            return {*PLACE, "url"} <= {*pq.read_schema(file).names}
    except pa.ArrowException:
        return False


def rows(path: Path, name: str, select: Select) -> Iterator[IndexRow]:
    """Yields the taken rows of an index, in its order; raises SettingsError where it is damaged or no index."""
    try:
        with storage.opened(path) as (file, size):
            fragment = ds.ParquetFileFormat().make_fragment(pa.PythonFile(file, "r"), file_size=size)
            schema = fragment.physical_schema
            missing = [column for column in (*PLACE, "url") if column not in schema.names]
            if missing:
                raise SettingsError(f"{path}: no index: it has no column {missing[0]}")
            columns = [column for column in READ if column in schema.names]
            batches = fragment.to_batches(
                columns=columns,
                filter=condition(select, schema),
                batch_size=BATCH_ROWS,
                batch_readahead=1,
                use_threads=False,
            )
            number = 0
            for batch in batches:
                for values in batch.to_pylist():
                    number += 1
                    row = _row(values, number, name)
                    if select.takes(row):
                        yield row
    except pa.ArrowException as error:
        raise SettingsError(f"{path}: cannot read this index: {str(error).splitlines()[0]}") from None


def condition(select: Select, schema: pa.Schema) -> Any:
    """Returns the selection as a condition on the columns of the schema, or None; no row that is taken fails it."""
    column_types = {field.name: field.type for field in schema}
    conditions = []
    if select.statuses and pa.types.is_integer(column_types.get("fetch_status", pa.null())):
        conditions.append(pc.field("fetch_status").isin(pa.array(select.statuses, pa.int32())))
    mime_columns = ("content_mime_detected", "content_mime_type")
    mimes = [pc.field(name) for name in mime_columns if _is_text(column_types.get(name))]
    if select.mimes and mimes:
        conditions.append(_any([pc.utf8_lower(mime).isin([*select.mimes]) for mime in mimes]))
    if select.languages and _is_text(column_types.get("content_languages")):
        languages = pc.field("content_languages")
        conditions.append(_any([pc.match_substring(languages, code) for code in select.languages]))
    if select.domains:
        conditions += _host_conditions(select.domains, column_types)
    return functools.reduce(operator.and_, conditions) if conditions else None


def _host_conditions(domains: tuple[str, ...], column_types: dict[str, Any]) -> list[Any]:
    """Returns the condition on the host, if there is a column of it.

    The reversed name comes first, as the index is almost sorted by it.
    """
    if _is_text(column_types.get("url_host_name_reversed")):
        host = pc.field("url_host_name_reversed")
        names = [".".join(reversed(domain.split("."))) for domain in domains]
        # A name, or one below it: "/" is the character after ".".
        conditions = [(host == name) | ((host >= f"{name}.") & (host < f"{name}/")) for name in names]
    elif _is_text(column_types.get("url_host_name")):
        host = pc.field("url_host_name")
        conditions = [(host == domain) | pc.ends_with(host, f".{domain}") for domain in domains]
    else:
        return []
    return [_any([*conditions, host.is_null()])]


def _any(conditions: list[Any]) -> Any:
    return functools.reduce(operator.or_, conditions)


def _is_text(kind: Any) -> bool:
    return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _row(values: dict[str, Any], number: int, name: str) -> IndexRow:
    """Returns the row of these values; one that cannot be used holds its fault."""
    file, offset, length = (values[column] for column in PLACE)
    url = values["url"] or ""
    fault = ""
    if not file or ".." in str(file).split("/"):
        fault = f"warc_filename is {file!r}: {url}"
    elif not isinstance(offset, int) or not isinstance(length, int) or offset < 0 or length < 0:
        fault = f"the record's place is {offset!r}, {length!r}: {url}"
    if fault:
        return IndexRow(url=url, file=name, offset=number, length=0, fault=fault[:200])
    mime = values.get("content_mime_detected") or values.get("content_mime_type") or ""
    status = str(values.get("fetch_status"))
    return IndexRow(
        url=url,
        file=file,
        offset=offset,
        length=length,
        status=int(status) if status.isdecimal() else None,
        mime=mime.lower(),
        languages=languages_of(values.get("content_languages") or ""),
        truncated=bool(values.get("content_truncated")),
    )
