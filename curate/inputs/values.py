"""The values of a user's row, as a document holds them: strings, numbers, times, and JSON of everything else.

A value that cannot be what its column stands for raises ValueError; it never costs the row.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

LONE = re.compile("[\ud800-\udfff]")  # half a surrogate pair, or a byte that was not UTF-8
REPLACEMENT = "\ufffd"
FLOAT32 = 3.4e38  # what the column of a number can hold
UNITS = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (math.inf, 10**9))  # below: parts of a second, of a count since 1970
MOST_NS = 10**21  # no year that a datetime can hold is further away
DIGITS = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
YEARS = range(1900, 2101)  # in which four, eight and fourteen digits are a date
ISO = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?"
    r"(?:[Tt_ ]\s*(?P<hour>\d{1,2})(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?)?"
    r"\s*(?:[Zz]|UTC|GMT|(?P<sign>[+-])(?P<east>\d\d):?(?P<minutes_east>\d\d)?)?"
)
COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)[Tt](?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?[Zz]?"
)

Count = Callable[[int], None]  # takes how many characters were replaced


def storable(text: str, replaced: Count) -> str:
    """Returns a string that UTF-8 can hold: U+FFFD stands for what it cannot, and is counted."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text, number = LONE.subn(REPLACEMENT, text)
        replaced(number)
    return text


def as_text(value: Any) -> str:
    """Returns a value as a string that may hold lone surrogates; ValueError where it is a list, an object or nothing.

    >>> as_text(7.5), as_text(b"caf\\xc3\\xa9"), as_text(date(2024, 4, 2))
    ('7.5', 'café', '2024-04-02')
    """
    value = plain(value, bytes_as_text=True)
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list):
        raise ValueError("no string")
    return json.dumps(value)


def as_number(value: Any) -> float:
    """Returns a value as a finite number that 32 bits can hold; ValueError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("no number")
    try:
        number = float(value)
    except ArithmeticError:
        raise ValueError("no number of 32 bits") from None
    if not abs(number) <= FLOAT32:
        raise ValueError("no finite number of 32 bits")
    return number


def as_count(value: Any) -> int:
    """Returns a value as a whole number that 64 bits can hold; ValueError where it is none."""
    number = as_number(value)
    if not number.is_integer() or not -(2**63) <= int(number) < 2**63:
        raise ValueError("no whole number of 64 bits")
    return int(value) if isinstance(value, int) else int(number)


def as_moment(value: Any) -> datetime:
    """Returns a value as a time in UTC, which it is in if it names no zone; ValueError where it is none.

    It may be a time or a day, a string in ISO 8601 or RFC 2822 or of digits (2024, 20240402, 20240402102012), or a
    count since 1970: of seconds, or by its size of milliseconds, microseconds or nanoseconds.

    >>> as_moment(1712010112123).isoformat()
    '2024-04-01T22:21:52.123000+00:00'
    """
    try:
        return _moment(value)
    except (ArithmeticError, TypeError, IndexError) as error:
        raise ValueError(str(error)) from None


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = str(int(value)) if value == int(value) else repr(float(value))
    if not isinstance(value, str):
        raise ValueError("no time")
    text = value.strip()
    if DIGITS.fullmatch(text):
        return _of_digits(text)
    if match := ISO.fullmatch(text) or COMPACT.fullmatch(text):
        return _of_iso(match.groupdict())
    return _utc(parsedate_to_datetime(text if ":" in text else f"{text} 00:00"))


def _of_digits(text: str) -> datetime:
    """Returns the time that a number states: a date of 4, 8 or 14 digits, else a count since 1970 in any unit."""
    if len(text) in (4, 8, 14) and text.isdigit() and int(text[:4]) in YEARS:
        try:
            return datetime.strptime(text, {4: "%Y", 8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}[len(text)]).replace(tzinfo=UTC)
        except ValueError:
            pass  # so it is a count
    count = Decimal(text)
    if not abs(count) < MOST_NS:
        raise ValueError("no time of the years 1 to 9999")
    per_second = next(per_second for limit, per_second in UNITS if abs(count) < limit)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(count * 10**6 / per_second))


def _of_iso(parts: Mapping[str, str | None]) -> datetime:
    """Returns the time that the parts of a string state; without a zone it is in UTC."""

    def number(name: str, default: int = 0) -> int:
        return int(parts.get(name) or default)

    second = min(number("second"), 59) if number("second") <= 60 else 61  # a leap second is the last of its minute
    fraction = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    day = datetime(number("year"), number("month"), number("day", 1), number("hour"), number("minute"), tzinfo=UTC)
    moment = day.replace(second=second, microsecond=fraction)
    east = timedelta(hours=number("east"), minutes=number("minutes_east"))
    return moment + east if parts.get("sign") == "-" else moment - east


def _utc(moment: datetime) -> datetime:
    if moment != moment:  # pandas' NaT is a datetime too
        raise ValueError("no time")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def plain(value: Any, *, bytes_as_text: bool = False) -> Any:
    """Returns a value of a row as one of JSON, whose strings may hold lone surrogates.

    Times are in ISO 8601, spans in seconds, decimals strings; NaN and infinity are null. Bytes are a string where they
    are UTF-8, else {"base64": …}, or with `bytes_as_text` a string of lone surrogates.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): plain(inner, bytes_as_text=bytes_as_text) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, bytes_as_text=bytes_as_text) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return _of_bytes(bytes(value), bytes_as_text)
    if isinstance(value, datetime | date | time):
        return value.isoformat() if value == value else None
    return value.total_seconds() if isinstance(value, timedelta) else str(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else as_text(key) if key is not None else "null"


def _of_bytes(content: bytes, bytes_as_text: bool) -> Any:
    if bytes_as_text:
        return content.decode("utf-8", "surrogateescape")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def as_json(values: dict[str, Any], replaced: Count) -> str:
    """Returns an object of JSON in one form: keys sorted, no blanks; large whole numbers keep their digits."""
    text = json.dumps(plain(values), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return storable(text, replaced)
