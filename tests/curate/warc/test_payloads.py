"""HTTP payloads: decoded as their headers say, or taken as they stand; never more memory than the limit."""

import gzip
import random
import resource
import zlib
from functools import partial

import brotli
import pytest
from archives import BODY, chunks, http, read, warc
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from curate.warc.payloads import MEMBERS, response

RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(BODY) + RAW.flush()
CODINGS = {
    "plain": (BODY, ()),
    "identity": (BODY, [("Content-Encoding", "identity")]),
    "gzip": (gzip.compress(BODY), [("Content-Encoding", "gzip")]),
    "x-gzip": (gzip.compress(BODY), [("Content-Encoding", "x-gzip")]),
    "gzip in two members": (gzip.compress(BODY[:99]) + gzip.compress(BODY[99:]), [("Content-Encoding", "gzip")]),
    "gzip and what follows it": (gzip.compress(BODY) + b"junk", [("Content-Encoding", "gzip")]),
    "deflate": (zlib.compress(BODY), [("Content-Encoding", "deflate")]),
    "deflate without zlib's header": (DEFLATED, [("Content-Encoding", "deflate")]),
    "brotli": (brotli.compress(BODY), [("Content-Encoding", "br")]),
    "zstd": (zstd.compress(BODY), [("Content-Encoding", "zstd")]),
    "chunked": (chunks(BODY), [("Transfer-Encoding", "chunked")]),
    "chunked with extensions": (chunks(BODY).replace(b"64\r\n", b"064;a=b\r\n"), [("Transfer-Encoding", "chunked")]),
    "chunked gzip": (
        chunks(gzip.compress(BODY)),
        [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")],
    ),
    "gzip as a transfer coding": (chunks(gzip.compress(BODY)), [("Transfer-Encoding", "gzip, chunked")]),
    "chunked brotli": (
        chunks(brotli.compress(BODY), 7),
        [("Transfer-Encoding", "chunked"), ("Content-Encoding", "br")],
    ),
    "two codings": (brotli.compress(gzip.compress(BODY)), [("Content-Encoding", "gzip, br")]),
    "two codings in two fields": (
        zstd.compress(zlib.compress(BODY)),
        [("Content-Encoding", "deflate"), ("Content-Encoding", "zstd")],
    ),
    "mixed case": (gzip.compress(BODY), [("content-encoding", "GZIP")]),
}
WRONG = {
    "named gzip but is not": (BODY, [("Content-Encoding", "gzip")], ("gzip:raw",)),
    "named br but is not": (BODY, [("Content-Encoding", "br")], ("br:raw",)),
    "named zstd but is not": (BODY, [("Content-Encoding", "zstd")], ("zstd:raw",)),
    "named deflate but is not": (BODY, [("Content-Encoding", "deflate")], ("deflate:raw",)),
    "named chunked but is not": (BODY, [("Transfer-Encoding", "chunked")], ("chunked:raw",)),
    "named both but is gzip": (
        gzip.compress(BODY),
        [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")],
        ("chunked:raw",),
    ),
    "named both but is chunked": (
        chunks(BODY),
        [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")],
        ("gzip:raw",),
    ),
    "an unknown coding": (BODY, [("Content-Encoding", "rot13")], ("rot13:unknown",)),
    "gzip without a name": (gzip.compress(BODY), [], ("gzip:unnamed",)),
    "gzip twice, named once": (
        gzip.compress(gzip.compress(BODY)),
        [("Content-Encoding", "gzip")],
        ("gzip:unnamed",),
    ),
    "zstd without a name": (zstd.compress(BODY), [], ("zstd:unnamed",)),
    "zlib without a name": (zlib.compress(BODY), [], ("deflate:unnamed",)),
    "named br but is gzip": (gzip.compress(BODY), [("Content-Encoding", "br")], ("br:raw", "gzip:unnamed")),
    "named gzip but is zlib": (zlib.compress(BODY), [("Content-Encoding", "gzip")], ("gzip:raw", "deflate:unnamed")),
    "named gzip but is zstd": (zstd.compress(BODY), [("Content-Encoding", "gzip")], ("gzip:raw", "zstd:unnamed")),
    "text that begins as zlib does": (b"x^2 " + BODY, [], ()),
    "gzip with a wrong checksum": (
        gzip.compress(BODY)[:-8] + b"\0\0\0\0" + gzip.compress(BODY)[-4:],
        [("Content-Encoding", "gzip")],
        ("gzip:partial",),
    ),
    "gzip with a wrong length": (
        gzip.compress(BODY)[:-4] + b"\0\0\0\0",
        [("Content-Encoding", "gzip")],
        ("gzip:partial",),
    ),
    "gzip without its last bytes": (
        gzip.compress(BODY)[:-8],
        [("Content-Encoding", "gzip")],
        ("gzip:partial",),
    ),
    "zlib with a wrong checksum": (
        zlib.compress(BODY)[:-4] + b"\0\0\0\0",
        [("Content-Encoding", "deflate")],
        ("deflate:partial",),
    ),
    "chunked without an end": (chunks(BODY)[:-5], [("Transfer-Encoding", "chunked")], ("chunked:partial",)),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_is_decoded_as_its_headers_say(coding):
    body, headers = CODINGS[coding]
    (page,) = read(warc(http(body, headers)))
    assert (page.body, page.flags) == (BODY, ())


@pytest.mark.parametrize("coding", WRONG)
def test_a_body_that_is_not_what_its_headers_say_is_taken_as_it_stands_and_flagged(coding):
    body, headers, flags = WRONG[coding]
    (page,) = read(warc(http(body, headers)))
    assert (page.body.removeprefix(b"x^2 "), page.flags) == (BODY, flags)


def test_a_body_that_only_happens_to_be_deflate_stays_as_it_is():
    body = b"K\x01\x00"  # "d" by RFC 1951, which has no first bytes of its own, so that a header must name it
    (page,) = read(warc(http(body)))
    assert (page.body, page.flags) == (body, ())


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstd.compress)]
)
def test_a_body_that_is_cut_or_breaks_is_taken_as_far_as_it_goes_and_flagged(coding, pack):
    packed = pack(bytes(index * index % 251 for index in range(300_000)) + str(list(range(50_000))).encode())
    for body in (packed[: len(packed) // 2], packed[: len(packed) // 2] + bytes(99)):
        (page,) = read(warc(http(body, [("Content-Encoding", coding)])))
        assert page.flags in ((f"{coding}:partial",), (f"{coding}:raw",))
        assert len(page.body) > 100
    assert page.flags == (f"{coding}:partial",)


@pytest.mark.parametrize("bytes_of_page", [40, 4_000, 400_000])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_wrong_byte_costs_what_stands_behind_it_alone(coding, bytes_of_page):
    page_bytes = random.Random(7).randbytes(bytes_of_page).hex().encode()
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](page_bytes)
    for at in (len(packed) // 2, len(packed) - 12, len(packed) - 1):
        body = packed[:at] + bytes((packed[at] ^ 0x55,)) + packed[at + 1 :]
        (page,) = read(warc(http(body, [("Content-Encoding", coding)])))
        same = next(
            (at for at, (a, b) in enumerate(zip(page.body, page_bytes, strict=False)) if a != b), len(page.body)
        )
        assert page.flags == (f"{coding}:partial",)
        assert same >= len(page_bytes) * (at - 60) // len(packed) - 1000


INTERIM = {
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "continue without words": b"HTTP/1.1 100\n\n",
    "processing": b"HTTP/1.1 102 Processing\r\nDate: now\r\n\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    "a proxy's": b"HTTP/1.0 200 Connection established\r\n\r\n",
    "a proxy's with fields": b"HTTP/1.1 200 Connection Established\r\nProxy-Agent: x\r\nContent-Length: 0\r\n\r\n",
    "a proxy's in other words": b"HTTP/1.1 200 OK\r\n\r\n",
    "a proxy's without a body": b"HTTP/1.1 200 OK\r\nVia: 1.1 proxy\r\nContent-Length: 0\r\n\r\n",
    "long": b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"x" * 9000 + b">\r\n\r\n",
    "that ends with the first piece": b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 4060 + b"\r\n\r\n",
}


@pytest.mark.parametrize("before", INTERIM)
@pytest.mark.parametrize("times", [1, 3])
def test_the_real_answer_is_taken_and_not_what_stands_before_it(before, times):
    answer = http(gzip.compress(BODY), [("Content-Encoding", "gzip"), ("Content-Type", "text/html; charset=utf-8")])
    (page,) = read(warc(INTERIM[before] * times + answer))
    assert (page.status, page.mime, page.charset, page.body) == (200, "text/html", "utf-8", BODY)
    assert page.flags == ()


@pytest.mark.parametrize("cut", [1, 4096, 4097, 5000])
def test_the_real_answer_is_taken_where_its_pieces_are_cut_anywhere(cut):
    block = INTERIM["that ends with the first piece"] + http(BODY, [])
    answer = response([block[:cut], block[cut:]], 10**7)
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize(
    ("block", "status", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", 100, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP is a protocol", 100, b"HTTP is a protocol"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\nis an answer",
            200,
            b"HTTP/1.1 404 Not Found\r\n\r\nis an answer",
        ),
        (b"HTTP/1.1 404 Not Found\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", 404, b"HTTP/1.1 200 OK\r\n\r\nx"),
    ],
)
def test_a_page_about_http_is_a_page(block, status, body):
    answer = response([block], 10**7)
    assert (answer.status, answer.body) == (status, body)


def test_an_endless_row_of_interim_answers_is_passed_over_no_further():
    answer = response([INTERIM["continue"] * 100_000 + http(BODY, [])], 10**7)
    assert answer.status == 100


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_more_members_than_a_page_ever_has_are_left_alone_as_each_takes_its_time(coding, pack):
    for number, flags in ((MEMBERS, ()), (MEMBERS + 1, (f"{coding}:partial",))):
        (page,) = read(warc(http(pack(b"a") * number, [("Content-Encoding", coding)])))
        assert (page.body, page.flags) == (b"a" * MEMBERS, flags)


def test_a_chunk_that_breaks_ends_the_decoding_and_loses_no_bytes():
    (page,) = read(warc(http(b"3\r\nabc\r\nrest", [("Transfer-Encoding", "chunked")])))
    assert (page.body, page.flags) == (b"abcrest", ("chunked:partial",))


@pytest.mark.parametrize(
    ("value", "mime", "charset"),
    [
        ("Text/HTML; Charset=UTF-8", "text/html", "utf-8"),
        ('text/html; charset="utf-8"', "text/html", "utf-8"),
        ("text/html;charset='iso-8859-1'", "text/html", "iso-8859-1"),
        ("text/html charset=utf-8", "text/html", "utf-8"),
        ("text/html; charset=utf-8\r\nContent-Type: text/html", "text/html", "utf-8"),
        ("text/html;\r\n charset=utf-8", "text/html", "utf-8"),
        ("text/html", "text/html", ""),
        ("text/\xe9", "text/\xe9", ""),
        ("", "", ""),
    ],
)
def test_a_content_type_is_lower_case_and_its_charset_has_no_quotes(value, mime, charset):
    (page,) = read(warc(f"HTTP/1.1 200 OK\r\nContent-Type: {value}\r\n\r\nx".encode("latin-1")))
    assert (page.mime, page.charset) == (mime, charset)


@pytest.mark.parametrize(
    "line",
    ["HTTP/1.1 200 OK", "HTTP/1.0 200", "HTTP/2 200 ", "HTTP/1.1   200\tOK", "http/1.1 200 ok", "\r\n\nHTTP/1.1 200"],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_status_line_is_read_with_and_without_words(line, end):
    (page,) = read(warc(f"{line}{end}A: b{end}{end}x".encode()))
    assert (page.status, page.body) == (200, b"x")


def test_a_body_longer_than_the_limit_shows_by_one_byte_more_than_the_limit():
    for body, length in ((b"x" * 100, 100), (b"x" * 101, 101), (b"x" * 5000, 101)):
        for packed, name in ((body, "identity"), (gzip.compress(body), "gzip"), (brotli.compress(body), "br")):
            assert [len(page.body) for page in read(warc(http(packed, [("Content-Encoding", name)])), 100)] == [length]


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", partial(gzip.compress, compresslevel=1)),
        ("br", partial(brotli.compress, quality=1)),
        ("zstd", zstd.compress),
    ],
)
def test_a_bomb_costs_no_more_memory_than_the_limit(coding, pack):
    packed = pack(bytes(200_000_000))
    twice = pack(packed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for body, codings in ((packed, coding), (twice, f"{coding}, {coding}")):
        (page,) = read(warc(http(body, [("Content-Encoding", codings)])))
        assert len(page.body) == 1_000_001
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br", "chunked", "rot13"]))
def test_any_bytes_in_any_coding_are_a_response(body, coding):
    field = "Transfer" if coding == "chunked" else "Content"
    answer = response([http(body, [(f"{field}-Encoding", coding)])], 1000)
    assert answer.status == 200
    assert len(answer.body) <= 1000


def test_a_header_of_blanks_is_read_in_no_time():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html" + b" " * 900_000 + b"x; charset=koi8-r\r\n\r\nhi"
    assert response([head], 10**7).charset in ("", "koi8-r")
