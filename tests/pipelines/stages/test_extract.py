"""The extract stage as a command: what it refuses early, and that the same pages are kept as without the gate."""

import json

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.processes

SENTENCE = (
    "The keeper and the children of the village have been to the sea, and they said that it was cold to be there. "
)
GERMAN = "Der alte Leuchtturm steht seit vielen Jahren an der Küste, und niemand weiß genau, wer ihn gebaut hat. "
# Deeply nested markup, in which resiliparse takes the square of the depth.
SLOW = "<html><body>" + "<div><span>word " * 9_000 + "</body></html>"


def html(text):
    return f"<html><head><title>x</title></head><body><article><p>{text}</p></article></body></html>"


PAGES = {
    "http://a/english": html(SENTENCE * 6),
    "http://a/german": html(GERMAN * 6),
    "http://a/file.pdf": html(SENTENCE * 7),
    "http://a/packed": f"%PDF-1.4 {SENTENCE}",
    "ftp://a/scheme": html(SENTENCE * 9),
    "http://a/after": html(SENTENCE * 8),
}


def record(url, markup):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + markup.encode()
    head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2020-01-02T12:00:00Z\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "pages.warc"
    path.write_bytes(b"".join(record(url, markup) for url, markup in PAGES.items()))
    return path


def fates(out):
    rejected = {row["url"]: row["reason"] for row in rows(out, "rejected")}
    return {row["url"]: "kept" for row in rows(out, "part")} | rejected


def rows(out, name):
    return [row for path in sorted(out.glob(f"{name}-*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_each_page_is_kept_or_refused_by_the_first_gate_that_it_fails(call, tmp_path):
    pages = tmp_path / "pages.warc"
    markups = {"http://a/slow": SLOW} | PAGES
    pages.write_bytes(b"".join(record(url, markup) for url, markup in markups.items()))
    done = call("extract", pages, "-o", tmp_path / "out", "--set", "extract.max_seconds=1")
    assert done.code == 1  # a page was lost
    assert "the page took more than 1 s of CPU" in done.err
    assert fates(tmp_path / "out") == {
        "http://a/english": "kept",
        "http://a/german": "extract.language",
        "http://a/file.pdf": "kept",
        "http://a/packed": "extract.mime",
        "ftp://a/scheme": "url.scheme",
        "http://a/slow": "extract.timeout",
        "http://a/after": "kept",
    }
    assert {row["language"] for row in rows(tmp_path / "out", "part")} == {"en"}


@pytest.mark.parametrize("words", [("--all-languages",), ("--set", "filter.language.allowed=[]")])
def test_no_language_is_refused_where_all_are_wanted(call, pages, tmp_path, words):
    call("extract", pages, "-o", tmp_path / "out", *words)
    by_url = fates(tmp_path / "out")
    assert by_url["http://a/german"] == "kept"
    assert call("filter", tmp_path / "out", "-o", tmp_path / "filtered", *words).code == 0
    assert not fates(tmp_path / "filtered")["http://a/german"].startswith("language")


def test_the_gate_lets_through_what_the_filter_asks_for(call, pages, tmp_path):
    call("extract", pages, "-o", tmp_path / "out", "--set", 'filter.language.allowed=["de"]')
    by_url = fates(tmp_path / "out")
    assert (by_url["http://a/german"], by_url["http://a/english"]) == ("kept", "extract.language")


def test_a_source_has_the_gates_of_its_own_filter(call, pages, tmp_path):
    recipe = tmp_path / "two.toml"
    recipe.write_text(
        f'name = "two"\n[filter]\nrules = ["language"]\n[sources.english]\n'
        f'inputs = ["{pages}"]\n[sources.german]\ninputs = ["{pages}"]\n'
        '[sources.german.filter.language]\nallowed = ["de"]\n'
    )
    call("run", recipe, "-o", tmp_path / "out")
    kept = {(row["source"], row["url"]) for row in rows(tmp_path / "out" / "extract", "part")}
    assert ("german", "http://a/german") in kept
    assert ("english", "http://a/german") not in kept
    assert ("german", "http://a/english") not in kept
    assert ("english", "ftp://a/scheme") in kept  # the filter has no address rules here


def test_a_verb_that_asks_for_no_language_says_so(call, pages, tmp_path):
    assert "asks for no language" in call("tokenize", pages, "-o", tmp_path / "out", "--all-languages").error


def test_the_language_gate_loses_less_than_one_in_a_hundred_of_what_the_filter_keeps(call, data, tmp_path):
    inputs = [data("web") / "pages-00002.warc.gz"]
    kept = {}
    for name, gate in (("with", 0.2), ("without", 0.0)):
        out = tmp_path / name
        call("extract", *inputs, "-o", out, "--workers", 2, "--set", f"extract.language_gate={gate}")
        call("filter", out, "-o", tmp_path / f"{name}-filtered", "--workers", 2)
        kept[name] = {row["id"]: row["text"] for row in rows(tmp_path / f"{name}-filtered", "part")}
    counts = json.loads((tmp_path / "with" / "stage.json").read_text())["counts"]
    assert counts["reasons"]["extract.language"] > 0.2 * counts["read"]
    assert kept["with"].items() <= kept["without"].items()
    assert len(kept["with"]) >= 0.99 * len(kept["without"])


@pytest.mark.parametrize("workers", [1, 2])
def test_one_page_of_each_payload_is_kept_over_all_inputs_whatever_their_order(call, tmp_path, workers):
    english = PAGES["http://a/english"]
    files = []
    for number, urls in enumerate((["http://c/", "http://b/"], ["http://a/"], ["http://d/", "http://d/"])):
        files.append(tmp_path / f"{number}.warc")
        files[-1].write_bytes(
            b"".join(record(url, english) for url in urls)
            + record(f"http://own/{number}", html(SENTENCE * (9 + number)))
        )
    words = ("--set", 'extract.payload_duplicates="reject"', "--workers", workers)
    kept = set()
    for order in (files, files[::-1]):
        out = tmp_path / f"out-{order[0].stem}"
        assert call("extract", *order, "-o", out, *words).code == 0
        rejected = rows(out, "rejected")
        assert {row["reason"] for row in rejected} == {"extract.payload"}
        assert len(rejected) == 4
        (winner,) = {row["detail"] for row in rejected}
        same = {row["id"].hex(): row["url"] for row in rows(out, "part") if not row["url"].startswith("http://own/")}
        assert [f"the payload of {id_}" for id_ in same] == [winner]
        kept.add(*same.values())
        assert len(rows(out, "part")) == 4
        assert call("verify", out).code == 0
    assert len(kept) == 1
