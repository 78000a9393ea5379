"""A page's bytes become its text, as in browsers, also with wrong labels and wrong bytes."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curate.web.encoding import decode

CASES = json.loads((Path(__file__).parents[2] / "cases" / "encodings.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_page_is_read_in_the_encoding_that_its_bytes_are_in(case):
    before, after = f"{case.get('before', '')}<html><head>{case['head']}</head><p>", "</p></html>"
    packed = case["text"].encode(case["encoding"])
    body = before.encode(case["encoding"]) + packed[: len(packed) - case.get("cut", 0)]
    body += bytes.fromhex(case.get("behind", "")) + after.encode(case["encoding"])
    text = decode(body, case["header"])
    assert text.startswith(before + case["text"][: len(case["text"]) - case.get("cut", 0)])
    assert text.endswith(after)
    assert len(text) <= len(before + case["text"] + after) + 2


def test_a_label_that_lies_and_bytes_that_tell_nothing_are_windows_1252():
    assert decode(b"caf\xe9 cr\xe8me", "utf-8") == "café crème"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_the_order_of_bytes_is_that_of_the_markup_not_of_the_first_character(encoding):
    text = "港町 <b>bold</b> 港町 <i>"
    assert decode(text.encode(encoding), "") == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_markup_is_read_by_its_name(encoding):
    text = "港町の古い時計塔は、霧の中でも鐘の音が聞こえるように残された。\n" * 3
    assert decode(text.encode(encoding), encoding.replace("-16-", "-16")) == text


@pytest.mark.parametrize("text", ["2\0" * 3, "x\0y", "a\0"])
def test_a_few_nul_characters_are_not_utf_16(text):
    assert decode(text.encode(), "") == text


def test_an_encoding_is_judged_by_what_is_not_ascii_wherever_that_stands():
    text = "<p>word </p>" * 50_000 + "Смотритель маяка спускался к гавани. " * 9
    assert decode(text.encode("cp1251"), "utf-8") == text


UNNAMED = {  # articles 1 of the Universal Declaration and the like, in encodings that nothing names
    "Italian": (
        "cp1252",
        "Tutti gli esseri umani nascono liberi ed eguali in dignità. È libertà, società, perché più città.",
    ),
    "Icelandic": (
        "cp1252",
        "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum. Menn eru gæddir vitsmunum",
    ),
    "Romanian": (
        "cp1250",
        "Toate fiinţele umane se nasc libere şi egale în demnitate şi în drepturi, înzestrate cu raţiune",
    ),
    "Croatian": (
        "cp1250",
        "Sva ljudska bića rađaju se slobodna i jednaka u dostojanstvu, obdarena razumom i sviješću, češće",
    ),
    "Polish": (
        "cp1250",
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw, są obdarzeni",
    ),
    "Polish of ISO": ("iso8859_2", "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw"),
    "Lithuanian": (
        "cp1257",
        "Visi žmonės gimsta laisvi ir lygūs savo orumu ir teisėmis. Jiems suteiktas protas ir sąžinė į",
    ),
    "Latvian": (
        "cp1257",
        "Visi cilvēki piedzimst brīvi un vienlīdzīgi savā pašcieņā un tiesībās, un viņiem jāizturas ļoti",
    ),
    "French": (
        "cp1252",
        "Tous les êtres humains naissent libres et égaux en dignité. Où ça, à l’été, forêt, noël, hôtel, île",
    ),
    "Korean": ("cp949", "모든 인간은 태어날 때부터 자유로우며"),
    "Chinese": ("gb18030", "人人生而自由,在尊严和权利上一律平等"),
    "Chinese of Taiwan": ("big5", "人人生而自由,在尊嚴和權利上一律平等"),
    "Thai": ("cp874", "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน"),
    "Hebrew": ("cp1255", "כל בני האדם נולדו בני חורין"),
    "Greek": ("cp1253", "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι"),
}


@pytest.mark.parametrize("language", UNNAMED)
@pytest.mark.parametrize("charset", ["", "utf-8"])
def test_an_encoding_that_nothing_names_rightly_is_detected(language, charset):
    encoding, text = UNNAMED[language]
    page = f"<title>x</title>{'<div class=a>' * 50}<p>{text}</p>"
    assert decode(page.encode(encoding), charset) == page


@pytest.mark.parametrize("charset", ["", "utf-8", "iso-8859-1", "windows-1251", "shift_jis"])
@pytest.mark.parametrize("end", [b"\xc3", b"\xe2\x80", b"\xf0\x9f\x98"])
def test_utf_8_that_is_cut_loses_one_character(charset, end):
    assert decode("It’s café".encode() + end, charset) == "It’s café\ufffd"


def test_one_letter_at_the_end_is_cut_utf_8_only_where_it_is_called_so():
    assert decode(b"plain caf\xe9", "") == decode(b"plain caf\xe9", "iso-8859-1") == "plain café"
    assert decode(b"plain caf\xe9", "utf-8") == "plain caf\ufffd"
    assert decode(b"<meta charset=utf-8>caf\xe9", "").endswith("caf\ufffd")


def test_utf_8_with_wrong_bytes_stays_utf_8_whatever_it_is_called():
    text = "Wärter, Brücke, grüßte, Möwe: "
    assert decode(text.encode() + b"\xa9", "iso-8859-1") == f"{text}\ufffd"


def test_one_right_character_outweighs_one_wrong_byte_where_a_page_says_utf_8():
    assert decode(b"zo\x92n, you\xe2\x80\x99re", "utf-8") == "zo\ufffdn, you’re"


def test_encodings_of_seven_bits_are_read_where_they_are_named_or_show_themselves():
    chinese, korean = "<p>守灯塔的人", "<p>모든 인간은"
    assert decode(chinese.encode("hz"), "hz-gb-2312") == chinese
    assert decode(b"<meta charset=hz-gb-2312>" + chinese.encode("hz"), "")[25:] == chinese
    assert decode(korean.encode("iso2022_kr"), "") == korean
    assert decode(b"a ~{ b", "") == "a ~{ b"
    assert decode("\x1b$B 灯".encode(), "") == "\x1b$B 灯"


@pytest.mark.parametrize("part", ["<", "<script ", "<style>", "<!--", "<meta ", "charset ", '<p a="', "é "])
def test_a_page_of_open_markup_is_read_to_its_end(part):
    page = part * 100_000 + " café"
    assert decode(page.encode("cp1252"), "") == page


@given(
    body=st.binary(max_size=60), charset=st.sampled_from(["", "utf-8", "gbk", "utf-16", "shift_jis", "x-user-defined"])
)
def test_any_bytes_are_a_text(body, charset):
    assert not any("\ud800" <= char <= "\udfff" for char in decode(body, charset))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60), st.sampled_from(["", "gbk", "latin1"]))
def test_utf_8_is_read_as_such_whatever_it_is_called(text, charset):
    assume("~{" not in text and not text.startswith("\ufeff"))
    assert decode(text.encode(), charset) == text
