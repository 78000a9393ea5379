"""Reads submissions of Reddit dumps (Pushshift, Arctic Shift) from lines of JSON, in all schemas of twenty years.

Arctic Shift's schemas list the changes month by month: `url` null in 2022-08 and 2022-09, `score` null in
2017-10 and 2017-11, `created_utc` a string in 2014 and 2015, `retrieved_utc` for `retrieved_on` from 2020-05 to
2022-06, `url_overridden_by_dest` from 2020-05, crossposts from 2017-08, `_meta.retrieved_2nd_on` from 2023-11.
"""

import json
import re
from typing import Any

import orjson

from curate.links.sieve import SUBMISSION, LinkCandidate
from curate.records import Reason, Skipped

Row = dict[str, Any]
OWN_KEYS = ("is_self", "permalink")  # a row that has one of them is a submission
SELF = Skipped("self")  # a submission that is a text and no link
WHOLE = re.compile(r"-?[0-9]{1,15}")
FULL_NAME = "t3_"  # begins the full name of a submission, before its id


def parse_row(line: bytes) -> Row | Reason:
    """Returns the JSON object on a line, or the reason why there is none: `links.utf8` or `links.json`."""
    try:
        row = orjson.loads(line)
    except ValueError as error:
        row = _second_try(line, str(error))
    return row if type(row) in (dict, Reason) else Reason("links.json", detail=f"no object but {type(row).__name__}")


def is_submission(row: Row) -> bool:
    """Returns True for a row that looks like a submission and not like a row of the user's own."""
    return any(key in row for key in OWN_KEYS)


def submission(row: Row, place: str, maturity: int) -> LinkCandidate | Reason | Skipped:
    """Returns the link of a submission; `Skipped("self")` where it has none, a Reason where a field cannot be used.

    place: the id of a row that has none. maturity: seconds after posting, before which a score is immature.
    """
    get = row.get
    if get("is_self") is True or _is_self_domain(get("domain")):
        return SELF
    score = get("score", row)
    if type(score) is not int and score is not None:
        if score is row:
            return Reason("links.missing:score")
        number = _whole(score)
        if number is None:
            return Reason("links.type:score", detail=_excerpt(score))
        score = number
    url = target(row)
    if isinstance(url, Reason):
        return url
    time = _seconds(get("created_utc"))
    seen = _seconds(_time_seen(row))
    if time is False or seen is False:
        return Reason("links.type:created_utc" if time is False else "links.type:retrieved_on")
    id_or_name = get("id") or get("name")
    parent = get("crosspost_parent")
    return LinkCandidate(
        url=url,
        kind=SUBMISSION,
        id=_text(id_or_name).removeprefix(FULL_NAME) if id_or_name else place,
        score=score,
        time=time,
        seen=seen,
        subreddit=_text(get("subreddit") or ""),
        marks=_marks(row, time, seen, maturity),
        parent=parent.removeprefix(FULL_NAME) if isinstance(parent, str) else "",
    )


def target(row: Row) -> str | Reason:
    """Returns the address that a submission leads to: `url`, or another field where that is null or reddit's own."""
    url = row.get("url")
    if isinstance(url, str) and url and not _is_own(url):
        return url
    for other in (row.get("url_overridden_by_dest"), _parent_url(row)):
        if isinstance(other, str) and other and not _is_own(other):
            return other
    if isinstance(url, str) and url:
        return url
    return Reason("links.missing:url") if url is None or url == "" else Reason("links.type:url", detail=_excerpt(url))


def _whole(value: Any) -> int | None:
    """Returns a whole number that is written as a float or a string, or None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and WHOLE.fullmatch(value) else None


def _second_try(line: bytes, message: str) -> Any:
    """Parses a line with the standard library, which also takes half a surrogate pair and NaN.

    message: the first parser's error, for the reason.
    """
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Reason("links.utf8", detail=f"byte {error.start} of the line")
    except (ValueError, RecursionError):
        return Reason("links.json", detail=message[:200])


def _is_self_domain(domain: Any) -> bool:
    return isinstance(domain, str) and domain.startswith("self.")


def _is_own(url: str) -> bool:
    return url.startswith("/") or "reddit.com/" in url[:30]


def _parent_url(row: Row) -> Any:
    parents = row.get("crosspost_parent_list")
    return parents[0].get("url") if isinstance(parents, list) and parents and isinstance(parents[0], dict) else None


def _time_seen(row: Row) -> Any:
    """Returns the time at which the score was read, as the row states it, or None."""
    meta = row.get("_meta")
    second_time = meta.get("retrieved_2nd_on") if isinstance(meta, dict) else None
    return second_time or row.get("retrieved_on") or row.get("retrieved_utc")


def _seconds(value: Any) -> Any:
    """Returns seconds since 1970, None where there is no value, False where the value is no number."""
    if type(value) is int or value is None:
        return value if value is None or abs(value) < 1 << 40 else False
    try:
        return int(float(value)) if isinstance(value, str | float) and abs(float(value)) < 1 << 40 else False
    except ValueError:
        return False


def _marks(row: Row, time: int | None, seen: int | None, maturity: int) -> tuple[str, ...]:
    marks, get = [], row.get
    if get("over_18"):
        marks.append("over_18")
    if get("quarantine"):
        marks.append("quarantined")
    if get("removed_by_category") or get("removal_reason") or _removed_later(get("_meta")):
        marks.append("removed")
    if get("promoted"):
        marks.append("promoted")
    if seen is not None and time is not None and seen - time < maturity:
        marks.append("immature")
    return tuple(marks)


def _removed_later(meta: Any) -> bool:
    return isinstance(meta, dict) and bool(meta.get("was_deleted_later") or meta.get("removal_type"))


def _text(value: Any) -> str:
    """Returns a value as a string that UTF-8 can hold."""
    return value if isinstance(value, str) and value.isascii() else str(value).encode("utf-8", "replace").decode()


def _excerpt(value: Any) -> str:
    return _text(repr(value)[:80])
