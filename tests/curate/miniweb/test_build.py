import gzip
import io
import json
from collections import Counter
from importlib import resources
from itertools import combinations

import pytest
from warcio.archiveiterator import ArchiveIterator

from curate import miniweb
from curate.dedup import minhash
from curate.dedup.config import Dedup
from curate.extract.config import Extract, Gates
from curate.extract.page import extract
from curate.filters import gopher
from curate.filters import language as languages
from curate.filters.rules import Filter
from curate.miniweb.build import sites
from curate.miniweb.capture import DELIVERIES, gzip_member, payload
from curate.miniweb.sites import ARTICLES, WEB
from curate.miniweb.texts import blocks, parse, read_site
from curate.records import Document, Page
from curate.text import language
from curate.warc.reader import read_pages

FILES = ["articles-00000.warc.gz", "web-00000.warc.gz", "web-00001.warc.gz"]
KINDS = """
shop|shop product|shop category|cart|terms|login|register|search results|seo|spam|link farm|keyword spam|log dump
weather report|stock prices|status report|repeated notice|stub|robots.txt|front page|near duplicate|exact duplicate
status 404|status 301|status 500|mime image/png|mime application/json|language:de|language:fr|language:es
""".strip().replace("\n", "|")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("miniweb")
    miniweb.build(made)
    return made


@pytest.fixture(scope="module")
def truth(folder):
    return read_lines(folder / "truth.jsonl")


@pytest.fixture(scope="module")
def originals():
    return [text for site in (*ARTICLES, *WEB) for text in read_site(site)]


@pytest.fixture(scope="module")
def pages(folder):
    by_url = {}
    for name in FILES:
        content = (folder / name).read_bytes()
        for page in read_pages(io.BytesIO(content), name, size=len(content), max_bytes=1_000_000):
            if isinstance(page, Page):
                by_url[page.url] = page
    return by_url


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text):
    return text.replace("`", "").split()


def test_building_twice_gives_the_same_bytes(folder, tmp_path):
    miniweb.build(tmp_path)
    names = sorted(path.name for path in folder.iterdir())
    labels = ["labels-negative.jsonl", "labels-positive.jsonl"]
    assert names == [*FILES[:1], *labels, "miniweb.json", "truth.jsonl", *FILES[1:]]
    assert [(folder / name).read_bytes() for name in names] == [(tmp_path / name).read_bytes() for name in names]


def test_there_are_enough_hosts_pages_languages_and_texts(truth, originals):
    assert len({row["host"] for row in truth}) >= 12
    assert len(truth) >= 150
    assert {text.language for text in originals} == {"en", "de", "fr", "es"}
    assert len(originals) >= 40
    assert len({text.slug for text in originals}) == len(originals)


def test_every_folder_of_texts_is_served():
    folders = (resources.files("curate.manifests") / "miniweb").iterdir()
    assert sorted(folder.name for folder in folders) == sorted((*ARTICLES, *WEB))


def test_every_host_is_reserved_and_has_its_pages():
    for host, captures in sites().items():
        assert host.endswith(".example")
        assert {capture.host for capture in captures} == {host}


def test_warcio_reads_one_response_for_every_line_of_the_truth(folder, truth):
    responses, kinds = Counter(), Counter()
    for name in FILES:
        with (folder / name).open("rb") as stream:
            for record in ArchiveIterator(stream, check_digests="raise"):
                kinds[record.rec_type] += 1
                assert record.rec_headers.protocol == "WARC/1.1"
                record.content_stream().read()
                if record.rec_type == "response":
                    responses[name.partition("-")[0], record.rec_headers.get_header("WARC-Target-URI")] += 1
    assert responses == Counter((row["source"], row["url"]) for row in truth)
    assert set(responses.values()) == {1}
    assert kinds["warcinfo"] == len(FILES)
    assert kinds["request"] >= 10


def test_every_kind_of_page_is_there(truth):
    assert {row["why"].partition(" of http")[0] for row in truth if not row["why"].startswith("original")} >= set(
        KINDS.split("|")
    )
    assert sum(row["stage"] == "score" for row in truth) >= 25


def test_the_truth_says_who_should_reject_exactly_where_someone_should(truth):
    for row in truth:
        assert list(row) == ["url", "source", "host", "expect", "stage", "why", "prose"]
        assert (row["expect"], row["stage"] is None) in {("keep", True), ("reject", False), ("either", True)}


def test_every_delivery_carries_an_original(truth):
    served = {capture.delivery for captures in sites().values() for capture in captures if capture.prose}
    assert served == set(DELIVERIES)


def test_duplicates_point_to_an_original(truth):
    originals = {row["url"]: row for row in truth if row["why"].startswith("original")}
    for row in truth:
        kind, _, url = row["why"].partition(" duplicate of ")
        if url:
            assert originals[url]["prose"] == row["prose"]
            assert kind in ("near", "exact")
            assert originals[url]["source"] == "articles" or row["expect"] == originals[url]["expect"] == "either"


def test_no_two_originals_are_near_duplicates(originals):
    signatures = [minhash.signature(text.prose, Dedup()) for text in originals]
    assert max(minhash.similarity(one, other) for one, other in combinations(signatures, 2)) < 0.1


def test_the_prose_of_every_page_is_extracted_whole(truth, pages, originals):
    prose = {text.slug: words(text.prose) for text in originals}
    for row in truth:
        if row["prose"] and not row["why"].startswith("near"):
            document = extract(pages[row["url"]], row["source"], Extract())
            assert isinstance(document, Document)
            missing = Counter(prose[row["prose"]]) - Counter(words(document.text))
            assert missing.total() <= 0.005 * len(prose[row["prose"]]), row["url"]
            assert "\N{REPLACEMENT CHARACTER}" not in document.text


def test_copies_are_as_similar_as_they_should_be(truth, pages):
    for row in truth:
        kind, _, url = row["why"].partition(" duplicate of ")
        if url:
            texts = [extract(pages[address], "web", Extract()).text for address in (row["url"], url)]
            if kind == "exact":
                assert texts[0] == texts[1]
            else:
                one, other = (set(minhash.shingles(text, 5).tolist()) for text in texts)
                assert 0.85 < len(one & other) / len(one | other) < 1


def test_simple_rules_reject_what_they_should_and_nothing_else(truth, pages):
    rules = Filter()
    for row in truth:
        if row["expect"] != "either":
            outcome = extract(pages[row["url"]], row["source"], Extract(), Gates(languages=rules.language.allowed))
            stage = None
            if not isinstance(outcome, Document):
                stage = "extract"
            elif (
                languages.reason(*language.identify(outcome.text), rules.language)
                or gopher.quality(outcome.text, rules.gopher_quality)
                or gopher.repetition(outcome.text, rules.gopher_repetition)
            ):
                stage = "filter"
            assert stage == (row["stage"] if row["stage"] in ("extract", "filter") else None), row["url"]


def test_labels_come_from_some_pages_of_a_kind_and_leave_others(folder, truth):
    rows = {row["url"]: row for row in truth}
    for label, wanted in (("positive", {"keep", "either"}), ("negative", {"reject"})):
        labels = read_lines(folder / f"labels-{label}.jsonl")
        assert len(labels) >= 80
        used = {line["url"] for line in labels}
        assert {rows[url]["expect"] for url in used} <= wanted
        kinds = [(row["host"] if row["prose"] else row["why"], row["url"] in used) for row in rows.values()]
        trained = {kind for kind, labelled in kinds if labelled}
        assert trained <= {kind for kind, labelled in kinds if not labelled}
        assert all(0 < len(line["text"].split()) <= 160 for line in labels)


def test_a_text_without_a_header_is_refused_by_name():
    with pytest.raises(ValueError, match=r"miniweb/site/slug\.txt: no author"):
        parse("site", "slug", "title: T\n\nProse.")


@pytest.mark.parametrize(
    ("content", "kind", "lines"),
    [
        ("One line.", "paragraph", ("One line.",)),
        ("## Head", "heading", ("Head",)),
        ("- one\n- two", "bullets", ("one", "two")),
        ("1. one\n12. two", "steps", ("one", "two")),
        ("    a = 'b'\n      c", "code", ("a = 'b'", "  c")),
        ("@ Sam, 1 May 2010", "post", ("Sam, 1 May 2010",)),
        ('He said "no" and `"yes"`.', "paragraph", ('He said “no” and `"yes"`.',)),
    ],
)
def test_a_block_is_known_by_how_its_lines_begin(content, kind, lines):
    assert list(blocks(content)) == [(kind, lines)]


def test_a_stored_gzip_member_is_read_back():
    for content in (b"", b"x", bytes(range(256)) * 700):
        assert gzip.decompress(gzip_member(content)) == content


def test_damage_breaks_the_markup():
    capture = next(page for page in sites()["www.nightbus.example"] if page.delivery == "unclosed tags")
    sent = {name: payload(capture.markup, DELIVERIES[name]) for name in ("unclosed tags", "no head", "tag soup")}
    assert b"</p>" not in sent["unclosed tags"]
    assert b"<head>" not in sent["no head"]
    assert b"<P><FONT" in sent["tag soup"]
