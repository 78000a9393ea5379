"""Common Crawl's columnar index: Parquet with the place of each record in `warc_filename` and two columns beside it.

Only the columns that are asked about are read, and of row groups whose statistics show that none of their rows is
wanted nothing is. What is pushed down takes too many rows rather than too few: `Select.takes` has the last word.
"""

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

PLACE = ("warc_filename", "warc_record_offset", "warc_record_length")
READ = (
    "url",
    *PLACE,
    "fetch_status",
    "content_mime_type",
    "content_mime_detected",
    "content_languages",
    "content_truncated",
)
BATCH_ROWS = 8192


def is_index(path: Path) -> bool:
    """Has this Parquet file the columns of an index? One that cannot be read has not."""
    try:
        with storage.opened(path) as (file, _):
            return {*PLACE, "url"} <= {*pq.read_schema(file).names}
    except pa.ArrowException:
        return False


def rows(path: Path, name: str, select: Select) -> Iterator[IndexRow]:
    """The rows of an index that are taken, in its order; SettingsError where it is damaged or none at all."""
    try:
        with storage.opened(path) as (file, size):
            fragment = ds.ParquetFileFormat().make_fragment(pa.PythonFile(file, "r"), file_size=size)
            schema = fragment.physical_schema
            missing = [column for column in (*PLACE, "url") if column not in schema.names]
            if missing:
                raise SettingsError(f"{path}: no index: it has no column {missing[0]}")
            columns = [column for column in READ if column in schema.names]
            number, found = 0, pushed(select, schema)
            for batch in fragment.to_batches(
                columns=columns, filter=found, batch_size=BATCH_ROWS, batch_readahead=1, use_threads=False
            ):
                for values in batch.to_pylist():
                    number += 1
                    row = _row(values, number, name)
                    if select.takes(row):
                        yield row
    except pa.ArrowException as error:
        raise SettingsError(f"{path}: cannot read this index: {str(error).splitlines()[0]}") from None


def pushed(select: Select, schema: pa.Schema) -> Any:
    """The selection as a condition on the columns that are there, or None; no row that is taken fails it."""
    known = {field.name: field.type for field in schema}
    parts = []
    if select.statuses and pa.types.is_integer(known.get("fetch_status", pa.null())):
        parts.append(pc.field("fetch_status").isin(pa.array(select.statuses, pa.int32())))
    types = [pc.field(name) for name in ("content_mime_detected", "content_mime_type") if _is_text(known.get(name))]
    if select.mimes and types:
        lower = [pc.utf8_lower(field).isin([*select.mimes]) for field in types]
        parts.append(_any(lower))
    if select.languages and _is_text(known.get("content_languages")):
        parts.append(_any([pc.match_substring(pc.field("content_languages"), code) for code in select.languages]))
    if select.domains:
        parts += _hosts(select.domains, known)
    condition = None
    for part in parts:
        condition = part if condition is None else condition & part
    return condition


def _hosts(domains: tuple[str, ...], known: dict[str, Any]) -> list[Any]:
    """The condition on the host: by the reversed name if there is one, as the index is sorted almost so."""
    if _is_text(known.get("url_host_name_reversed")):
        host = pc.field("url_host_name_reversed")
        names = [".".join(reversed(domain.split("."))) for domain in domains]
        found = [(host == name) | ((host >= f"{name}.") & (host < f"{name}/")) for name in names]  # "/" follows "."
    elif _is_text(known.get("url_host_name")):
        host = pc.field("url_host_name")
        found = [(host == domain) | pc.ends_with(host, f".{domain}") for domain in domains]
    else:
        return []
    return [_any([*found, host.is_null()])]


def _any(conditions: list[Any]) -> Any:
    first, *others = conditions
    for each in others:
        first = first | each
    return first


def _is_text(kind: Any) -> bool:
    return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _row(values: dict[str, Any], number: int, name: str) -> IndexRow:
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
    return IndexRow(
        url=url,
        file=file,
        offset=offset,
        length=length,
        status=int(status) if (status := str(values.get("fetch_status"))).isdecimal() else None,
        mime=mime.lower(),
        languages=languages_of(values.get("content_languages") or ""),
        truncated=bool(values.get("content_truncated")),
    )
