"""The WARC writer: what it writes is read back by every reader as it came, with digests that hold."""

import gzip
import io
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import fastwarc
import pytest
from archives import read, summary
from exchanges import HTML, NOON, PAGE, exchange, written
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from curate.records import Page, RefusedRecord
from curate.warc.writer import HEAD_BYTES, IDENTICAL, NOT_MODIFIED, URL_BYTES, Earlier, payload_digest, response_head

EARLIER = Earlier(record_id="<urn:uuid:1>", url="http://b.test/ü", date=NOON, payload_digest=payload_digest(PAGE))
DIGESTS = re.compile(rb"WARC-Payload-Digest: .*\r\n")
NAMES = st.from_regex(rb"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
VALUES = st.binary(max_size=60).filter(lambda value: value == value.strip() and not {*b"\r\n\0"} & {*value})


def by_warcio(content):
    """Every record as warcio sees it, digests checked: type, WARC headers, HTTP headers, payload."""
    records = []
    for record in ArchiveIterator(io.BytesIO(content), check_digests="raise", no_record_parse=False):
        fields = dict(record.rec_headers.headers)
        records.append((record.rec_type, fields, record.http_headers, record.raw_stream.read()))
    return records


def by_fastwarc(content):
    reader = fastwarc.ArchiveIterator(io.BytesIO(content), auto_decode="none", verify_digests=True)
    return [(record.record_type, record.record_id, record.http_headers, record.reader.read()) for record in reader]


def block(content, said):
    """The block of a record, taken from its member by hand."""
    member = gzip.decompress(content[said.offset : said.offset + said.length])
    return member.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n\r\n")


def test_a_file_holds_a_warcinfo_and_for_each_page_response_request_and_metadata():
    content, (said,) = written(exchange())
    records = by_warcio(content)
    assert [kind for kind, *_ in records] == ["warcinfo", "response", "request", "metadata"]
    info, response, request, metadata = (fields for _, fields, _, _ in records)
    assert info["WARC-Filename"] == "a.warc.gz"
    assert {response["WARC-Date"], request["WARC-Date"], metadata["WARC-Date"]} == {"2026-01-02T12:00:00Z"}
    assert {request["WARC-Concurrent-To"], metadata["WARC-Concurrent-To"]} == {response["WARC-Record-ID"]}
    assert {headers["WARC-Warcinfo-ID"] for headers in (response, request, metadata)} == {info["WARC-Record-ID"]}
    assert response["WARC-IP-Address"] == "127.0.0.1"
    assert (said.record_id, said.request_id) == (response["WARC-Record-ID"], request["WARC-Record-ID"])
    assert response["WARC-Payload-Digest"] == said.payload_digest == payload_digest(PAGE)
    assert records[3][3] == b"fetchTimeMs: 12\r\n"


def test_our_reader_finds_the_page_where_the_writer_said():
    content, said = written(exchange(), exchange("http://b.test/", b"b"))
    pages = [outcome for outcome in read(content) if isinstance(outcome, Page)]
    assert [(page.url, page.body) for page in pages] == [("http://a.test/", PAGE), ("http://b.test/", b"b")]
    assert [(page.pointer.offset, page.pointer.length) for page in pages] == [(s.offset, s.length) for s in said]
    assert said[-1].end == len(content)


@given(
    body=st.binary(max_size=3000),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    coding=st.sampled_from([b"", b"gzip", b"br", b"nonsense"]),
)
def test_any_headers_and_any_body_are_read_back_byte_for_byte(body, headers, coding):
    taken = {b"content-length", b"transfer-encoding", b"content-encoding", b"content-type"}
    headers = [header for header in headers if header[0].lower() not in taken]
    headers += [HTML, *([(b"Content-Encoding", coding)] if coding else [])]
    content, (said,) = written(exchange(body=body, headers=headers))
    lines = [b"HTTP/1.1 200 OK", *(b": ".join(header) for header in headers), b"Content-Length: %d" % len(body)]
    assert block(content, said) == b"\r\n".join(lines) + b"\r\n\r\n" + body
    assert by_warcio(content)[1][3] == body
    assert by_fastwarc(content)[1][3] == body
    assert said.payload_digest == payload_digest(body)
    (page,) = (outcome for outcome in read(content) if isinstance(outcome, Page))
    assert page.status == 200


@given(st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=30)), max_size=8), st.binary(max_size=40))
def test_no_header_however_hostile_breaks_a_file(headers, status):
    content, _ = written(exchange(headers=headers, status_line=b"HTTP/1.1 200 " + status), exchange("http://b.test/"))
    assert summary(read(content)) == [
        *("(warcinfo)", "http://a.test/", "(request)", "(metadata)"),
        *("http://b.test/", "(request)", "(metadata)"),
    ]
    assert [kind for kind, *_ in by_fastwarc(content)].count(fastwarc.WarcRecordType.response) == 2
    assert len(by_warcio(content)) == 7


def test_chunks_are_told_of_under_another_name_and_the_length_is_the_bodys():
    headers = (HTML, (b"transfer-encoding", b"chunked"), (b"Content-Length", b"77"))
    content, (said,) = written(exchange(body=b"abc", headers=headers))
    assert block(content, said).split(b"\r\n\r\n")[0].split(b"\r\n")[2:] == [
        b"X-Crawler-transfer-encoding: chunked",
        b"X-Crawler-Content-Length: 77",
        b"Content-Length: 3",
    ]


def test_a_length_that_is_right_stays_in_its_place():
    headers = ((b"content-length", b"3"), HTML)
    assert response_head(exchange(body=b"abc", headers=headers)).split(b"\r\n")[1] == b"content-length: 3"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_that_has_no_body_is_given_no_length(status):
    made = exchange(body=b"", headers=(), status_line=b"HTTP/1.1 " + status)
    assert response_head(made) == b"HTTP/1.1 " + status + b"\r\n\r\n"


def test_a_header_of_100_kb_is_cut_to_what_a_default_reader_takes_and_says_so():
    headers = [(b"Set-Cookie", b"x" * 40_000), *((b"X-%d" % n, b"y" * 500) for n in range(120)), HTML]
    content, (said,) = written(exchange(headers=headers))
    head = block(content, said).partition(b"\r\n\r\n")[0]
    assert len(head) + 4 <= HEAD_BYTES
    assert b"Content-Type: text/html" in head
    kept = head.count(b"\r\nX-") - 1
    assert f"X-Crawler-Dropped-Headers: {121 - kept}".encode() in head
    assert by_fastwarc(content)[1][3] == PAGE


def test_what_was_cut_says_why():
    content, _ = written(exchange(truncated="length"))
    assert by_warcio(content)[1][1]["WARC-Truncated"] == "length"
    (page,) = (outcome for outcome in read(content) if isinstance(outcome, Page))
    assert page.truncated == "length"
    with pytest.raises(ValueError, match="truncated is one of length"):
        exchange(truncated="bored")


def test_the_same_payload_again_is_a_revisit_with_the_headers_and_no_body():
    content, (said,) = written(exchange(earlier=EARLIER))
    kind, fields, http, body = by_warcio(content)[1]
    assert (kind, body, said.kind, said.payload_digest) == ("revisit", b"", "revisit", payload_digest(PAGE))
    assert http.get_header("Content-Length") == str(len(PAGE))
    named = ("WARC-Profile", "WARC-Refers-To", "WARC-Refers-To-Target-URI", "WARC-Refers-To-Date", "WARC-Truncated")
    values = [IDENTICAL, "<urn:uuid:1>", "http://b.test/ü", "2026-01-02T12:00:00Z", "length"]
    assert [fields[name] for name in named] == values
    (refused,) = (outcome for outcome in read(content) if isinstance(outcome, RefusedRecord))
    assert (refused.reason, refused.detail) == ("extract.revisit", "of http://b.test/ü")
    assert said.earlier(exchange(earlier=EARLIER)) == EARLIER


def test_a_page_that_did_not_change_is_a_revisit_of_the_other_profile():
    content, (said,) = written(exchange(body=b"", status_line=b"HTTP/1.1 304 Not Modified", earlier=EARLIER))
    assert by_warcio(content)[1][1]["WARC-Profile"] == NOT_MODIFIED
    assert said.payload_digest == EARLIER.payload_digest


def test_a_payload_that_is_another_or_cut_is_no_revisit():
    with pytest.raises(ValueError, match="its payload is sha1:"):
        written(exchange(body=b"other", earlier=EARLIER))
    assert written(exchange(earlier=EARLIER, truncated="time"))[1][0].kind == "response"


def test_the_same_exchange_has_the_same_bytes_and_another_hop_other_ids():
    one, (said,) = written(exchange())
    assert one == written(exchange())[0]
    other = written(exchange(key="http://a.test/ 2"))[1][0]
    assert {said.record_id, said.request_id, said.metadata_id}.isdisjoint({other.record_id, other.request_id})


def test_a_date_is_written_in_utc_and_one_without_a_zone_is_refused():
    later = NOON.astimezone().replace(microsecond=5)
    assert written(exchange(date=later))[0] == written(exchange())[0]
    with pytest.raises(ValueError, match="no zone"):
        exchange(date=datetime(2026, 1, 1))
    assert written(exchange(date=NOON + timedelta(seconds=1)))[0] != written(exchange())[0]


def test_no_url_breaks_a_header():
    content, _ = written(exchange("http://a.test/x y\r\nWARC-Type: warcinfo"))
    assert read(content)[1].url == "http://a.test/x%20y%0D%0AWARC-Type:%20warcinfo"
    with pytest.raises(ValueError, match=f"more than {URL_BYTES} bytes"):
        exchange("http://a.test/" + "x" * URL_BYTES)


def test_how_a_page_was_asked_for_is_told():
    content, _ = written(exchange(protocols=("tls/1.3", "http/1.1"), cipher="TLS_AES_256_GCM_SHA384", mime="text/html"))
    raw = gzip.decompress(content)
    fields = (
        b"WARC-Protocol: tls/1.3\r\nWARC-Protocol: http/1.1\r\n",
        b"WARC-Cipher-Suite: TLS_AES_256_GCM_SHA384\r\n",
    )
    assert [raw.count(field) for field in (*fields, b"WARC-Identified-Payload-Type: text/html\r\n")] == [1, 1, 1]
    assert len(by_warcio(content)) == 4


def test_metadata_with_line_ends_stays_on_its_line():
    content, _ = written(exchange(metadata={"via": "http://b.test/\r\nx: y", "quirks": "lf"}))
    assert by_warcio(content)[3][3] == b"via: http://b.test/ x: y\r\nquirks: lf\r\n"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_warcio_check_accepts_a_file(tmp_path, algorithm):
    pages = [exchange(f"http://a.test/{n}", PAGE * n) for n in range(4)]
    pages.append(replace(pages[1], key="again", earlier=None if algorithm == "sha256" else EARLIER))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(written(*pages, algorithm=algorithm)[0])
    done = subprocess.run([sys.executable, "-m", "warcio.cli", "check", "-v", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "pass" in done.stdout
    assert "fail" not in done.stdout


def test_warcio_recompress_makes_a_file_of_the_same_records(tmp_path):
    path, again = tmp_path / "a.warc.gz", tmp_path / "b.warc.gz"
    path.write_bytes(written(exchange(), exchange("http://b.test/", b"b"))[0])
    subprocess.run([sys.executable, "-m", "warcio.cli", "recompress", path, again], check=True, capture_output=True)
    one, two = (DIGESTS.sub(b"", gzip.decompress(file.read_bytes())) for file in (path, again))
    assert one == two  # but for payload digests, which warcio gives to requests and metadata too
