"""Hostile answers by their number in the list of hostile HTTP (H14 to H46): raw bytes, and acts in acts.py.

In a template {page} stands for a page of HTML, {length} for its bytes, {chunked} for it in chunks.
"""

import gzip
import zlib
from functools import cache

import brotli
from backports import zstd

from loopback.acts import ACTS
from loopback.pages import page

OK = b"HTTP/1.1 200 OK\r\n"
TYPE = b"Content-Type: text/html; charset=utf-8\r\n"
LENGTH = b"Content-Length: {length}\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BODY = b"\r\n{page}"
GOOD = OK + TYPE + LENGTH + BODY
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
LATER = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: "

TEMPLATES = {
    "014-page": b"{page}",
    "014-other": b"SSH-2.0-OpenSSH_9.9\r\n",
    "015": GOOD.replace(b"\r\n", b"\n"),
    "016": GOOD.replace(b"200 OK", b"200: OK"),
    "017": GOOD.replace(b"{length}", b"thousand"),
    "018": OK + TYPE + LENGTH + b"Content-Length: 7\r\n" + BODY,
    "019": OK + TYPE + LENGTH + LENGTH + BODY,
    "020": OK + TYPE + LENGTH + CHUNKED + b"\r\n{chunked}",
    "021": GOOD.replace(b"{length}", b"9999999"),
    "022-hex": OK + TYPE + CHUNKED + b"\r\n5\r\n<html\r\nZZ\r\n>\r\n0\r\n\r\n",
    "022-long": OK + TYPE + CHUNKED + b"\r\n5\r\n<html\r\n11111111111111111\r\n>\r\n0\r\n\r\n",
    "023": OK + TYPE + b"X-Folded: one\r\n two\r\n" + LENGTH + BODY,
    "024": GOOD.replace(b"Content-Length:", b"Content-Length :"),
    "025": OK + b"this line has no colon\r\n" + TYPE + LENGTH + BODY,
    "026-100kb": OK + TYPE + b"X-Large: " + b"x" * 100_000 + b"\r\n" + LENGTH + BODY,
    "026-33kb": OK + TYPE + b"".join(b"X-%03d: %s\r\n" % (n, b"x" * 322) for n in range(100)) + LENGTH + BODY,
    "026-many": OK + TYPE + b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)) + LENGTH + BODY,
    "027": OK + TYPE + b"Content-Encoding: gzip\r\n" + LENGTH + BODY,
    "029-early": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + GOOD,
    "030-204": GOOD.replace(b"200 OK", b"204 No Content"),
    "030-304": GOOD.replace(b"200 OK", b"304 Not Modified"),
    "031-999": GOOD.replace(b"200 OK", b"999 Request denied"),
    "031-escape": GOOD.replace(b"200 OK", b"404 \x1b[2J\x1b]0;owned\x07"),
    "031-2000": GOOD.replace(b"200 OK", b"2000 OK"),
    "031-000": GOOD.replace(b"200 OK", b"000 OK"),
    "031-minus": GOOD.replace(b"200 OK", b"-1 OK"),
    "032-version": GOOD.replace(b"HTTP/1.1", b"HTTP/3.7"),
    "032-icy": GOOD.replace(b"HTTP/1.1", b"ICY"),
    "033": OK + b"X-Nul: a\0b\r\n" + TYPE + LENGTH + BODY,
    "039-far": LATER + b"99999999\r\n\r\n",
    "039-negative": LATER + b"-5\r\n\r\n",
    "039-past": LATER + b"Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n",
    "039-garbage": LATER + b"soon\r\n\r\n",
    "040-cookie": OK + TYPE + b"Set-Cookie: a=" + b"x" * 1_000_000 + b"\r\n" + LENGTH + BODY,
    "040-refresh": OK + TYPE + b"Refresh: 0; url=http://169.254.169.254/\r\n" + LENGTH + BODY,
    "040-service": OK + TYPE + b'Alt-Svc: h3=":443"; ma=86400\r\n' + LENGTH + BODY,
    "040-set": OK + TYPE + b"Set-Cookie: session=1; Path=/\r\n" + LENGTH + BODY,
    "040-switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "040-upgrade": OK + TYPE + b"Upgrade: h2c\r\nConnection: Upgrade\r\n" + LENGTH + BODY,
    "041-page": GOOD.replace(b"text/html; charset=utf-8", b"image/png"),
    "041-image": OK + TYPE + b"Content-Length: 33\r\n\r\n" + PNG + b"\x1f\x15\xc4\x89",
    "043": GOOD + OK + b"Content-Length: 4\r\n\r\njunk",
    "046": b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n',
}
OPEN = ("015", "016", "019", "020", "022-hex", "022-long", "030-204", "030-304", "043")  # the server does not close
CODINGS = {
    "028-raw": b"deflate",
    "028-deflate": b"deflate",
    "028-br": b"br",
    "028-zstd": b"zstd",
    "028-x-gzip": b"x-gzip",
    "028-twice": b"gzip, gzip",
    "028-identity": b"identity",
    "028-unknown": b"compress-42",
    "035-gzip": b"gzip",
    "035-br": b"br",
    "035-nested": b"gzip, gzip, gzip",
    "035-members": b"zstd, gzip",
}
LOCATIONS = {
    "038-missing": None,
    "038-relative": b"../page/1",
    "038-break": b"/page/1\r\n X-Injected: yes",
    "038-scheme": b"//h-038-scheme-target.test/",
    "038-long": b"/" + b"x" * 1_000_000,
    "038-file": b"file:///etc/passwd",
    "038-metadata": b"http://169.254.169.254/latest/meta-data/",
    "038-private": b"http://10.0.0.1/",
    "038-port": b"http://127.0.0.1:22/",
}
TLS = ("036-tls", "044-expired", "044-self-signed", "044-wrong-host", "044-old", "044-garbage", "044-stall")
HOSTILE = (*TEMPLATES, *CODINGS, *LOCATIONS, *ACTS)


def bomb(size: int) -> bytes:
    """A gzip stream of as many MiB of zeros, made by repeating one flushed block; it has no end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + once * size


@cache
def answer(name: str) -> bytes:
    """The bytes of a hostile answer to a request for "/"."""
    if name in CODINGS:
        body = coded(name)
        fields = b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (CODINGS[name], len(body))
        return OK + TYPE + fields + body
    if name in LOCATIONS:
        to = LOCATIONS[name]
        return b"HTTP/1.1 302 Found\r\n%sContent-Length: 0\r\n\r\n" % (b"Location: %s\r\n" % to if to else b"")
    return filled(TEMPLATES[name], name)


@cache
def good(name: str, path: str) -> bytes:
    """A page as it should be, at a path of a hostile host."""
    return filled(GOOD, name + path)


def filled(template: bytes, name: str) -> bytes:
    body = page(f"h-{name}.test", "/", [])
    length, chunks = b"%d" % len(body), b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return template.replace(b"{length}", length).replace(b"{chunked}", chunks).replace(b"{page}", body)


def coded(name: str) -> bytes:
    """A page, or a bomb, in the content coding that its answer names."""
    body = page(f"h-{name}.test", "/", [])
    made = {
        "028-raw": lambda: zlib.compress(body)[2:-4],
        "028-deflate": lambda: zlib.compress(body),
        "028-br": lambda: brotli.compress(body),
        "028-zstd": lambda: zstd.compress(body),
        "028-x-gzip": lambda: gzip.compress(body, mtime=0),
        "028-twice": lambda: gzip.compress(gzip.compress(body, mtime=0), mtime=0),
        "028-identity": lambda: body,
        "028-unknown": lambda: body,
        "035-gzip": lambda: bomb(10_240),
        "035-br": lambda: brotli.compress(bytes(1 << 28), quality=1),
        "035-members": lambda: gzip.compress(zstd.compress(b"") * 500_000, mtime=0),
        "035-nested": lambda: gzip.compress(gzip.compress(bomb(10_240), mtime=0), mtime=0),
    }
    return made[name]()
