"""WARC files, whole and damaged: every record is a page, a failure or skipped, and nothing vanishes."""

import gzip
import io
import resource
import zlib
from datetime import UTC, datetime

import brotli
import pytest
from fastwarc.warc import ArchiveIterator
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from curate import warc as reading
from curate.records import EPOCH, Failure, Page
from curate.warc import Skipped, read_pages

NOON = datetime(2020, 1, 2, 12, 0, 0, tzinfo=UTC)
BODY = b"<html><body>" + b"some text " * 500 + b"</body></html>"
HTML = [("Content-Type", "text/html; charset=utf-8")]


def http(body=BODY, headers=(), status="200 OK"):
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in [*HTML, *headers])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def warc(block, *, url="http://a/", date="2020-01-02T12:00:00Z", kind="response", mime="application/http", length=None):
    """A record by hand, for what warcio refuses to write."""
    head = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\nContent-Type: {mime}\r\n"
    return f"{head}Content-Length: {len(block) if length is None else length}\r\n\r\n".encode() + block + b"\r\n\r\n"


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


@pytest.fixture
def read(tmp_path):
    """The outcomes of a file with this content."""

    def outcomes(content, max_bytes=1_000_000):
        path = tmp_path / "file"
        path.write_bytes(content)
        return list(read_pages(path, "name", max_bytes=max_bytes))

    return outcomes


def summary(found):
    return [
        each.url if isinstance(each, Page) else each.error if isinstance(each, Failure) else f"({each.kind})"
        for each in found
    ]


@pytest.mark.parametrize("compress", [True, False])
def test_each_type_of_record_is_a_page_or_is_skipped_by_name(compress, read):
    content = by_warcio(
        ("warcinfo", "", b"software: x\r\n", (), None),
        ("request", "http://a/", b"", (), "GET / HTTP/1.1"),
        response("http://a/"),
        ("revisit", "http://a/", b"", (), "200 OK"),
        ("metadata", "http://a/", b"k: v\r\n", (), None),
        ("resource", "http://a/", b"x", (), None),
        ("conversion", "http://b/", "Grüße\n".encode(), (), None),
        compress=compress,
    )
    found = read(content)
    expected = ["(warcinfo)", "(request)", "http://a/", "(revisit)", "(metadata)", "(resource)", "http://b/"]
    assert summary(found) == expected


def test_a_response_is_a_page_with_its_headers_read_and_its_place_in_the_file(read):
    content = by_warcio(response("http://a/é"), response("http://b/", b"b", (), "404 Not Found"))
    one, two = read(content)
    assert (one.url, one.timestamp, one.status, one.mime, one.charset) == (
        "http://a/é",
        NOON,
        200,
        "text/html",
        "utf-8",
    )
    assert (one.body, two.body, two.status) == (BODY, b"b", 404)
    assert one.pointer.file == two.pointer.file == "name"
    assert (one.pointer.offset, two.pointer.offset + two.pointer.length) == (0, len(content))
    assert one.pointer.length == two.pointer.offset


@pytest.mark.parametrize("compress", [True, False])
def test_the_bytes_at_a_pointer_are_the_record_again(compress, read):
    content = by_warcio(*(response(f"http://{name}/") for name in "abc"), compress=compress)
    for page in read(content):
        part = content[page.pointer.offset : page.pointer.offset + page.pointer.length]
        (again,) = read(part)
        assert (again.url, again.body) == (page.url, page.body)


def test_a_wet_record_is_a_page_of_plain_text_in_utf_8(read):
    (page,) = read(by_warcio(("conversion", "http://b/", "Grüße\n".encode(), (), None)))
    assert (page.status, page.mime, page.charset, page.body.decode()) == (200, "text/plain", "utf-8", "Grüße\n")


CODINGS = {
    "plain": (BODY, ()),
    "gzip": (gzip.compress(BODY), [("Content-Encoding", "gzip")]),
    "x-gzip": (gzip.compress(BODY), [("Content-Encoding", "x-gzip")]),
    "deflate": (zlib.compress(BODY), [("Content-Encoding", "deflate")]),
    "brotli": (brotli.compress(BODY), [("Content-Encoding", "br")]),
    "chunked": (chunks(BODY), [("Transfer-Encoding", "chunked")]),
    "chunked gzip": (
        chunks(gzip.compress(BODY)),
        [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")],
    ),
    "chunked brotli": (
        chunks(brotli.compress(BODY), 7),
        [("Transfer-Encoding", "chunked"), ("Content-Encoding", "br")],
    ),
    "mixed case": (gzip.compress(BODY), [("content-encoding", "GZIP")]),
    "named gzip but is not": (BODY, [("Content-Encoding", "gzip")]),
    "named chunked but is not": (BODY, [("Transfer-Encoding", "chunked")]),
    "named both but is gzip": (gzip.compress(BODY), [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")]),
    "named both but is chunked": (chunks(BODY), [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")]),
    "an unknown coding": (BODY, [("Content-Encoding", "rot13")]),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_is_decoded_as_its_headers_say_or_taken_as_it_stands(coding, read):
    body, headers = CODINGS[coding]
    (page,) = read(warc(http(body, headers)))
    assert page.body == BODY


@pytest.mark.parametrize(
    ("value", "mime", "charset"),
    [
        ("Text/HTML; Charset=UTF-8", "text/html", "utf-8"),
        ('text/html; charset="utf-8"', "text/html", "utf-8"),
        ("text/html;charset='iso-8859-1'", "text/html", "iso-8859-1"),
        ("text/html", "text/html", ""),
        ("", "", ""),
    ],
)
def test_a_content_type_is_lower_case_and_its_charset_has_no_quotes(value, mime, charset, read):
    (page,) = read(warc(f"HTTP/1.1 200 OK\r\nContent-Type: {value}\r\n\r\nx".encode()))
    assert (page.mime, page.charset) == (mime, charset)


@pytest.mark.parametrize("written", ["http://a/", "<http://a/>", " http://a/ ", "< http://a/ >"])
def test_a_url_loses_the_brackets_and_blanks_of_old_writers(written, read):
    assert read(warc(http(), url=written))[0].url.strip() == "http://a/"


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2020-01-02T12:00:00Z", NOON),
        ("2020-01-02T12:00:00.123456789Z", NOON.replace(microsecond=123456)),
        ("2020-01-02T14:00:00+02:00", NOON),
        ("0000-01-01T00:00:00Z", EPOCH),
        ("0001-01-01T00:00:00+05:00", EPOCH),
        ("yesterday", EPOCH),
        ("", EPOCH),
    ],
)
def test_a_date_is_utc_and_one_that_is_none_is_1970(date, moment, read):
    (page,) = read(warc(http(), date=date))
    assert page.timestamp == moment
    assert page.timestamp.utcoffset().total_seconds() == 0


def test_a_response_that_is_not_http_is_skipped(read):
    assert summary(read(warc(b"a. IN A 1.2.3.4", kind="response", mime="text/dns"))) == ["(response)"]


@pytest.mark.parametrize("block", [b"", b"no http at all", b"HTTP/1.1 abc\r\n\r\nx", b"\r\n\r\n"])
def test_an_http_response_without_a_status_is_a_lost_record(block, read):
    first, second = read(warc(block) + warc(http(), url="http://b/"))
    assert (first.error, first.record, first.offset) == ("http", True, 0)
    assert second.url == "http://b/"


def test_a_body_longer_than_the_limit_shows_by_one_byte_more_than_the_limit(read):
    for body, length in ((b"x" * 100, 100), (b"x" * 101, 101), (b"x" * 5000, 101)):
        for coded in (warc(http(body)), warc(http(gzip.compress(body), [("Content-Encoding", "gzip")]))):
            assert [len(page.body) for page in read(coded, max_bytes=100)] == [length]


def test_a_body_longer_than_the_limit_costs_no_record_after_it(read):
    content = warc(http(b"x" * 3_000_000)) + warc(http(b"y"), url="http://b/")
    for written in (content, gzip.compress(content)):
        assert [len(page.body) for page in read(written, max_bytes=100)] == [101, 1]


def test_a_bomb_costs_no_more_memory_than_the_limit(read):
    packed = gzip.compress(bytes(300_000_000), 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (page,) = read(warc(http(packed, [("Content-Encoding", "gzip")])))
    assert len(page.body) == 1_000_001
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_an_empty_file_is_a_dead_letter(read):
    (found,) = read(b"")
    assert (found.error, found.offset, found.length, found.record) == ("empty_file", 0, 0, False)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>no archive</html>" * 99,
        gzip.compress(b"plain text" * 99),
        gzip.compress(b""),
        b"\x1f\x8b\x08 broken gzip",
        b"\0" * 5000,
        b"filedesc://x.arc 0.0.0.0 20090912 text/plain 77\n1 0 x\nURL IP-address\n\n",
        b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
    ],
    ids=["html", "gzipped text", "gzipped nothing", "broken gzip", "zeros", "arc", "s3 error"],
)
def test_a_file_that_is_no_warc_is_one_dead_letter(content, read):
    (found,) = read(content)
    assert (found.error, found.offset, found.length, found.record) == ("not_warc", 0, len(content), False)


TWO = [warc(http(name.encode() * 50), url=f"http://{name}/") for name in "ab"]


def test_an_uncompressed_file_cut_anywhere_keeps_the_whole_records_and_names_the_cut_one(read):
    whole, start = b"".join(TWO), len(TWO[0])
    for cut in range(start, len(whole)):
        found = read(whole[:cut])
        assert found[0].url == "http://a/"
        if cut == start:
            assert len(found) == 1
        elif cut >= len(whole) - 4:  # all but the blank lines after the record
            assert summary(found) == ["http://a/", "http://b/"]
        else:
            (failure,) = found[1:]
            assert failure.error in ("header", "http", "truncated", "corrupt")
            assert failure.offset in (0, start)


def test_a_gzip_file_cut_anywhere_keeps_the_whole_records_and_names_the_cut_one(read):
    parts = [gzip.compress(record) for record in TWO]
    whole, start = b"".join(parts), len(parts[0])
    for cut in range(start, len(whole)):
        found = read(whole[:cut])
        assert found[0].url == "http://a/"
        if cut == start:
            assert len(found) == 1
        elif len(found) == 2 and isinstance(found[1], Page):
            assert cut >= len(whole) - 12  # the record was whole, only gzip's own checksum and length are cut
        else:
            (failure,) = found[1:]
            assert failure.error in ("header", "http", "truncated", "unread", "corrupt")
            assert failure.offset + failure.length == cut or failure.offset in (0, start)


def test_a_record_shorter_than_it_says_is_a_lost_record_and_never_an_empty_page(read):
    (found,) = read(warc(http(), length=10_000))
    assert (found.error, found.record, found.offset) == ("truncated", True, 0)
    assert found.message.endswith(" of 10000 bytes")


def test_a_flipped_byte_costs_the_records_from_there_and_is_one_dead_letter(read):
    parts = [gzip.compress(warc(http(bytes(range(256)) * 40), url=f"http://{name}/")) for name in "abc"]
    start = len(parts[0])
    for place in range(20, len(parts[1]), 13):
        broken = bytearray(parts[1])
        broken[place] ^= 0x40
        found = read(parts[0] + bytes(broken) + parts[2])
        assert summary(found)[0] == "http://a/"
        failures = [each for each in found if isinstance(each, Failure) and not each.record]
        if failures:
            (failure,) = failures
            assert failure.error in ("corrupt", "unread")
            assert failure.offset in (0, start)
            assert found[-1] is failure
        else:
            assert summary(found)[-1] == "http://c/"  # in a part of gzip's header that means nothing


@pytest.mark.parametrize("filling", [b"", b"\r\n\r\n"], ids=["nothing", "a blank line"])
def test_a_gzip_member_without_a_record_hides_no_record_after_it(filling, read):
    content = gzip.compress(TWO[0]) + gzip.compress(filling) + gzip.compress(TWO[1])
    found = read(content)
    if len(found) == 2 and isinstance(found[1], Failure):
        rest = len(gzip.compress(TWO[1]))
        assert (found[1].error, found[1].offset, found[1].length) == ("unread", len(content) - rest, rest)
    else:
        assert summary(found) == ["http://a/", "http://b/"]


@pytest.mark.parametrize("filling", [b"", b"\r\n"])
def test_a_gzip_member_without_a_record_at_the_end_is_no_failure(filling, read):
    assert summary(read(gzip.compress(TWO[0]) + gzip.compress(filling))) == ["http://a/"]


@pytest.mark.parametrize("garbage", [b"garbage", bytes(600), b"\x1f\x8b"])
@pytest.mark.parametrize("compress", [True, False])
def test_what_follows_the_last_record_and_is_none_is_a_dead_letter(compress, garbage, read):
    content = (gzip.compress(TWO[0]) if compress else TWO[0]) + garbage
    page, failure = read(content)
    assert page.url == "http://a/"
    assert failure.error in ("corrupt", "unread")
    assert failure.offset + failure.length == len(content)


def test_a_damaged_lz4_file_on_which_fastwarc_panics_ends_in_dead_letters(data, read):
    content = data("warc/chatnoir-resiliparse__block-sized-records.warc.lz4").read_bytes()
    for place in range(len(content)):
        assert read(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])


class PanicException(BaseException):
    """What pyo3 raises where Rust panics."""


@pytest.mark.parametrize("error", [PanicException, KeyboardInterrupt])
def test_a_panic_is_a_dead_letter_and_an_interrupt_is_not(error, read, monkeypatch):
    def broken(stream, *, parse_http=True, **rest):
        yield next(ArchiveIterator(stream, parse_http=parse_http, **rest))
        raise error("unwrap on None")

    monkeypatch.setattr(reading, "ArchiveIterator", broken)
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            read(b"".join(TWO))
    else:
        assert [type(each).__name__ for each in read(b"".join(TWO))] == ["Page", "Failure"]


@pytest.mark.parametrize("compress", [True, False])
def test_a_page_before_the_damage_keeps_its_place(compress, read):
    parts = [gzip.compress(record) if compress else record for record in TWO]
    one, two, failure = read(b"".join(parts) + b"garbage" * 99)
    assert [page.pointer.offset for page in (one, two)] == [0, len(parts[0])]
    assert failure.error == "corrupt"


def test_a_file_that_is_one_gzip_member_is_read_whole(read):
    assert summary(read(gzip.compress(b"".join(TWO)))) == ["http://a/", "http://b/"]


def test_a_long_header_does_not_cost_the_rest_of_the_file(read):
    long = warc(http(), url="http://a/" + "x" * 200_000)
    assert [len(page.url) for page in read(long + TWO[1])] == [200_009, len("http://b/")]


def test_a_header_that_is_not_utf_8_is_read_with_replacement_characters(read):
    (page,) = read(warc(http(), url="http://a/?").replace(b"http://a/?", b"http://a/\xe9"))
    assert page.url == "http://a/\ufffd"


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_end_in_a_page_a_skip_or_a_failure(tmp_path_factory, content, compress):
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(gzip.compress(content) if compress else content)
    assert list(read_pages(path, "name", max_bytes=100))


mangled = st.tuples(st.integers(0, sum(map(len, TWO)) - 1), st.binary(max_size=3))


@given(st.lists(mangled, min_size=1, max_size=3))
@limited(max_examples=200)
def test_any_change_to_a_file_never_raises(tmp_path_factory, changes):
    content = b"".join(TWO)
    for place, change in changes:
        content = content[:place] + change + content[place + 1 :]
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(content)
    assert list(read_pages(path, "name", max_bytes=10_000))


def test_every_file_of_the_collection_is_read_without_an_exception_and_every_record_is_counted(data):
    for path in sorted(data("warc").iterdir()):
        found = list(read_pages(path, path.name, max_bytes=10_000_000))
        assert all(isinstance(each, Page | Failure | Skipped) for each in found)
        rest = [each for each in found if isinstance(each, Failure) and not each.record]
        assert len(rest) <= 1, path.name
        assert len(found) - len(rest) + sum(each.error == "corrupt" for each in rest) >= headers(path), path.name
        for page in found:
            assert not isinstance(page, Page) or page.timestamp.tzinfo is UTC


def headers(path):
    """How many record headers FastWARC finds, whatever comes of their bodies."""
    count = 0
    with path.open("rb") as stream:
        records = ArchiveIterator(stream, parse_http=False, max_header_len=1 << 20)
        try:
            for _ in records:
                count += 1
        except OSError:
            pass
    return count
