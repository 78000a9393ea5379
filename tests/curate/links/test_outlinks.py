"""Links out of WARC and WAT records, resolved as browsers do."""

import io
import json

from curate.links.outlinks import outlinks
from curate.links.sieve import LinkCandidate
from curate.records import Failure, Skipped
from curate.stage.plan import Item

PAGE = """<html><head><base href="/base/"></head><body>
<a href="http://b.example/1">1</a> <a href="//c.example/2#x">2</a> <a href="http://b.example/1#again">1</a>
<a href="three">in</a> <a href="javascript:x()">no</a> <a href="mailto:x@y">no</a> <a name="n">no</a> <a href="">no</a>
<a href="http://www.a.example/4">in</a><img src="http://d.example/i.png"><link href="http://e.example/"></body></html>"""


def record(kind: str, mime: str, block: bytes, url: str = "http://a.example/dir/page") -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2020-01-02T03:04:05Z\r\n"
    head += f"Content-Type: {mime}\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def response(html: str, mime: str = "text/html") -> bytes:
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {mime}\r\n\r\n{html}"
    return record("response", "application/http", http.encode())


def wat(links: list, **head: str) -> bytes:
    html = {"Head": head, "Links": links}
    envelope = {
        "WARC-Header-Metadata": {"WARC-Target-URI": "http://a.example/dir/page"},
        "Payload-Metadata": {"HTTP-Response-Metadata": {"HTML-Metadata": html}},
    }
    return record("metadata", "application/json", json.dumps({"Envelope": envelope}).encode())


def outcomes_of(content: bytes, form: str, *, internal: bool = False):
    item = Item(number=0, name=f"x.{form}", uri="", form=form, digest="", size=0, source="web")
    return [*outlinks(io.BytesIO(content), len(content), item, internal=internal)]


def urls(outcomes):
    return [outcome.url for outcome in outcomes if isinstance(outcome, LinkCandidate)]


def test_links_of_a_page_go_to_other_hosts_once_and_by_its_base():
    outcomes = outcomes_of(response(PAGE), "warc")
    assert urls(outcomes) == ["http://b.example/1", "http://c.example/2"]
    assert outcomes.count(Skipped("internal link")) == 2
    assert outcomes[0] == LinkCandidate(
        url="http://b.example/1", kind="warc", id="x.warc#1.1", time=1577934245, context="http://a.example/dir/page"
    )
    assert urls(outcomes_of(response(PAGE), "warc", internal=True)) == [
        *("http://b.example/1", "http://c.example/2", "http://a.example/base/three", "http://www.a.example/4")
    ]


def test_what_is_no_page_has_no_links():
    content = response(PAGE, "image/png") + record("request", "application/http", b"GET / HTTP/1.1\r\n\r\n")
    assert outcomes_of(content, "warc") == [Skipped("mime image/png"), Skipped("request")]


def test_links_of_a_wat_record():
    links = [
        *({"path": "A@/href", "url": url} for url in ("http://b.example/1", "//c.example/2", "../up", "#here")),
        *(
            {"path": "IMG@/src", "url": "http://d.example/i.png"},
            {"path": "A@/href"},
            "odd",
            {"path": "A@/href", "url": 7},
        ),
    ]
    outcomes = outcomes_of(wat(links, Base="http://z.example/b/"), "wat")
    assert urls(outcomes) == ["http://b.example/1", "http://c.example/2", "http://z.example/up"]
    assert {outcome.kind for outcome in outcomes if isinstance(outcome, LinkCandidate)} == {"wat"}
    assert urls(outcomes_of(wat([{"path": "A@/href", "url": "../up"}]), "wat", internal=True)) == [
        "http://a.example/up"
    ]


def test_a_wat_record_without_links_is_counted():
    broken = [b"{", b"[]", b'{"Envelope": 3}', b'{"Envelope": {"Payload-Metadata": null}}']
    content = b"".join(record("metadata", "application/json", block) for block in broken)
    assert outcomes_of(content, "wat") == [Skipped("page without links")] * 4


def test_damage_is_a_dead_letter_of_this_stage():
    (failure,) = outcomes_of(b"nothing of the kind", "warc")
    assert isinstance(failure, Failure)
    assert failure.stage == "links"


def test_a_real_wat_record_of_a_request_holds_no_links(data):
    for path in sorted(data("warc").glob("*.wat*")):
        assert outcomes_of(path.read_bytes(), "wat") == [Skipped("warcinfo"), Skipped("page without links")]


def test_a_page_of_many_links_takes_no_time_with_their_square():
    """A list of elements that is walked by its index took 18 s of 1,285 links; here it would never end."""
    html = "".join(f'<a href="http://b.example/{number}">x</a>' for number in range(20_000))
    links = outcomes_of(response(html), "warc")
    assert len(urls(links)) == 10_000
    assert links.count(Skipped("link beyond 10,000 of its page")) == 10_000


def test_real_pages_hold_links_to_other_hosts(data):
    path = sorted(data("web").glob("*.warc.gz"))[0]
    links = urls(outcomes_of(path.read_bytes(), "warc"))
    assert len(links) > 1000
