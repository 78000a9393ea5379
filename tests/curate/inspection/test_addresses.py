"""`curate why` finds a page by any spelling of its address, and offers the nearest of its host."""

import json

import pytest

from curate.errors import UserError
from curate.inspection import history
from curate.inspection.addresses import search

pytestmark = pytest.mark.processes

STORED = [
    "https://www.Example.org/harbour/tower/?b=2&a=1#top",
    "http://example.org/harbour/t%C3%B6wer",
    "http://bücher.example/über",
    "http://example.org/harbour/tower.html",
    "http://blog.example.org/harbour",
    "http://other.example/?u=http://example.org/harbour",
    "http://lonely/page",
    "ftp://files.example/a",
]


@pytest.fixture(scope="module")
def out(call, tmp_path_factory):
    """Returns a filter's output: addresses that were kept, and the last, which was rejected."""
    folder = tmp_path_factory.mktemp("why")
    rows = [{"url": url, "text": url} for url in STORED]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = call("filter", folder / "own.jsonl", "-o", folder / "out", "--set", 'filter.rules=["url"]')
    assert done.code == 0
    return folder / "out"


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (STORED[0], 0),
        ("http://example.org/harbour/tower?a=1&b=2", 0),
        ("HTTPS://WWW.EXAMPLE.ORG:443/harbour/tower/?b=2&a=1", 0),
        ("example.org/harbour/tower?a=1&b=2&utm_source=x", 0),
        ("//www.example.org/%68arbour/tower?a=1&b=2", 0),
        ("http://example.org/harbour/töwer/", 1),
        ("https://example.org/harbour/t%c3%b6wer/index.html", 1),
        ("https://xn--bcher-kva.example/%C3%BCber", 2),
        ("http://BÜCHER.example/über#x", 2),
        ("http://lonely:80/page/", 6),
        ("FTP://files.example/%61", 7),
    ],
)
def test_a_page_is_seen_by_any_spelling_of_its_address(name, stored, out):
    rows = history.of(out, name)
    assert {row["url"] for row in rows} == {STORED[stored]}
    assert {row["verdict"] for row in rows} == {"rejected" if stored == 7 else "kept"}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("http://example.org/harbour/tower", [3, 1, 0]),
        ("https://example.org/harbor/tower.html", [3, 1, 0]),
        ("http://lonely/pages", [6]),
        ("http://blog.example.org/harbours", [4]),
        ("http://nobody.example/", []),
        ("0123456789abcdef0123456789abcdef", []),
        ("doc-17", []),
        ("", []),
        ("http://[broken", []),
        ("a\0b", []),
    ],
)
def test_where_there_is_none_the_nearest_of_its_host_are_offered(name, nearest, out):
    assert [seen.url for seen in search(out, name).nearest] == [STORED[number] for number in nearest]
    with pytest.raises(UserError) as refused:
        history.of(out, name)
    message = str(refused.value)
    assert message.startswith(f"{name}: no stage of {out} has seen this URL or id")
    assert all(STORED[number] in message for number in nearest)
    assert ("the nearest that it has" in message) == bool(nearest)


def test_a_page_that_was_lost_is_found_among_the_dead_letters(call, tmp_path):
    head = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: https://www.lost.example/a/\r\n"
    head += "WARC-Date: 2020-01-02T12:00:00Z\r\nContent-Type: application/http\r\nContent-Length: 4\r\n\r\n"
    (tmp_path / "x.warc").write_bytes(head.encode() + b"none\r\n\r\n")
    assert call("extract", tmp_path / "x.warc", "-o", tmp_path / "out").code == 1
    done = call("why", tmp_path / "out", "http://lost.example/a")
    assert done.code == 0
    letter, rejection = done.out.splitlines()
    assert letter.startswith("extract   failed   x.warc, offset 0: http: no HTTP response in a response record")
    assert "extract.http" in rejection
    assert all(line.endswith("  https://www.lost.example/a/") for line in (letter, rejection))
    near = call("why", tmp_path / "out", "http://lost.example/b")
    assert near.code == 2
    assert near.error.endswith("the nearest that it has: https://www.lost.example/a/ (rejected by extract)")
