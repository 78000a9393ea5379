"""An address by two keys: what is fetched, changed as little as can be, and what is compared, version k1.

Addresses are read as browsers read them (WHATWG URL standard, by ada). Nothing here asks a network or a list that
changes with time.
"""

import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from ada_url import idna, normalize_url, parse_url

from curate.records import Reason
from curate.web.domains import SHORTENERS

MAX_RAW = 1 << 16  # characters; a longer address is not even parsed
DEPTH = 3  # of wrappers inside wrappers

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
INDEX = re.compile(r"/index\.(?:html?|php|aspx?)$", re.IGNORECASE)
SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/;]*", re.IGNORECASE)
USERINFO = re.compile(r"//[^/?#\\]*@")
REPEATED = re.compile(r"(/[^/]+)\1{3}(?:/|$)|((?:/[^/]+){2,3})\2\2(?:/|$)")

# Parameters that tell where a visitor came from, on any host; a mark at the end stands for all that begin so.
TRACKING = frozenset(
    (
        *("fbclid", "gclid", "dclid", "msclkid", "yclid", "gbraid", "wbraid", "igshid", "mc_cid", "mc_eid", "ref_src"),
        *(
            "_ga",
            "_gl",
            "spm",
            "s_cid",
            "cmpid",
            "cmp",
            "ncid",
            "phpsessid",
            "jsessionid",
            "mkt_tok",
            "_hsenc",
            "_hsmi",
        ),
    )
)
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

PARAMETER = {  # host, start of the path, parameter that holds the address meant, and the rewrite's name
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
    """Where a link leads: the address to fetch, the host that is judged, and the names of what was rewritten.

    host: without a port; of a copy in the Web Archive the copied page's.
    """

    fetch_url: str
    host: str
    rewrites: tuple[str, ...]


def address(raw: str, *, amp_paths: bool = False) -> Address | Reason:
    """The address that a link as found leads to; a refusal is named `links.invalid`, `links.scheme` or `links.length`.

    amp_paths: also `?amp=1` and `/amp/` at the end lead to the page without them.
    """
    rewrites: tuple[str, ...] = ()
    if "&amp;" in raw:  # as reddit escapes, once
        raw, rewrites = raw.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), ("html_unescape",)
    url = fetch_url(raw)
    if isinstance(url, Reason):
        return url
    secret = "@" in raw and USERINFO.search(raw) is not None
    for _ in range(DEPTH):
        found = unwrapped(url)
        if found is None or isinstance(target := fetch_url(found[0]), Reason):
            break  # a wrapper around nothing is all there is
        url, rewrites = target, (*rewrites, found[1])
        secret = secret or USERINFO.search(found[0]) is not None
    if amp_paths and (plain := _without_amp(url)) != url:
        url, rewrites = plain, (*rewrites, "amp_path")
    if secret:
        rewrites = (*rewrites, "userinfo")
    copied = archived(url)
    if copied is None:
        return Address(url, fetch_host(url), rewrites)
    inner = fetch_url(copied)
    return Address(url, fetch_host(inner if isinstance(inner, str) else url), (*rewrites, "web_archive"))


def host_of(url: str) -> str:
    """Returns the host of any URL as browsers read it (WHATWG), in lower case; '' where there is none."""
    try:
        return str(parse_url(url, ("hostname",))["hostname"])
    except ValueError:
        return ""


def fetch_host(url: str) -> str:
    """Returns the host of a `fetch_url`, without its port: a quick cut, as its form is known."""
    host = url[url.find("/") + 2 : url.find("/", 8)]
    return host if host.startswith("[") else host.partition(":")[0]


def is_shortener(host: str) -> bool:
    """Does this host only lead on to other addresses?"""
    return host in SHORTENERS or (host.startswith("www.") and host[4:] in SHORTENERS)


def fetch_url(raw: str) -> str | Reason:
    """The address to ask for: WHATWG's, without userinfo, fragment and the dot behind the host; else a refusal.

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
        return _why_not(raw)
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


def _why_not(raw: str) -> Reason:
    scheme = re.match(r"[\x00- ]*([A-Za-z][A-Za-z0-9+.\-]{0,39}):", raw)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return Reason("links.scheme", detail=scheme[1].lower())
    return Reason("links.invalid", detail="no base" if not scheme else "")


def shown(raw: str) -> str:
    """An address as found, fit to be stored: without userinfo, in UTF-8, at most 2,048 characters of it."""
    if "@" in raw:
        raw = USERINFO.sub("//", raw[:MAX_RAW])
    return raw[:2048].encode("utf-8", "replace").decode()


def unwrapped(url: str) -> tuple[str, str] | None:
    """The address that a wrapper (AMP cache, redirector of a site) leads to and the rewrite's name, or None."""
    if "google." in url[:32] and (found := GOOGLE_AMP.match(url)):
        return f"http{'s' if found[1] else ''}://{found[2]}", "amp"
    if ".cdn.ampproject.org/" in url and (found := AMP_CACHE.match(url)):
        return f"http{'s' if found[1] else ''}://{found[2]}", "amp"
    end = url.find("/", 8)
    if rule := PARAMETER.get(url[url.find("/") + 2 : end]):
        start, names, name = rule
        path, _, query = url[end:].partition("?")
        if path.startswith(start):
            for each in query.split("&"):
                key, _, value = each.partition("=")
                if key in names and value:
                    return _unquoted(value), name
    return None


def _unquoted(value: str) -> str:
    """A parameter's value; bytes that are no UTF-8 stay escaped."""
    content = unquote_to_bytes(value.replace("+", " "))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return quote(content, safe="".join(map(chr, range(33, 127))))


def archived(url: str) -> str | None:
    """The address of which this is the Web Archive's copy, or None."""
    if "archive.org/web/" not in url or not (found := ARCHIVED.match(url)):
        return None
    inner = found[1]
    return inner if re.match(r"https?:", inner, re.IGNORECASE) else f"http://{inner}"


def _without_amp(url: str) -> str:
    head, mark, query = url.partition("?")
    head = re.sub(r"(?<=[^/]/)amp/?$", "", head) if head.count("/") > 3 else head
    kept = [each for each in query.split("&") if each.lower() not in ("amp=1", "amp=true", "amp")]
    return f"{head}?{'&'.join(kept)}" if mark and any(kept) else head


def repeats_itself(path: str) -> bool:
    """Does a path go round: a segment four times in a row, or two or three of them three times?"""
    segments = path.split("/")
    return len(segments) > 4 and len(segments) - len({*segments}) > 2 and REPEATED.search(path) is not None


def dedupe_key(url: str) -> bytes:
    """The 16-byte key of a `fetch_url`: equal for addresses that almost surely show the same page. Never fetch it."""
    return hashlib.blake2b(f"k1|{comparable(url)}".encode(), digest_size=16).digest()


def comparable(url: str) -> str:
    """What is compared of a `fetch_url`, before it is hashed.

    >>> comparable("https://www.example.com/a/index.html?utm_source=x&b=2&a=1")
    'example.com/a?a=1&b=2'
    """
    for _ in range(DEPTH):
        inner = archived(url)
        target = fetch_url(inner) if inner else None
        if not isinstance(target, str):
            break
        url = target
    rest, mark, query = url.partition("://")[2].partition("?")
    host, _, path = rest.partition("/")
    host = _plain_host(host)
    if "%" in path:
        path = ESCAPE.sub(_escape, path)
    if ";" in path:
        path = SESSION.sub("", path)
    path = f"/{path}"
    if "index." in path[-12:].lower():
        path = INDEX.sub("/", path)
    if path.endswith("/"):
        path = path[:-1]
    if "amazon" in host and "/ref=" in path and "amazon" in host.split("."):
        path = path.partition("/ref=")[0]
    kept = _plain_query(host, query) if mark and query else ""
    return f"{host}{path}?{kept}" if kept else f"{host}{path}"


def _plain_host(host: str) -> str:
    """The host without one `www.`, `m.`, `mobile.` or `amp.` where a host remains."""
    first, _, rest = host.partition(".")
    return rest if first in ("www", "m", "mobile", "amp") and "." in rest else host


def _escape(found: re.Match[str]) -> str:
    byte = int(found[1], 16)
    return chr(byte) if byte in UNRESERVED else f"%{byte:02X}"


def _plain_query(host: str, query: str) -> str:
    if "%" in query:
        query = ESCAPE.sub(_escape, query)
    pairs = [each.partition("=") for each in query.split("&") if each]
    site = host if host in SITES else ".".join(host.rsplit(".", 3 if host.endswith(".co.uk") else 2)[1:])
    dropped = SITES.get(site) or (AMAZON if "amazon" in host.split(".") else ())
    kept = [pair for pair in pairs if not _is_tracking(pair[0].lower(), dropped)]
    alone = KEPT_ALONE.get(host)
    if alone and any(key in alone for key, _, _ in kept):
        kept = [pair for pair in kept if pair[0] in alone]
    filled = {key for key, _, value in kept if value}
    return "&".join("".join(pair) for pair in sorted(pair for pair in kept if pair[2] or pair[0] not in filled))


def _is_tracking(key: str, dropped: frozenset[str] | tuple[()]) -> bool:
    return key in TRACKING or key.startswith(("utm_", "fb_")) or key in dropped
