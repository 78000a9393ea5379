"""A page of the mini-web as it was captured, with the truth about it, and its WARC records (warcio)."""

import hashlib
import re
import struct
import uuid
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from urllib.parse import urlsplit

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

START = datetime(2026, 3, 2, 6, 0, 0, tzinfo=UTC)  # the capture of page n comes 7 n seconds later
PHRASES = {  # of HTTP's status codes
    200: "OK",
    301: "Moved Permanently",
    302: "Found",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
STORED = 0xFFFF  # the longest block that deflate stores as it is
Header = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One response and what should become of it."""

    url: str
    markup: str  # of a page of text
    expect: str  # "keep", "reject" or "either"
    why: str  # the kind of page
    stage: str | None = None  # the one that should reject it; None where none should
    prose: str | None = None  # the slug of the original text that the page holds
    delivery: str = "plain"  # a key of DELIVERIES
    status: int = 200  # HTTP's
    location: str = ""  # to which it redirects
    raw: bytes = b""  # the payload of what is no page of text
    mime: str = ""  # of that payload
    trains: str = ""  # the labelled set that the page may serve: "positive", "negative" or "" for neither
    text: str = ""  # what is trained on, instead of the extracted text

    @property
    def host(self) -> str:
        """Returns the host of the page's address."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The form in which a page is sent."""

    codec: str = "utf-8"  # Python's, of the body
    mark: bytes = b""  # byte order mark
    header: str = "utf-8"  # the charset that the header claims, or ''
    meta: str = "utf-8"  # the charset that the page claims, or ''
    damage: str = ""  # a key of DAMAGES, or ''
    gzip: bool = False
    chunked: bool = False
    mime: str = "text/html"


DELIVERIES = {
    "plain": Delivery(),
    "gzip": Delivery(gzip=True),
    "chunked": Delivery(chunked=True),
    "gzip in chunks": Delivery(gzip=True, chunked=True),
    "text/plain": Delivery(mime="text/plain"),
    "xhtml": Delivery(mime="application/xhtml+xml"),
    "utf-8 with a mark": Delivery(mark=b"\xef\xbb\xbf", header="", meta=""),
    "utf-16 with a mark": Delivery(codec="utf-16-le", mark=b"\xff\xfe", header="", meta=""),
    "utf-16-be with a mark": Delivery(codec="utf-16-be", mark=b"\xfe\xff", header="utf-16", meta="utf-16"),
    "windows-1252 by header": Delivery(codec="cp1252", header="windows-1252", meta=""),
    "windows-1252 by meta": Delivery(codec="cp1252", header="", meta="windows-1252"),
    "windows-1252 untold": Delivery(codec="cp1252", header="", meta=""),
    "windows-1252 as iso-8859-1": Delivery(codec="cp1252", header="iso-8859-1", meta="iso-8859-1"),
    "iso-8859-1 by header": Delivery(codec="latin-1", header="ISO-8859-1", meta=""),
    "iso-8859-1 by meta": Delivery(codec="latin-1", header="", meta="iso-8859-1"),
    "iso-8859-15 by meta": Delivery(codec="iso-8859-15", header="", meta="iso-8859-15"),
    "unclosed tags": Delivery(damage="unclosed"),
    "misnested tags": Delivery(damage="misnested"),
    "no head": Delivery(damage="headless"),
    "truncated": Delivery(damage="truncated"),
    "tag soup": Delivery(codec="cp1252", header="", meta="windows-1252", damage="soup"),
}


def warc(name: str, captures: Iterable[tuple[int, Capture]]) -> bytes:
    """Returns a WARC 1.1 file of numbered captures; every tenth comes with its request."""
    about = b"software: curate\r\nformat: WARC File Format 1.1\r\ndescription: the mini-web\r\n"
    members = [member("warcinfo", name, START, body=about)]
    for number, capture in captures:
        moment = START + timedelta(seconds=7 * number)
        if number % 10 == 0:
            members.append(member("request", capture.url, moment, body=b"", http=request(capture)))
        fields, body = response(capture)
        members.append(member("response", capture.url, moment, body=body, http=fields))
    return b"".join(members)


def member(kind: str, url: str, moment: datetime, *, body: bytes, http: StatusAndHeaders | None = None) -> bytes:
    """Returns one record as a gzip member; the address of a warcinfo record is its file's name."""
    named = {"WARC-Record-ID": record_id(kind, url), "WARC-Date": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    if kind == "warcinfo":
        named["WARC-Filename"] = url
    if kind == "response":
        named["WARC-IP-Address"] = "192.0.2.1"
    buffer = BytesIO()
    writer = WARCWriter(buffer, gzip=False, warc_version="WARC/1.1")
    record = writer.create_warc_record(
        url if http else "",
        kind,
        payload=BytesIO(body),
        length=len(body),
        warc_headers_dict=named,
        http_headers=http,
    )
    writer.write_record(record)
    return gzip_member(buffer.getvalue())


def record_id(kind: str, url: str) -> str:
    """Returns a WARC record's id, which depends on its kind and its address alone."""
    digest = hashlib.blake2b(f"{kind}\0{url}".encode(), digest_size=16).digest()
    return f"<urn:uuid:{uuid.UUID(bytes=digest, version=4)}>"


def request(capture: Capture) -> StatusAndHeaders:
    """Returns the request that was answered with a capture."""
    path = capture.url.partition(capture.host)[2]
    fields = [("Host", capture.host), ("User-Agent", "curate"), ("Accept", "text/html")]
    return StatusAndHeaders(f"GET {path} HTTP/1.1", fields, is_http_request=True)


def response(capture: Capture) -> tuple[StatusAndHeaders, bytes]:
    """Returns the HTTP headers and the body of a capture."""
    delivery = DELIVERIES[capture.delivery]
    if capture.mime:
        body = capture.raw
        described = [("Content-Type", capture.mime), ("Content-Length", str(len(body)))]
    else:
        body = payload(capture.markup, delivery)
        described = headers(body, delivery)
    fields = [("Date", format_datetime(START, usegmt=True)), ("Server", "nginx"), *described]
    if capture.location:
        fields.append(("Location", capture.location))
    fields.append(("Cache-Control", "max-age=600"))
    return StatusAndHeaders(f"{capture.status} {PHRASES[capture.status]}", fields, protocol="HTTP/1.1"), body


def payload(markup: str, delivery: Delivery) -> bytes:
    """Returns the body as sent, in its transfer codings."""
    markup = markup.replace('<meta charset="utf-8">\n', meta_tag(delivery.meta))
    if delivery.damage:
        markup = DAMAGES[delivery.damage](markup)
    content = delivery.mark + markup.encode(delivery.codec, "xmlcharrefreplace")
    if delivery.gzip:
        content = gzip_member(content)
    return in_chunks(content) if delivery.chunked else content


def headers(content: bytes, delivery: Delivery) -> list[Header]:
    """Returns the headers that describe a body."""
    charset = f"; charset={delivery.header}" if delivery.header else ""
    fields = [("Content-Type", delivery.mime + charset)]
    if delivery.gzip:
        fields.append(("Content-Encoding", "gzip"))
    if delivery.chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    else:
        fields.append(("Content-Length", str(len(content))))
    return fields


def meta_tag(charset: str) -> str:
    """Returns the tag with the page's charset, in the older spelling where the charset is old."""
    if not charset:
        return ""
    if charset == "utf-8":
        return '<meta charset="utf-8">\n'
    return f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">\n'


def gzip_member(content: bytes) -> bytes:
    """Returns one gzip member that holds the content in stored blocks.

    Compressed bytes differ between zlib and zlib-ng; stored ones are the same wherever the mini-web is built.
    """
    pieces = [content[start : start + STORED] for start in range(0, len(content), STORED)] or [b""]
    stored = b"".join(
        struct.pack("<BHH", number == len(pieces) - 1, len(piece), len(piece) ^ 0xFFFF) + piece
        for number, piece in enumerate(pieces)
    )
    header = b"\x1f\x8b\x08" + bytes(6) + b"\xff"  # no name, no time, unknown system
    return header + stored + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def in_chunks(content: bytes, size: int = 4096) -> bytes:
    """Returns the content in HTTP's chunked coding."""
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def unclosed(markup: str) -> str:
    """Returns the page with paragraphs, list items and headings that never end."""
    return re.sub(r"</(p|li|h2|h3|span|body|html)>", "", markup)


def misnested(markup: str) -> str:
    """Returns the page with emphasis that closes in the wrong order and runs over the ends of paragraphs."""
    markup = re.sub(r"<p>(\S+ \S+ \S+)", r"<p><b><i>\1</b></i>", markup)
    return markup.replace("</p>\n<p>", "<em></p>\n<p></em>")


def headless(markup: str) -> str:
    """Returns the page as a fragment: no document type, no html, no head, no body."""
    markup = re.sub(r"(?s)<!DOCTYPE.*?</head>\n", "", markup)
    return re.sub(r"</?(html|body)[^>]*>\n?", "", markup)


def truncated(markup: str) -> str:
    """Returns the page broken off in the middle of an element, after the text but before the page's foot."""
    return markup[: markup.rindex("<footer") - 40]


def soup(markup: str) -> str:
    """Returns the page in markup of 1998: capitals, no quotes, font tags, no document type, few closing tags."""
    markup = re.sub(r'="([\w%-]+)"', r"=\1", markup.removeprefix("<!DOCTYPE html>\n"))
    markup = re.sub(r"</?[a-z]\w*", lambda tag: tag[0].upper(), markup)
    return unclosed(markup).replace("<P>", "<P><FONT FACE=Verdana SIZE=2>").replace("</P>", "")


DAMAGES: dict[str, Callable[[str], str]] = {
    "unclosed": unclosed,
    "misnested": misnested,
    "headless": headless,
    "truncated": truncated,
    "soup": soup,
}
