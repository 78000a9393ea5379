"""Bytes are decoded as the Encoding Standard says, in every encoding that it names."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curate.web.charsets import decode_as, encoding_of

CASES = json.loads((Path(__file__).parents[2] / "cases" / "charsets.json").read_text())
LABELS = {label: name for name, labels in CASES["labels"].items() for label in labels}
UNREAD = {"replacement", "iso-2022-cn", "iso-2022-cn-ext"}  # Python has no codec of them
TEXTS = {  # in a script of the encoding, with an ASCII mark that it must not swallow
    "big5": "守燈塔的人每天早晨走到港口<b>",
    "euc-jp": "灯台守は毎朝、港へ降りて船とカモメを見た<b>",
    "euc-kr": "등대지기는 매일 아침 항구로 내려가 배를 보았다 똠방각하<b>",
    "gb18030": "守灯塔的人每天早晨走到港口，看着夜里回来的船𠀀<b>",
    "gbk": "守灯塔的人每天早晨走到港口，看着夜里回来的船朱镕基<b>",
    "ibm866": "Смотритель маяка спускался к гавани<b>",
    "iso-8859-2": "Strážce majáku každé ráno sestupoval k přístavu<b>",
    "iso-8859-5": "Смотритель маяка спускался к гавани<b>",
    "iso-8859-6": "كان حارس المنارة ينزل كل صباح<b>",
    "iso-8859-7": "Ο φαροφύλακας κατέβαινε κάθε πρωί<b>",
    "iso-8859-8": "שומר המגדלור ירד בכל בוקר אל הנמל<b>",
    "iso-8859-15": "Der Wärter zählte 5 € für œuvres<b>",
    "koi8-r": "Смотритель маяка спускался к гавани<b>",
    "koi8-u": "Доглядач маяка щоранку спускався до гавані, їжак і ґанок<b>",
    "macintosh": "Der Wärter grüßte die Möwen<b>",
    "shift_jis": "灯台守は毎朝、港へ降りて船とｶﾓﾒを見た①<b>",
    "utf-8": "Der Wärter 守灯 등대 😀<b>",
    "windows-1250": "Latarnik codziennie rano schodził do „portu”<b>",
    "windows-1251": "Смотритель маяка спускался к «гавани» — Љубав ў<b>",
    "windows-1252": "“Der Wärter’s” € – œuvre<b>",
    "windows-1253": "Ο φαροφύλακας κατέβαινε κάθε πρωί<b>",
    "windows-1254": "Balıkçılar siste yalnızca bu çanı duyabildiğini söyledi<b>",
    "windows-1255": "שומר המגדלור ירד בכל בוקר אל הַנָּמֵל ₪<b>",
    "windows-1256": "كان حارس المنارة ينزل كل صباح؛ پگاه چه ژرف<b>",
    "windows-1257": "Švyturio prižiūrėtojas kiekvieną rytą leisdavosi į uostą, ģimene ļoti<b>",
    "windows-1258": "Ông già giư\u0303 ngo\u0323n đèn biê\u0309n<b>",
    "windows-874": "คนเฝ้าประภาคารเดินลงไปที่ท่าเรือทุกเช้า<b>",
    "x-mac-cyrillic": "Смотритель маяка спускался к гавани<b>",
}
PYTHON = {  # names of codecs that hold the standard's encoding or less of it
    **{"euc-kr": "cp949", "gbk": "gb18030", "shift_jis": "cp932", "windows-874": "cp874", "ibm866": "cp866"},
    **{"macintosh": "mac_roman", "x-mac-cyrillic": "mac_cyrillic"},
}
MULTIBYTE = ("big5", "euc-jp", "euc-kr", "gb18030", "gbk", "shift_jis")


@pytest.mark.parametrize("case", CASES["bytes"], ids=lambda case: f"{case['label']} {case['bytes'][:16]}")
def test_bytes_are_what_a_browser_makes_of_them(case):
    assert decode_as(bytes.fromhex(case["bytes"]), encoding_of(case["label"])) == case["text"]


@pytest.mark.parametrize("name", [name for name in CASES["labels"] if name != "replacement"])
def test_all_labels_of_an_encoding_mean_it(name):
    assert {encoding_of(f" {label.upper()}\n") for label in CASES["labels"][name]} == {encoding_of(name)} != {""}


@pytest.mark.parametrize(
    ("label", "name"),
    [
        *(("latin1", "windows-1252"), ("ascii", "windows-1252"), ("iso-8859-9", "windows-1254")),
        *(("tis-620", "windows-874"), ("gb2312", "gb18030"), ("ks_c_5601-1987", "euc-kr"), ("big5-hkscs", "big5")),
        *(("x-sjis", "windows-31j"), ("x-user-defined", "windows-1252"), ("unicode-1-1-utf-8", "utf-8")),
    ],
)
def test_a_label_means_its_superset(label, name):
    assert encoding_of(label) == encoding_of(name)


@pytest.mark.parametrize("label", ["", "martian", "utf-7", "utf-32", "cp037", "rot13", "zlib", "\x00", "é"])
def test_a_label_that_the_standard_lacks_means_nothing(label):
    assert encoding_of(label) == ""


@given(label=st.sampled_from(sorted(set(LABELS) - UNREAD)), body=st.binary(max_size=40))
@example(label="big5", body=b"\x87")
@example(label="gb18030", body=b"\x81\x30\x81")
def test_any_bytes_are_text_in_any_encoding(label, body):
    text = decode_as(body, encoding_of(label))
    assert not any("\ud800" <= char <= "\udfff" for char in text)
    assert len(text) <= 2 * len(body) + 1


@pytest.mark.parametrize("label", TEXTS)
def test_a_text_comes_back(label):
    packed = TEXTS[label].encode(PYTHON.get(label, label))
    assert decode_as(packed, encoding_of(label)) == TEXTS[label]


@given(label=st.sampled_from(MULTIBYTE), at=st.integers(0, 30))
def test_a_wrong_byte_costs_itself_alone(label, at):
    before, behind = TEXTS[label][:at], TEXTS[label][at:]
    codec = PYTHON.get(label, label)
    body = before.encode(codec) + b"\xff" + behind.encode(codec)
    assert decode_as(body, encoding_of(label)) == f"{before}\ufffd{behind}"


@given(label=st.sampled_from(MULTIBYTE), lacking=st.integers(1, 40))
def test_a_cut_costs_one_character(label, lacking):
    body = TEXTS[label].encode(PYTHON.get(label, label))[:-lacking]
    text = decode_as(body, encoding_of(label))
    assert TEXTS[label].startswith(text.removesuffix("\ufffd"))
    assert len(text.removesuffix("\ufffd").encode(PYTHON.get(label, label))) > len(body) - 4


def test_iso_2022_jp_has_katakana_of_half_width_and_ends_at_the_line():
    body = b"\x1b$B8k\x1b(I1\x1b$B8k\nhe\x1b(J\\\x1b(B\\"
    assert decode_as(body, "iso2022_jp") == "碁ｱ碁\nhe¥\\"
