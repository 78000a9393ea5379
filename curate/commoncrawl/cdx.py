"""Reads indexes in lines: CDXJ, as Common Crawl and pywb write it, and classic CDX, which names its columns first.

All values of CDXJ are strings ("offset": "0012"), and "-" stands for nothing. gzip is recognised by the first bytes;
Common Crawl's blocks of 3,000 lines are members of one file and are read on.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from curate import storage
from curate.commoncrawl.selection import IndexRow, Select
from curate.errors import SettingsError

LINE_BYTES = 1 << 20  # a longer line is cut there; no index has any
OBJECT = re.compile(r"(?<!\S)\{")  # where the object of a line may begin
OBJECTS = 8  # such places that are tried; a line of brackets would take seconds
# The letters of a classic CDX header that are read, and what CDXJ calls them.
LETTERS = {"a": "url", "m": "mime", "s": "status", "S": "length", "V": "offset", "g": "filename"}


def rows(path: Path, name: str, select: Select) -> Iterator[IndexRow]:
    """Yields the taken rows of an index, in its order; raises SettingsError where it is damaged or no index."""
    number = 0  # of the line
    useful = 0  # lines that look like rows
    domains = [domain.encode() for domain in select.domains]
    try:
        with storage.opened(path) as (file, _):
            columns: list[str] | None = None
            for number, line in enumerate(_lines(file), start=1):
                header = _header(line)
                if header:
                    columns = header
                    continue
                if not line.strip() or line.startswith(b"!"):
                    continue
                if domains and b"\\u" not in line and not any(domain in line.lower() for domain in domains):
                    useful += b"{" in line or columns is not None
                    continue  # without parsing the line, which takes longer
                row = _row(line, number, name, columns)
                useful += not row.fault
                if select.takes(row):
                    yield row
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SettingsError(f"{path}: damaged after line {number}: {error}; fetch it again") from None
    if number and not useful:
        raise SettingsError(f"{path}: no line of it is a row of an index (CDXJ, or classic CDX)")


def from_strings(table: dict[str, Any]) -> IndexRow:
    """Returns the row of a CDXJ object; raises ValueError where it does not state the record's place."""
    url, file = _string(table, "url"), _string(table, "filename")
    if not file:
        raise ValueError("no filename")
    if ".." in file.split("/"):
        raise ValueError(f"the filename {file!r} leads out of the crawl")
    mime = _string(table, "mime-detected") or _string(table, "mime")
    status = _string(table, "status")
    return IndexRow(
        url=url,
        file=file,
        offset=_number(table, "offset"),
        length=_number(table, "length"),
        status=int(status) if status.isdecimal() else None,
        mime=mime.lower(),
        languages=languages_of(_string(table, "languages")),
        truncated=bool(_string(table, "truncated") or _string(table, "warc-truncated")),
    )


def languages_of(text: str) -> tuple[str, ...]:
    """Returns the codes of a list with commas."""
    return tuple(code.strip() for code in text.split(",") if code.strip())


def _lines(file: Any) -> Iterator[bytes]:
    """Yields lines without their ends; one that is longer than LINE_BYTES is cut off there."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if packed else io.BufferedReader(file, 1 << 18)
    while line := stream.readline(LINE_BYTES):
        kept = line
        while len(line) == LINE_BYTES and not line.endswith(b"\n"):
            line = stream.readline(LINE_BYTES)
        yield kept.rstrip(b"\r\n")


def _header(line: bytes) -> list[str] | None:
    """Returns the columns that the first line of a classic CDX names, in CDXJ's words, '' for those that are not read.

    None where the line is no such header.
    """
    words = line.decode("utf-8", "replace").split()
    if words[:1] != ["CDX"] or not {"a", "V", "g"} <= {*words[1:]}:
        return None
    return [LETTERS.get(letter, "") for letter in words[1:]]


def _row(line: bytes, number: int, name: str, columns: list[str] | None) -> IndexRow:
    """Returns the row of a line; one that cannot be read holds its fault."""
    text = line.decode("utf-8", "replace")
    try:
        if columns:
            values = text.split()
            if len(values) != len(columns):
                raise ValueError(f"{len(values)} columns, the first line names {len(columns)}")
            return from_strings(dict(zip(columns, values, strict=True)))
        return from_strings(_object(text))
    except (ValueError, RecursionError) as error:
        return IndexRow(url="", file=name, offset=number, length=0, fault=f"{type(error).__name__}: {error}"[:200])


def _object(text: str) -> dict[str, Any]:
    """Returns the JSON object at the end of a line; raises ValueError where there is none.

    The key before it may hold brackets too, as an address may, and even blanks before them.
    """
    if not (starts := [match.start() for match in islice(OBJECT.finditer(text), OBJECTS)]):
        raise ValueError("no JSON object in the line")
    for start in starts:
        try:
            table = json.loads(text[start:])
        except ValueError:
            if start == starts[-1]:
                raise
            continue
        if isinstance(table, dict):
            return table
    raise ValueError("no JSON object in the line")


def _string(table: dict[str, Any], key: str) -> str:
    """Returns a value as a string; '' where there is none."""
    value = table.get(key)
    return "" if value in (None, "-") else str(value).strip()


def _number(table: dict[str, Any], key: str) -> int:
    text = _string(table, key)
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValueError(f"{key} is {table.get(key)!r}, not a number")
    return int(text)
