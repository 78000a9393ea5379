"""Odd rows of a dump of submissions, of which users of other systems reported faults: each has its outcome."""

from curate.links.config import Links
from curate.links.sieve import LinkCandidate, judge, sieve
from curate.links.submissions import SELF, parse_row, submission
from curate.records import Reason
from curate.web.urls import Address

EXPECTED = {
    "a1": "http://ex.com/a?x=1&y=2",  # escaped for HTML
    "a2": "http://ex.com/b",  # url is null, another field has the address
    "a3": "links.reddit",  # a gallery
    "a4": "self",
    "a5": "http://ex.com/c",  # a score that is a string
    "a6": "http://ex.com/d",  # a score and a time that are floats
    "a7": "links.missing:url",
    "a8": "http://ex.com/e",  # no score
    "a9": "http://ex.com/f",  # no time
    "b1": "links.removed",
    "b2": "http://ex.com/wiki/Foo_(bar)",  # escaped for Markdown
    "b3": "http://ex.com/",
    "b4": "http://ex.com/",
    "b5": "http://www.ex.com/g",  # a dot behind the host
    "b6": "http://xn--bcher-kva.de/%C3%BC",
    "b7": "http://ex.com/g",
    "b8": "links.invalid",  # no scheme
    "b9": "http://ex.com/h%20http://ex.com/i",
    "c1": "http://ex.com/a%20b/?utm_source=rss",
    "c2": "https://ex.com/j&amp;k=1",  # escaped twice, and reddit escapes once
    "c3": "https://ex.com/l",  # a blank of no width behind it
    "c4": "https://ex.com/lone/ud83d",
    "d2": "links.invalid",  # half a surrogate pair
}


def test_every_odd_row_of_a_dump_has_its_outcome(data):
    lines = (data("field") / "documents" / "submissions.ndjson").read_bytes().split(b"\n")
    outcomes, unread = {}, []
    for line in filter(bytes.strip, lines):
        row = parse_row(line)
        if isinstance(row, Reason):
            unread.append(row.rule)
            continue
        candidate = submission(row, "", 0)
        verdict = judge(candidate, sieve(Links())) if isinstance(candidate, LinkCandidate) else candidate
        outcomes[row["id"]] = (
            verdict.fetch_url if isinstance(verdict, Address) else "self" if verdict is SELF else verdict.rule
        )
    assert outcomes == EXPECTED
    assert unread == ["links.json", "links.json"]  # a row that is cut, and one of NUL bytes
