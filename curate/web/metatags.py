"""The preferences in a page's markup: meta tags and license links of its first 64 KiB, outside comments and scripts."""

import html
import re
from collections.abc import Sequence
from datetime import datetime

from curate.web.optouts import Preference, content_signal, content_usage, robots_tag, tdm_reservation

HEAD = 65_536
TOLD = re.compile(r"<(?:meta|link)\b", re.I)
TAGS = re.compile(  # a quote opens a value only after an equals sign; what is not closed runs to the end
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<(script|style|title|textarea|xmp|iframe|noembed|noframes|template)\b.*?(?:</\1\b|\Z)"
    r"|<(?:(meta|link)(?=[\s/>])|[/a-z])((?:[^>=]|=\s*(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))?)*+)",
    re.I | re.S,
)
ATTRIBUTE = re.compile(r"([^\s\"'>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
RSL = "application/rsl+xml"


def from_html(body: bytes, charset: str, tokens: Sequence[str], now: datetime) -> tuple[Preference, ...]:
    """The preferences in the head of a page; `tokens` are the names a meta tag may call us by beside `robots`."""
    text = _decoded(body[:HEAD], charset)
    names = {"robots", *(token.lower() for token in tokens)}
    found: list[Preference] = []
    for tag in TAGS.finditer(text) if TOLD.search(text) else ():
        if not tag[2]:
            continue
        given: dict[str, str] = {}
        for name, *values in ATTRIBUTE.findall(tag[3]):
            given.setdefault(name.lower(), html.unescape("".join(values)).strip())
        if tag[2].lower() == "meta":
            found += _meta(given, names, tokens, now)
        elif "license" in given.get("rel", "").lower().split() and given.get("type", "").lower() == RSL:
            found.append(Preference("license", given.get("href", ""), "meta:link license"))
    return tuple(dict.fromkeys(found))


def _meta(given: dict[str, str], names: set[str], tokens: Sequence[str], now: datetime) -> list[Preference]:
    name, content = given.get("name", "").lower(), given.get("content", "")
    header = given.get("http-equiv", "").lower()
    if name in names:
        return robots_tag(content, f"meta:{name}", tokens, now)
    if name == "tdm-reservation":
        return tdm_reservation(content, f"meta:{name}")
    if header == "x-robots-tag":
        return robots_tag(content, "meta:robots", tokens, now)
    if header == "content-usage":
        return content_usage(content, f"meta:{header}")
    if header == "content-signal":
        return content_signal(content, f"meta:{header}")
    return []


def _decoded(head: bytes, charset: str) -> str:
    """Text in which ASCII stands for itself: every charset of the web holds it but UTF-16."""
    label = charset.lower().replace("_", "-")
    if head.startswith(b"\xfe\xff") or label == "utf-16be":
        return head.decode("utf-16-be", "replace")
    if head.startswith(b"\xff\xfe") or label in ("utf-16", "utf-16le"):
        return head.decode("utf-16-le", "replace")
    return head.decode("latin-1")
