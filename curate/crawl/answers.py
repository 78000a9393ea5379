"""From an answer to the URL that it redirects to, or to the outcome of a page with its media type and preferences."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import ada_url

from curate.crawl.config import Crawl
from curate.crawl.fetch import Answer
from curate.crawl.lots import refusal_of
from curate.crawl.outcomes import of_status
from curate.warc.payloads import decode_body, only_sums_are_wrong
from curate.web.optouts import Preference, decide, from_headers, from_html
from curate.web.sniff import media_type
from curate.web.urls import fetch_url

REDIRECTS = (301, 302, 303, 307, 308)
STACKED = 2  # content codings of a body, at most
FREE = 1 << 20  # bytes that a body may be decoded to whatever the ratio
WORTH = 1 << 10  # bytes of HTML above which a page that was cut is kept
ENOUGH = 8  # bytes of a body from which its media type is sniffed
CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"',]+)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The outcome of a URL, with what is known of its page."""

    outcome: str
    detail: str = ""  # of the outcome, one line
    mime: str = ""  # media type as sniffed
    charset: str = ""  # as the header names it
    decoded_bytes: int | None = None  # of the body without its content codings
    preferences: tuple[Preference, ...] = ()  # about the use of the page


def redirect_url(answer: Answer) -> str | None:
    """Returns the URL that an answer redirects to, resolved against its own; None where it is no redirect.

    Raises ValueError where its Location is no URL that may be requested.
    """
    location = answer.field("location")
    if answer.outcome or answer.status not in REDIRECTS:
        return None
    if not location:
        raise ValueError("no Location")
    text = location.encode("latin-1").decode("utf-8", "replace")
    try:
        url = fetch_url(ada_url.join_url(answer.url, text))
    except ValueError:
        raise ValueError(f"Location: {text[:80]}") from None
    verdict, detail = refusal_of(url) if isinstance(url, str) else (url.rule, "")
    if verdict:
        raise ValueError(f"Location: {text[:80]} ({verdict} {detail}".rstrip() + ")")
    return str(url)


def glance(answer: Answer, head: bytes, rules: Crawl) -> str:
    """Returns `content_type_unwanted` where both the header and the first bytes of a body name such a type, else ''."""
    if not answer.mime or answer.mime in rules.types or answer.status not in (200, 203):
        return ""
    plain, _ = decode_body(head, codings(answer), FREE)
    if len(plain) < ENOUGH or media_type(plain, answer.mime) in rules.types:
        return ""
    return "content_type_unwanted"


def codings(answer: Answer) -> list[str]:
    """Returns the content codings of a body, the outermost first."""
    names = [name.strip().lower() for name in answer.field("content-encoding").split(",")]
    return [name for name in reversed(names) if name not in ("", "identity", "none")]


def settle(answer: Answer, rules: Crawl, site_preferences: tuple[Preference, ...] = ()) -> Settled:
    """Returns the outcome of a response that is no redirect.

    site_preferences: about the use of the page, from robots.txt and TDMRep; those of the page are added.
    """
    if answer.outcome:
        return Settled(outcome=answer.outcome, detail=answer.detail, mime=answer.mime)
    if answer.status not in (200, 203):
        return Settled(outcome=of_status(answer.status), detail=answer.status_line.decode("latin-1")[:100])
    now, tokens = datetime.now(UTC), (rules.agent,)
    preferences = (*site_preferences, *from_headers(answer.fields, tokens, now))
    if refusal := decide(preferences, rules.optouts):
        return Settled(outcome=refusal, preferences=preferences)
    if not answer.body:
        return Settled(outcome=answer.why or "empty_body", detail=answer.detail, preferences=preferences)
    plain, failure = _decode(answer, rules)
    if failure:
        return Settled(outcome=failure, detail=answer.field("content-encoding")[:80], preferences=preferences)
    mime = media_type(plain, answer.mime)
    if mime not in rules.types:
        return Settled(outcome="content_type_unwanted", detail=mime, mime=mime, preferences=preferences)
    match = CHARSET.search(answer.field("content-type"))
    charset = match[1].lower() if match else ""
    if "html" in mime:
        preferences = (*preferences, *from_html(plain, charset, tokens, now))
    return Settled(
        outcome=decide(preferences, rules.optouts) or _outcome_if_cut(answer, plain, mime),
        detail=f"{answer.why}: {answer.detail}".rstrip(": ") if answer.truncated else "",
        mime=mime,
        charset=charset,
        decoded_bytes=len(plain),
        preferences=preferences,
    )


def _outcome_if_cut(answer: Answer, plain: bytes, mime: str) -> str:
    """Returns "ok" for a whole body, "ok_truncated" for a cut one that is worth keeping, else what cut it."""
    if not answer.truncated:
        return "ok"
    return "ok_truncated" if answer.why == "length" or ("html" in mime and len(plain) > WORTH) else answer.why


def _decode(answer: Answer, rules: Crawl) -> tuple[bytes, str]:
    """Returns a body without its content codings, and the outcome where that fails, else ''."""
    names = codings(answer)
    if len(names) > STACKED:
        return b"", "content_coding_unknown"
    limit = min(rules.max_decoded, max(FREE, rules.max_ratio * len(answer.body)))
    plain, flags = decode_body(answer.body, names, limit + 1)
    if len(plain) > limit:
        return b"", "decompression_bomb"
    if any(flag.endswith(":unknown") for flag in flags):
        return b"", "content_coding_unknown"
    if any(flag.endswith(":raw") for flag in flags):
        return b"", "content_coding_corrupt"
    partial = any(flag.endswith(":partial") for flag in flags)
    if partial and not answer.truncated and not (names == ["gzip"] and only_sums_are_wrong(answer.body, limit)):
        return b"", "content_coding_corrupt"
    return plain, ""


def retry_after(answer: Answer) -> float | None:
    """Returns the seconds that a 429 or 503 asks to wait; None without a Retry-After that can be read."""
    value = answer.field("retry-after").strip()
    if answer.status not in (429, 503) or not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, IndexError, OverflowError):
        return None
