"""The rows of a zip archive: its members are read one after another, in the archive's order, in bounded memory."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from os import SEEK_END
from typing import Any, BinaryIO, cast

from curate.errors import of_the_machine
from curate.inputs.forms import UnreadRows, form_of
from curate.stage import heartbeat

EMPTY = 22  # bytes of an archive without members
ENCRYPTED = 1  # a bit of a member's flags
JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db")
DAMAGE = (zipfile.BadZipFile, NotImplementedError, RuntimeError)  # beside what any stream raises


def zip_rows(
    file: BinaryIO, name: str, rows_of: Callable[[BinaryIO, str], Iterator[tuple[int, Any]]]
) -> Iterator[tuple[int, Any]]:
    """Yields the rows of every member, numbered on; a member that cannot be read is one UnreadRows that names it.

    rows_of: returns the rows of an opened member by its name, which is `name/member`.
    """
    last = 0
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as error:
        raise ValueError(str(error)) from None
    heartbeat.follow_whole(file)
    with archive:
        if not archive.infolist() and file.seek(0, SEEK_END) > EMPTY + len(archive.comment):
            raise ValueError("damaged: its directory names no member")
        for member in archive.infolist():
            if member.filename.startswith(JUNK[0]) or member.filename.endswith(("/", *JUNK[1:])):  # "/": a folder
                continue
            before = last
            for number, row in _member_rows(archive, member, name, rows_of):
                last = max(last, before + number)
                yield before + number, _placed(row, member.filename)


def _member_rows(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    name: str,
    rows_of: Callable[[BinaryIO, str], Iterator[tuple[int, Any]]],
) -> Iterator[tuple[int, Any]]:
    """Yields the rows of one member; damage, a password, and a form that nothing reads end it with one UnreadRows."""
    number = 0
    try:
        if member.flag_bits & ENCRYPTED:
            raise ValueError("needs a password; unpack it first")
        if form_of(member.filename) is None:
            raise ValueError("its ending names no form of documents")
        with archive.open(member) as opened:
            for number, row in rows_of(cast(BinaryIO, opened), f"{name}/{member.filename}"):
                yield number, row
    except (*DAMAGE, OSError, EOFError, ValueError, zlib.error) as error:
        if of_the_machine(error):
            raise
        yield number + 1, UnreadRows(str(error) or type(error).__name__)


def _placed(row: Any, member: str) -> Any:
    """Returns an error with the member's name in front; a row as it is."""
    if isinstance(row, UnreadRows):
        return UnreadRows(f"{member}: {row}", row.rows)
    return ValueError(f"{member}: {row}") if isinstance(row, Exception) else row
