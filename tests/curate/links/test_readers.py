"""Files of links in every form, and damaged ones: what is read, rejected, skipped and lost (crawl.md L-1, L-2, W96)."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import SettingsError
from curate.links.config import Links
from curate.links.readers import form_of, read_links
from curate.links.sieve import LinkCandidate
from curate.records import Failure, Rejection, Skipped
from curate.stage.plan import Item, Plan

ROW = {"id": "abc", "url": "http://a.example/x", "score": 5, "created_utc": 1, "is_self": False, "subreddit": "news"}


def outcomes_of(path: Path, rules: Links = Links()):  # noqa: B008 - it is frozen
    form = form_of(path.name, rules.format)
    item = Item(number=0, name=path.name, uri=str(path), form=form, digest="", size=0, source="web")
    return [*read_links(Plan(stage="gather", folder=path.parent, settings={}, items=(item,)), item, rules)]


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def summary(outcomes):
    """Each outcome in a word: a link's URL, a rejection's reason, a failure's error, what was skipped."""
    names = {LinkCandidate: "url", Rejection: "reason", Failure: "error", Skipped: "kind"}
    return [getattr(outcome, names[type(outcome)]) for outcome in outcomes]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("RS_2005-06.xz", "submissions"),
        ("RS_v2_2005-06", "submissions"),
        ("s3://b/dumps/RS_2019-04.zst", "submissions"),
        ("x_submissions.ndjson.zst", "lines"),
        ("urls.jsonl.gz", "lines"),
        ("urls.txt", "text"),
        ("urls.TXT.bz2", "text"),
        ("urls.csv.gz", "csv"),
        ("urls.tsv", "csv"),
        ("urls.parquet", "parquet"),
        ("CC-MAIN-1.warc.wat.gz", "wat"),
        ("CC-MAIN-1.warc.gz", "warc"),
        ("https://a.example/sitemap.xml.gz?x=1.txt", "sitemap"),
    ],
)
def test_the_name_tells_the_form(name, form):
    assert form_of(name) == form
    assert form_of(name, "text") == "text"


def test_a_name_that_tells_nothing_is_refused_with_the_mend():
    with pytest.raises(SettingsError, match=r"links\.format"):
        form_of("dump.gz")


def test_a_bad_line_costs_a_line(tmp_path):
    good = json.dumps(ROW).encode()
    rows = [
        *(good, b"{broken", b'{"url": "\xff"}', b"", b"\0", b'"text"', good[:-5]),
        *(json.dumps(ROW | change).encode() for change in ({"url": None}, {"score": "x"}, {"is_self": True})),
        json.dumps(ROW | {"selftext": "x" * 5000}).encode(),
        good + b"\r",
        good + good,
        good,
    ]
    path = write(tmp_path, "RS_2012-01", b"\n".join(rows))
    outcomes = outcomes_of(path, Links(max_line_bytes=1024))
    assert summary(outcomes) == [
        *("http://a.example/x", "json", "utf8", "json", "json", "json"),
        *("links.missing:url", "links.type:score", "self", "too_long"),
        *("http://a.example/x", "json", "http://a.example/x"),
    ]
    content = path.read_bytes()
    for failure in (outcome for outcome in outcomes if isinstance(outcome, Failure)):
        assert failure.record
        assert failure.stage == "links"
        assert content[failure.offset : failure.offset + failure.length] in rows


def test_a_cut_dump_keeps_what_came_before(tmp_path):
    lines = b"".join(json.dumps(ROW | {"id": f"{n}", "x": f"{n * n}"}).encode() + b"\n" for n in range(30_000))
    packed = gzip.compress(lines)
    outcomes = outcomes_of(write(tmp_path, "RS_2012-01.gz", packed[: len(packed) // 2]))
    assert len(outcomes) > 1000
    assert summary(outcomes)[-1] == "unreadable"
    assert not outcomes[-1].record
    assert set(summary(outcomes)[:-1]) == {"http://a.example/x"}


def test_a_dump_that_unpacks_to_too_much_ends_there(tmp_path):
    path = write(tmp_path, "RS_2012-01.gz", gzip.compress((json.dumps(ROW).encode() + b"\n") * 1000))
    outcomes = outcomes_of(path, Links(max_dump_bytes=2048))
    assert summary(outcomes)[-1] == "unreadable"
    assert "2048" in outcomes[-1].message


def test_rows_of_the_users_own(tmp_path):
    rows = [
        {"link": "http://a.example/1"},
        {"link": "http://a.example/2", "score": "7", "created_utc": 9, "id": 5, "subreddit": "s"},
        {"link": None},
        {"link": 3},
        {"link": "http://a.example/3", "score": "many"},
        ROW,
    ]
    path = write(tmp_path, "mine.jsonl", "\n".join(map(json.dumps, rows)).encode())
    outcomes = outcomes_of(path, Links(column="link"))
    assert summary(outcomes) == [
        *("http://a.example/1", "http://a.example/2", "links.missing:link", "links.type:link", "links.type:score"),
        "http://a.example/x",
    ]
    assert outcomes[0] == LinkCandidate(url="http://a.example/1", kind="list", id="mine.jsonl#0")
    assert (outcomes[1].score, outcomes[1].time, outcomes[1].id, outcomes[1].subreddit) == (7, 9, "5", "s")
    assert outcomes[5].kind == "submission"


def test_lists_of_urls(tmp_path):
    path = write(tmp_path, "urls.txt", b"\xef\xbb\xbfhttp://a.example/1\r\n\n# no\n  http://a.example/2 \n\xff\nlast")
    outcomes = outcomes_of(path)
    assert summary(outcomes) == ["http://a.example/1", "http://a.example/2", "utf8", "last"]
    assert [outcome.id for outcome in outcomes if isinstance(outcome, LinkCandidate)] == [
        "urls.txt#1",
        "urls.txt#4",
        "urls.txt#6",
    ]


def test_tables(tmp_path):
    path = write(tmp_path, "t.csv", b'n,url,score\n1,"http://a.example/a,b",4\n2,http://a.example/c,\n3,,1\n4\n')
    outcomes = outcomes_of(path)
    assert summary(outcomes) == ["http://a.example/a,b", "http://a.example/c", "links.missing:url", "links.missing:url"]
    assert [outcomes[0].score, outcomes[1].score] == [4, None]
    assert summary(outcomes_of(write(tmp_path, "t.tsv", b"http://a.example/\tx\n"), Links(column="0"))) == [
        "http://a.example/"
    ]
    (failure,) = outcomes_of(path, Links(column="link"))
    assert "no column 'link'" in failure.message
    (failure,) = outcomes_of(write(tmp_path, "e.csv", b""), Links(column="0")) or [None]
    assert failure is None


def test_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    table = {"url": ["http://a.example/1", None], "score": [4, 5], "text": ["not", "read"]}
    pq.write_table(pa.table(table), path)
    assert summary(outcomes_of(path)) == ["http://a.example/1", "links.missing:url"]
    (failure,) = outcomes_of(path, Links(column="link"))
    assert "it has url, score, text" in failure.message
    (failure,) = outcomes_of(write(tmp_path, "broken.parquet", b"PAR1nothing"))
    assert failure.error == "unreadable"


def test_sitemaps(tmp_path):
    head = b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    body = b"<url><loc> http://a.example/?a=1&amp;b=2 </loc><lastmod>2020</lastmod></url><url><loc/></url>"
    path = write(tmp_path, "sitemap.xml.gz", gzip.compress(head + body + b"</urlset>"))
    assert summary(outcomes_of(path)) == ["http://a.example/?a=1&b=2"]
    index = b"<sitemapindex><sitemap><loc>http://a.example/s.xml</loc></sitemap></sitemapindex>"
    (rejection,) = outcomes_of(write(tmp_path, "index.xml", index))
    assert (rejection.reason, rejection.url) == ("links.sitemap", "http://a.example/s.xml")
    assert summary(outcomes_of(write(tmp_path, "cut.xml", head + body))) == ["http://a.example/?a=1&b=2", "unreadable"]
    assert summary(outcomes_of(write(tmp_path, "x.xml", b"no"))) == ["unreadable"]


def test_feeds(tmp_path):
    rss = b"<rss><channel><link>http://a.example/</link><item><link>http://a.example/1</link></item></channel></rss>"
    assert summary(outcomes_of(write(tmp_path, "f.rss", rss))) == ["http://a.example/1"]
    atom = b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="http://a.example/2"/>'
    atom += b'<link rel="edit" href="http://a.example/3"/></entry></feed>'
    assert summary(outcomes_of(write(tmp_path, "f.atom", atom))) == ["http://a.example/2"]


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "http://a.example/p.dtd"> %p;',
    ],
)
def test_a_sitemap_that_declares_entities_is_refused(declared, tmp_path):
    text = f"<!DOCTYPE urlset [{declared}]><urlset><url><loc>http://a.example/&b;&a;</loc></url></urlset>"
    assert summary(outcomes_of(write(tmp_path, "bomb.xml", text.encode()))) == ["unreadable"]
    deep = b"<a>" * 100_000
    assert summary(outcomes_of(write(tmp_path, "deep.xml", deep))) == ["unreadable"]


def test_an_empty_file_holds_nothing(tmp_path):
    for name in ("RS_2012-01", "e.jsonl", "e.txt"):
        assert outcomes_of(write(tmp_path, name, b"")) == []
    assert summary(outcomes_of(write(tmp_path, "e.xml", b""))) == ["unreadable"]
