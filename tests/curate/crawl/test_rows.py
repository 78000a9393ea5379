"""The row of a page stays small whatever the page, its header and its robots.txt say."""

from datetime import UTC, datetime

import pytest

from curate.crawl.answers import settle
from curate.crawl.config import Crawl
from curate.crawl.fetch import Answer
from curate.crawl.lots import Target
from curate.crawl.rows import MOST, row_of

RULES = Crawl(contact="a@b.test")
PAGE = b"<p>some words</p>" * 100
KEYS = ",".join(f"a{number:x}=y" for number in range(4000))
LONG = "x" * 30_000


def row(body=PAGE, robots="", **headers):
    fields = {"Content-Type": "text/html"} | {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = tuple((name.encode(), value.encode()) for name, value in fields.items())
    answer = Answer(url="http://a.test/", date=datetime.now(UTC), status=200, headers=pairs, body=body)
    return row_of(Target(url="http://a.test/"), settle(answer, RULES), answer, hops=[answer.url], robots=robots)


@pytest.mark.parametrize(
    "entry",
    [
        row(Content_Usage=KEYS),
        row(f'<meta name="{LONG}" http-equiv=content-usage content="{KEYS}">'.encode() + PAGE),
        row(f'<link rel=license type=application/rsl+xml href="{LONG}">'.encode() * 2 + PAGE),
        row(Content_Type=f"text/html; charset={LONG}"),
        row(Content_Type=LONG),
        row(robots=f"L1 /{LONG}"),
    ],
    ids=["a header", "meta tags with long names", "licenses", "a charset", "a type", "a line of robots.txt"],
)
def test_h26_what_is_told_of_a_page_is_cut(entry):
    assert entry["outcome"] == "ok"
    assert len(entry["preferences"]) <= MOST
    assert sum(len(str(value)) for value in entry.values()) < 50_000


def test_what_is_refused_is_told_first():
    entry = row(Content_Usage=KEYS + ",train-ai=n")
    assert entry["outcome"] == "optout_content_usage"
    assert entry["preferences"][0] == "train-ai=n hdr:content-usage"
