"""What an answer comes to: where it leads on, or the outcome of a page and what is known of it."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import ada_url

from curate.crawl.config import Crawl
from curate.crawl.fetch import Answer
from curate.crawl.lots import refused
from curate.crawl.outcomes import of_status
from curate.warc.payloads import decode_body
from curate.web.optouts import Preference, decide, from_headers, from_html
from curate.web.sniff import media_type
from curate.web.urls import fetch_url

REDIRECTS = (301, 302, 303, 307, 308)
STACKED = 2  # content codings of a body
FREE = 1 << 20  # bytes that a body may be decoded to whatever the ratio
WORTH = 1 << 10  # bytes of HTML from which on the start of a page is kept
ENOUGH = 8  # bytes from which on a first piece tells what it is
CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"',]+)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The outcome of a page: media type as sniffed, charset as told, decoded bytes, what was said about its use."""

    outcome: str
    detail: str = ""
    mime: str = ""
    charset: str = ""
    decoded_bytes: int | None = None
    preferences: tuple[Preference, ...] = ()


def redirected(answer: Answer) -> str | None:
    """Where an answer leads, as it was told and resolved against its own URL; None where it leads nowhere.

    ValueError where it is no address to ask for.
    """
    location = answer.field("location")
    if answer.outcome or answer.status not in REDIRECTS:
        return None
    if not location:
        raise ValueError("no Location")
    told = location.encode("latin-1").decode("utf-8", "replace")
    try:
        found = fetch_url(ada_url.join_url(answer.url, told))
    except ValueError:
        raise ValueError(f"Location: {told[:80]}") from None
    verdict, detail = refused(found) if isinstance(found, str) else (found.rule, "")
    if verdict:
        raise ValueError(f"Location: {told[:80]} ({verdict} {detail}".rstrip() + ")")
    return str(found)


def glance(answer: Answer, head: bytes, rules: Crawl) -> str:
    """`content_type_unwanted` where both the header and the first bytes of a body tell so, else ''."""
    if not answer.mime or answer.mime in rules.types or answer.status not in (200, 203):
        return ""
    plain, _ = decode_body(head, codings(answer), FREE)
    if len(plain) < ENOUGH or media_type(plain, answer.mime) in rules.types:
        return ""
    return "content_type_unwanted"


def codings(answer: Answer) -> list[str]:
    """The content codings of a body, the outermost first."""
    names = [each.strip().lower() for each in answer.field("content-encoding").split(",")]
    return [name for name in reversed(names) if name not in ("", "identity", "none")]


def settled(answer: Answer, rules: Crawl, told_before: tuple[Preference, ...] = ()) -> Settled:
    """What a response that leads nowhere else comes to; told_before: what was said elsewhere about the page's use."""
    if answer.outcome:
        return Settled(outcome=answer.outcome, detail=answer.detail, mime=answer.mime)
    if answer.status not in (200, 203):
        return Settled(outcome=of_status(answer.status), detail=answer.status_line.decode("latin-1")[:100])
    now, tokens = datetime.now(UTC), (rules.agent,)
    found = (*told_before, *from_headers(answer.fields, tokens, now))
    if refusal := decide(found, rules.optouts):
        return Settled(outcome=refusal, preferences=found)
    if not answer.body:
        return Settled(outcome=answer.why or "empty_body", detail=answer.detail, preferences=found)
    plain, fault = _decoded(answer, rules)
    if fault:
        return Settled(outcome=fault, detail=answer.field("content-encoding")[:80], preferences=found)
    mime = media_type(plain, answer.mime)
    if mime not in rules.types:
        return Settled(outcome="content_type_unwanted", detail=mime, mime=mime, preferences=found)
    charset = CHARSET.search(answer.field("content-type"))
    named = charset[1].lower() if charset else ""
    if "html" in mime:
        found = (*found, *from_html(plain, named, tokens, now))
    outcome, detail = decide(found, rules.optouts) or _kept(answer, plain, mime), ""
    if answer.truncated:
        detail = f"{answer.why}: {answer.detail}".rstrip(": ")
    return Settled(
        outcome=outcome, detail=detail, mime=mime, charset=named, decoded_bytes=len(plain), preferences=found
    )


def _kept(answer: Answer, plain: bytes, mime: str) -> str:
    """Whether a page that is cut is worth keeping; what cut it otherwise."""
    if not answer.truncated:
        return "ok"
    return "ok_truncated" if answer.why == "length" or ("html" in mime and len(plain) > WORTH) else answer.why


def _decoded(answer: Answer, rules: Crawl) -> tuple[bytes, str]:
    """A body without its codings, and the outcome where that fails."""
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
    if any(flag.endswith(":partial") for flag in flags) and not answer.truncated:
        return b"", "content_coding_corrupt"
    return plain, ""


def retry_after(answer: Answer) -> float | None:
    """The seconds that a 429 or 503 asks for; None where it asks for none, or not in a way that can be read."""
    told = answer.field("retry-after").strip()
    if answer.status not in (429, 503) or not told:
        return None
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, IndexError, OverflowError):
        return None
