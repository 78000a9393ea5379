"""The loopback web answers as its plan says: pages, robots.txt, manners by path, TLS, replayed captures."""

import gzip
import json
import re
import socket
import ssl

import pytest
from loopback.pages import page
from loopback.plan import Host, Plan, hostile, named, ordinary, resolve_lines, url
from loopback.process import running
from loopback.replay import table
from loopback.robots import ROBOTS
from polite import ask, status

QUICK = [kind for kind in ROBOTS if kind not in ("silent", "slow", "endless", "reset", "truncated")]
BY_KIND = tuple(Host(name=f"{n}.test", address=f"127.21.0.{n + 1}", robots=k) for n, k in enumerate(ROBOTS))
PLAN = Plan(
    hosts=(*BY_KIND, *ordinary(200, latency=0.001), *named(["tls.test", "other.test"])), patience=0.01, crawl_delay=0.5
)
SITE = next(host for host in PLAN.hosts if host.name == "site-0000.test")
FAULTS = tuple(host for host in hostile() if host.tls)


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with running(tmp_path_factory.mktemp("web"), PLAN) as started:
        yield started


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def location(answer: bytes) -> bytes:
    return re.search(rb"\r\nLocation: ([^\r]*)", answer)[1]


def test_any_url_is_the_same_page_of_english_each_time_and_no_other_is(web):
    one, again = (ask(web, SITE, "/page/1") for _ in range(2))
    assert one == again
    assert status(one) == 200
    assert body(one) != body(ask(web, SITE, "/page/2"))
    text = re.sub(r"<[^>]*>", " ", body(one).decode())
    assert len(text.split()) > 300
    assert {"the", "and", "of", "that"} <= set(text.split())
    assert len(re.findall(rb'<a href="/page/\d"', one)) >= 5
    assert re.search(rb'<a href="http://site-\d{4}\.test:\d+/page/\d"', one)


@pytest.mark.parametrize("kind", QUICK)
def test_robots_of_each_kind_is_answered(web, kind):
    answer = ask(web, BY_KIND[list(ROBOTS).index(kind)], "/robots.txt")
    assert status(answer) == ROBOTS[kind].status
    if kind == "delay":
        assert b"Crawl-delay: 0.5\nDisallow: /private/\n" in answer
    else:
        assert body(answer) == ROBOTS[kind].body


def test_robots_that_lead_elsewhere_reach_the_rules(web):
    host, path = BY_KIND[list(ROBOTS).index("redirect")], "/robots.txt"
    for _ in range(4):
        path = location(ask(web, host, path)).decode()
    assert b"Disallow: /private/" in ask(web, host, path)


@pytest.mark.parametrize("kind", ["silent", "slow", "endless", "reset", "truncated"])
def test_robots_that_take_time_or_break_do_so(web, kind):
    host = BY_KIND[list(ROBOTS).index(kind)]
    more = {"timeout": 0.5} if kind == "silent" else {}
    answer = ask(web, host, "/robots.txt", limit=250 if kind == "slow" else 3_000_000, **more)
    if kind == "endless":
        assert len(answer) >= 3_000_000
    elif kind == "silent":
        assert not answer
    else:
        length = re.search(rb"Content-Length: (\d+)", answer)  # a reset may take what was sent before with it
        assert len(body(answer)) < int(length[1]) if length else kind == "reset"


def test_paths_have_manners(web):
    later = ask(web, SITE, "/status/429?after=7")
    assert status(later) == 429
    assert b"\r\nRetry-After: 7\r\n" in later
    dated = ask(web, SITE, "/status/503?date=30")
    assert b"\r\nRetry-After: " in dated
    assert dated.split(b"Retry-After: ")[1].split(b"\r\n")[0].endswith(b" GMT")
    assert 28 < web.ledger()[-1].retry_after <= 30
    assert location(ask(web, SITE, "/redirect/2")) == b"/redirect/1"
    assert status(ask(web, SITE, "/redirect/0")) == 200
    assert location(ask(web, SITE, "/to?url=http://a.test/%3Fb")) == b"http://a.test/?b"
    assert [location(ask(web, SITE, f"/loop/{letter}")) for letter in "ab"] == [b"/loop/b", b"/loop/a"]
    assert [status(ask(web, SITE, "/flaky/2/x")) for _ in range(3)] == [503, 503, 200]
    assert b'href="/calendar/2027/1"' in ask(web, SITE, "/calendar/2026/12")
    assert gzip.decompress(body(ask(web, SITE, "/coded/gzip"))).startswith(b"<!DOCTYPE html>")
    assert b"\r\nTransfer-Encoding: chunked\r\n" in ask(web, SITE, "/chunked")
    assert b"X-Robots-Tag: noai" in ask(web, SITE, "/optout/noai/1")
    assert b'content="NoAI' in body(ask(web, SITE, "/optout/meta-noai"))
    assert body(ask(web, SITE, "/same/1")) == body(ask(web, BY_KIND[0], "/same/2"))
    assert len(body(ask(web, SITE, "/big/2000"))) > 2_000_000
    assert status(ask(web, SITE, "/broken/nonsense")) == 404
    tag = re.search(rb"ETag: (\S+)", ask(web, SITE, "/page/1"))[1].decode()
    assert status(ask(web, SITE, "/page/1", headers=f"If-None-Match: {tag}\r\n")) == 304


def test_a_connection_is_kept_open_where_the_host_keeps_any(web):
    for host, kept in ((SITE, True), (next(h for h in web.plan.hosts if h.name == "site-0019.test"), False)):
        with socket.create_connection((host.address, web.plan.http)) as line:
            request = f"GET /same/1 HTTP/1.1\r\nHost: {host.name}\r\n\r\n".encode()
            line.sendall(request * 2)
            line.settimeout(30)
            received = b""
            while received.count(b"</html>") < 2 and (more := line.recv(1 << 16)):
                received += more
        assert (received.count(b"HTTP/1.1 200 OK") == 2) is kept
    two = [entry for entry in web.ledger() if entry.host == SITE.name and entry.path == "/same/1"][-2:]
    assert two[0].connection == two[1].connection


def test_the_resolve_file_names_each_host_port_and_address(web):
    lines = web.resolve.read_text().splitlines()
    assert lines == list(resolve_lines(web.plan))
    assert f"site-0000.test:{web.plan.http}:{SITE.address}" in lines
    assert f"tls.test:{web.plan.https}:{PLAN.hosts[-1].address}" in lines
    assert url(web.plan, "tls.test", "/a", tls=True) == f"https://tls.test:{web.plan.https}/a"


def test_tls_is_trusted_by_who_trusts_the_authority(web):
    host = next(host for host in web.plan.hosts if host.name == "tls.test")
    answer = ask(web, host, "/page/1", context=ssl.create_default_context(cafile=str(web.authority)))
    assert body(answer) == page("tls.test", "/page/1", re.findall(r'href="([^"]*)"', answer.decode()))
    assert web.ledger()[-1].scheme == "https"
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(web, host, context=ssl.create_default_context())


def test_each_fault_of_tls_is_one(tmp_path):
    with running(tmp_path, Plan(hosts=FAULTS, patience=0.05)) as web:
        context = ssl.create_default_context(cafile=str(web.authority))
        for host in FAULTS:
            stalls = host.tls in ("044-stall", "036-tls")
            with pytest.raises(TimeoutError if stalls else ssl.SSLError):
                ask(web, host, context=context, timeout=0.5 if stalls else 30.0)
        lax = ssl.create_default_context()
        lax.check_hostname, lax.verify_mode = False, ssl.CERT_NONE
        for host in FAULTS:
            if host.tls in ("044-expired", "044-self-signed", "044-wrong-host"):
                assert status(ask(web, host, context=lax)) == 200


def test_the_mini_web_is_played_from_its_warc_files(tmp_path, miniweb):
    files = sorted(miniweb.glob("*.warc.gz"))
    pages = table(files)
    names = {replayed.url.split("/")[2] for replayed in pages.values()}
    truth = [json.loads(line) for line in (miniweb / "truth.jsonl").read_text().splitlines()]
    assert len(pages) == len({row["url"].partition("://")[2] for row in truth})
    plan = Plan(hosts=named(names, tls=False), replay=tuple(map(str, files)))
    with running(tmp_path, plan) as web:
        hosts = {host.name: host for host in plan.hosts}
        for replayed in list(pages.values())[::7]:
            name, _, path = replayed.url.partition("://")[2].partition("/")
            answer = ask(web, hosts[name], f"/{path}")
            assert (status(answer), body(answer)) == (replayed.status, replayed.body)


def test_a_table_of_pages_is_played_and_other_urls_are_made_up(tmp_path):
    lines = [
        {"url": "https://a.test/x?y=1", "body": "hello"},
        {"url": "http://a.test/", "status": 410, "body64": "eA=="},
    ]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    plan = Plan(hosts=named(["a.test"]), replay=(str(tmp_path / "pages.jsonl"),))
    with running(tmp_path / "web", plan) as web:
        (host,) = plan.hosts
        assert body(ask(web, host, "/x?y=1")) == b"hello"
        assert status(ask(web, host, "/")) == 410
        assert len(body(ask(web, host, "/x?y=2"))) > 2000


def test_hosts_that_no_plan_names_are_answered_where_anyone_is(tmp_path):
    anyone = Host(name="anyone.test", address="127.21.2.1", tls="good")
    with running(tmp_path, Plan(hosts=(), anyone=(anyone.address,))) as web:
        trusted = ssl.create_default_context(cafile=str(web.authority))
        assert len(body(ask(web, anyone, "/page/1"))) > 2000
        assert len(body(ask(web, anyone, "/page/1", context=trusted))) > 2000
        assert status(ask(web, anyone, "/robots.txt")) == 404
        assert [entry.sent > 2000 for entry in web.ledger()] == [True, True, False]


def test_a_web_that_ends_enters_what_it_was_answering(tmp_path):
    host = Host(name="s.test", address="127.21.1.1", robots="silent")
    with running(tmp_path, Plan(hosts=(host,))) as web, socket.create_connection((host.address, web.plan.http)) as line:
        line.sendall(b"GET /robots.txt HTTP/1.1\r\nHost: s.test\r\n\r\n")
        ask(web, host, "/page/1")  # which it reads after the other
        assert [entry.path for entry in web.ledger()] == ["/page/1"]
    assert [entry.path for entry in web.ledger()] == ["/robots.txt", "/page/1"]
