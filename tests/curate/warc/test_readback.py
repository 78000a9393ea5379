"""Reading back what was written: every record as it was given, and no changed byte is passed over."""

import gzip
import io

import pytest
from exchanges import PAGE, exchange, written
from hypothesis import given
from hypothesis import strategies as st

from curate.warc.readback import read_all, read_at
from curate.warc.writer import payload_digest

bodies = st.lists(st.binary(max_size=400), min_size=1, max_size=5)


@given(bodies, st.sampled_from(["sha1", "sha256"]))
def test_what_was_written_is_read_back_in_order_and_in_place(bodies, algorithm):
    pages = [exchange(f"http://a.test/{n}", body) for n, body in enumerate(bodies)]
    content, said = written(*pages, algorithm=algorithm)
    file = io.BytesIO(content)
    responses = [record for record in read_all(file) if record.kind == "response"]
    assert [(record.url, record.payload) for record in responses] == [(page.url, page.body) for page in pages]
    assert [read_at(file, stored.offset, stored.length) for stored in said] == responses
    assert [record.record_id for record in responses] == [record.record_id for record in said]
    assert [record.payload_digest for record in responses] == [payload_digest(body, algorithm) for body in bodies]


def test_records_of_all_kinds_are_read():
    content, (said,) = written(exchange())
    kinds = [(record.kind, record.payload) for record in read_all(io.BytesIO(content))]
    assert [kind for kind, _ in kinds] == ["warcinfo", "response", "request", "metadata"]
    assert kinds[1][1] == PAGE
    assert kinds[3][1] == b"fetchTimeMs: 12\r\n"
    assert read_at(io.BytesIO(content), said.offset, said.length).head.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_large_record_is_read_across_pieces():
    page = exchange(body=bytes(range(256)) * 8000)
    assert [record.payload for record in read_all(io.BytesIO(written(page)[0]))][1] == page.body


@given(st.integers(0), st.integers(1, 255))
def test_no_changed_byte_is_passed_over(place, change):
    content = bytearray(written(exchange(body=b"some text"))[0])
    before = list(read_all(io.BytesIO(content)))
    content[place % len(content)] ^= change
    try:
        after = list(read_all(io.BytesIO(content)))
    except ValueError:
        return
    assert after == before  # gzip's own header holds bytes that mean nothing


def test_a_file_that_is_cut_is_an_error_with_its_offset():
    content, (said,) = written(exchange())
    with pytest.raises(ValueError, match=f"at {said.offset}: the file ends in a record"):
        list(read_all(io.BytesIO(content[: said.offset + 20])))
    with pytest.raises(ValueError, match="the file ends 1 bytes early"):
        read_at(io.BytesIO(content[: said.offset + said.length - 1]), said.offset, said.length)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda raw: raw.replace(b"some text some", b"some teXt some", 1), "the block is sha1:"),
        (
            lambda raw: raw.replace(b"WARC-Block-Digest: sha1", b"WARC-Block-Digest: md5"),
            "no digest of the block",
        ),
        (lambda raw: raw.replace(b"WARC-Payload-Digest: sha1:6", b"WARC-Payload-Digest: sha1:7"), "the payload is"),
        (lambda raw: raw[:-8] + raw[-4:], "its Content-Length is"),
        (lambda raw: raw.replace(b"WARC/1.1", b"WARC/9.9"), "no WARC 1.1 record"),
    ],
)
def test_a_record_that_is_not_as_it_was_written_is_told_of(change, wrong):
    content, (said,) = written(exchange())
    member = gzip.compress(change(gzip.decompress(content[said.offset : said.offset + said.length])))
    with pytest.raises(ValueError, match=wrong):
        read_at(io.BytesIO(member), 0, len(member))


def test_a_place_that_is_not_that_of_a_record_is_told_of():
    content, (said,) = written(exchange())
    for offset, length in ((said.offset + 1, said.length), (said.offset, said.length + 1), (said.offset, 9), (0, 0)):
        with pytest.raises(ValueError, match="gzip member"):
            read_at(io.BytesIO(content), offset, length)
