"""Exchanges for the tests of the WARC writer, and files of them."""

import io
from datetime import UTC, datetime

from curate.warc.writer import Exchange, WarcWriter

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
HTML = (b"Content-Type", b"text/html; charset=utf-8")
PAGE = b"<html><body>" + b"some text " * 500 + b"</body></html>"


def exchange(url="http://a.test/", body=PAGE, headers=(HTML,), **more):
    """A page that was fetched at noon."""
    fields = {
        "key": url,
        "date": NOON,
        "ip": "127.0.0.1",
        "status_line": b"HTTP/1.1 200 OK",
        "request": b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "metadata": {"fetchTimeMs": "12"},
    }
    return Exchange(url=url, body=body, headers=tuple(headers), **(fields | more))


def written(*exchanges, **options):
    """The bytes of a file of these exchanges, and what the writer said of each."""
    file = io.BytesIO()
    writer = WarcWriter(file, prefix="lot", **options)
    writer.write_info("a.warc.gz", NOON, {"software": "curate"})
    said = [writer.write(fetched) for fetched in exchanges]
    assert writer.offset == len(file.getvalue())
    return file.getvalue(), said
