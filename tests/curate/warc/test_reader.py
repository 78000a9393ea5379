"""WARC files that are whole: every record is a page, refused or skipped, with its fields read and its place told."""

import gzip
import io
import random
from datetime import UTC, datetime

import pytest
from archives import ARC_FILE, BODY, PACKINGS, arc, by_warcio, failures, http, read, response, summary, warc

from curate.records import Page
from curate.warc.reader import read_pages

NOON = datetime(2020, 1, 2, 12, 0, 0, tzinfo=UTC)
TWO = [warc(http(name.encode() * 50), url=f"http://{name}/") for name in "ab"]


@pytest.mark.parametrize("compress", [True, False])
def test_each_type_of_record_is_a_page_or_is_refused_or_skipped_by_name(compress):
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
    others = ["(extract.revisit)", "(metadata)", "(resource)", "http://b/"]
    assert summary(read(content)) == ["(warcinfo)", "(request)", "http://a/", *others]


def test_a_response_is_a_page_with_its_headers_read_and_its_place_in_the_file():
    content = by_warcio(response("http://a/é"), response("http://b/", b"b", (), "404 Not Found"))
    one, two = read(content)
    assert (one.url, one.timestamp, one.status, one.mime) == ("http://a/é", NOON, 200, "text/html")
    assert (one.charset, one.truncated, one.flags) == ("utf-8", "", ())
    assert (one.body, two.body, two.status) == (BODY, b"b", 404)
    assert one.pointer.file == two.pointer.file == "name"
    assert (one.pointer.offset, two.pointer.offset + two.pointer.length) == (0, len(content))
    assert one.pointer.length == two.pointer.offset


@pytest.mark.parametrize("packing", PACKINGS)
def test_the_bytes_at_a_pointer_are_the_record_again(packing):
    content = b"".join(PACKINGS[packing](warc(http(), url=f"http://{name}/")) for name in "abc")
    pages = read(content)
    assert summary(pages) == ["http://a/", "http://b/", "http://c/"]
    for page in pages:
        part = content[page.pointer.offset : page.pointer.offset + page.pointer.length]
        (again,) = read(part)
        assert (again.url, again.body) == (page.url, page.body)


def test_a_wet_record_is_a_page_of_plain_text_in_utf_8():
    (page,) = read(by_warcio(("conversion", "http://b/", "Grüße\n".encode(), (), None)))
    assert (page.status, page.mime, page.charset, page.body.decode()) == (200, "text/plain", "utf-8", "Grüße\n")


def test_a_wat_record_is_skipped_by_a_name_of_its_own():
    assert summary(read(warc(b"{}", kind="metadata", mime="application/json"))) == ["(wat)"]


@pytest.mark.parametrize("kind", ["continuation", "Continuation", "no-such-type"])
def test_a_continuation_is_skipped_and_so_is_what_no_one_knows(kind):
    label = kind.lower() if kind.lower() == "continuation" else "unknown"
    assert summary(read(warc(http(), kind=kind) + TWO[1])) == [f"({label})", "http://b/"]


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ("WARC-Refers-To-Target-URI: http://b/\r\nWARC-Refers-To: <urn:uuid:1>\r\n", "of http://b/"),
        ("WARC-Refers-To: <urn:uuid:1>\r\n", "of urn:uuid:1"),
        ("", "of an unknown record"),
    ],
)
def test_a_revisit_is_refused_and_says_of_what(more, detail):
    (refused,) = read(warc(http(b""), kind="revisit", more=more))
    assert (refused.reason, refused.detail, refused.url, refused.timestamp) == (
        "extract.revisit",
        detail,
        "http://a/",
        NOON,
    )
    assert refused.bytes == len(http(b""))


def test_why_a_crawler_cut_a_payload_is_carried_along():
    assert read(warc(http(), more="WARC-Truncated: length\r\n"))[0].truncated == "length"


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://a/", "http://a/"),
        ("<http://a/>", "http://a/"),
        (" http://a/ ", "http://a/"),
        ("< http://a/ >", "http://a/"),
        ("http://a/b c", "http://a/b c"),
        ("/relative", "/relative"),
        ("", ""),
    ],
)
def test_a_url_loses_the_brackets_and_blanks_of_old_writers_and_no_more(written, url):
    assert read(warc(http(), url=written))[0].url == url


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2020-01-02T12:00:00Z", NOON),
        ("2020-01-02T12:00:00.123456789Z", NOON.replace(microsecond=123456)),
        ("2020-01-02T12:00:00.5Z", NOON.replace(microsecond=500000)),
        ("2020-01-02T12:00:00", NOON),
        ("2020-01-02T14:00:00+02:00", NOON),
        ("2020-01-02", NOON.replace(hour=0)),
        ("2020-01", NOON.replace(hour=0, day=1)),
        ("2020", NOON.replace(hour=0, day=1)),
        ("20200102120000", NOON),
        ("0000-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("2020-13-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_is_utc_and_one_that_is_none_is_null(date, moment):
    (page,) = read(warc(http(), date=date))
    assert page.timestamp == moment
    assert page.timestamp is None or page.timestamp.utcoffset().total_seconds() == 0


def test_a_header_is_read_whatever_its_line_ends_folds_and_case():
    whole = warc(http(b"x"), more="X-Folded: a\r\n b: c\r\n")
    head, _, rest = whole.partition(b"\r\n\r\n")
    for changed in (head.replace(b"\r\n", b"\n") + b"\n\n" + rest, head.swapcase() + b"\r\n\r\n" + rest, whole):
        changed = changed.replace(b"warc/1.1", b"WARC/1.1")
        (page,) = read(changed)
        assert (page.url.lower(), page.body) == ("http://a/", b"x")


def test_of_a_field_that_is_there_twice_the_first_counts():
    assert read(warc(http(), more="WARC-Target-URI: http://b/\r\n"))[0].url == "http://a/"


def test_a_header_that_is_not_utf_8_keeps_its_bytes_as_escapes():
    (page,) = read(warc(http(), url="http://a/?ü").replace(b"http://a/?", b"http://a/\xe9"))
    assert page.url == "http://a/%E9ü"


def test_a_response_that_is_not_http_is_skipped():
    assert summary(read(warc(b"a. IN A 1.2.3.4", kind="response", mime="text/dns"))) == ["(response)"]


@pytest.mark.parametrize("block", [b"", b"no http at all", b"HTTP/1.1 abc\r\n\r\nx", b"\r\n\r\n"])
def test_an_http_response_without_a_status_is_a_lost_record(block):
    first, second = read(warc(block) + warc(http(), url="http://b/"))
    assert (first.error, first.record, first.offset) == ("http", True, 0)
    assert second.url == "http://b/"


def test_an_arc_file_of_version_1_or_2_in_any_packing_is_read():
    records = [arc(http(b"one"), url="http://a/x y"), arc(b"a. IN A", url="dns:a", mime="text/dns"), arc(http(b"two"))]
    second = arc(http(b"three"), url="http://c/", more="200 CHECK - 77 x.arc.gz ")
    for pack in PACKINGS.values():
        outcomes = read(b"".join(map(pack, [ARC_FILE, *records, second])))
        assert summary(outcomes) == ["(warcinfo)", "http://a/x y", "(response)", "http://a/", "http://c/"]
        assert (outcomes[1].timestamp, outcomes[1].mime, outcomes[4].body) == (NOON, "text/html", b"three")


def test_an_arc_record_that_is_not_followed_by_a_line_end_is_read():
    content = ARC_FILE + arc(http(b"one")).rstrip(b"\n") + arc(http(b"two"), url="http://b/")
    assert [page.body for page in read(content)[1:]] == [b"one", b"two"]


@pytest.mark.parametrize("packing", PACKINGS)
def test_records_that_share_a_member_are_all_read_and_have_no_pointer(packing):
    outcomes = read(PACKINGS[packing](b"".join(TWO)))
    assert summary(outcomes) == ["http://a/", "http://b/"]
    assert {page.pointer.offset for page in outcomes} == ({-1} if packing != "plain" else {0, len(TWO[0])})


@pytest.mark.parametrize("packing", ["gzip", "zstd", "lz4"])
def test_a_record_that_goes_on_in_the_next_members_is_read_whole(packing):
    content = b"".join(TWO)
    for size in range(30, len(TWO[0]) + 9):
        parts = [content[at : at + size] for at in range(0, len(content), size)]
        assert [page.body for page in read(b"".join(map(PACKINGS[packing], parts)))] == [b"a" * 50, b"b" * 50]


def test_a_gzip_member_without_a_record_is_passed_over():
    for filling in (b"", b"\r\n\r\n", b"\n"):
        content = gzip.compress(TWO[0]) + gzip.compress(filling) + gzip.compress(TWO[1]) + gzip.compress(filling)
        assert summary(read(content)) == ["http://a/", "http://b/"]


class Counted(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    count = 0

    def read(self, size=-1):
        content = super().read(size)
        self.count += len(content)
        return content


@pytest.mark.parametrize("packing", PACKINGS)
def test_to_read_the_first_page_or_a_piece_of_a_long_file_not_all_of_it_is_read(packing):
    block = http(b"<p>" + random.Random(0).randbytes(1 << 20).hex().encode())
    content = b"".join(PACKINGS[packing](warc(block, url=f"http://a/{number}")) for number in range(12))
    places = [page.pointer for page in read(content)]
    for first, stop in ((0, 1), (places[6].offset, places[6].offset + 1)):
        file = Counted(content)
        pages = read_pages(file, "name", size=len(content), max_bytes=10_000_000, start=first, stop=stop)
        assert next(pages).pointer.offset == first
        assert file.count < 5 * places[0].length


def test_a_zstd_frame_that_damage_has_made_longer_costs_no_record_behind_it():
    first, last = (PACKINGS["zstd"](warc(http(BODY), url=f"http://{name}/")) for name in "ab")
    size = 40 + 7  # bytes of garbage, and of the frame behind it
    header = (size << 3 | 1).to_bytes(3, "little")  # a last block of raw bytes (RFC 8878, 3.1.1.2)
    frame = b"\x28\xb5\x2f\xfd\x20" + bytes([size]) + header + b"x" * 40
    outcomes = read(first + frame + last)
    assert [page.url for page in outcomes if isinstance(page, Page)] == ["http://a/", "http://b/"]
    (lost,) = failures(outcomes)
    assert (lost.offset, lost.length) == (len(first), len(frame))
