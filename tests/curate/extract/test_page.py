"""From a page to a document or the reason why not: encodings, the cheap gate, the extractor's own failures."""

import codecs
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import brotli
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.extract.config import Extract, Gates
from curate.extract.page import attempt, extract, gate
from curate.records import Document, Failure, Page, Pointer, Reason, page_id
from curate.web.encoding import decode

NOON = datetime(2020, 1, 2, 12, 0, 0, tzinfo=UTC)
PARAGRAPH = "The lighthouse keeper walked down to the harbour every morning to look at the boats and the gulls. " * 3
HTML = f"<html><head><title> The\n keeper </title></head><body><article><p>{PARAGRAPH}</p></article></body></html>"

# Frequent letters of each language, as a page in it has them.
SAMPLES = {
    "cp1251": "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5,
    "cp1252": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich – fünf €. " * 5,
    "shift_jis": "いろはにほへと ちりぬるを わかよたれそ つねならむ。" * 5,
    "gbk": "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。" * 5,
    "euc_kr": "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. " * 5,
}


def page(body=HTML, **changes):
    body = body.encode() if isinstance(body, str) else body
    made = Page(
        url="http://a/",
        timestamp=NOON,
        status=200,
        mime="text/html",
        charset="",
        body=body,
        pointer=Pointer(file="f.warc", offset=7, length=99),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_a_byte_order_mark_goes_over_everything_and_is_no_text(mark, encoding):
    body = mark + "<meta charset='windows-1251'>naïve 日本".encode(encoding)
    assert decode(body, "iso-8859-1") == "<meta charset='windows-1251'>naïve 日本"


@pytest.mark.parametrize("encoding", SAMPLES)
def test_the_header_s_charset_goes_over_the_page_s_own(encoding):
    text = "<meta charset='koi8-r'>" + SAMPLES[encoding]
    assert decode(text.encode(encoding), encoding) == text


@pytest.mark.parametrize("encoding", SAMPLES)
@pytest.mark.parametrize("header", ["", "no-such-charset", "none", "utf-7"])
def test_without_a_known_charset_in_the_header_the_page_s_own_counts(encoding, header):
    for tag in (
        f'<meta charset="{encoding}">',
        f"<META http-equiv=Content-Type content='text/html; charset={encoding}'>",
    ):
        text = f"<html><head>{tag}</head>{SAMPLES[encoding]}"
        assert decode(text.encode(encoding), header) == text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "cp1252", "shift_jis"])
def test_without_any_charset_the_bytes_tell(encoding):
    text = f"<p>{SAMPLES.get(encoding, 'naïve 日本 für ёлка')}</p>"
    assert decode(text.encode(encoding), "") == text


@pytest.mark.parametrize("text", ["café", "a – b", "“quoted”", "naïve", "10 €", "日本"])
def test_a_short_text_in_utf_8_is_not_taken_for_something_else(text):
    assert decode(text.encode(), "") == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff")))
def test_utf_8_is_read_as_it_is_whether_it_is_named_or_not(text):
    if "charset" not in text:
        assert decode(text.encode(), "") == decode(text.encode(), "utf-8") == text


def test_one_wrong_byte_does_not_turn_a_utf_8_page_into_another_encoding():
    body = "Zwölf Boxkämpfer über".encode() + b" \xe9 " + "schöne Grüße".encode()
    assert decode(body, "utf-8") == "Zwölf Boxkämpfer über \ufffd schöne Grüße"


def test_a_page_that_only_claims_to_be_utf_8_is_read_as_windows_1252():
    assert decode("Zwölf Boxkämpfer über".encode("cp1252"), "utf-8") == "Zwölf Boxkämpfer über"


def test_a_page_of_another_name_that_is_utf_8_is_read_as_utf_8():
    text = "<meta charset='euc-kr'>" + SAMPLES["euc_kr"]
    assert decode(text.encode(), "euc-kr") == text


@pytest.mark.parametrize("name", ["utf-16", "UTF-16LE", "utf-16be"])
def test_a_page_that_calls_itself_utf_16_in_plain_bytes_is_utf_8(name):
    text = f"<meta charset={name}>naïve"
    assert decode(text.encode(), "") == text


def test_a_charset_beyond_the_first_4096_bytes_is_not_looked_for():
    text = " " * 4096 + "<meta charset=koi8-r>naïve"
    assert decode(text.encode(), "") == text


@given(st.binary(), st.sampled_from(["", "utf-8", "gbk", "utf-16", "shift_jis", "iso-8859-8-i", "x-user-defined"]))
def test_any_bytes_are_some_text(body, charset):
    assert isinstance(decode(body, charset), str)


@pytest.mark.parametrize(
    ("changes", "rule", "value"),
    [
        ({"status": 404}, "extract.status", 404),
        ({"status": 301}, "extract.status", 301),
        ({"mime": "image/png"}, "extract.mime", None),
        ({"mime": "application/json"}, "extract.mime", None),
        ({"body": b"x" * 101}, "extract.size", 101),
        ({"body": b""}, "extract.empty_body", 0),
        ({"body": b" \r\n\t"}, "extract.empty_body", 0),
        ({"status": 404, "mime": "image/png", "body": b""}, "extract.status", 404),
    ],
)
def test_the_cheap_tests_name_the_first_reason_and_the_value(changes, rule, value):
    reason = gate(page("short", **changes) if "body" not in changes else page(**changes), Extract(max_bytes=100))
    assert (reason.rule, reason.value) == (rule, value)
    assert extract(page(**{"body": b"short", **changes}), "web", Extract(max_bytes=100)).rule == rule


@pytest.mark.parametrize(
    "mime", ["text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml", ""]
)
def test_pages_of_text_pass_the_gate(mime):
    assert gate(page(mime=mime), Extract()) is None


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "image/png under text/html"),
        (b"%PDF-1.7\n1 0 obj << /Type /Catalog >>", "application/pdf under text/html"),
        (b"PK\x03\x04" + b"word/document.xml" * 9, "application/zip under text/html"),
        (brotli.compress(HTML.encode()), "application/octet-stream under text/html"),
        (zlib.compress(HTML.encode())[2:], "application/octet-stream under text/html"),
        (lz4.frame.compress(HTML.encode()), "application/octet-stream under text/html"),
    ],
    ids=["png", "pdf", "docx", "brotli", "deflate", "lz4"],
)
def test_packed_bytes_under_a_type_of_text_are_no_page(body, detail):
    assert gate(page(body), Extract()) == Reason("extract.mime", None, None, detail)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8", "cp1251", "iso2022_jp", "shift_jis"])
@pytest.mark.parametrize("text", ["<html><body><p>мачта 灯台守は", "BMW, GIF8, PK and %PDF in words", "x^2 " * 9])
def test_text_in_any_encoding_is_a_page(text, encoding):
    assert gate(page(text.encode(encoding, "ignore")), Extract()) is None


@pytest.mark.parametrize("text", ["a\0b", "\0" * 3, "BM\0\1\2" + " and the words that follow" * 9])
def test_text_with_a_few_control_characters_is_a_page(text):
    assert gate(page(text), Extract()) is None


def test_other_statuses_pass_where_the_recipe_names_them():
    assert gate(page(status=404), Extract(statuses=(200, 404))) is None
    assert gate(page(status=200), Extract(statuses=(404,))).rule == "extract.status"


def test_a_page_is_a_document_with_its_text_title_and_place():
    document = extract(page(), "web", Extract())
    assert document.text == PARAGRAPH.strip()
    assert document.title == "The keeper"
    assert (document.id, document.url, document.timestamp, document.source) == (
        page_id(page()),
        "http://a/",
        NOON,
        "web",
    )
    assert (document.mime, document.warc_file, document.warc_offset, document.warc_length) == (
        "text/html",
        "f.warc",
        7,
        99,
    )


def test_plain_text_is_taken_as_it_stands():
    document = extract(page("\n one\n\n  two <b>\n", mime="text/plain"), "web", Extract())
    assert (document.text, document.title) == ("one\n\n  two <b>", None)


@pytest.mark.parametrize("encoding", ["iso2022_kr", "iso2022_jp", "utf-16", "utf-16-le", "cp949", "hz"])
def test_a_text_in_any_encoding_is_no_packed_file(encoding):
    text = "등대지기는 매일 아침 항구로 내려간다. " * 9 if "kr" in encoding or "949" in encoding else "港町 <b> " * 40
    document = extract(page(text.encode(encoding), mime="text/plain", charset="hz-gb-2312"), "web", Extract())
    assert document.text == text.strip()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_plain_text_end_alike(end):
    document = extract(page(end.join(["one", "", " two", ""]), mime="text/plain"), "web", Extract())
    assert document.text == "one\n\n two"


@pytest.mark.parametrize("body", ["<html></html>", "<html><body><script>x()</script></body></html>", "<!-- -->"])
def test_a_page_without_text_says_so(body):
    assert extract(page(body), "web", Extract()).rule == "extract.no_text"


def test_nul_characters_are_no_text():
    assert extract(page("a\0b", mime="text/plain"), "web", Extract()).text == "ab"
    assert extract(page("\0 \0", mime="text/plain"), "web", Extract()).rule == "extract.no_text"


def test_text_and_title_can_be_written_as_utf_8():
    body = f"<title>&#xd800;x</title><p>&#xdfff;{PARAGRAPH}</p>"
    document = extract(page(body), "web", Extract())
    assert "The lighthouse" in document.text
    assert (document.text + document.title).encode()


def test_extraction_does_not_depend_on_the_pages_before():
    twice = [extract(page(), "web", Extract()) for _ in range(4)]
    assert all(document == twice[0] for document in twice)


def test_an_extractor_that_raises_is_a_lost_record_that_points_at_the_page(monkeypatch):
    def broken(*_):
        raise RecursionError("too deep")

    monkeypatch.setattr("curate.extract.main_text.main_text", broken)
    outcome = attempt(page(), "web", Extract())
    assert outcome == Failure(
        file="f.warc",
        offset=7,
        length=99,
        stage="extract",
        error="extractor",
        message="RecursionError: too deep",
        url="http://a/",
        record=True,
    )


def test_an_interrupt_is_no_failure_of_a_page(monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("curate.extract.main_text.main_text", stopped)
    with pytest.raises(KeyboardInterrupt):
        attempt(page(), "web", Extract())


@pytest.mark.parametrize(
    "body",
    ["<div>" * 12_000, "<p>" + "&#x0;" * 100, "<a href='http://[::1'>x</a>" * 50, "<html>" * 3 + "\ufffe" * 50],
    ids=["deep", "nul references", "broken links", "no characters"],
)
@pytest.mark.parametrize("url", ["http://a/", "", "http://[", "no url", "\ud800"])
def test_hostile_markup_and_addresses_end_in_an_outcome(body, url):
    if url != "http://a/":  # once as deep, as that takes a while
        body = body[:5_000]
    assert attempt(page(body, url=url), "web", Extract()) is not None


@given(st.binary(max_size=200), st.sampled_from(["text/html", "text/plain", "image/png", ""]))
def test_any_page_is_a_document_a_reason_or_a_failure(body, mime):
    outcome = attempt(page(body, mime=mime), "web", Extract())
    assert not isinstance(outcome, Document) or outcome.text.strip()


GERMAN = "Der alte Leuchtturm steht seit vielen Jahren an der Küste, und niemand weiß genau, wer ihn gebaut hat. " * 5


def in_html(text):
    return f"<html><head><title>x</title></head><body><article><p>{text}</p></article></body></html>"


def test_a_page_in_a_language_that_no_one_will_keep_is_refused_by_its_quick_text():
    refused = extract(page(in_html(GERMAN)), "web", Extract(), Gates(languages=("en",)))
    assert (refused.rule, refused.threshold, refused.detail) == ("extract.language", 0.2, "de")
    assert refused.value < 0.2


@pytest.mark.parametrize(
    ("text", "languages", "least"),
    [
        (GERMAN, (), 0.2),
        (GERMAN, ("de",), 0.2),
        (GERMAN, ("en", "de"), 0.2),
        (GERMAN, ("en",), 0.0),
        ("Guten Tag, Hallo", ("en",), 0.2),
    ],
)
def test_a_page_passes_the_language_gate_where_its_language_is_wanted_or_cannot_be_told(text, languages, least):
    document = extract(page(in_html(text)), "web", Extract(language_gate=least), Gates(languages=languages))
    assert isinstance(document, Document)


def test_a_document_has_its_language_and_who_extracted_it():
    document = extract(page(), "web", Extract())
    assert (document.language, document.extractor) == ("en", "trafilatura")
    assert document.language_score > 0.65
    assert extract(page(GERMAN, mime="text/plain"), "web", Extract()).extractor == "plain"
