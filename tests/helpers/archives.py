"""WARC and ARC files for the tests, by hand and by warcio, and what the reader makes of them."""

import gzip
import io

import lz4.frame
from backports import zstd
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from curate.records import Failure, Page, RefusedRecord
from curate.warc.reader import read_pages

BODY = b"<html><body>" + b"some text " * 500 + b"</body></html>"
HTML = [("Content-Type", "text/html; charset=utf-8")]
PACKINGS = {
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "lz4": lambda record: lz4.frame.compress(record, content_checksum=True),
    "plain": bytes,
}


def http(body=BODY, headers=(), status="200 OK"):
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in [*HTML, *headers])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def warc(
    block,
    *,
    url="http://a/",
    date="2020-01-02T12:00:00Z",
    kind="response",
    mime="application/http",
    length=None,
    more="",
):
    """A record by hand, for what warcio refuses to write."""
    head = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\nContent-Type: {mime}\r\n"
    tail = f"{more}Content-Length: {len(block) if length is None else length}\r\n\r\n"
    return (head + tail).encode() + block + b"\r\n\r\n"


def arc(block, *, url="http://a/", date="20200102120000", mime="text/html", length=None, more=""):
    """A record of an ARC file; `more` are the fields of version 2."""
    return f"{url} 10.0.0.1 {date} {mime} {more}{len(block) if length is None else length}\n".encode() + block + b"\n"


ARC_FILE = arc(
    b"1 0 Tester\nURL IP-address Archive-date Content-type Archive-length\n", url="filedesc://x.arc", mime="text/plain"
)


def by_warcio(*records, compress=True):
    """Records of (type, URL, body, headers, status) as warcio writes them."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=compress)
    for kind, url, body, headers, status in records:
        line = StatusAndHeaders(status, [*HTML, *headers], protocol="HTTP/1.1") if status else None
        dated = {"WARC-Date": "2020-01-02T12:00:00Z"}
        writer.write_record(
            writer.create_warc_record(url, kind, payload=io.BytesIO(body), http_headers=line, warc_headers_dict=dated)
        )
    return out.getvalue()


def response(url="http://a/", body=BODY, headers=(), status="200 OK"):
    return "response", url, body, headers, status


def chunks(body, size=100):
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def read(content, max_bytes=1_000_000, **where):
    """Returns the outcomes of reading a file with this content."""
    return list(read_pages(io.BytesIO(content), "name", size=len(content), max_bytes=max_bytes, **where))


def summary(outcomes):
    """The outcomes in short: URLs of pages, names of failures, refusals and types in brackets."""
    return [
        outcome.url
        if isinstance(outcome, Page)
        else outcome.error
        if isinstance(outcome, Failure)
        else f"({outcome.reason})"
        if isinstance(outcome, RefusedRecord)
        else f"({outcome.kind})"
        for outcome in outcomes
    ]


def failures(outcomes):
    return [outcome for outcome in outcomes if isinstance(outcome, Failure)]
