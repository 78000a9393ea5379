"""Reads the headers of records, WARC's named fields and ARC's one line, into one kind of `Head`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

LOOK = 4096  # bytes in which a record's first line must show
MAX_HEADER = 1 << 20  # bytes
TYPES = ("warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation")
DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?$|(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?\d*$")
FRACTION = re.compile(r"(\.\d{6})\d+")
NAME_END = re.compile(rb"(?m)^([!-9;-~]+)[ \t]+:")
FOLD = re.compile(rb"\r{0,2}\n[ \t]+")
ARC_FIELDS = re.compile(r"(.*?) (\S*) (\d{8,17}|null|-) (.*?) ?(\d+)\s*$", re.S)


class Head(NamedTuple):
    """The header of a record, as the record states it."""

    kind: str  # WARC-Type in lower case, '' where there is none
    url: str
    date: str
    mime: str  # Content-Type in lower case, with its parameters
    length: int | None  # of the block in bytes; None where it is missing or cannot be true
    truncated: str = ""  # WARC-Truncated
    refers: str = ""  # of a revisit: the URL or the id of the record that it repeats


def warc_head(lines: bytes) -> Head:
    """Reads the header of a WARC record; of a field that is there twice the first counts."""
    if b"\n " in lines or b"\n\t" in lines:
        lines = FOLD.sub(b" ", lines)
    if b" :" in lines or b"\t:" in lines:
        lines = NAME_END.sub(rb"\1:", lines)
    fields = [line.partition(b":") for line in reversed(lines.split(b"\n"))]
    get = {name.lower(): value for name, _, value in fields}.get
    length = get(b"content-length", b"").strip()
    return Head(
        kind=text(get(b"warc-type", b"")).lower(),
        url=text(get(b"warc-target-uri", b"")).strip("<> \t"),
        date=text(get(b"warc-date", b"")),
        mime=text(get(b"content-type", b"")).lower(),
        length=int(length) if length.isdigit() and len(length) < 19 else None,
        truncated=text(get(b"warc-truncated", b"")),
        refers=text(get(b"warc-refers-to-target-uri") or get(b"warc-refers-to") or b"").strip("<>"),
    )


def arc_head(line: bytes) -> Head:
    """Reads the line of an ARC record of version 1 or 2: URL, address, time, media type, other fields, length."""
    match = ARC_FIELDS.match(text(line.strip()))
    if not match or line.startswith(b"filedesc:"):
        length = line.split()[-1] if line.split() else b""
        return Head(kind="warcinfo", url="", date="", mime="", length=int(length) if length.isdigit() else None)
    url, _, date, others, length_digits = match.groups()
    http = not url.startswith("dns:")
    return Head(
        kind="response",
        url=url.strip(),
        date=date,
        mime="application/http" if http else others.partition(" ")[0].lower(),
        length=int(length_digits) if len(length_digits) < 19 else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A kind of archive."""

    name: str
    line: re.Pattern[bytes]  # a record's first line, where one is expected
    searched: re.Pattern[bytes]  # the same more strictly, where one is searched for
    hint: bytes  # bytes that a header does not hold unless it runs into another
    ends: tuple[bytes, ...]  # of a header
    tail: bytes  # bytes that follow a block
    read: Callable[[bytes], Head]  # reads a header


_NUMBER = rb"\d\.\d{1,2}[ \t]*\r{0,2}\n"
_ARC = (
    rb"(?:filedesc:[^\r\n]{0,3000}\d[ \t]*\r?\n|"
    rb"(?:https?|ftp|dns|news|nntp|gopher|whois|mailto|telnet|screenshot|metadata):[^\r\n]{0,3000}"
    rb" [0-9A-Fa-f.:-]{1,45} (?:\d{8,17}|null|-) [^\r\n]{0,800}?\d{1,15}[ \t]*\r?\n)"
)
WARC = Dialect(
    name="WARC",
    line=re.compile(rb"WARC/" + _NUMBER),
    searched=re.compile(rb"WARC/" + _NUMBER + rb"(?:WARC-|Content-)"),  # other first fields are not searched for
    hint=b"WARC/",
    ends=(b"\r\n\r\n", b"\n\n", b"\n\r\r\n"),
    tail=b"\r\n\r\n",
    read=warc_head,
)
ARC = Dialect(
    name="ARC",
    line=re.compile(_ARC),
    searched=re.compile(rb"(?:(?<=\n)|\A)" + _ARC),
    hint=b"\n",
    ends=(b"\n",),
    tail=b"\n",
    read=arc_head,
)


def text(value: bytes) -> str:
    """Returns a header's value without blanks around it; bytes that are no UTF-8 as %-escapes, so that none is lost.

    >>> text(b"http://a/\\xe9")
    'http://a/%E9'
    """
    try:
        return value.strip().decode()
    except UnicodeDecodeError:
        chars = value.strip().decode("utf-8", "surrogateescape")
        return "".join(f"%{ord(char) - 0xDC00:02X}" if "\udc80" <= char <= "\udcff" else char for char in chars)


def moment(date: str) -> datetime | None:
    """Returns a capture's time in UTC, from a W3C date, a part of one, or ARC's digits; None where it is none.

    >>> moment("2020-01-02T14:00:00.123456789+02:00").isoformat()
    '2020-01-02T12:00:00.123456+00:00'
    """
    try:
        if len(date) == 20 and date[19] == "Z" and date[10] == "T":  # almost all dates have this form
            return datetime.fromisoformat(date)
        match = DATE.match(date)
        if match:
            numbers = [int(digits) for digits in match.groups() if digits is not None]
            month_and_day = [1, 1][len(numbers) - 1 :]  # where the date names none
            return datetime(*(numbers + month_and_day)[:6], tzinfo=UTC)  # type: ignore[misc,arg-type]
        time = datetime.fromisoformat(FRACTION.sub(r"\1", date))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):  # the year 0, or a zone that leads there
        return None
