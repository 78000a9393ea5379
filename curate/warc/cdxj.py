"""Writes the index of a crawl's files: CDXJ lines as Common Crawl and pywb write them, sorted by key and time."""

import json
import re
from collections.abc import Iterable
from datetime import UTC
from urllib.parse import quote_from_bytes, unquote_to_bytes, urljoin

import ada_url

from curate.warc.writer import Exchange, Written

WWW = re.compile(r"^www\d*\.")
SESSION_IN_PATH = re.compile(r"/(?:\((?:[a-z]\([0-9a-z]{24}\))+\)|\([0-9a-z]{24}\))(?=/[^?]+\.aspx)")
SESSION = re.compile(
    r"(?:(?:jsession|phpsess|s)id=[0-9a-z]{32}|aspsessionid[a-z]{8}=[a-z]{24}|cfid=[^&]+&cftoken=[^&]+)(?:&|$)"
)
PLAIN = "!\"$&'()*+,-./:;<=>?@[\\]^_`{|}~"  # all of ASCII but controls, the blank, # and %


def surt(url: str) -> str:
    """Returns the key under which an index sorts a URL: host reversed, without scheme, `www.`, case and session ids.

    It differs from Common Crawl's in that the URL is parsed as browsers do and an IPv6 address is not reversed. A URL
    that cannot be parsed is its own key.

    >>> surt("https://www.Example.com:443/A/?b=2&a=1#c")
    'com,example)/a?a=1&b=2'
    """
    try:
        parsed = ada_url.URL(url)
    except ValueError:
        return _escape(url).lower()
    host = WWW.sub("", parsed.hostname.replace("..", ".").strip("."), count=1) if parsed.hostname else ""
    if not host.startswith("["):
        host = ",".join(reversed(host.split(".")))
    path = SESSION_IN_PATH.sub("", re.sub("//+", "/", _escape(parsed.pathname)).lower())
    query = SESSION.sub("", _escape(parsed.search[1:]).lower())
    parameters = sorted(part.split("=", 1) for part in query.split("&"))
    query = "&".join("=".join(parameter) for parameter in parameters)
    port = f":{parsed.port}" if parsed.port else ""
    return f"{host}{port}){path if path == '/' else path.removesuffix('/')}{'?' if query else ''}{query}"


def line(exchange: Exchange, written: Written, filename: str) -> str:
    """Returns the index line of a capture, with its end; all values are strings."""
    fields = {name.lower(): value.decode("latin-1").strip() for name, value in reversed(exchange.headers)}
    status = exchange.status_line.decode("latin-1").partition(" ")[2][:3]
    mime = re.split(r"[;,\s]", fields.get(b"content-type", "").lower())[0] or "unk"
    table = {
        "url": exchange.url,
        "mime": "warc/revisit" if written.kind == "revisit" else mime,
        "mime-detected": exchange.mime,
        "status": status,
        "digest": written.payload_digest.removeprefix("sha1:"),
        "length": str(written.length),
        "offset": str(written.offset),
        "filename": filename,
        "charset": exchange.charset,
        "truncated": exchange.truncated if written.kind == "response" else "",
        "redirect": _redirect(exchange.url, fields.get(b"location", "")) if status.startswith("3") else "",
    }
    values = json.dumps({name: value for name, value in table.items() if value})
    return f"{surt(exchange.url)} {exchange.date.astimezone(UTC):%Y%m%d%H%M%S} {values}\n"


def index(lines: Iterable[str]) -> bytes:
    """Returns a whole index: the lines in the order of their bytes."""
    return b"".join(sorted(line.encode() for line in lines))


def _escape(text: str) -> str:
    """Returns the text with only those characters escaped that must be, however often others were."""
    content = text.encode("utf-8", "surrogateescape")
    while (unescaped := unquote_to_bytes(content)) != content:
        content = unescaped
    return quote_from_bytes(content, PLAIN)


def _redirect(url: str, location: str) -> str:
    """Returns the address that a Location header leads to, or ''."""
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return location
