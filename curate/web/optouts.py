"""What a page says about its use: preferences from headers, markup and TDMRep, and the outcome they decide.

Sources: the IETF drafts aipref-vocab and aipref-attach (Content-Usage), contentsignals.org (Content-Signal), RSL 1.0,
TDMRep (W3C community group, 2024-05-10), and the robots directives that search engines publish (X-Robots-Tag).
"""

import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from curate.web.robot_paths import matches, pattern, target

KEY = re.compile(r"[a-z*][a-z0-9_.*-]*\Z")  # RFC 9651, 3.1.2
CATEGORIES = {  # labels of the vocabulary, with those of its earlier drafts (-00 to -03)
    "train-ai": "train-ai",
    "ai": "train-ai",
    "genai": "train-ai",
    "train-genai": "train-ai",
    "ai-train": "train-ai",
    "tdm": "tdm",
    "search": "search",
    "ai-input": "ai-input",
}
SIGNALS = {"yes": "y", "no": "n"}
DIRECTIVES = {
    "noai": ("train-ai",),
    "noimageai": ("train-image-ai",),
    "noindex": ("index",),
    "none": ("index", "follow"),
    "nofollow": ("follow",),
    "noarchive": ("archive",),
    "nocache": ("archive",),
    "nosnippet": ("snippet",),
}
WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
LINK = re.compile(r"<([^<>]*)>((?:[^,\"<]|\"[^\"]*\")*)")
RELATION = re.compile(r"rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.I)
WEEKDAY = re.compile(r"[A-Za-z]{3,9}\.?\s*\Z")


@dataclass(frozen=True, slots=True)
class Preference:
    """One statement about the use of a page.

    category: `train-ai`, `train-image-ai`, `ai-input`, `search`, `tdm`, `index`, `archive`, `follow`, `snippet`,
    `license`, or an unknown label.
    value: `y` or `n`; of a license its address; of an unknown label what stood there.
    source: `robots:L14 content-signal`, `hdr:x-robots-tag`, `meta:robots`, `file:tdmrep.json` and the like.
    """

    category: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which refusals drop a page's body; a training corpus obeys them all but a mere license."""

    train_ai: bool = True
    tdm: bool = True
    ai_input: bool = False
    index: bool = True
    archive: bool = True
    license: bool = False


OUTCOMES = {  # the signal that a source names, in the order in which an outcome is chosen
    "content-usage": "optout_content_usage",
    "content-signal": "optout_content_signal",
    "tdm-reservation": "optout_tdm",
    "tdmrep.json": "optout_tdm",
    "x-robots-tag": "optout_x_robots",
    "license": "optout_rsl",
}


def decide(preferences: Iterable[Preference], policy: Policy = Policy()) -> str | None:
    """The outcome of a page whose use is refused, or None; one refusal beats every permission."""
    refused = {
        "train-ai": policy.train_ai,
        "tdm": policy.tdm,
        "ai-input": policy.ai_input,
        "index": policy.index,
        "archive": policy.archive,
        "license": policy.license,
    }
    found = {
        OUTCOMES.get(re.split("[ :]", each.source)[-1], "optout_meta")
        for each in preferences
        if refused.get(each.category) and (each.value == "n" or each.category == "license")
    }
    ranked = [*dict.fromkeys(OUTCOMES.values()), "optout_meta"]
    return min(found, key=ranked.index, default=None)


def from_headers(headers: Iterable[tuple[str, str]], tokens: Sequence[str], now: datetime) -> tuple[Preference, ...]:
    """The preferences in a response's header fields; `tokens` are the names that an agent prefix may call us by."""
    found: list[Preference] = []
    for name, value in headers:
        source = f"hdr:{name.lower()}"
        if source == "hdr:content-usage":
            found += content_usage(value, source)
        elif source == "hdr:content-signal":
            found += content_signal(value, source)
        elif source == "hdr:x-robots-tag":
            found += robots_tag(value, source, tokens, now)
        elif source == "hdr:tdm-reservation":
            found += tdm_reservation(value, source)
        elif source == "hdr:link":
            found += link_license(value)
    return tuple(dict.fromkeys(found))


def content_usage(value: str, source: str) -> list[Preference]:
    """A Content-Usage dictionary (RFC 9651); the last of equal keys counts, an unreadable member is passed over."""
    members = {}
    for member in value.split(","):
        key, _, rest = member.strip(" \t").partition("=")
        if KEY.match(key):
            members[key] = rest.partition(";")[0].strip(" \t")
    return [Preference(CATEGORIES.get(key, key), told, source) for key, told in members.items()]


def content_signal(value: str, source: str) -> list[Preference]:
    """A Content-Signal list, `search=yes, ai-train=no`; what is not named stays unknown."""
    found = []
    for member in value.split(","):
        key, equals, told = member.strip().lower().partition("=")
        if equals and key.strip():
            key, told = key.strip(), told.strip()
            found.append(Preference(CATEGORIES.get(key, key), SIGNALS.get(told, told), source))
    return found


def robots_tag(value: str, source: str, tokens: Sequence[str], now: datetime) -> list[Preference]:
    """Robots directives after an optional `agent:`, which holds until the next agent is named."""
    names = {"robots", "*", *(token.lower() for token in tokens)}
    ours, found = True, []
    for directive in _directives(value):
        name, colon, rest = directive.partition(":")
        while colon and name.strip().lower() not in WITH_VALUE:
            ours = name.strip().lower() in names
            name, colon, rest = rest.partition(":")
        name = name.strip().lower()
        if ours and name == "unavailable_after" and _past(rest, now):
            found.append(Preference("index", "n", source))
        elif ours:
            found += [Preference(category, "n", source) for category in DIRECTIVES.get(name, ())]
    return found


def _directives(value: str) -> list[str]:
    """The list cut at its commas, but not at the one after the weekday of a date."""
    found: list[str] = []
    for piece in value.split(","):
        name, _, rest = found[-1].rpartition(":") if found else ("", "", "")
        if "unavailable_after" in name.lower() and WEEKDAY.match(rest.strip()):
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return found


def _past(text: str, now: datetime) -> bool:
    """Whether a date (RFC 822, RFC 850 or ISO 8601) has passed; one that cannot be read has."""
    text = text.strip()
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            return True
    return (date if date.tzinfo else date.replace(tzinfo=UTC)) <= now


def tdm_reservation(value: str, source: str) -> list[Preference]:
    """TDMRep's reservation: 1 reserves, 0 does not, anything else says nothing."""
    told = {"1": "n", "0": "y"}.get(value.strip())
    return [Preference("tdm", told, source)] if told else []


def link_license(value: str) -> list[Preference]:
    """The targets of a Link field's links whose relation is `license`."""
    found = []
    for address, parameters in LINK.findall(value):
        relation = RELATION.search(parameters)
        if relation and "license" in (relation[1] or relation[2] or "").lower().split():
            found.append(Preference("license", address.strip(), "hdr:link license"))
    return found


def from_tdmrep(body: bytes, url: str) -> tuple[Preference, ...]:
    """What `/.well-known/tdmrep.json` says of a URL: of its locations that match, the longest counts, at a tie a 1."""
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    found: tuple[int, bool, str] = (-1, False, "")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or not isinstance(location := entry.get("location"), str):
            continue
        path = pattern(location.encode("utf-8", "replace").decode("latin-1"))
        if matches(path, target(url)):
            told = str(entry.get("tdm-reservation"))
            found = max(found, (path.octets, told == "1", told))
    return tuple(tdm_reservation(found[2], "file:tdmrep.json"))


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
