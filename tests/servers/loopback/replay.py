"""Pages that are answered as they were captured: from JSON lines, or from the WARC files of the mini-web or a crawl."""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ada_url
from warcio.archiveiterator import ArchiveIterator

KEPT = ("content-type", "content-encoding", "location", "content-language", "x-robots-tag", "last-modified", "etag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """An answer: the body in its content codings, without chunks."""

    url: str
    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html; charset=utf-8"),)


def key(url: str) -> str:
    """Returns the key of a request: host, path and query as browsers send them, whatever the scheme and the port."""
    try:
        parts = ada_url.URL(url)
    except ValueError:
        return url
    return f"{parts.hostname}{parts.pathname}{parts.search}"


def table(paths: Iterable[Path]) -> dict[str, Replayed]:
    """All pages of these files by key; of a URL that is there twice the first."""
    pages: dict[str, Replayed] = {}
    for path in paths:
        for page in from_jsonl(path) if ".jsonl" in path.name else from_warc(path):
            pages.setdefault(key(page.url), page)
    return pages


def from_warc(path: Path) -> Iterator[Replayed]:
    """The responses of a WARC file."""
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response" and record.http_headers:
                fields = record.http_headers.headers
                chunked = record.http_headers.get_header("Transfer-Encoding") == "chunked"
                body = record.raw_stream.read()
                yield Replayed(
                    url=record.rec_headers.get_header("WARC-Target-URI"),
                    body=dechunked(body) if chunked else body,
                    status=int(record.http_headers.get_statuscode()),
                    headers=tuple((name, value) for name, value in fields if name.lower() in KEPT),
                )


def from_jsonl(path: Path) -> Iterator[Replayed]:
    """Lines with url, and body or body64; status, mime and headers (a list of pairs) where they are not a page's."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            row = json.loads(line)
            body = base64.b64decode(row["body64"]) if "body64" in row else row.get("body", "").encode()
            headers = [("Content-Type", row.get("mime", "text/html; charset=utf-8")), *row.get("headers", [])]
            yield Replayed(
                url=row["url"],
                body=body,
                status=row.get("status", 200),
                headers=tuple((name, value) for name, value in headers),
            )


def dechunked(body: bytes) -> bytes:
    """A body in whole chunks without their sizes."""
    parts, at = [], 0
    while size := int(body[at : (end := body.index(b"\r\n", at))].partition(b";")[0], 16):
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size
    return b"".join(parts)
