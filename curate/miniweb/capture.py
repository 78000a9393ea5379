"""A page of the mini-web as it was captured, together with the truth about it, and its WARC records (warcio)."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from urllib.parse import urlsplit

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from curate.miniweb.serve import DELIVERIES, gzip_member, headers, payload

START = datetime(2026, 3, 2, 6, 0, 0, tzinfo=UTC)  # the capture of page n comes 7 n seconds later
PHRASES = {
    200: "OK",
    301: "Moved Permanently",
    302: "Found",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One response and what should become of it.

    expect: "keep", "reject" or "either"; stage: which stage should reject, None where none should.
    prose: the slug of the original text that the page holds; raw: the payload of what is no page of text.
    trains: which labelled set the page may serve, "positive", "negative" or "" for neither; text: what to train on.
    """

    url: str
    markup: str
    expect: str
    why: str
    stage: str | None = None
    prose: str | None = None
    delivery: str = "plain"
    status: int = 200
    location: str = ""
    raw: bytes = b""
    mime: str = ""
    trains: str = ""
    text: str = ""

    @property
    def host(self) -> str:
        """The host of the page's address."""
        return urlsplit(self.url).netloc


def record_id(kind: str, url: str) -> str:
    """A WARC record's id, which depends on nothing but its kind and its address."""
    digest = hashlib.blake2b(f"{kind}\0{url}".encode(), digest_size=16).digest()
    return f"<urn:uuid:{uuid.UUID(bytes=digest, version=4)}>"


def response(capture: Capture) -> tuple[StatusAndHeaders, bytes]:
    """The HTTP headers and the body of a capture."""
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


def member(kind: str, url: str, moment: datetime, *, body: bytes, http: StatusAndHeaders | None = None) -> bytes:
    """One record as a gzip member; the address of a warcinfo record is its file's name."""
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


def request(capture: Capture) -> StatusAndHeaders:
    """The request that was answered with a capture."""
    path = capture.url.partition(capture.host)[2]
    fields = [("Host", capture.host), ("User-Agent", "curate"), ("Accept", "text/html")]
    return StatusAndHeaders(f"GET {path} HTTP/1.1", fields, is_http_request=True)


def warc(name: str, captures: Iterable[tuple[int, Capture]]) -> bytes:
    """A WARC 1.1 file of numbered captures; every tenth comes with its request."""
    about = b"software: curate\r\nformat: WARC File Format 1.1\r\ndescription: the mini-web\r\n"
    members = [member("warcinfo", name, START, body=about)]
    for number, capture in captures:
        moment = START + timedelta(seconds=7 * number)
        if number % 10 == 0:
            members.append(member("request", capture.url, moment, body=b"", http=request(capture)))
        fields, body = response(capture)
        members.append(member("response", capture.url, moment, body=body, http=fields))
    return b"".join(members)
