"""The WARC writer on real pages and real files: nothing is lost on the way, and a full disk is not passed over."""

import io
from pathlib import Path

import pytest
from archives import read
from exchanges import NOON, exchange, written
from warcio.archiveiterator import ArchiveIterator

from curate.records import Page
from curate.warc.reader import read_file
from curate.warc.writer import WarcWriter

PAGES = 150


def captured(path: Path) -> list:
    """The first responses of a file as exchanges."""
    pages = []
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type != "response" or not record.http_headers:
                continue
            fields = record.http_headers
            headers = [(name.encode("utf-8"), value.encode("utf-8")) for name, value in fields.headers]
            status = f"{fields.protocol} {fields.statusline}".encode()
            url = record.rec_headers.get_header("WARC-Target-URI")
            body = record.raw_stream.read()
            pages.append(exchange(url, body, headers, status_line=status, key=str(len(pages))))
            if len(pages) == PAGES:
                break
    return pages


def test_real_pages_written_again_are_the_same_pages(data):
    path = data("web") / "pages-00002.warc.gz"
    before = [page for page in read_file(path) if isinstance(page, Page)][:PAGES]
    content, said = written(*captured(path))
    after = [page for page in read(content, 10_000_000) if isinstance(page, Page)]
    assert len(after) == len(before) == PAGES
    for one, two, place in zip(before, after, said, strict=True):
        for name in ("url", "status", "mime", "charset", "body", "flags"):
            assert getattr(one, name) == getattr(two, name)
        assert (two.pointer.offset, two.pointer.length) == (place.offset, place.length)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_an_error_that_is_raised_at_once():
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        WarcWriter(file, prefix="lot").write(exchange())


def test_a_writer_starts_where_its_file_does():
    file = io.BytesIO()
    writer = WarcWriter(file, prefix="lot")
    first, second = writer.write(exchange(metadata={})), writer.write(exchange("http://b.test/", date=NOON))
    assert (first.offset, second.offset, second.end) == (0, first.end, len(file.getvalue()))
