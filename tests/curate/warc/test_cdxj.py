"""The index of a crawl: keys as Common Crawl makes them, lines that our own selection and other indexers agree with."""

import gzip
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
import surt as peer
from backports import zstd
from exchanges import HTML, NOON, PAGE, exchange, written
from hypothesis import given
from hypothesis import strategies as st

from curate.commoncrawl import cdx
from curate.commoncrawl.selection import Select
from curate.warc.cdxj import index, line, surt
from curate.warc.writer import Earlier, payload_digest

EARLIER = Earlier(record_id="<urn:uuid:1>", url="http://b.test/", date=NOON, payload_digest=payload_digest(PAGE))
PAGES = [
    exchange("http://www.b.test/Path/?b=2&a=1", charset="utf-8", mime="text/html"),
    exchange("http://b.test/gone", b"no", status_line=b"HTTP/1.1 404 Not Found"),
    exchange("http://a.test/new", b"", [(b"Location", b"/there")], status_line=b"HTTP/1.1 301 Moved"),
    exchange("http://a.test/cut", PAGE, truncated="length"),
    exchange("http://a.test/again", earlier=EARLIER, key="5", request=b"", metadata={}),
    exchange("http://b.test/gone", b"still no", key="6", date=NOON + timedelta(days=1)),
]


def lines(name="a.warc.gz"):
    content, said = written(*PAGES)
    return content, [line(page, stored, name) for page, stored in zip(PAGES, said, strict=True)]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://example.com", "com,example)/"),
        ("https://www2.Example.com:443/A//b/./c/", "com,example)/a/b/c"),
        ("http://user:pw@example.com:8080/?", "com,example:8080)/"),
        ("http://example.com/?b=2&a&a=#x", "com,example)/?a&a=&b=2"),
        ("http://example.com/a%2fb?x=%E9%20%2520", "com,example)/a/b?x=%e9%20%20"),
        ("http://bücher.example/", "example,xn--bcher-kva)/"),
        ("http://192.168.0.1/", "1,0,168,192)/"),
        ("http://[2001:db8::1]/", "[2001:db8::1])/"),
        ("http://a.test/x?jsessionid=0123456789abcdef0123456789ABCDEF&y=1", "test,a)/x?y=1"),
        ("http://a.test/(S(0123456789abcdef01234567))/b.aspx", "test,a)/b.aspx"),
        ("http://h1.www3.hp.test/", "test,hp,www3,h1)/"),
        ("no URL", "no%20url"),
    ],
)
def test_the_key_of_a_url(url, key):
    assert surt(url) == key


def test_the_keys_of_common_crawl_are_made_again(data):
    path = data("cdx/filtered_CC-MAIN-2024-30_cdx-00187.gz")
    rows = [row.split(" ", 2) for row in gzip.decompress(path.read_bytes()).decode().splitlines()]
    assert len(rows) > 1000
    assert [surt(json.loads(table)["url"]) for _, _, table in rows] == [key for key, _, _ in rows]


def test_the_keys_of_real_links_are_those_of_the_surt_package(data):
    with zstd.open(data("reddit/links-2013-sample.ndjson.zst"), "rt", encoding="utf-8") as file:
        urls = [url for row in file if (url := json.loads(row)["url"]).startswith("http")][::4]
    assert len(urls) > 20_000
    assert [(url, surt(url)) for url in urls if surt(url) != peer.surt(url)] == []


@given(st.text(), st.text())
def test_any_url_has_a_key_without_blanks_that_can_be_sorted(host, path):
    key = surt(f"http://{host}/{path}")
    assert key.isascii()
    assert not {*" \n\t\x00"} & {*key}


def test_a_line_tells_what_common_crawl_tells_of_a_capture():
    _, index_lines = lines("x/a.warc.gz")
    key, time, table = index_lines[0].split(" ", 2)
    page = json.loads(table)
    assert (key, time) == ("test,b)/path?a=1&b=2", "20260102120000")
    assert page | {"offset": "", "length": ""} == {
        "url": "http://www.b.test/Path/?b=2&a=1",
        "mime": "text/html",
        "mime-detected": "text/html",
        "status": "200",
        "digest": payload_digest(PAGE).removeprefix("sha1:"),
        "offset": "",
        "length": "",
        "filename": "x/a.warc.gz",
        "charset": "utf-8",
    }
    tables = [json.loads(entry.split(" ", 2)[2]) for entry in index_lines]
    assert tables[2]["redirect"] == "http://a.test/there"
    assert tables[3]["truncated"] == "length"
    assert (tables[4]["mime"], tables[4]["digest"]) == ("warc/revisit", page["digest"])


def test_our_own_selection_reads_the_index_and_finds_the_records(tmp_path):
    content, index_lines = lines()
    path = tmp_path / "a.cdxj"
    path.write_bytes(index(index_lines))
    rows = list(cdx.rows(path, "a.cdxj", Select(domains=("b.test",), statuses=(200, 404))))
    assert [(row.url, row.status) for row in rows] == [
        ("http://b.test/gone", 404),
        ("http://b.test/gone", 200),
        ("http://www.b.test/Path/?b=2&a=1", 200),
    ]
    for row in rows:
        member = gzip.decompress(content[row.offset : row.offset + row.length])
        assert f"\r\nWARC-Target-URI: {row.url}\r\n".encode() in member
    assert len(list(cdx.rows(path, "a.cdxj", Select(truncated=False, mimes=("text/html",))))) == 3


def test_an_index_is_sorted_by_key_and_time_whatever_the_order_of_its_lines():
    _, index_lines = lines()
    assert index(index_lines) == index(reversed(index_lines))
    keys = [row.split(b" ")[:2] for row in index(index_lines).splitlines()]
    assert keys == sorted(keys)


@pytest.mark.parametrize("indexer", ["cdxj-indexer", "pywb"])
def test_the_indexers_of_webrecorder_and_pywb_make_the_same_lines(tmp_path, indexer):
    content, index_lines = lines()
    (tmp_path / "a.warc.gz").write_bytes(content)
    command = [sys.executable, "-m", "cdxj_indexer.main", "--sort", "a.warc.gz"]
    if indexer == "pywb":  # in an environment of its own: it asks for older libraries than the rest
        command = [shutil.which("cdx-indexer") or pytest.skip("no pywb on the path"), "-j", "-s", "a.warc.gz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    kept = ("url", "mime", "status", "digest", "length", "offset", "filename")
    parsed = [
        [entry.split(" ", 2) for entry in text.splitlines()] for text in (done.stdout, index(index_lines).decode())
    ]
    theirs, ours = (
        [(key, time, {name: json.loads(table).get(name) for name in kept}) for key, time, table in rows]
        for rows in parsed
    )
    for _, _, table in theirs:
        table["digest"] = table["digest"].removeprefix("sha1:")
        table["mime"] = table["mime"] or "unk"
        table["status"] = table["status"] or "200"  # pywb tells none of a revisit
    assert theirs == ours


def test_a_hostile_location_or_type_does_not_break_a_line():
    headers = [(b"Content-Type", b'text/html;\r\n"x'), (b"Location", b"http://[bad")]
    page = exchange(headers=headers, status_line=b"HTTP/1.1 302 Found")
    (said,) = written(page)[1]
    text = line(page, said, "a")
    assert text.count("\n") == 1
    assert json.loads(text.split(" ", 2)[2])["redirect"] == "http://[bad"
    assert json.loads(line(replace(page, headers=(HTML,)), said, "a").split(" ", 2)[2]).get("redirect") is None
