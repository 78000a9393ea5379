"""Each hostile answer of the loopback web is what its number means, so that tests with it are of the right thing."""

import gzip
import re
import socket
import time
import zlib

import brotli
import pytest
from backports import zstd
from loopback.hostile import HOSTILE, LOCATIONS
from loopback.link import TICK_S
from loopback.pages import page
from loopback.plan import Plan, hostile
from loopback.process import running
from polite import ask, status

PLAN = Plan(hosts=hostile(HOSTILE), patience=0.005)
HOSTS = {host.hostile: host for host in PLAN.hosts}
ENDLESS = ("026-endless", "029-endless", "034", "036-headers", "036-body", "042-events", "042-music")
SILENT = ("037-silence", "045")
BROKEN = ("037-reset", "037-chunk")


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with running(tmp_path_factory.mktemp("web"), PLAN) as started:
        yield started


@pytest.fixture
def answer_of(web):
    return lambda name, **more: ask(web, HOSTS[name], **more)


def whole(name):
    return page(f"h-{name}.test", "/", [])


def body(answer):
    return answer.partition(b"\r\n\r\n")[2]


def test_each_number_has_a_host_whose_robots_allow_all(web):
    assert {name[:3] for name in HOSTILE} == {f"{n:03}" for n in (*range(14, 36), *range(36, 44), 45, 46)}
    for host in list(HOSTS.values())[::9]:
        assert status(ask(web, host, "/robots.txt")) == 404


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("014-page", rb"\A<!DOCTYPE html>"),
        ("015", rb"\AHTTP/1.1 200 OK\nContent-Type: [^\r\n]*\nContent-Length: \d+\n\n<!DOCTYPE"),
        ("016", rb"\AHTTP/1.1 200: OK\r\n"),
        ("017", rb"\r\nContent-Length: thousand\r\n"),
        ("018", rb"\r\nContent-Length: \d{4}\r\nContent-Length: 7\r\n"),
        ("019", rb"\r\nContent-Length: (\d+)\r\nContent-Length: \1\r\n"),
        ("020", rb"\r\nContent-Length: \d+\r\nTransfer-Encoding: chunked\r\n\r\n[0-9a-f]+\r\n<!DOCTYPE"),
        ("022-hex", rb"\r\nZZ\r\n"),
        ("022-long", rb"\r\n[0-9a-f]{17}\r\n"),
        ("023", rb"\r\nX-Folded: one\r\n two\r\n"),
        ("024", rb"\r\nContent-Length : \d+\r\n"),
        ("025", rb"\r\nthis line has no colon\r\n"),
        ("026-100kb", rb"\r\nX-Large: x{100000}\r\n"),
        ("029-early", rb"\AHTTP/1.1 103 Early Hints\r\n[^\0]*?\r\n\r\nHTTP/1.1 200 OK\r\n"),
        ("030-204", rb"\AHTTP/1.1 204 [^\0]*\r\n\r\n<!DOCTYPE"),
        ("031-minus", rb"\AHTTP/1.1 -1 OK\r\n"),
        ("032-icy", rb"\AICY 200 OK\r\n"),
        ("033", rb"\r\nX-Nul: a\0b\r\n"),
        ("039-past", rb"\r\nRetry-After: Thu, 01 Jan 1970"),
        ("041-page", rb"\r\nContent-Type: image/png\r\n[^\0]*<!DOCTYPE"),
        ("041-image", rb"\r\nContent-Type: text/html[^\0]*\r\n\r\n\x89PNG"),
        ("043", rb"</html>\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njunk\Z"),
        ("046", rb"\r\nWWW-Authenticate: Basic "),
    ],
)
def test_an_answer_of_bytes_is_what_its_number_means(answer_of, name, pattern):
    assert re.search(pattern, answer_of(name, until=pattern, limit=200_000))


def test_what_is_between_a_header_and_its_limit_or_beyond_is_as_large_as_told(answer_of):
    sizes = {
        name: answer_of(name, limit=2_000_000).index(b"\r\n\r\n") for name in ("026-33kb", "026-many", "040-cookie")
    }
    assert 32_768 < sizes["026-33kb"] < 34_000
    assert answer_of("026-many").count(b": 1\r\n") == 10_000
    assert sizes["040-cookie"] > 1_000_000


def test_content_codings_are_real_but_for_those_that_lie(answer_of):
    undo = {
        "028-raw": lambda packed: zlib.decompress(packed, -15),
        "028-deflate": zlib.decompress,
        "028-br": brotli.decompress,
        "028-zstd": zstd.decompress,
        "028-x-gzip": gzip.decompress,
        "028-twice": lambda packed: gzip.decompress(gzip.decompress(packed)),
        "028-identity": bytes,
        "028-unknown": bytes,
        "027": bytes,
    }
    for name, undone in undo.items():
        assert undone(body(answer_of(name))) == whole(name), name


def test_bombs_are_small_on_the_wire_and_gigabytes_beyond(answer_of):
    packed = body(answer_of("035-gzip", limit=12_000_000))
    assert len(packed) < 11_000_000
    inflater = zlib.decompressobj(31)
    assert len(inflater.decompress(packed[: len(packed) // 100])) > 80 << 20  # of the hundredth part
    nested = body(answer_of("035-nested"))
    assert len(nested) < 5_000
    assert gzip.decompress(gzip.decompress(nested)) == packed
    assert len(brotli.decompress(body(answer_of("035-br")))) == 1 << 28


@pytest.mark.parametrize("name", LOCATIONS)
def test_redirects_lead_where_their_name_says_and_another_path_is_a_page(answer_of, name):
    first = answer_of(name, limit=2_000_000)
    assert status(first) == 302
    to = LOCATIONS[name]
    assert (b"\r\nLocation: %s\r\n" % to in first) if to else b"Location" not in first
    assert status(answer_of(name, path="/page/1")) == 200


def test_loops_and_chains_of_redirects_do_not_end(answer_of):
    assert b"\r\nLocation: /\r\n" in answer_of("038-self")
    assert [b"/b" in answer_of("038-pair"), b": /\r\n" in answer_of("038-pair", path="/b")] == [True, True]
    assert b": /1000\r\n" in answer_of("038-chain")
    assert b": /999\r\n" in answer_of("038-chain", path="/1000")


@pytest.mark.parametrize("name", ENDLESS)
def test_streams_have_no_end_and_their_entry_ends_with_the_client(web, answer_of, name):
    began = time.monotonic()
    limit = {"034": 20_000_000, "029-endless": 20_000_000, "036-headers": 60, "042-events": 120}.get(name, 300)
    assert len(answer_of(name, limit=limit)) >= limit
    ended = time.monotonic()
    while not (asked := [entry for entry in web.ledger() if entry.host == HOSTS[name].name and entry.path == "/"]):
        time.sleep(0.01)
    (entry,) = asked
    assert began - 2 * TICK_S <= entry.came <= entry.end <= ended


@pytest.mark.parametrize("name", [*SILENT, *BROKEN])
def test_silence_and_breaks_leave_an_answer_that_is_not_whole(answer_of, name):
    answer = answer_of(name, **({"timeout": 0.4} if name == "037-silence" else {"until": b"</html>"}))
    assert (answer == b"") is (name == "037-silence") or name == "037-reset"  # it may take what was sent with it
    assert not answer.endswith(b"\r\n0\r\n\r\n")
    assert (b"</html>" in answer) is (name == "045")


def test_a_connection_that_is_used_again_breaks_before_a_byte(web):
    host = HOSTS["037-reuse"]
    with socket.create_connection((host.address, web.plan.http)) as line:
        line.settimeout(30)
        line.sendall(b"GET / HTTP/1.1\r\nHost: h-037-reuse.test\r\n\r\n")
        first = line.recv(1 << 16)
        line.sendall(b"GET /b HTTP/1.1\r\nHost: h-037-reuse.test\r\n\r\n")
        assert (status(first), line.recv(1 << 16)) == (200, b"")
