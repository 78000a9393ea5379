"""Preferences about the use of a page, read from its headers, markup and TDMRep, and the outcome that they decide.

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

OUTCOMES = {  # the signal that a source names, in the order in which an outcome is chosen
    "content-usage": "optout_content_usage",
    "content-signal": "optout_content_signal",
    "tdm-reservation": "optout_tdm",
    "tdmrep.json": "optout_tdm",
    "x-robots-tag": "optout_x_robots",
    "license": "optout_rsl",
}
META_OUTCOME = "optout_meta"  # of every other source; chosen last

# Header fields.
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
RESERVATIONS = {"1": "n", "0": "y"}
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

# Markup.
HEAD = 65_536  # bytes of a page that are looked at
ANY_TAG = re.compile(r"<(?:meta|link)\b", re.I)  # a quick look whether there is anything to read
TAGS = re.compile(  # a quote opens a value only after an equals sign; what is not closed runs to the end
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<(script|style|title|textarea|xmp|iframe|noembed|noframes|template)\b.*?(?:</\1\b|\Z)"
    r"|<(?:(meta|link)(?=[\s/>])|[/a-z])((?:[^>=]|=\s*(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))?)*+)",
    re.I | re.S,
)
ATTRIBUTE = re.compile(r"([^\s\"'>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
RSL = "application/rsl+xml"


@dataclass(frozen=True, slots=True)
class Preference:
    """One statement about the use of a page.

    category: `train-ai`, `train-image-ai`, `ai-input`, `search`, `tdm`, `index`, `archive`, `follow`, `snippet`,
    `license`, or an unknown label.
    value: `y` or `n`; for a license its address; for an unknown label what stood there.
    source: `robots:L14 content-signal`, `hdr:x-robots-tag`, `meta:robots`, `file:tdmrep.json` and the like.
    """

    category: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The kinds of refusals that are obeyed: the body of such a page is not stored."""

    train_ai: bool = True  # training of models
    tdm: bool = True  # text and data mining
    ai_input: bool = False  # use as a model's input
    index: bool = True  # listing by search engines (noindex)
    archive: bool = True  # storing a copy (noarchive)
    license: bool = False  # a named license counts as a refusal, whatever it says


def decide(preferences: Iterable[Preference], policy: Policy = Policy()) -> str | None:
    """Returns the outcome of a page whose use is refused, or None; one refusal outweighs all permissions."""
    obeyed = {
        "train-ai": policy.train_ai,
        "tdm": policy.tdm,
        "ai-input": policy.ai_input,
        "index": policy.index,
        "archive": policy.archive,
        "license": policy.license,
    }
    outcomes = {
        OUTCOMES.get(_signal(preference), META_OUTCOME)
        for preference in preferences
        if obeyed.get(preference.category) and (preference.value == "n" or preference.category == "license")
    }
    ranking = [*dict.fromkeys(OUTCOMES.values()), META_OUTCOME]
    return min(outcomes, key=ranking.index, default=None)


def from_headers(headers: Iterable[tuple[str, str]], tokens: Sequence[str], now: datetime) -> tuple[Preference, ...]:
    """Returns the preferences in a response's header fields; `tokens` are the names an `agent:` may call us by."""
    preferences: list[Preference] = []
    for name, value in headers:
        source = f"hdr:{name.lower()}"
        if source == "hdr:content-usage":
            preferences += content_usage(value, source)
        elif source == "hdr:content-signal":
            preferences += content_signal(value, source)
        elif source == "hdr:x-robots-tag":
            preferences += robots_tag(value, source, tokens, now)
        elif source == "hdr:tdm-reservation":
            preferences += tdm_reservation(value, source)
        elif source == "hdr:link":
            preferences += link_license(value)
    return tuple(dict.fromkeys(preferences))


def from_html(body: bytes, charset: str, tokens: Sequence[str], now: datetime) -> tuple[Preference, ...]:
    """Returns the preferences in the head of a page.

    `tokens` are the names that a meta tag may call us by beside `robots`.
    """
    text = _decode_head(body[:HEAD], charset)
    if not ANY_TAG.search(text):
        return ()
    names = {"robots", *(token.lower() for token in tokens)}
    preferences: list[Preference] = []
    for tag in TAGS.finditer(text):
        if not tag[2]:
            continue
        attributes: dict[str, str] = {}
        for name, *values in ATTRIBUTE.findall(tag[3]):
            attributes.setdefault(name.lower(), html.unescape("".join(values)).strip())
        if tag[2].lower() == "meta":
            preferences += _from_meta(attributes, names, tokens, now)
        elif "license" in attributes.get("rel", "").lower().split() and attributes.get("type", "").lower() == RSL:
            preferences.append(Preference("license", attributes.get("href", ""), "meta:link license"))
    return tuple(dict.fromkeys(preferences))


def from_tdmrep(body: bytes, url: str) -> tuple[Preference, ...]:
    """Returns the preference that a site's `/.well-known/tdmrep.json` states for a URL, if it states one.

    Of the locations that match, the longest counts; of two equally long ones the one that reserves.
    """
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    longest: tuple[int, bool, str] = (-1, False, "")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or not isinstance(location := entry.get("location"), str):
            continue
        path = pattern(location.encode("utf-8", "replace").decode("latin-1"))
        if matches(path, target(url)):
            reservation = str(entry.get("tdm-reservation"))
            longest = max(longest, (path.octets, reservation == "1", reservation))
    return tuple(tdm_reservation(longest[2], "file:tdmrep.json"))


def content_usage(value: str, source: str) -> list[Preference]:
    """Returns the preferences of a Content-Usage dictionary (RFC 9651).

    Of equal keys the last counts; a member that cannot be read is passed over.
    """
    members = {}
    for member in value.split(","):
        key, _, rest = member.strip(" \t").partition("=")
        if KEY.match(key):
            members[key] = rest.partition(";")[0].strip(" \t")
    return [Preference(CATEGORIES.get(key, key), preference, source) for key, preference in members.items()]


def content_signal(value: str, source: str) -> list[Preference]:
    """Returns the preferences of a Content-Signal list, such as `search=yes, ai-train=no`."""
    preferences = []
    for member in value.split(","):
        key, equals, signal = member.strip().lower().partition("=")
        key, signal = key.strip(), signal.strip()
        if equals and key:
            preferences.append(Preference(CATEGORIES.get(key, key), SIGNALS.get(signal, signal), source))
    return preferences


def robots_tag(value: str, source: str, tokens: Sequence[str], now: datetime) -> list[Preference]:
    """Returns the preferences of robots directives that hold for us.

    Directives may follow an `agent:`, which holds until the next agent is named; `tokens` are our names.
    """
    names = {"robots", "*", *(token.lower() for token in tokens)}
    is_ours = True
    preferences = []
    for directive in _directives(value):
        name, colon, rest = directive.partition(":")
        while colon and name.strip().lower() not in WITH_VALUE:
            is_ours = name.strip().lower() in names
            name, colon, rest = rest.partition(":")
        name = name.strip().lower()
        if is_ours and name == "unavailable_after" and _is_past(rest, now):
            preferences.append(Preference("index", "n", source))
        elif is_ours:
            preferences += [Preference(category, "n", source) for category in DIRECTIVES.get(name, ())]
    return preferences


def tdm_reservation(value: str, source: str) -> list[Preference]:
    """Returns the preference of a TDMRep reservation: 1 reserves, 0 does not, anything else states nothing."""
    reservation = RESERVATIONS.get(value.strip())
    return [Preference("tdm", reservation, source)] if reservation else []


def link_license(value: str) -> list[Preference]:
    """Returns the addresses in a Link field whose relation is `license`, as preferences."""
    preferences = []
    for address, parameters in LINK.findall(value):
        relation = RELATION.search(parameters)
        if relation and "license" in (relation[1] or relation[2] or "").lower().split():
            preferences.append(Preference("license", address.strip(), "hdr:link license"))
    return preferences


def _signal(preference: Preference) -> str:
    """Returns the name of the signal in a preference's source, such as `content-usage`."""
    return re.split("[ :]", preference.source)[-1]


def _directives(value: str) -> list[str]:
    """Returns a list of robots directives cut at its commas, but not at the one after the weekday of a date."""
    directives: list[str] = []
    for piece in value.split(","):
        name, _, rest = directives[-1].rpartition(":") if directives else ("", "", "")
        if "unavailable_after" in name.lower() and WEEKDAY.match(rest.strip()):
            directives[-1] += f",{piece}"
        else:
            directives.append(piece)
    return directives


def _is_past(text: str, now: datetime) -> bool:
    """Returns True if a date (RFC 822, RFC 850 or ISO 8601) has passed or cannot be read."""
    text = text.strip()
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            return True
    return (date if date.tzinfo else date.replace(tzinfo=UTC)) <= now


def _from_meta(attributes: dict[str, str], names: set[str], tokens: Sequence[str], now: datetime) -> list[Preference]:
    """Returns the preferences of a meta tag; `names` are the names of tags that hold robots directives for us."""
    name = attributes.get("name", "").lower()
    header = attributes.get("http-equiv", "").lower()
    content = attributes.get("content", "")
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


def _decode_head(head: bytes, charset: str) -> str:
    """Returns a text in which ASCII stands for itself: every charset of the web contains ASCII, except UTF-16."""
    label = charset.lower().replace("_", "-")
    if head.startswith(b"\xfe\xff") or label == "utf-16be":
        return head.decode("utf-16-be", "replace")
    if head.startswith(b"\xff\xfe") or label in ("utf-16", "utf-16le"):
        return head.decode("utf-16-le", "replace")
    return head.decode("latin-1")
