"""Two forms of an address: the one that is fetched, changed as little as can be, and the one that is compared.

Addresses are read as browsers read them (WHATWG URL standard, by ada). Nothing here asks a network, or a list that
changes with time. The compared form has a version, k1.
"""

import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from ada_url import idna, normalize_url, parse_url

from curate.records import Reason
from curate.web.domains import SHORTENERS

MAX_RAW = 1 << 16  # characters; a longer address is not even parsed
MAX_STORED = 2048  # characters of an address as written that are stored
DEPTH = 3  # wrappers inside wrappers that are taken off

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
INDEX = re.compile(r"/index\.(?:html?|php|aspx?)$", re.IGNORECASE)
SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/;]*", re.IGNORECASE)
USERINFO = re.compile(r"//[^/?#\\]*@")
MARKDOWN = re.compile(r"\\([_()*~\[\]])")
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"  # characters without width, which are copied with an address
REPEATED = re.compile(r"(/[^/]+)\1{3}(?:/|$)|((?:/[^/]+){2,3})\2\2(?:/|$)")

# Parameters that tell where a visitor came from, on any host; TRACKING_PREFIXES are the beginnings of more of them.
# fmt: off
TRACKING = frozenset((
    "fbclid", "gclid", "dclid", "msclkid", "yclid", "gbraid", "wbraid", "igshid", "mc_cid", "mc_eid", "ref_src",
    "_ga", "_gl", "spm", "s_cid", "cmpid", "cmp", "ncid", "phpsessid", "jsessionid", "mkt_tok", "_hsenc", "_hsmi",
))
# fmt: on
TRACKING_PREFIXES = ("utm_", "fb_")
# Parameters without meaning on one site and the hosts below it.
SITES: dict[str, frozenset[str]] = {
    "nytimes.com": frozenset(("smid", "smtyp", "_r", "hp", "ref", "partner", "emc", "src", "module")),
    "theguardian.com": frozenset(("cmp_tu", "intcmp")),
    "guardian.co.uk": frozenset(("cmp_tu", "intcmp")),
    "bbc.co.uk": frozenset(("ocid", "ns_mchannel", "ns_source", "ns_campaign")),
    "bbc.com": frozenset(("ocid", "ns_mchannel", "ns_source", "ns_campaign")),
    "medium.com": frozenset(("source", "sk")),
    "washingtonpost.com": frozenset(("hpid", "tid", "wprss")),
}
AMAZON = frozenset(("ref", "ref_", "tag", "linkcode", "psc", "qid", "sr", "ie", "camp", "creative", "creativeasin"))
KEPT_ALONE = {"youtube.com": frozenset(("v",))}  # all other parameters go, where one of these is there

# Redirectors: host -> start of the path, parameters that hold the address they lead to, name of the rewrite.
REDIRECTORS = {
    "t.umblr.com": ("/redirect", ("z",), "umblr"),
    "out.reddit.com": ("/", ("url",), "out_reddit"),
    **dict.fromkeys(
        ("facebook.com", "www.facebook.com", "m.facebook.com", "l.facebook.com", "lm.facebook.com"),
        ("/l.php", ("u",), "facebook"),
    ),
    **dict.fromkeys(("google.com", "www.google.com", "www.google.co.uk"), ("/url", ("q", "url"), "google")),
}
GOOGLE_AMP = re.compile(r"https?://(?:www\.)?google\.[a-z.]+/amp/(s/)?(.+)$")
AMP_CACHE = re.compile(r"https?://[^/]+\.cdn\.ampproject\.org/[cv]/(s/)?([^?]+)")
ARCHIVED = re.compile(r"https?://(?:www\.|web\.)?archive\.org/web/\d{1,14}(?:[a-z]{2}_)?/(.+)$")


class Address(NamedTuple):
    """The address that a link leads to."""

    fetch_url: str
    host: str  # the host that is judged, without a port; for a copy in the Web Archive that of the copied page
    rewrites: tuple[str, ...]  # names of the rewrites made, in order


def address(raw: str, *, amp_paths: bool = False) -> Address | Reason:
    """Returns the address that a link as written leads to, or why it is refused.

    A refusal is named `links.invalid`, `links.scheme` or `links.length`.
    amp_paths: also `?amp=1` and `/amp/` at the end are taken off, which leads to the page without them.
    """
    rewrites: tuple[str, ...] = ()
    raw = raw.strip(INVISIBLE)
    if "&amp;" in raw:  # as reddit escapes, once
        raw = raw.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        rewrites = ("html_unescape",)
    if "\\" in raw and (plain := MARKDOWN.sub(r"\1", raw)) != raw:  # as its editor escapes
        raw = plain
        rewrites = (*rewrites, "markdown_unescape")
    url = fetch_url(raw)
    if isinstance(url, Reason):
        return url
    has_userinfo = "@" in raw and USERINFO.search(raw) is not None
    for _ in range(DEPTH):
        unwrapped = unwrap(url)
        if unwrapped is None:
            break
        inner, rewrite = unwrapped
        target = fetch_url(inner)
        if isinstance(target, Reason):
            break  # what the wrapper holds is no address, so the wrapper itself is fetched
        url = target
        rewrites = (*rewrites, rewrite)
        has_userinfo = has_userinfo or USERINFO.search(inner) is not None
    if amp_paths and (without := _without_amp(url)) != url:
        url = without
        rewrites = (*rewrites, "amp_path")
    if has_userinfo:
        rewrites = (*rewrites, "userinfo")
    original = archived_url(url)
    if original is None:
        return Address(url, fetch_host(url), rewrites)
    target = fetch_url(original)
    return Address(url, fetch_host(target if isinstance(target, str) else url), (*rewrites, "web_archive"))


def host_of(url: str) -> str:
    """Returns the host of any URL as browsers read it (WHATWG), in lower case; '' where there is none."""
    try:
        return str(parse_url(url, ("hostname",))["hostname"])
    except ValueError:
        return ""


def fetch_host(url: str) -> str:
    """Returns the host of a `fetch_url`, without its port; quicker than parsing, as its form is known."""
    host = url[url.find("/") + 2 : url.find("/", 8)]
    return host if host.startswith("[") else host.partition(":")[0]


def is_shortener(host: str) -> bool:
    """Returns True if this host is a link shortener."""
    return host in SHORTENERS or (host.startswith("www.") and host[4:] in SHORTENERS)


def fetch_url(raw: str) -> str | Reason:
    """Returns the address to fetch, or why it is refused.

    It is the WHATWG form of the address without userinfo, fragment and the dot behind the host.

    >>> fetch_url(" HTTP://user:pw@Example.COM:80/a/../b?q#top")
    'http://example.com/b?q'
    """
    if len(raw) > MAX_RAW:
        return Reason("links.length", float(len(raw)), float(MAX_RAW))
    if "\0" in raw:
        return Reason("links.invalid", detail="NUL")
    try:
        url = normalize_url(raw).partition("#")[0]
    except ValueError:
        return _refusal(raw)
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https"):
        return Reason("links.scheme", detail=url.partition(":")[0][:40])
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = authority.rpartition("@")[2]
    host, colon, port = (authority, "", "") if authority.endswith("]") else authority.partition(":")
    if authority.startswith("["):
        return f"{scheme}://{authority}{slash}{path}"
    host = host.removesuffix(".")
    if "." not in host or ".." in host or host.startswith(".") or host.endswith("."):
        return Reason("links.invalid", detail=f"host {host[:80]}")
    if "xn--" in host and any(label.startswith("xn--") for label in idna.decode(host).split(".")):
        return Reason("links.invalid", detail=f"Punycode {host[:80]}")
    return f"{scheme}://{host}{colon}{port}{slash}{path}"


def stored_form(raw: str) -> str:
    """Returns an address or its context as stored: without userinfo, in UTF-8, the first 2,048 characters."""
    if "@" in raw:
        raw = USERINFO.sub("//", raw[:MAX_RAW])
    return raw[:MAX_STORED].encode("utf-8", "replace").decode()


def unwrap(url: str) -> tuple[str, str] | None:
    """Returns the address that a wrapper leads to and the name of the rewrite, or None if the address is no wrapper.

    Wrappers are the addresses of AMP caches and of the redirectors of sites.
    """
    match = None
    if "google." in url[:32]:
        match = GOOGLE_AMP.match(url)
    if match is None and ".cdn.ampproject.org/" in url:
        match = AMP_CACHE.match(url)
    if match:
        return f"http{'s' if match[1] else ''}://{match[2]}", "amp"
    end = url.find("/", 8)
    redirector = REDIRECTORS.get(url[url.find("/") + 2 : end])
    if redirector is None:
        return None
    start, names, rewrite = redirector
    path, _, query = url[end:].partition("?")
    if path.startswith(start):
        for parameter in query.split("&"):
            name, _, value = parameter.partition("=")
            if name in names and value:
                return _unquote(value), rewrite
    return None


def archived_url(url: str) -> str | None:
    """Returns the address of which this is the Web Archive's copy, or None."""
    if "archive.org/web/" not in url:
        return None
    match = ARCHIVED.match(url)
    if match is None:
        return None
    inner = match[1]
    return inner if re.match(r"https?:", inner, re.IGNORECASE) else f"http://{inner}"


def repeats_itself(path: str) -> bool:
    """Returns True if a path has a segment four times in a row, or two or three segments three times in a row."""
    segments = path.split("/")
    return len(segments) > 4 and len(segments) - len({*segments}) > 2 and REPEATED.search(path) is not None


def dedupe_key(url: str) -> bytes:
    """Returns the 16-byte key of a `fetch_url`, equal for addresses that almost surely show the same page."""
    return hashlib.blake2b(f"k1|{comparable(url)}".encode(), digest_size=16).digest()


def comparable(url: str) -> str:
    """Returns the compared form of a `fetch_url`, which is never fetched.

    >>> comparable("https://www.example.com/a/index.html?utm_source=x&b=2&a=1")
    'example.com/a?a=1&b=2'
    """
    for _ in range(DEPTH):
        inner = archived_url(url)
        target = fetch_url(inner) if inner else None
        if not isinstance(target, str):
            break
        url = target
    rest, mark, query = url.partition("://")[2].partition("?")
    host, _, path = rest.partition("/")
    host = _compared_host(host)
    if "%" in path:
        path = ESCAPE.sub(_plain_escape, path)
    if ";" in path:
        path = SESSION.sub("", path)
    path = f"/{path}"
    if "index." in path[-12:].lower():
        path = INDEX.sub("/", path)
    if path.endswith("/"):
        path = path[:-1]
    if "amazon" in host and "/ref=" in path and "amazon" in host.split("."):
        path = path.partition("/ref=")[0]
    kept = _compared_query(host, query) if mark and query else ""
    return f"{host}{path}?{kept}" if kept else f"{host}{path}"


def compared_as_written(text: str) -> str:
    """Returns the compared form of an address as a person writes it, with or without its scheme; '' if it is none.

    >>> compared_as_written("WWW.Example.com:80/a/#top"), compared_as_written("https://example.com/%61")
    ('example.com/a', 'example.com/a')
    """
    text = text.strip()
    for whole in (text, f"http://{text}"):
        url = fetch_url(whole)
        if isinstance(url, str):
            return comparable(url)
        if "://" in text and "\0" not in text and len(text) <= MAX_RAW:  # of another scheme, or of a host without a dot
            try:
                return comparable(normalize_url(text).partition("#")[0])
            except ValueError:
                return ""
    return ""


def host_forms(host: str) -> tuple[str, ...]:
    """Returns a host's name in ASCII, and in the letters that it stands for where these are others."""
    return (host, idna.decode(host)) if "xn--" in host else (host,)


def _refusal(raw: str) -> Reason:
    """Returns the reason for an address that cannot be parsed."""
    scheme = re.match(r"[\x00- ]*([A-Za-z][A-Za-z0-9+.\-]{0,39}):", raw)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return Reason("links.scheme", detail=scheme[1].lower())
    return Reason("links.invalid", detail="no base" if not scheme else "")


def _unquote(value: str) -> str:
    """Returns the value of a parameter without its escapes, or with them where their bytes are not UTF-8."""
    content = unquote_to_bytes(value.replace("+", " "))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return quote(content, safe="".join(map(chr, range(33, 127))))


def _without_amp(url: str) -> str:
    """Returns the address without `/amp/` at the end of its path and without the parameter `amp`."""
    head, mark, query = url.partition("?")
    head = re.sub(r"(?<=[^/]/)amp/?$", "", head) if head.count("/") > 3 else head
    kept = [parameter for parameter in query.split("&") if parameter.lower() not in ("amp=1", "amp=true", "amp")]
    return f"{head}?{'&'.join(kept)}" if mark and any(kept) else head


def _compared_host(host: str) -> str:
    """Returns the host without one `www.`, `m.`, `mobile.` or `amp.` where a host remains."""
    first, _, rest = host.partition(".")
    return rest if first in ("www", "m", "mobile", "amp") and "." in rest else host


def _plain_escape(escape: re.Match[str]) -> str:
    """Returns the character of an escape if it needs none, else the escape in upper case."""
    byte = int(escape[1], 16)
    return chr(byte) if byte in UNRESERVED else f"%{byte:02X}"


def _compared_query(host: str, query: str) -> str:
    """Returns the parameters that decide which page is shown, sorted."""
    if "%" in query:
        query = ESCAPE.sub(_plain_escape, query)
    pairs = [parameter.partition("=") for parameter in query.split("&") if parameter]
    site = host if host in SITES else ".".join(host.rsplit(".", 3 if host.endswith(".co.uk") else 2)[1:])
    dropped = SITES.get(site) or (AMAZON if "amazon" in host.split(".") else ())
    kept = [pair for pair in pairs if not _is_tracking(pair[0].lower(), dropped)]
    sole = KEPT_ALONE.get(host)
    if sole and any(key in sole for key, _, _ in kept):
        kept = [pair for pair in kept if pair[0] in sole]
    filled = {key for key, _, value in kept if value}
    return "&".join("".join(pair) for pair in sorted(pair for pair in kept if pair[2] or pair[0] not in filled))


def _is_tracking(key: str, dropped: frozenset[str] | tuple[()]) -> bool:
    return key in TRACKING or key.startswith(TRACKING_PREFIXES) or key in dropped
