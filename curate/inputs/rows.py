"""The rows of a user's file, in each form that a file of documents may have.

The first bytes decide how a file is packed and whether it is Parquet, Arrow or zip; the name tells JSON, CSV, text and
XML apart. A file is read as a stream, except for the three forms that need a copy on this machine.
"""

import codecs
import csv
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError

import pyarrow as pa

from curate import storage
from curate.errors import of_the_machine
from curate.inputs import archives
from curate.inputs.arrow_rows import Columns, arrow_rows, parquet_rows
from curate.inputs.csv_rows import csv_rows
from curate.inputs.forms import ENDINGS, RowForm, form_of, unpacked_name
from curate.inputs.forms import UnreadRows as UnreadRows
from curate.inputs.json_rows import ROW_BYTES, is_one_value_a_line, line_rows, value_rows
from curate.stage import heartbeat
from curate.stage.plan import Item
from curate.storage.lines import BOM, ERRORS, chunks, lines, packing_of
from curate.storage.patience import RemoteError
from curate.web.encoding import decode, likely_encoding

Rows = Iterator[tuple[int, Any]]
UNPACKED_BYTES = 1 << 46  # more than any file holds: rows are bounded one by one
HEAD_BYTES = 1 << 16  # of the unpacked stream, by which forms are told apart
SAMPLE_BYTES = 1 << 20  # by which an encoding is told
COPY_BYTES = 1 << 20  # at a time
DAMAGE = (*ERRORS, ValueError, csv.Error, ExpatError, pa.ArrowException)
# The first bytes of files that name themselves. A stream of Arrow begins like no text either.
MAGICS: dict[bytes, RowForm] = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
FOREIGN = {  # files that people give by mistake
    b"WARC/": "a WARC file; run curate extract on it",
    b"PARE": "Parquet with an encrypted footer; decrypt it first",
    b"%PDF": "a PDF; make it text first",
    b"FEA1": "Feather of version 1; write it as version 2",
    b"SQLite": "an SQLite file; export its rows",
    b"Obj\x01": "Avro; write it as Parquet",
    b"\x1f\x8b": "packed twice",
    b"BZh": "packed twice",
    b"\x28\xb5\x2f\xfd": "packed twice",
    b"\xfd7zXZ": "packed twice",
}
WIDE = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
XML = re.compile(rb"\s*<(?:\?xml|mediawiki)")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as its reader sees it."""

    name: str  # as lineage calls it; the id of a file that is one document
    columns: Columns  # the names of the columns that are read; None: all
    inside: bool = False  # a member of an archive, or unpacked
    unpacked: bool = False  # although the name says that it is packed

    @property
    def form(self) -> RowForm | None:
        """Returns the form that the name tells."""
        return form_of(self.name)


def item_rows(path: Path, item: Item, columns: Columns = None) -> Rows:
    """Yields the rows of an item as `numbered_rows` does; of a group of texts one row each, or what is wrong."""
    if not item.files:
        yield from numbered_rows(path, name=item.name, digest=item.digest, blocks=item.blocks, columns=columns)
        return
    folder = str(path).removesuffix(item.files[0])
    checksums = item.blocks.split(" ") if item.blocks else [""] * len(item.files)
    for number, (name, blocks) in enumerate(zip(item.files, checksums, strict=True), start=1):
        for _, row in numbered_rows(Path(folder + name), name=name, blocks=blocks):
            yield number, UnreadRows(f"{name}: {row}", 1) if isinstance(row, UnreadRows) else row


def numbered_rows(path: Path, *, name: str = "", digest: str = "", blocks: str = "", columns: Columns = None) -> Rows:
    """Yields the number and the value of each row of a file, from 1 on.

    A row is a dict. An error in its place is that of a row that is lost; UnreadRows stands for several rows or for the
    rest of a file, so that damage never raises. name: as lineage calls the file; without it, the path's own. digest:
    which a remote file must still have. blocks: the checksums that the blocks of a local file must still have. columns:
    of Parquet and Arrow that are read, as far as they exist.
    """
    number = 0
    try:
        with storage.opened(path, digest, blocks) as (file, _):
            for number, row in _rows_at(path, file, File(name=name or path.name, columns=columns)):
                yield number, row
    except RemoteError:
        raise
    except DAMAGE as error:
        if of_the_machine(error):
            raise
        yield number + 1, UnreadRows(_first_line(error))


def head_rows(path: Path, item: Item, most: int) -> tuple[list[dict[str, Any]], int]:
    """Returns the rows at the head of a file, which are about `most` of its bytes or all, and how many bytes hold them.

    Rows that cannot be read are left out. An archive on a store is not read, as it would be copied whole.
    """
    rows: list[dict[str, Any]] = []
    try:
        with storage.opened(path) as (file, size):
            if storage.is_remote(path) and size > most and _magic(file.read(8)):
                return [], 0
            place = 0
            for _, row in _rows_at(path, file, File(name=item.name, columns=None)):
                here = file.tell()
                if here > most and place:
                    return rows, place  # the bytes before the last that were read
                place = here
                if isinstance(row, dict):
                    rows.append(row)
            return rows, size
    except RemoteError:
        raise
    except DAMAGE as error:
        if of_the_machine(error):
            raise
        return rows, item.size


def _rows_at(path: Path, file: BinaryIO, given: File) -> Rows:
    """Yields the rows of a file at a path; one that cannot be read as a stream is copied to this machine."""
    if storage.is_remote(path) and _magic(file.read(8)):
        file.seek(0)
        with tempfile.TemporaryFile(prefix="curate-") as copy:
            shutil.copyfileobj(file, copy, COPY_BYTES)  # so that a broken connection is no damage
            copy.seek(0)
            yield from _rows(copy, given)
        return
    file.seek(0)
    yield from _rows(file, given)


def _rows(file: BinaryIO, given: File) -> Rows:
    """Yields the rows of a seekable file."""
    head = file.read(8)
    file.seek(0)
    form = _magic(head)
    if form == "parquet":
        yield from parquet_rows(file, given.columns, whole=not given.inside)
    elif form == "arrow":
        yield from arrow_rows(file, given.columns, whole=not given.inside)
    elif form == "zip" and not given.inside:
        yield from archives.zip_rows(file, given.name, lambda member, name: _rows(member, _within(given, name)))
    elif form == "zip":
        raise ValueError("an archive within an archive; unpack it first")
    elif given.form in ("parquet", "arrow", "zip") and not packing_of(file):
        raise ValueError(_foreign(head) or f"no {given.form} file by its first bytes")
    else:
        if not given.inside:
            heartbeat.follow_whole(file)
        unpacked = unpacked_name(given.name) != given.name and not packing_of(file)
        yield from _streamed(chunks(file, UNPACKED_BYTES), replace(given, unpacked=unpacked))


def _within(given: File, name: str) -> File:
    return replace(given, name=name, inside=True)


def _magic(head: bytes) -> RowForm | None:
    """Returns the form of a file that names itself in its first bytes; None for any other."""
    return next((form for magic, form in MAGICS.items() if head.startswith(magic)), None)


def _streamed(pieces: Iterator[bytes], given: File) -> Rows:
    """Yields the rows of an unpacked stream."""
    head, pieces = _begin(pieces)
    if not head:
        raise ValueError("the file is empty")
    if foreign := _foreign(head):
        raise ValueError(foreign)
    if _magic(head):
        with tempfile.TemporaryFile(prefix="curate-") as copy:
            copy.writelines(pieces)
            copy.seek(0)
            yield from _rows(copy, _within(given, unpacked_name(given.name)))
        return
    form = given.form or _form_by_content(head)
    if form not in READERS:
        raise ValueError(f"neither its name nor its first bytes tell its form; the accepted endings are {ENDINGS}")
    if wide := next((name for mark, name in WIDE.items() if head.startswith(mark)), ""):
        head, pieces = _begin(_recoded(pieces, wide))
    if b"\0" in head and (form != "lines" or not head.lstrip().startswith((b"{", b"["))):
        raise ValueError("holds zero bytes, so it is no text; is its ending right?")
    if b"\r" in head[:-1] and b"\n" not in head:  # as old Macs end lines
        pieces = (piece.replace(b"\r", b"\n") for piece in pieces)
    yield from READERS[form](head, pieces, given)


def _foreign(head: bytes) -> str:
    """Returns the kind of a file that is given by mistake, and the mend; "" for any other."""
    return next((message for magic, message in FOREIGN.items() if head.startswith(magic)), "")


def _begin(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Returns the first bytes of a stream, and the stream with them."""
    head = b""
    while len(head) < HEAD_BYTES and (piece := next(pieces, b"")):
        head += piece
    return head, chain([head], pieces)


def _form_by_content(head: bytes) -> RowForm | None:
    start = head.removeprefix(BOM).lstrip()
    if XML.match(start):
        return "dump"
    return "json" if start.startswith((b"{", b"[")) else None


def _recoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yields a stream in UTF-8; what its encoding does not allow becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _json(head: bytes, pieces: Iterator[bytes], given: File) -> Rows:
    if given.unpacked and not head.lstrip().startswith((b"{", b"[")):
        raise ValueError("not packed, though its name says so, and no JSON")
    form = "lines" if given.form == "lines" else "json"
    one_a_line = is_one_value_a_line(head.removeprefix(BOM), form)
    return line_rows(pieces) if one_a_line else value_rows(pieces)


def _csv(head: bytes, pieces: Iterator[bytes], given: File) -> Rows:
    encoding = likely_encoding(head[:SAMPLE_BYTES])
    if encoding != "utf-8":
        pieces = _recoded(pieces, encoding)
    return csv_rows(_texts(pieces), tabs=unpacked_name(given.name).casefold().endswith(".tsv"))


def _texts(pieces: Iterator[bytes]) -> Iterator[str]:
    """Yields lines with a line feed at their ends."""
    for line in lines(pieces, ROW_BYTES):
        if line.content is None:
            raise ValueError(f"a line of {line.length:,} bytes; the most is {ROW_BYTES:,}")
        yield line.content.decode("utf-8", "surrogateescape") + "\n"


def _text(_head: bytes, pieces: Iterator[bytes], given: File) -> Rows:
    """Yields the one row of a file that is one document: its name as `id`, and its text."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > ROW_BYTES:
            raise ValueError(f"a text of more than {ROW_BYTES:,} bytes is no document; cut it, or make it JSON lines")
    body = b"".join(held).removeprefix(BOM)
    encoding = likely_encoding(body)
    text = body.decode(encoding, "surrogateescape") if encoding == "utf-8" else decode(body, "")
    yield 1, {"id": given.name, "text": text.replace("\r\n", "\n").replace("\r", "\n")}


def _dump(head: bytes, pieces: Iterator[bytes], _given: File) -> Rows:
    from curate.inputs.wiki_dump import page_rows

    return page_rows(_recoded(pieces, "utf-8"))


def _first_line(error: BaseException) -> str:
    """Returns the first line of an error, or its kind if it has no message."""
    return str(error).splitlines()[0][:500] if str(error) else type(error).__name__


READERS: dict[str, Callable[[bytes, Iterator[bytes], File], Rows]] = {
    "lines": _json,
    "json": _json,
    "csv": _csv,
    "text": _text,
    "dump": _dump,
}
